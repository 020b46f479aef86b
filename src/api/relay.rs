//! The relay: one stream per POP and environment, however many clients listen, and no signal of a revision that a client
//! could not read at this POP.
//!
//! A *part* of a stream is a cache object that is being written. The request that begins it is its **leader**, and writes it
//! to its end; all others are **followers**, to which the platform gives what was written and what comes. A part can be
//! joined for a shorter time than it lasts, so that no client joins it after its end: such a client would be answered at
//! once with the whole of it, again and again.
//!
//! A change signal of the origin only makes the leader look at the KV store. What it signals to its clients is the revision
//! of the POP's own copy, after that is recorded as signalled.

mod connect;
mod frames;
mod gate;
mod join;
mod lead;
mod part;
pub mod ports;
mod serve;
mod upstream;
mod writers;

pub use frames::Protocol;
pub use lead::Report;
pub use part::{Channel, Subscription, head, prefix};
pub use serve::serve;
