//! The vocabulary of the end-to-end tests and benches: a running edge, and what publishes to it.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test says what it expects by panicking")]

#[path = "../fixtures/mod.rs"]
pub mod fixtures;

mod agent;
pub mod clients;
mod clock;
pub mod deployment;
mod edge;
pub mod fastly;
mod files;
pub mod flagsmith;
pub mod forward;
mod jackstaff;
pub mod machine;
pub mod not_run;
mod origin;
mod program;
pub mod proxy;
pub mod redis;
mod server;
mod slow_mount;
pub mod stack;
pub mod strangers;
pub mod stream;
mod tools;
mod varnish;

pub use clock::SimulatedClock;
pub use edge::{
    Answer, Edge, IDENTITY_KEY, Stored, edge, edge_with_health, edge_with_identity_key, edge_with_origin,
    edge_with_store, edge_with_token,
};
pub use files::{fixture, folder, workspace};
pub use jackstaff::{Finished, jackstaff, watch};
pub use not_run::{not_run, not_run_part};
pub use origin::{Origin, origin, origin_at, origin_with};
pub use program::{Program, program, resident};
pub use server::free_address;
pub use slow_mount::{HANGS, SlowMount};
pub use tools::{ONLY_FULL, Tools, installed, is_full, lacks, say, tools};
pub use varnish::{Varnish, varnish, varnish_with_token};

use std::thread;
use std::time::{Duration, Instant};

/// Waits until something holds, and panics with what was awaited if it does not within the time.
#[track_caller]
pub fn eventually<T>(what: &str, within: Duration, mut check: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + within;
    loop {
        if let Some(found) = check() {
            return found;
        }
        assert!(Instant::now() < deadline, "waited {within:?} in vain: {what}");
        thread::sleep(Duration::from_millis(20));
    }
}
