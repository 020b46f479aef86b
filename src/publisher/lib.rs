//! Publishing: environment documents → bundles → KV store → read back → purge → announcement, in this order.
//!
//! What this crate never does: write a document that the engine did not compile whole, write without a condition,
//! announce what it did not read back, or let a revision go backwards.

mod announce;
mod basis;
mod bundle;
mod call_error;
mod client;
mod clock;
pub mod cost;
mod each;
mod explain;
mod export;
mod flagsmith;
mod foreign;
mod identities;
mod kv;
mod lint;
mod members;
mod options;
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

pub use bundle::BundleError;
pub use call_error::CallError;
pub use client::Client;
pub use clock::{Clock, SystemClock};
pub use explain::{ExplainError, explain};
pub use export::ExportError;
pub use flagsmith::{CertificatesError, Connection, Flagsmith, FlagsmithError, FlagsmithUrlError, PageError};
pub use foreign::on_one_line;
pub use identities::{
    Deletion, StoredIdentities, StoredIdentity, delete_identity, stored_identities, stored_identity,
};
pub use lint::{Finding, LINT_RULES, Lint, Severity, lint};
pub use members::check_members;
pub use options::PublishOptions;
pub use plan::PlanWarning;
pub use publish::{publish, publish_answer, publish_server_keys, unpublish};
pub use quota::Quota;
pub use report::{Done, PublishError, Published, Report};
pub use server_keys::{
    ChosenKey, KeyChoice, KeyRecord, KeyState, NamedKeys, RepointedKey, Revocation, Revoked, ServerKeySource,
    ServerKeysError, ServerKeysReport, parse_server_keys, revoke_server_key, stored_keys,
};
pub use source::{DocumentSource, Place, SourceError, without_mark};
pub use target::{Announce, Signals, Target};
pub use write::{ReadBackError, StoreError};
