//! Many clients and many faults: thousands of clients, several edges, real SDKs, and stand-ins that fail on purpose.
//!
//! Tests run at the same time, so that their waits overlap. Tests that measure times, or need the whole machine, run
//! alone (`tests::machine`).
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test says what it expects by panicking")]

mod bus;
mod checks;
mod control;
mod differential;
#[path = "../support/ofrep_schema.rs"]
#[allow(unreachable_pub, reason = "written for another crate, too")]
mod ofrep_schema;
mod races;
mod sdk;
mod stream;
mod vcl;
