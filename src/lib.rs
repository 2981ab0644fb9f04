//! Highwater keeps an incremental Active Directory sync running when the domain controller it reads from dies.
//!
//! The house, top down; a module uses only what lies below it:
//!
//! ```text
//!   main
//!    └ cli                    one file per command: arguments, output, exit codes
//!       ├ lab                 a simulated forest that speaks LDAP, and the demo on it
//!       └ runtime             the service: composes the actors, supervises, stops
//!          ├ collector        samples every DC: decide · task · serve
//!          ├ failover         moves a resource to another DC: decide · gather · apply · resume
//!          ├ active_sync      our own change feed: decide · task · sinks
//!          ├ on_error         the failure process: decide · render · channels · outbox
//!          └ status           how everything stands, as data
//!             └ consumer      whoever owns a cursor: stop, read, compare-and-set, start
//!                ├ directory  all LDAP; decode/ is pure
//!                └ store      all SQL
//!                   └ config  raw TOML → checked settings
//!                      └ clock · model   the only clock; pure values
//! ```
//!
//! The actors (collector, failover, active_sync, on_error, status) never use each other: they meet in the store.
//!
//! The *collector task* is [`collector::collect_once`], the *failover task* [`failover::plan`] and
//! [`failover::apply`].

pub mod active_sync;
pub mod cli;
pub mod clock;
pub mod collector;
pub mod config;
pub mod consumer;
pub mod directory;
pub mod failover;
pub mod lab;
pub mod model;
pub mod on_error;
pub mod runtime;
pub mod status;
pub mod store;
