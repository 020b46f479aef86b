//! Crowds and faults: thousands of clients, several edges, real SDKs, and stand-ins to which everything happens.
//!
//! Tests run beside each other, so that their waits overlap, but for those that measure times or take all of the machine
//! (`tests::machine`).
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test says what it expects by panicking")]

mod bus;
mod control;
mod differential;
mod races;
mod sdk;
mod stream;
mod vcl;
