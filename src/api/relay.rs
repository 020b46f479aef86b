//! The relay: one stream per POP and environment, however many clients listen, and nothing told that a client could not
//! read at this POP.
//!
//! A *segment* is a cache object that is being written. The request that begins it is its **leader**, and writes it to its
//! end; all others are **followers**, which the platform gives what was written and what comes. A segment can be joined for
//! a shorter time than it lasts, so that none is joined after its end, when it would be answered whole, at once, again and
//! again.
//!
//! A change signal of the origin only makes the leader look at the KV store. What it tells its clients is the revision of
//! the POP's own copy, after it has noted that this was told.

mod channel;
mod gate;
mod join;
mod lead;
mod line;
mod told;

pub use channel::{Channel, FIRST, RETRY, head, label, prefix};
pub use join::{Role, Seen, Segments, join};
pub use lead::{Company, Heard, Held, Report, Stage, hold, lead};
pub use told::{CATCH_UP, Told, catch_up_pause, is_due};
