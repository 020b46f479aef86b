//! Where `publish`, `watch` and `serve` have documents and server-side keys from, beside files.

use std::collections::BTreeMap;
use std::env;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use clap::Args;
use publisher::{Flagsmith, ServerKeySource, parse_server_keys};

use crate::plain_http;

/// The environment variable that holds a manifest's text.
const MANIFEST: &str = "JACKSTAFF_SERVER_KEYS";

/// That of Flagsmith's edge-proxy, in capitals or not.
const EDGE_PROXY: &str = "ENVIRONMENT_KEY_PAIRS";

/// The environment variable with a file of certificates to trust in place of the usual ones, as other programs have it. A
/// self-hosted Flagsmith may have a certificate that its owner made.
const CERTIFICATES: &str = "SSL_CERT_FILE";

/// Manifests, as `--help` describes them.
pub(crate) const MANIFESTS: &str = "A manifest of server-side keys, in one of these shapes:
  {\"<client-side key>\": [\"ser.…\", {\"key\": \"ser.…\", \"active\": true, \"expires_at\": null}]}
  {\"environment_key_pairs\": [{\"server_side_key\": \"ser.…\", \"client_side_key\": \"…\"}]}   (config.json of edge-proxy)
  [{\"server_side_key\": \"ser.…\", \"client_side_key\": \"…\"}]   (ENVIRONMENT_KEY_PAIRS of edge-proxy)";

/// Server-side keys by environment.
pub(crate) type Manifest = BTreeMap<String, Vec<ServerKeySource>>;

#[derive(Args)]
pub(crate) struct SourceArguments {
    /// Flagsmith, whose API is asked for each environment of the manifest: https://edge.api.flagsmith.com, or
    /// http://host:8000
    #[arg(long, value_name = "URL")]
    flagsmith: Option<String>,
    #[command(flatten)]
    manifest: ManifestArguments,
}

/// The manifest of server-side keys.
#[derive(Args)]
pub(crate) struct ManifestArguments {
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
        let server_keys = self.manifest.manifest()?;
        let flagsmith = self.flagsmith.as_deref().map(flagsmith).transpose()?;
        if flagsmith.is_some() && server_keys.is_none() {
            bail!(
                "--flagsmith needs a manifest that lists the environments with their server-side keys: \
                 --server-keys, or {MANIFEST}"
            );
        }
        Ok(Sources { flagsmith, server_keys, server_keys_file: self.manifest.server_keys.clone() })
    }
}

impl ManifestArguments {
    /// The one manifest that is given; none if there is none.
    ///
    /// # Errors
    /// What is wrong with it, and more than one.
    pub(crate) fn manifest(&self) -> Result<Option<Manifest>> {
        let own = text(MANIFEST, env::var_os(MANIFEST))?;
        let pairs = env::vars_os().find(|(name, _)| name.eq_ignore_ascii_case(EDGE_PROXY));
        let of_edge_proxy = text(EDGE_PROXY, pairs.map(|(_, pairs)| pairs))?;
        match (&self.server_keys, own, of_edge_proxy) {
            (None, None, None) => Ok(None),
            (Some(file), None, None) => manifest(file).map(Some),
            (None, Some(text), None) => parse_server_keys(&text).context(MANIFEST).map(Some),
            (None, None, Some(text)) => parse_server_keys(&text).context(EDGE_PROXY).map(Some),
            (Some(_), Some(_), _) => bail!("--server-keys and {MANIFEST} do not go together"),
            (Some(_), _, Some(_)) => bail!("--server-keys and {EDGE_PROXY} do not go together"),
            (None, Some(_), Some(_)) => bail!("{MANIFEST} and {EDGE_PROXY} do not go together"),
        }
    }
}

/// The text of a variable, unless it is blank.
fn text(name: &str, value: Option<OsString>) -> Result<Option<String>> {
    let Ok(text) = value.unwrap_or_default().into_string() else { bail!("{name} is not UTF-8") };
    Ok(Some(text).filter(|text| !text.trim().is_empty()))
}

fn flagsmith(url: &str) -> Result<NamedFlagsmith> {
    // What is wrong with it may be a password, so it is not shown.
    let mut api = Flagsmith::new(url).context("--flagsmith")?;
    if let Some(Certificates { place, pem }) = certificates()? {
        api = api.trusting(&pem).context(place)?;
    }
    Ok(NamedFlagsmith { name: url.trim_end_matches('/').to_owned(), api })
}

/// Certificates (PEM) to trust in place of the usual ones, and where they are from.
pub(crate) struct Certificates {
    pub(crate) place: String,
    pub(crate) pem: Vec<u8>,
}

/// The certificates of the file that is named, if one is.
///
/// # Errors
/// If the file cannot be read.
pub(crate) fn certificates() -> Result<Option<Certificates>> {
    let Some(file) = env::var_os(CERTIFICATES).filter(|file| !file.is_empty()) else { return Ok(None) };
    let place = format!("{CERTIFICATES}: {}", file.display());
    let pem = fs::read(&file).with_context(|| place.clone())?;
    Ok(Some(Certificates { place, pem }))
}

/// Reads a manifest of server-side keys.
fn manifest(file: &Path) -> Result<Manifest> {
    let name = file.display().to_string();
    let text = fs::read_to_string(file).with_context(|| format!("{name} could not be read"))?;
    parse_server_keys(&text).with_context(|| name)
}
