//! Publishing: environment documents → bundles → KV store → read back → purge → announcement, in this order.
//!
//! What this crate never does: write a document that the engine did not compile whole, announce what it did not read
//! back, or let a revision go backwards.

mod announce;
mod bundle;
mod client;
mod kv;
mod plan;
mod publish;
mod purge;
mod server_keys;
mod source;

pub use bundle::BundleRefused;
pub use client::{CallFailed, Secret, SecretFault, Target};
pub use plan::PlanWarning;
pub use publish::{Done, Options, Published, Trouble, publish};
pub use server_keys::{ServerKeySource, ServerKeysFault, parse_server_keys};
pub use source::{Source, SourceFault};
