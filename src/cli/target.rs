//! Where commands write and announce.

use std::path::PathBuf;

use anyhow::{Result, anyhow};
use api::Secret;
use clap::Args;
use publisher::{Signals, Target};

use crate::log::complain;
use crate::plain_http;

/// The environment variable with the token that announcements carry. The origin that takes them reads the same one.
pub(crate) const ORIGIN_TOKEN: &str = "JACKSTAFF_ORIGIN_TOKEN";

/// The KV store.
#[derive(Args)]
pub(crate) struct ApiArguments {
    /// Base of Fastly's API, or of a local edge that answers in its place
    #[arg(long, value_name = "URL", default_value = "https://api.fastly.com")]
    api: String,
    /// The id of the KV store
    #[arg(long, value_name = "ID", env = "JACKSTAFF_KV_STORE")]
    store: String,
    /// A file with the API token
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
}

/// The KV store, and the service that reads it.
#[derive(Args)]
pub(crate) struct StoreArguments {
    #[command(flatten)]
    api: ApiArguments,
    /// The id of the service whose copies are purged
    #[arg(long, value_name = "ID", env = "FASTLY_SERVICE_ID")]
    service: Option<String>,
}

#[derive(Args)]
pub(crate) struct TargetArguments {
    #[command(flatten)]
    store: StoreArguments,
    /// The origin of change signals
    #[arg(long, value_name = "URL", env = "JACKSTAFF_ORIGIN")]
    origin: Option<String>,
    /// A file with the origin's token
    #[arg(long, value_name = "FILE")]
    origin_token_file: Option<PathBuf>,
}

impl ApiArguments {
    /// The target with its token, and with these signals.
    pub(crate) fn target(&self, command: &str, service: Option<&str>, signals: Signals) -> Result<Target> {
        plain_http::warn(command, "--api", &self.api);
        let token = Secret::read_token(self.token_file.as_deref(), "FASTLY_API_TOKEN")?;
        Ok(Target {
            api: self.api.clone(),
            token: token
                .ok_or_else(|| anyhow!("no API token: set FASTLY_API_TOKEN, or name a --token-file"))?,
            store: self.store.clone(),
            service: service.map(str::to_owned),
            signals,
        })
    }
}

impl StoreArguments {
    /// The target with its token, and with these signals. What it lacks is warned of, in the name of a `command`.
    pub(crate) fn target(&self, command: &str, signals: Signals) -> Result<Target> {
        let target = self.api.target(command, self.service.as_deref(), signals)?;
        if target.service.is_none() {
            complain!(
                "jackstaff {command}: no --service, so a POP may serve the older flags until its copy is due"
            );
        }
        Ok(target)
    }
}

impl TargetArguments {
    /// The target with its tokens. What it lacks is warned of, in the name of a `command`.
    pub(crate) fn target(&self, command: &str) -> Result<Target> {
        let token = Secret::read_token(self.origin_token_file.as_deref(), ORIGIN_TOKEN)?;
        let signals = match &self.origin {
            Some(url) => {
                if token.is_some() {
                    plain_http::warn(command, "--origin", url);
                }
                Signals::Origin { url: url.clone(), token }
            }
            None => Signals::None,
        };
        let target = self.store.target(command, signals)?;
        if self.origin.is_none() {
            complain!(
                "jackstaff {command}: no --origin: open apps hear of changes only when the edge next looks at the store, \
                 within ten seconds"
            );
        }
        Ok(target)
    }
}
