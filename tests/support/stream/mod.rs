//! Clients of change signals: as many as wanted, in one process; the changes that they are to hear of; and what can be
//! said of the two together.

mod change;
mod client;
mod clients;
mod history;
mod ofrep;
mod origin_streams;
mod refetch;
mod report;
#[cfg(test)]
pub(crate) mod stand_in;

pub use api::relay::Protocol;
pub use change::{Announced, Bundle, Bundles, Change, Stores, announce, publish, variant};
pub use clients::{Clients, Listening, Reconnect, clients};
pub use history::{Connection, End, Found, Heard, History, Refetch};
pub use origin_streams::{OriginStreams, watch_streams};
pub use report::{Delays, Report};
