//! The HTTP contract of the edge: routes, keys, bodies, CORS, errors, the bundle format, the relay of
//! change signals, and what to answer.
//!
//! What this crate never does: send, read a store by itself, or look at a clock. [`respond`] takes a request and a
//! [`Store`], and gives a [`Reply`] for somebody else to send.

pub mod bundle;
mod cors;
mod document;
mod failure;
mod flags;
mod identities;
mod key;
mod pop;
pub mod progress;
mod python;
pub mod relay;
mod reply;
mod respond;
mod revision;
mod route;
mod secret;
mod server_key;
mod settings;
pub mod signal;
mod store;
mod stream;
mod time;
mod traits;

pub use bundle::{BundleFault, Header, Label, Provenance, Section};
pub use flags::{for_nobody, text};
pub use key::{EnvironmentKey, KeyFault, ServerKeyHash};
pub use pop::{KvAnswer, Note, PopCopy, Refresh, Source, refresh};
pub use reply::Reply;
pub use respond::{BODY_LIMIT, KeyKind, respond, unavailable};
pub use revision::Revision;
pub use secret::{Secret, SecretError};
pub use server_key::ServerKey;
pub use settings::{Fault, Settings};
pub use store::{Lookup, Store, Unavailable};
pub use time::{parse_time, seconds};
