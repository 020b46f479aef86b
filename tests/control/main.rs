//! The way of a change from Flagsmith to apps, all of it: a stand-in for Flagsmith, `jackstaff serve`, three edges, and
//! those who listen and read.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test says what it expects by panicking")]

mod broken;
mod calls;
mod calm;
mod chaos;
mod reads;
mod rehearsal;
mod two;

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Each of these takes all of the machine.
static MACHINE: Mutex<()> = Mutex::new(());

fn alone() -> MutexGuard<'static, ()> {
    MACHINE.lock().unwrap_or_else(PoisonError::into_inner)
}
