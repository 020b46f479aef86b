//! `jackstaff publish`: documents from files into the edge KV store.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, anyhow, bail};
use clap::Args;
use jiff::Timestamp;
use publisher::{
    Done, Options, Published, Secret, ServerKeySource, Source, Target, parse_server_keys, publish,
};

use crate::USAGE;
use crate::evaluate::RegexAnchor;

/// Publish environment documents to the edge KV store, and announce them
///
/// Each file is published on its own: compiled, stamped with the next revision, written, read back, purged and
/// announced. Exit codes: 0 published or unchanged; 1 a file was refused or could not be read; 2 a store could not be
/// written; 3 written, but a purge or an announcement failed; of several files the worst counts (2, 1, 3, 0); 64 wrong
/// usage.
#[derive(Args)]
#[command(after_help = "Examples:
  jackstaff publish --dry-run --store STORE environment.json
  jackstaff publish --store STORE --service SERVICE --origin https://signals.example.com --server-keys keys.json *.json
  jackstaff publish --api http://127.0.0.1:7676 --store local environment.json

Environment variables:
  FASTLY_API_TOKEN        the API token, unless --token-file names a file with it
  JACKSTAFF_ORIGIN_TOKEN  the origin's token, unless --origin-token-file names a file with it

A manifest of server-side keys:
  {\"<client-side key>\": [\"ser.…\", {\"key\": \"ser.…\", \"active\": true, \"expires_at\": null}]}")]
pub(crate) struct Arguments {
    /// Environment documents (JSON)
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Base of Fastly's API, or of a local edge that answers in its place
    #[arg(long, value_name = "URL", default_value = "https://api.fastly.com")]
    api: String,
    /// The id of the KV store
    #[arg(long, value_name = "ID", env = "JACKSTAFF_KV_STORE")]
    store: String,
    /// The id of the service whose copies are purged
    #[arg(long, value_name = "ID", env = "FASTLY_SERVICE_ID")]
    service: Option<String>,
    /// The origin of change signals
    #[arg(long, value_name = "URL", env = "JACKSTAFF_ORIGIN")]
    origin: Option<String>,
    /// A file with the API token
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// A file with the origin's token
    #[arg(long, value_name = "FILE")]
    origin_token_file: Option<PathBuf>,
    /// A manifest of server-side keys by environment
    #[arg(long, value_name = "FILE")]
    server_keys: Option<PathBuf>,
    /// A server-side key of the one FILE's environment; seen by everybody on this machine, so for trying things out
    #[arg(long, value_name = "KEY")]
    server_key: Vec<String>,
    /// Where regular expressions have to match
    #[arg(long, value_enum, default_value_t = RegexAnchor::Start)]
    regex_anchor: RegexAnchor,
    /// Replace a newer document by an older one
    #[arg(long)]
    force: bool,
    /// Print what would be done, and do nothing
    #[arg(long)]
    dry_run: bool,
}

/// How badly it went for a file; the worst is what the program ends with.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Verdict {
    Good,
    NotTold,
    Refused,
    NotWritten,
}

impl From<Verdict> for ExitCode {
    fn from(verdict: Verdict) -> Self {
        ExitCode::from(match verdict {
            Verdict::Good => 0,
            Verdict::Refused => 1,
            Verdict::NotWritten => 2,
            Verdict::NotTold => 3,
        })
    }
}

pub(crate) fn run(arguments: &Arguments) -> ExitCode {
    let prepared = target(arguments).and_then(|target| Ok((target, server_keys(arguments)?)));
    let (target, server_keys) = match prepared {
        Ok(prepared) => prepared,
        Err(error) => {
            eprintln!("jackstaff publish: {error:#}");
            return USAGE.into();
        }
    };
    let options = Options {
        anchoring: arguments.regex_anchor.into(),
        force: arguments.force,
        dry_run: arguments.dry_run,
    };
    if target.origin.is_none() {
        eprintln!("jackstaff publish: no --origin, so open apps are not told");
    }
    if target.service.is_none() {
        eprintln!(
            "jackstaff publish: no --service, so a POP may serve the older flags until its copy is due"
        );
    }
    let mut keys_of_one: BTreeMap<String, PathBuf> = BTreeMap::new();
    let verdicts = arguments.files.iter().map(|file| {
        let source = match Source::read(file) {
            Ok(source) => source,
            Err(fault) => {
                eprintln!("{fault}");
                return Verdict::Refused;
            }
        };
        if let Some(other) = keys_of_one.insert(source.key.to_string(), file.clone()) {
            let (file, key) = (file.display(), &source.key);
            eprintln!("{file}: api_key: environment `{key}` is that of {} too", other.display());
            return Verdict::Refused;
        }
        one(file, &source, &server_keys.of(&source), &target, &options)
    });
    verdicts.max().unwrap_or(Verdict::Good).into()
}

/// Publishes one file, and says how it went.
fn one(
    file: &Path,
    source: &Source,
    server_keys: &[ServerKeySource],
    target: &Target,
    options: &Options,
) -> Verdict {
    let name = file.display();
    let published = match publish(source, server_keys, target, options, Timestamp::now) {
        Ok(published) => published,
        Err(trouble) => {
            eprintln!("{name}: {trouble}");
            return if trouble.is_refusal() { Verdict::Refused } else { Verdict::NotWritten };
        }
    };
    for warning in &published.warnings {
        eprintln!("{name}: warning: {warning}");
    }
    if let Some(odd) = &published.odd {
        eprintln!("{name}: warning: {odd}");
    }
    println!("{name}: {}", sentence(source, &published));
    for failed in &published.after {
        eprintln!("{name}: {failed}");
    }
    if published.after.is_empty() { Verdict::Good } else { Verdict::NotTold }
}

fn sentence(source: &Source, published: &Published) -> String {
    let (key, revision) = (&source.key, published.revision);
    let size = published.bytes.map_or(String::new(), |bytes| format!(", {bytes} bytes"));
    let keys = match published.server_keys {
        0 => String::new(),
        1 => ", 1 server-side key written".to_owned(),
        count => format!(", {count} server-side keys written"),
    };
    match published.done {
        Done::Written => format!("published environment `{key}` as revision {revision}{size}{keys}"),
        Done::Unchanged => format!("unchanged: environment `{key}` is stored as revision {revision}{keys}"),
        Done::Planned => format!("would publish environment `{key}` as revision {revision}{size}"),
    }
}

fn target(arguments: &Arguments) -> Result<Target> {
    let token = secret(arguments.token_file.as_deref(), "FASTLY_API_TOKEN")?;
    Ok(Target {
        api: arguments.api.clone(),
        token: token.ok_or_else(|| anyhow!("no API token: set FASTLY_API_TOKEN, or name a --token-file"))?,
        store: arguments.store.clone(),
        service: arguments.service.clone(),
        origin: arguments.origin.clone(),
        origin_token: secret(arguments.origin_token_file.as_deref(), "JACKSTAFF_ORIGIN_TOKEN")?,
    })
}

fn secret(file: Option<&Path>, variable: &str) -> Result<Option<Secret>> {
    let (text, place) = match file {
        Some(file) => {
            let place = file.display().to_string();
            let text = fs::read_to_string(file).with_context(|| format!("{place} could not be read"))?;
            (text, place)
        }
        None => match std::env::var(variable) {
            Ok(text) => (text, variable.to_owned()),
            Err(_) => return Ok(None),
        },
    };
    Ok(Some(Secret::parse(text.trim_end()).with_context(|| place)?))
}

/// The server-side keys that were given.
enum ServerKeys {
    Manifest(BTreeMap<String, Vec<ServerKeySource>>),
    OfTheOneFile(Vec<ServerKeySource>),
}

impl ServerKeys {
    fn of(&self, source: &Source) -> Vec<ServerKeySource> {
        match self {
            ServerKeys::Manifest(manifest) => manifest.get(source.key.as_str()).cloned().unwrap_or_default(),
            ServerKeys::OfTheOneFile(keys) => keys.clone(),
        }
    }
}

fn server_keys(arguments: &Arguments) -> Result<ServerKeys> {
    match (&arguments.server_keys, arguments.server_key.as_slice()) {
        (None, []) => Ok(ServerKeys::Manifest(BTreeMap::new())),
        (Some(file), []) => {
            let name = file.display().to_string();
            let text = fs::read_to_string(file).with_context(|| format!("{name} could not be read"))?;
            Ok(ServerKeys::Manifest(parse_server_keys(&text).with_context(|| name)?))
        }
        (Some(_), _) => bail!("--server-keys and --server-key do not go together"),
        (None, _) if arguments.files.len() != 1 => {
            bail!("--server-key is for one FILE; for several, use a manifest: --server-keys")
        }
        (None, keys) => {
            // Checked as a manifest is, under a name that stands for the one file.
            let manifest = serde_json::json!({ "of --server-key": keys }).to_string();
            let keys = parse_server_keys(&manifest)?.into_values().flatten().collect();
            Ok(ServerKeys::OfTheOneFile(keys))
        }
    }
}
