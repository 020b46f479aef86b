//! `jackstaff explain`: why the flags of an identity have their values, by a document or by an edge.

mod file;
mod table;
mod words;

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Result, anyhow};
use api::Secret;
use api::explanation::ExplanationAnswer;
use clap::Args;
use publisher::ExplainError;
use serde_json::{Map, Value as Json, json};

use crate::evaluate::{RegexAnchor, parse_trait};
use crate::log::complain;
use crate::plain_http;
use crate::verdict::Verdict;

/// The environment variable with a server-side key.
const SERVER_KEY: &str = "JACKSTAFF_SERVER_KEY";

/// Explain why the flags of an identity have their values
///
/// With FILE, an environment document is evaluated here. With --edge, an edge is asked, which needs a server-side key; it also
/// knows the stored traits, and stores nothing. For each flag: where its value comes from, what that won over and by which
/// priority, and how a variant was chosen; for each segment: its rules and conditions, with what was compared. Exit codes: 0
/// explained; 1 the document, the key or the feature was refused; 2 the file could not be read, or the edge could not be
/// asked; 64 wrong usage.
#[derive(Args)]
#[command(after_help = "Examples:
  jackstaff explain environment.json --identifier user-7 --trait plan=gold
  jackstaff explain environment.json --identifier user-7 --feature banner --json
  jackstaff explain --edge https://flags.example.com --key-file server-key --identifier user-7 --feature banner

Environment variables:
  JACKSTAFF_SERVER_KEY  a server-side key, unless --key-file names a file with it")]
pub(crate) struct Arguments {
    /// An environment document
    #[arg(value_name = "FILE", required_unless_present = "edge", conflicts_with = "edge")]
    file: Option<PathBuf>,
    /// Ask the edge at this address
    #[arg(long, value_name = "URL")]
    edge: Option<String>,
    /// A file with a server-side key of the environment
    #[arg(long, value_name = "FILE", requires = "edge")]
    key_file: Option<PathBuf>,
    /// For the identity of this name; without it, for no identity, or at an edge for one without a name
    #[arg(long, value_name = "ID")]
    identifier: Option<String>,
    /// With this trait: a JSON value (41, true, "41"), or else a text
    #[arg(long = "trait", value_name = "KEY=VALUE", value_parser = parse_trait)]
    traits: Vec<(String, engine::Value)>,
    /// Explain this feature alone, and the flags that its segments read
    #[arg(long, value_name = "NAME")]
    feature: Option<String>,
    /// Print one JSON object, of the published schema
    #[arg(long)]
    json: bool,
    /// Where regular expressions have to match, for a FILE
    #[arg(long, value_enum, default_value_t = RegexAnchor::Start, conflicts_with = "edge")]
    regex_anchor: RegexAnchor,
}

pub(crate) fn run(arguments: &Arguments) -> ExitCode {
    let explained = match &arguments.edge {
        Some(edge) => match key(arguments) {
            Ok(key) => ask(arguments, edge, &key),
            Err(error) => {
                complain!("jackstaff explain: {error:#}");
                return crate::USAGE.into();
            }
        },
        None => file::explain(arguments),
    };
    match explained {
        Ok(answer) => print(&answer, arguments.json),
        Err((verdict, error)) => {
            complain!("jackstaff explain: {error:#}");
            verdict.into()
        }
    }
}

/// What went wrong, and the exit code.
type Failure = (Verdict, anyhow::Error);

fn print(answer: &ExplanationAnswer, as_json: bool) -> ExitCode {
    let text = if as_json {
        serde_json::to_string_pretty(answer).unwrap_or_default() + "\n"
    } else {
        table::table(answer)
    };
    // A closed output is ignored.
    let _ = io::stdout().write_all(text.as_bytes());
    ExitCode::SUCCESS
}

fn key(arguments: &Arguments) -> Result<Secret> {
    let key = Secret::read_token(arguments.key_file.as_deref(), SERVER_KEY)?;
    key.ok_or_else(|| anyhow!("no server-side key: set {SERVER_KEY}, or name a --key-file"))
}

fn ask(arguments: &Arguments, edge: &str, key: &Secret) -> Result<ExplanationAnswer, Failure> {
    plain_http::warn("explain", "--edge", edge);
    let traits: Vec<Json> = arguments
        .traits
        .iter()
        .map(|(key, value)| json!({ "trait_key": key, "trait_value": trait_json(value) }))
        .collect();
    let mut body = Map::from_iter([("traits".to_owned(), Json::from(traits))]);
    if let Some(identifier) = &arguments.identifier {
        body.insert("identifier".to_owned(), identifier.as_str().into());
    }
    let body = Json::Object(body).to_string();
    publisher::explain(edge, key, arguments.feature.as_deref(), &body).map_err(|error| {
        let verdict = match error {
            ExplainError::Refused { .. } => Verdict::Refused,
            _ => Verdict::NotWritten,
        };
        (verdict, error.into())
    })
}

/// A trait as it is sent.
fn trait_json(value: &engine::Value) -> Json {
    match value {
        engine::Value::Null => Json::Null,
        engine::Value::Bool(bool) => (*bool).into(),
        engine::Value::Int(integer) => serde_json::from_str(&integer.to_string()).unwrap_or_default(),
        engine::Value::Float(float) => (*float).into(),
        engine::Value::Str(text) => text.as_str().into(),
    }
}
