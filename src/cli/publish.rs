//! `jackstaff publish`: documents from files and from Flagsmith into the edge KV store.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Result, bail};
use api::EnvironmentKey;
use clap::Args;
use publisher::{
    ChosenKey, Client, Clock, Connection, DocumentSource, Flagsmith, FlagsmithError, KeyChoice, Place,
    PublishOptions, Report, ServerKeySource, ServerKeysReport, SystemClock, Target, cost, parse_server_keys,
    publish, publish_answer, publish_server_keys,
};

use crate::USAGE;
use crate::dear::Dear;
use crate::evaluate::RegexAnchor;
use crate::log::{complain, say};
use crate::source_arguments::{MANIFESTS, Manifest, NamedFlagsmith, SourceArguments, Sources};
use crate::target::TargetArguments;
use crate::verdict::{Verdict, judge, judge_keys};

/// How often Flagsmith is asked again for one environment.
const RETRIES: usize = 4;

/// Publish environment documents to the edge KV store, and announce them
///
/// Each document is published on its own: compiled, stamped with the next revision, written, read back, purged and
/// announced. With --flagsmith each environment of the manifest that no FILE holds is fetched from there, with its first
/// server-side key that is active, has not expired and is not refused. Exit codes: 0 published or unchanged; 1 a document
/// was refused, could not be read or could not be fetched; 2 a store could not be written; 3 written, but a purge or an
/// announcement failed; of several documents the worst counts (2, 1, 3, 0); 64 wrong usage.
#[derive(Args)]
#[command(after_help = format!("Examples:
  jackstaff publish --dry-run --store STORE environment.json
  jackstaff publish --store STORE --service SERVICE --origin https://signals.example.com --server-keys keys.json *.json
  jackstaff publish --store STORE --service SERVICE --flagsmith https://edge.api.flagsmith.com --server-keys keys.json
  jackstaff publish --api http://127.0.0.1:7676 --store local environment.json

Environment variables:
  FASTLY_API_TOKEN        the API token, unless --token-file names a file with it
  JACKSTAFF_ORIGIN_TOKEN  the origin's token, unless --origin-token-file names a file with it
  JACKSTAFF_SERVER_KEYS   a manifest of server-side keys, unless --server-keys names a file with it
  SSL_CERT_FILE           certificates (PEM) that a Flagsmith is trusted by, in place of the usual ones

{MANIFESTS}"))]
pub(crate) struct Arguments {
    /// Environment documents (JSON)
    #[arg(required_unless_present = "flagsmith", value_name = "FILE")]
    files: Vec<PathBuf>,
    #[command(flatten)]
    target: TargetArguments,
    #[command(flatten)]
    sources: SourceArguments,
    /// A server-side key of the one FILE's environment; other users of this machine can read it, so for trying things out
    #[arg(long, value_name = "KEY")]
    server_key: Vec<String>,
    /// Where regular expressions have to match
    #[arg(long, value_enum, default_value_t = RegexAnchor::Start)]
    regex_anchor: RegexAnchor,
    /// Replace a newer document by an older FILE, and let server-side keys open another environment than they do
    #[arg(long)]
    force: bool,
    /// What happens to a document by which a request may cost more than the platform allows
    #[arg(long, value_enum, default_value_t = Dear::Hold)]
    dear: Dear,
    /// Print what would be done, and do nothing
    #[arg(long)]
    dry_run: bool,
}

pub(crate) fn run(arguments: &Arguments) -> ExitCode {
    let (sources, server_keys, target) = match prepare(arguments) {
        Ok(prepared) => prepared,
        Err(error) => {
            complain!("jackstaff publish: {error:#}");
            return USAGE.into();
        }
    };
    let options = PublishOptions {
        anchoring: arguments.regex_anchor.into(),
        force: arguments.force,
        keep_removed: false,
        dry_run: arguments.dry_run,
        // Unlike a watch, this is run by a person who reads the warnings.
        hold_unknown: false,
        accept_dear: arguments.dear == Dear::Publish,
    };
    let clock = SystemClock::start();
    let client = Client::new(target, &clock);
    let places = places(&arguments.files);
    let publication = Publication { client: &client, options, server_keys, places };
    let of_files = arguments.files.iter().map(|file| match DocumentSource::read(file) {
        Ok(source) => publication.publish(&Place::from(file.as_path()), &source),
        Err(fault) => refused(&fault),
    });
    let mut worst = of_files.max().unwrap_or(Verdict::Good);
    if let Some(flagsmith) = &sources.flagsmith {
        let manifest = sources.server_keys.unwrap_or_default();
        worst = worst.max(publication.publish_from(flagsmith, &manifest, &clock));
    }
    worst.into()
}

fn prepare(arguments: &Arguments) -> Result<(Sources, ServerKeys, Target)> {
    let sources = arguments.sources.sources("publish")?;
    let server_keys = server_keys(arguments, &sources)?;
    // What is wrong with the arguments is reported before anything about the target.
    Ok((sources, server_keys, arguments.target.target("publish")?))
}

/// The files of each environment. Documents are read again later: all of them together may be more than fits into memory.
fn places(files: &[PathBuf]) -> BTreeMap<String, BTreeSet<Place>> {
    let mut places: BTreeMap<String, BTreeSet<Place>> = BTreeMap::new();
    for file in files {
        // What is wrong with a file is told when it is its turn.
        if let Ok(source) = DocumentSource::read(file) {
            places.entry(source.key.to_string()).or_default().insert(Place::from(file.as_path()));
        }
    }
    places
}

fn refused(fault: &dyn std::fmt::Display) -> Verdict {
    complain!("{fault}");
    Verdict::Refused
}

/// One document after the other.
struct Publication<'a> {
    client: &'a Client<'a>,
    options: PublishOptions,
    server_keys: ServerKeys,
    /// Where each environment is from.
    places: BTreeMap<String, BTreeSet<Place>>,
}

impl Publication<'_> {
    /// An environment that is in several files is published from none: a copy beside the original may be older.
    fn publish(&self, place: &Place, source: &DocumentSource) -> Verdict {
        let key = &source.key;
        let places = self.places.get(key.as_str()).into_iter().flatten();
        let others: Vec<String> = places.filter(|other| *other != place).map(ToString::to_string).collect();
        if !others.is_empty() {
            let others = others.join(" and ");
            return refused(&format!(
                "{place}: api_key: environment `{key}` is in {others}, too, so it is published from none of them"
            ));
        }
        let report = publish(self.client, source, &self.server_keys.of(source), &self.options);
        print_report(place, key, &report, self.options.dry_run);
        judge(place, &report)
    }

    /// Publishes the environments of a manifest that are from no file, from Flagsmith.
    fn publish_from(&self, flagsmith: &NamedFlagsmith, manifest: &Manifest, clock: &SystemClock) -> Verdict {
        let mut worst = Verdict::Good;
        // After an environment that could not be fetched with all its tries, the next one has a single try. Otherwise this
        // could take hours.
        let mut retries = RETRIES;
        for (environment, server_keys) in manifest {
            let place = Place::at_flagsmith(&flagsmith.name, environment);
            if let Some(file) = self.places.get(environment).and_then(BTreeSet::first) {
                say!("{place}: skipped: {file} holds it");
                continue;
            }
            let key = match EnvironmentKey::parse(environment) {
                Ok(key) => key,
                Err(fault) => {
                    worst = worst.max(refused(&format!("{place}: {fault}")));
                    continue;
                }
            };
            let mut choice = KeyChoice::new(server_keys);
            let Some(chosen) = choice.choose(clock.now()) else {
                complain!("{place}: not fetched: {}", choice.why_none(clock.now()));
                worst = worst.max(self.publish_keys(&place, &key, server_keys));
                continue;
            };
            let mut asking = Asking { api: &flagsmith.api, place: &place, clock, choice, chosen };
            let left = std::mem::replace(&mut retries, RETRIES);
            let ask = |connection| {
                let text = asking.fetch(connection, left).map_err(|failed| {
                    retries = if failed.is_final() { RETRIES } else { 0 };
                    let advice = failed.advice(&key).map_or(String::new(), |advice| format!("; {advice}"));
                    format!("{place}: {failed}{advice}")
                })?;
                DocumentSource::fetched(&place, &text, &key).map_err(|fault| fault.to_string())
            };
            worst = worst.max(match publish_answer(self.client, &key, ask, server_keys, &self.options) {
                Ok(report) => {
                    print_report(&place, &key, &report, self.options.dry_run);
                    judge(&place, &report)
                }
                Err(why) => refused(&why).max(self.publish_keys(&place, &key, server_keys)),
            });
        }
        worst
    }

    /// Publishes the server-side keys of an environment whose document cannot be fetched: a revoked key must not wait.
    fn publish_keys(&self, place: &Place, key: &EnvironmentKey, server_keys: &[ServerKeySource]) -> Verdict {
        let report = publish_server_keys(self.client, key, server_keys, &self.options);
        if let Some(keys) = sentence_of_keys(&report, self.options.dry_run) {
            say!("{place}: {keys}");
        }
        judge_keys(place, &report)
    }
}

/// Asks for an environment, with one of its server-side keys after the other until one is not refused.
struct Asking<'a> {
    api: &'a Flagsmith,
    place: &'a Place,
    clock: &'a SystemClock,
    choice: KeyChoice,
    chosen: ChosenKey,
}

impl Asking<'_> {
    fn fetch(&mut self, connection: Connection, retries: usize) -> Result<String, FlagsmithError> {
        loop {
            let answer = self.api.fetch(&self.chosen.secret, connection, self.clock, retries);
            let Some(failed) = answer.as_ref().err().filter(|failed| failed.is_refusal()) else {
                return answer;
            };
            let (place, refused) = (self.place, self.chosen.number);
            let Some(next) = self.choice.refuse(refused, self.clock.now()) else { return answer };
            complain!(
                "{place}: server-side key {refused} of the manifest was refused ({}), so key {} is asked with",
                failed.kind(),
                next.number
            );
            self.chosen = next;
        }
    }
}

/// Prints what was done for a document, and its warnings.
fn print_report(place: &Place, key: &EnvironmentKey, report: &Report, dry_run: bool) {
    let keys = sentence_of_keys(&report.server_keys, dry_run);
    let Ok(published) = &report.environment else {
        if let Some(keys) = keys {
            say!("{place}: {keys}");
        }
        return;
    };
    for warning in &published.warnings {
        complain!("{place}: warning: {warning}");
    }
    for warning in &published.plan_warnings {
        complain!("{place}: warning: {warning}");
    }
    say!("{place}: {}{}", published.sentence(key), keys.map_or(String::new(), |keys| format!(", {keys}")));
    if let Some(cost) = published.cost.as_ref().filter(|_| dry_run) {
        say!("{place}: {}", cost::share(cost.steps()));
    }
}

fn sentence_of_keys(report: &ServerKeysReport, dry_run: bool) -> Option<String> {
    let count = report.written;
    let keys = if count == 1 { "key" } else { "keys" };
    let done = if dry_run { "to be written" } else { "written" };
    (count > 0).then(|| format!("{count} server-side {keys} {done}"))
}

/// The server-side keys that were given.
enum ServerKeys {
    Manifest(Manifest),
    OfTheOneFile(Vec<ServerKeySource>),
}

impl ServerKeys {
    fn of(&self, source: &DocumentSource) -> Vec<ServerKeySource> {
        match self {
            ServerKeys::Manifest(manifest) => manifest.get(source.key.as_str()).cloned().unwrap_or_default(),
            ServerKeys::OfTheOneFile(keys) => keys.clone(),
        }
    }
}

fn server_keys(arguments: &Arguments, sources: &Sources) -> Result<ServerKeys> {
    let keys = arguments.server_key.as_slice();
    match &sources.server_keys {
        Some(manifest) if keys.is_empty() => Ok(ServerKeys::Manifest(manifest.clone())),
        Some(_) => bail!("--server-key and a manifest of server-side keys do not go together"),
        None if keys.is_empty() => Ok(ServerKeys::Manifest(Manifest::new())),
        None if arguments.files.len() != 1 => {
            bail!("--server-key is for one FILE; for several, use a manifest: --server-keys")
        }
        None => {
            // Checked as a manifest is, under a name that stands for the one file.
            let manifest = serde_json::json!({ "of --server-key": keys }).to_string();
            let keys = parse_server_keys(&manifest)?.into_values().flatten().collect();
            Ok(ServerKeys::OfTheOneFile(keys))
        }
    }
}
