//! Decides what the edge answers to SDKs, how a POP keeps copies and signals changes, and what a publisher stores.
//! `README.md` beside this file shows the modules and the way of a request.
//!
//! What this crate never does: send, read a store by itself, or look at a clock. [`respond()`] takes a request and a
//! [`Store`], and returns a [`Reply`] for the edge to send.

mod access;
pub mod bundle;
mod cors;
mod etag;
pub mod explanation;
mod flag_json;
mod flagsmith;
mod gunzip;
pub mod identity;
mod json_text;
mod key;
mod labels;
mod listen;
mod negotiate;
mod ofrep;
pub mod pop;
pub mod progress;
pub mod relay;
mod reply;
mod respond;
mod revision;
mod route;
mod secret;
mod serve;
mod server_key;
mod settings;
pub mod signal;
mod store;
mod time;
mod visible;

pub use bundle::{BundleError, Coding, Header, Label, Provenance, Section};
pub use flag_json::flag_json;
pub use flagsmith::BODY_LIMIT;
pub use identity::{ClientAddress, TraitsWrite};
pub use key::{EnvironmentKey, KeyError, ServerKeyHash};
pub use pop::{AnswerBody, Pop};
pub use reply::{After, Reply, ReplyBody};
pub use respond::{respond, unavailable};
pub use revision::Revision;
pub use secret::{Secret, SecretError};
pub use serve::{Answer, Served, finish, serve};
pub use server_key::ServerKey;
pub use settings::{JsonValues, Settings};
pub use store::{Body, Lookup, PopCopy, Source, Store, Unavailable};
pub use time::{milliseconds, parse_time, seconds};
