//! Change signals through the running edge: many clients, several edges, and an origin to which everything happens.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test says what it expects by panicking")]

mod away;
mod crowd;
mod delay;
mod edges;
mod faults;
mod leaders;
mod world;
