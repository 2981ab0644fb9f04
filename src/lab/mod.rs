//! A simulated AD forest that speaks real LDAP on loopback: what the demo shows and the tests at the wire use.
//!
//! Owns the forest in memory ([`forest`], pure and seeded) and the servers in front of it ([`server`]). It knows the
//! real collector and failover only as their client would, and no product command but the demo needs it.

pub mod demo;
pub mod forest;
pub mod server;
pub mod sync;
