//! Where `publish`, `watch` and `serve` have documents and server-side keys from, beside files.

use std::collections::BTreeMap;
use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use clap::Args;
use publisher::{Flagsmith, ServerKeySource, parse_server_keys};

use crate::plain_http;

/// The environment variable that holds a manifest's text.
const MANIFEST: &str = "JACKSTAFF_SERVER_KEYS";

/// The environment variable with a file of certificates to trust in place of the usual ones, as other programs have it. A
/// self-hosted Flagsmith may have a certificate that its owner made.
const CERTIFICATES: &str = "SSL_CERT_FILE";

/// Manifests, as `--help` describes them.
pub(crate) const MANIFESTS: &str = "A manifest of server-side keys, in one of these shapes:
  {\"<client-side key>\": [\"ser.…\", {\"key\": \"ser.…\", \"active\": true, \"expires_at\": null}]}
  [{\"server_key\": \"ser.…\", \"client_key\": \"…\"}]   (or an edge-proxy's configuration with `environment_key_pairs`)";

/// Server-side keys by environment.
pub(crate) type Manifest = BTreeMap<String, Vec<ServerKeySource>>;

#[derive(Args)]
pub(crate) struct SourceArguments {
    /// Flagsmith, whose API is asked for each environment of the manifest: https://edge.api.flagsmith.com, or
    /// http://host:8000
    #[arg(long, value_name = "URL")]
    flagsmith: Option<String>,
    /// A manifest of server-side keys by environment, unless JACKSTAFF_SERVER_KEYS holds one
    #[arg(long, value_name = "FILE")]
    server_keys: Option<PathBuf>,
}

/// What these arguments stand for.
pub(crate) struct Sources {
    pub(crate) flagsmith: Option<NamedFlagsmith>,
    /// None if there is no manifest.
    pub(crate) server_keys: Option<Manifest>,
    /// The file that they are from, if they are from one.
    pub(crate) server_keys_file: Option<PathBuf>,
}

/// Flagsmith's API, and its name in messages.
pub(crate) struct NamedFlagsmith {
    pub(crate) name: String,
    pub(crate) api: Flagsmith,
}

impl SourceArguments {
    /// What these arguments stand for, with warnings in the name of a `command`.
    ///
    /// # Errors
    /// What is wrong with the arguments, or with a manifest.
    pub(crate) fn sources(&self, command: &str) -> Result<Sources> {
        if let Some(url) = &self.flagsmith {
            plain_http::warn(command, "--flagsmith", url);
        }
        let text = match env::var(MANIFEST) {
            Ok(text) => Some(text).filter(|text| !text.trim().is_empty()),
            Err(env::VarError::NotPresent) => None,
            Err(env::VarError::NotUnicode(_)) => bail!("{MANIFEST} is not UTF-8"),
        };
        let server_keys = match (&self.server_keys, text) {
            (Some(_), Some(_)) => bail!("--server-keys and {MANIFEST} do not go together"),
            (Some(file), None) => Some(manifest(file)?),
            (None, Some(text)) => Some(parse_server_keys(&text).context(MANIFEST)?),
            (None, None) => None,
        };
        let flagsmith = self.flagsmith.as_deref().map(flagsmith).transpose()?;
        if flagsmith.is_some() && server_keys.is_none() {
            bail!(
                "--flagsmith needs a manifest that lists the environments with their server-side keys: \
                 --server-keys, or {MANIFEST}"
            );
        }
        Ok(Sources { flagsmith, server_keys, server_keys_file: self.server_keys.clone() })
    }
}

fn flagsmith(url: &str) -> Result<NamedFlagsmith> {
    // What is wrong with it may be a password, so it is not shown.
    let mut api = Flagsmith::new(url).context("--flagsmith")?;
    if let Some(file) = env::var_os(CERTIFICATES).filter(|file| !file.is_empty()) {
        let place = || format!("{CERTIFICATES}: {}", file.display());
        let pem = fs::read(&file).with_context(place)?;
        api = api.trusting(&pem).with_context(place)?;
    }
    Ok(NamedFlagsmith { name: url.trim_end_matches('/').to_owned(), api })
}

/// Reads a manifest of server-side keys.
fn manifest(file: &Path) -> Result<Manifest> {
    let name = file.display().to_string();
    let text = fs::read_to_string(file).with_context(|| format!("{name} could not be read"))?;
    parse_server_keys(&text).with_context(|| name)
}
