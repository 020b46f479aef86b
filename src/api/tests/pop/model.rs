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

use api::relay::{Channel, Protocol, Subscription};
use api::{EnvironmentKey, Revision};

pub(crate) use alone::Alone;
pub(crate) use cache::environment_copy;
pub(crate) use origin::OriginState;
pub(crate) use ports::{Sandbox, read_environment, sandbox};
pub(crate) use state::{Event, Frame, Read, State};
pub(crate) use together::{Task, Together};

/// The environment of all tests here.
pub(crate) const KEY: &str = "demo";

/// What a client asks for that Flagsmith's SDK serves.
pub(crate) fn by_flagsmith() -> Subscription {
    subscription(Protocol::Flagsmith, None)
}

/// What a client of OFREP asks for, which heard of this revision last.
pub(crate) fn by_ofrep(heard: Option<u64>) -> Subscription {
    subscription(Protocol::Ofrep, heard.map(Revision))
}

fn subscription(protocol: Protocol, heard: Option<Revision>) -> Subscription {
    let channel = Channel::Environment(EnvironmentKey::parse(KEY).unwrap());
    Subscription { channel, protocol, heard }
}

/// Runs requests step by step.
pub(crate) trait Driver: Clone {
    /// One step.
    fn step<R>(&self, step: impl FnOnce(&mut State) -> R) -> R;

    /// Waits until a step gives something; until a time at most.
    fn wait<R>(&self, until: Duration, step: impl FnMut(&mut State) -> Option<R>) -> Option<R>;
}
