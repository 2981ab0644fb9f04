//! The collector task: samples every DC's highestCommittedUSN and vectors, and prunes the history.
//!
//! It owns when and how often a DC is polled and what an answer means (`decide`). It never touches a consumer,
//! and it never removes the newest evidence a cursor depends on: the store's pruning keeps that.

pub mod decide;
