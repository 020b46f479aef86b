//! What is wrong with a deployment, as its clients meet it: an edge is asked what SDKs and browsers ask, and what comes is
//! judged. `README.md` lists the checks. [`probe`] and [`freshness`] measure how long changes take to get there.
//!
//! What this crate never does: change anything at a deployment, or show a server-side key or a token.

mod address;
mod answers;
mod asking;
mod document;
mod finding;
pub mod freshness;
mod keys;
mod pages;
pub mod probe;
mod serve;
mod settings;
mod stream;

use std::time::Duration;

use api::{Revision, Secret};
use jiff::Timestamp;

use address::Reached;
use asking::Asking;
pub use finding::{Finding, Severity};
pub use settings::settings;

/// What is looked at.
#[derive(Clone, Copy)]
pub struct Deployment<'a> {
    /// The address of the edge.
    pub edge: &'a str,
    /// A client-side key of an environment.
    pub client_key: Option<&'a str>,
    pub server_key: Option<&'a Secret>,
    /// The control plane.
    pub serve: Option<Serve<'a>>,
    /// The origin of a page, as browsers send it: `https://shop.example`.
    pub page: &'a str,
    /// How long a stream is listened to.
    pub listen: Duration,
}

/// A `jackstaff serve`, or a `jackstaff origin`.
#[derive(Clone, Copy)]
pub struct Serve<'a> {
    pub url: &'a str,
    pub token: Option<&'a Secret>,
}

/// A client-side key, and the revision that it opens.
#[derive(Clone, Copy)]
struct Opened<'a> {
    key: &'a str,
    revision: Revision,
}

/// Whether the edge was reached at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    Examined,
    NotReached,
}

/// Examines a deployment, and gives each finding to `tell` as soon as it is made.
pub fn examine(
    deployment: &Deployment<'_>,
    now: impl Fn() -> Timestamp,
    tell: &mut dyn FnMut(Finding),
) -> Outcome {
    let asking = Asking::new();
    let Some(Reached { edge }) = address::reach(&asking, deployment.edge, now, tell) else {
        return Outcome::NotReached;
    };
    // A key that opens nothing is a finding by itself, and no more is asked with it.
    let opened = deployment.client_key.and_then(|key| {
        let revision = keys::client_side(&asking, &edge, key, tell)?;
        Some(Opened { key, revision })
    });
    if let Some(opened) = opened {
        answers::examine(&asking, &edge, opened.key, tell);
        pages::examine(&asking, &edge, opened.key, deployment.page, tell);
        stream::examine(&edge, opened, deployment.listen, tell);
    }
    if let Some(key) = deployment.server_key
        && let Some(found) = keys::server_side(&asking, &edge, key, tell)
    {
        document::examine(&found, opened, tell);
    }
    if let Some(serve) = deployment.serve {
        serve::examine(&asking, serve, opened, tell);
    }
    Outcome::Examined
}
