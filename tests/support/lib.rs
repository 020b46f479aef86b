//! The vocabulary of the end-to-end tests.

#[path = "../fixtures/mod.rs"]
pub mod fixtures;
