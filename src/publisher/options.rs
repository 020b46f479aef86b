//! What a publisher chooses.

use api::bundle;
use engine::Anchoring;

#[derive(Debug, Clone, Copy, Default)]
pub struct PublishOptions {
    pub anchoring: Anchoring,
    /// An older file may replace a newer document, and a server-side key may be made to open another environment.
    pub force: bool,
    /// An environment that was removed stays so, unless its document is a file that changed since.
    pub keep_removed: bool,
    /// Nothing is written, purged or announced.
    pub dry_run: bool,
    /// A document that was never stored, and has an operator or a type of rule that this version does not know, is
    /// refused. Otherwise they match nothing.
    pub hold_unknown: bool,
    /// A document is published even if a request may cost more than the platform allows. Otherwise one that was never
    /// stored is refused.
    pub accept_dear: bool,
}

impl PublishOptions {
    /// The edge shows no metadata.
    pub(crate) fn engine(&self) -> engine::Options {
        engine::Options { anchoring: self.anchoring, omit_metadata: true }
    }

    /// The options that change a bundle, with the version of the format: if this text changes, so does the bundle.
    pub(crate) fn fingerprint(&self) -> String {
        let anchoring = match self.anchoring {
            Anchoring::Start => "start",
            Anchoring::Search => "search",
        };
        // Bundles without reasons are made anew.
        format!("format={};regex={anchoring};reasons", bundle::FORMAT)
    }
}
