//! A POP's platform in memory, with its own time: cache, KV store, locks, parts of streams, and the origin.
//!
//! [`State`] is all of it, and changes in single steps. Who takes the next step is up to a [`Driver`]: in [`Alone`] one
//! request runs at a time, and what is planned happens while it waits; in [`Together`] many run at once, and `shuttle`
//! chooses the next one after each step.

mod alone;
mod cache;
mod origin;
mod parts;
mod ports;
mod state;
mod together;

use std::time::Duration;

pub(crate) use alone::Alone;
pub(crate) use cache::environment_copy;
pub(crate) use origin::OriginState;
pub(crate) use ports::{Sandbox, read_environment, sandbox};
pub(crate) use state::{Event, Frame, Read, State};
pub(crate) use together::{Task, Together};

/// The environment of all tests here.
pub(crate) const KEY: &str = "demo";

/// Runs requests step by step.
pub(crate) trait Driver: Clone {
    /// One step.
    fn step<R>(&self, step: impl FnOnce(&mut State) -> R) -> R;

    /// Waits until a step gives something; until a time at most.
    fn wait<R>(&self, until: Duration, step: impl FnMut(&mut State) -> Option<R>) -> Option<R>;
}
