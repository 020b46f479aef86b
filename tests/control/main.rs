//! The way of a change from Flagsmith to apps, all of it: a stand-in for Flagsmith, `jackstaff serve`, three edges, and
//! the clients that listen and read.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test says what it expects by panicking")]

mod broken;
mod calls;
mod calm;
mod chaos;
mod lies;
mod publishers;
mod reads;
mod rehearsal;

use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

/// What measures times, or takes all of the machine, runs alone; all others run beside each other.
static MACHINE: RwLock<()> = RwLock::new(());

fn alone() -> RwLockWriteGuard<'static, ()> {
    MACHINE.write().unwrap_or_else(PoisonError::into_inner)
}

fn beside_others() -> RwLockReadGuard<'static, ()> {
    MACHINE.read().unwrap_or_else(PoisonError::into_inner)
}
