//! Publishing: environment documents → bundles → KV store → read back → purge → announcement, in this order.
//!
//! What this crate never does: write a document that the engine did not compile whole, write without a condition,
//! announce what it did not read back, or let a revision go backwards.

mod announce;
mod basis;
mod bundle;
mod client;
mod clock;
mod export;
mod flagsmith;
mod kv;
mod plan;
mod publish;
mod purge;
mod quota;
mod report;
mod server_keys;
mod source;
pub mod status;
mod target;
pub mod watch;
mod write;

pub use bundle::BundleRefused;
pub use client::{CallFailed, Client};
pub use clock::{Clock, SystemClock};
pub use export::ExportFault;
pub use flagsmith::{
    CertificatesFault, Connection, Flagsmith, FlagsmithFailed, FlagsmithUrlFault, PageFault,
};
pub use plan::PlanWarning;
pub use publish::{Options, publish, publish_answer, publish_server_keys, unpublish};
pub use quota::Quota;
pub use report::{Done, Published, Report, Trouble};
pub use server_keys::{ServerKeySource, ServerKeysFault, ServerKeysReport, parse_server_keys};
pub use source::{Place, Source, SourceFault};
pub use target::{Announce, Signals, Target};
pub use write::{NotShown, StoreFailed};
