//! Highwater.
pub mod cli;
pub mod clock;
pub mod collector;
pub mod config;
pub mod consumer;
pub mod directory;
pub mod failover;
pub mod model;
pub mod store;
