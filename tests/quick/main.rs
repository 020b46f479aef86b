//! Tests that need neither Viceroy nor an SDK: `scripts/test --quick` runs them, and so does `cargo test`, without setup.
//!
//! This program belongs to the package `cli`, since cargo builds `jackstaff` for the tests of its own package alone.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test says what it expects by panicking")]

mod agreement;
mod byte_order_marks;
mod clients;
mod collect;
mod compare;
mod doctor;
mod edge_token;
mod evaluate;
mod explain;
mod flagsmith;
mod foreign;
mod hostile;
mod identity;
mod keys;
mod lint;
mod origin;
mod patterns;
mod probe;
mod properties;
mod publisher;
mod serve;
mod status;
mod stuck;
mod tidy;
mod vcl;
mod viceroy;
mod watch;

/// The program, as cargo has just built it.
const JACKSTAFF: &str = env!("CARGO_BIN_EXE_jackstaff");
