//! Scenarios on three real Samba domain controllers.
//!
//! `tests/run` installs what they need and runs them; by hand, as root:
//! `cargo test --features gssapi,samba-lab --test samba -- --nocapture`. Every scenario gets a fresh lab (`Lab::fresh`),
//! which takes about 3 s, so none depends on what another one broke; they run one after the other.
//!
//! - `lab`: the machines and their faults
//! - `process`: commands with a deadline, and long-running ones
//! - `consumer`: the test sync whose cursor Highwater rewrites
//! - `writers`: changes on every DC
//! - `product`: Highwater with its configuration
//! - `the_lab_itself`: proves all of these without Highwater
//! - `collecting`: sampling, discovery, and vectors decoded a second time
//! - `moving`: every fault of the DC in use, against every method
//! - `moving_again`: a second failover, and the way back
//! - `rolling_back`: databases that go back in time, and the quarantine
//! - `connecting`: TLS, credentials and DCs that are not there
//! - `dying`: Highwater itself is killed
//! - `keeping`: a cursor kept in the store
//! - `outside`: another product's sync, by its own files and database
//! - `postgres`: the database server it keeps them in
//! - `postgres_places`: every way of naming rows in it
//! - `reading`: a whole domain as a feed reads it
//! - `reading_cost`: what that costs, beside other clients
//! - `feed`: the change feed's events, compared with the directory
//! - `feed_breaking`: the change feed's rules broken by hand
//! - `feed_enduring`: the change feed for as long as one likes
//! - `feed_timing`: how long the change feed is silent
//! - `feeding`: the change feed through every fault of the DC in use
//! - `mailing`: a mail server, and its mails as a mail program reads them
//! - `failing`: the failure process from a DC's death to the mail that it is over
//! - `holding`: what is no reason to move, and who hears of it
//! - `filling`: the disk is full meanwhile
//! - `telling`: the whole use as a person sees it

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests"
)]

mod collecting;
mod connecting;
mod consumer;
mod dying;
mod failing;
mod feed;
#[cfg(feature = "rule-switches")]
mod feed_breaking;
mod feed_enduring;
mod feed_timing;
mod feeding;
mod filling;
mod holding;
mod keeping;
mod lab;
mod mailing;
mod moving;
mod moving_again;
mod outside;
mod postgres;
mod postgres_places;
mod process;
mod product;
mod reading;
mod reading_cost;
mod rolling_back;
mod telling;
mod the_lab_itself;
mod writers;
