//! `jackstaff evaluate`: the engine, for programs a line at a time, for people one document at a time.

use std::fs;
use std::io::{self, BufRead, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, anyhow};
use clap::{Args, ValueEnum};
use engine::{
    Anchoring, Compiled, DefaultJson, Document, Evaluation, Identity, Options, PatternCache, Value,
};
use publisher::{check_members, on_one_line, without_mark};
use serde_json::json;

use crate::log::complain;

/// Evaluate contexts from standard input, or one document for one identity
///
/// Without `--document`: one evaluation context (JSON) a line on standard input, one result (JSON) a line on standard
/// output; an input that is refused gives `{"error": "…"}` on its line. Exit codes: 0, even if lines were refused; 2 if
/// the input could not be read. With `--document`: a table with reasons; 1 if the document is refused.
#[derive(Args)]
#[command(after_help = "Examples:
  jackstaff evaluate < contexts.jsonl > results.jsonl
  jackstaff evaluate --document environment.json
  jackstaff evaluate --document environment.json --identifier user-7 --trait plan=gold --trait age=41")]
pub(crate) struct Arguments {
    /// Evaluate this environment document
    #[arg(long, value_name = "FILE")]
    document: Option<PathBuf>,
    /// For the identity of this name; without it, for no identity
    #[arg(long, value_name = "ID", requires = "document")]
    identifier: Option<String>,
    /// With this trait: a JSON value (41, true, "41"), or else a text
    #[arg(long = "trait", value_name = "KEY=VALUE", requires = "identifier", value_parser = parse_trait)]
    traits: Vec<(String, Value)>,
    /// Print the result as JSON instead of a table
    #[arg(long, requires = "document")]
    json: bool,
    /// Where regular expressions have to match
    #[arg(long, value_enum, default_value_t = RegexAnchor::Start)]
    regex_anchor: RegexAnchor,
}

/// How regular expressions are matched.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum RegexAnchor {
    /// At the start of the text, as Flagsmith's API does
    Start,
    /// Anywhere in the text, as Flagsmith's newer edge proxy and most SDKs do
    Search,
}

impl From<RegexAnchor> for Anchoring {
    fn from(anchor: RegexAnchor) -> Self {
        match anchor {
            RegexAnchor::Start => Anchoring::Start,
            RegexAnchor::Search => Anchoring::Search,
        }
    }
}

pub(crate) fn parse_trait(text: &str) -> Result<(String, Value)> {
    let (key, value) = text.split_once('=').ok_or_else(|| anyhow!("expected KEY=VALUE"))?;
    let json = serde_json::from_str::<serde_json::Value>(value).is_ok();
    let value = if json { Value::from_json(value) } else { Some(Value::from(value)) };
    Ok((key.to_owned(), value.ok_or_else(|| anyhow!("a trait is a text, a number or a boolean"))?))
}

pub(crate) fn run(arguments: &Arguments) -> ExitCode {
    let options = Options { anchoring: arguments.regex_anchor.into(), omit_metadata: false };
    let (result, code) = match &arguments.document {
        Some(file) => (evaluate_document(file, arguments, options), 1),
        None => (evaluate_lines(options), 2),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            complain!("jackstaff: {error:#}");
            code.into()
        }
    }
}

fn evaluate_lines(options: Options) -> Result<()> {
    let mut patterns = PatternCache::default();
    let mut output = io::stdout().lock();
    let mut line = Vec::new();
    let mut input = io::stdin().lock();
    for number in 1_u64.. {
        line.clear();
        let read = input.read_until(b'\n', &mut line);
        if read.with_context(|| format!("line {number} of standard input could not be read"))? == 0 {
            break;
        }
        let answer = answer(&line, options, &mut patterns);
        if let Err(error) = writeln!(output, "{answer}").and_then(|()| output.flush()) {
            // The reader has closed the pipe.
            return if error.kind() == io::ErrorKind::BrokenPipe { Ok(()) } else { Err(error.into()) };
        }
    }
    Ok(())
}

fn answer(line: &[u8], options: Options, patterns: &mut PatternCache) -> String {
    let result = match std::str::from_utf8(line) {
        Ok(text) => {
            engine::evaluate_context(without_mark(text), options, patterns).map_err(|error| error.to_string())
        }
        Err(error) => Err(format!("not UTF-8: {error}")),
    };
    result.unwrap_or_else(|error| json!({ "error": error }).to_string())
}

fn evaluate_document(file: &Path, arguments: &Arguments, options: Options) -> Result<()> {
    let name = file.display();
    let text = fs::read_to_string(file).with_context(|| format!("{name} could not be read"))?;
    let text = without_mark(&text);
    let unknown = check_members(text).with_context(|| name.to_string())?;
    let document = Document::parse(text).with_context(|| name.to_string())?;
    let (environment, warnings) =
        document.compile(options, |_| DefaultJson::default()).with_context(|| name.to_string())?;
    for warning in unknown.into_iter().chain(warnings) {
        complain!("{name}: warning: {warning}");
    }
    let compiled = Compiled::decode(environment.encode()?)?;
    let identity = arguments.identifier.as_ref().map(|identifier| Identity {
        identifier: identifier.clone(),
        key: (!document.switches().composite_key).then(|| identifier.clone()),
        traits: arguments.traits.clone(),
        traits_answer_paths: true,
        ignore_own_overrides: false,
    });
    let evaluation = compiled.evaluate(identity.as_ref());
    if arguments.json {
        writeln!(io::stdout(), "{}", serde_json::to_string(&evaluation)?)?;
    } else {
        write!(io::stdout(), "{}", table(&evaluation))?;
    }
    Ok(())
}

/// Flags with their reasons in columns, then the segments that matched.
fn table(evaluation: &Evaluation<'_>) -> String {
    let head = ["FLAG", "ENABLED", "VALUE", "VARIANT", "REASON"].map(str::to_owned);
    let rows = evaluation.flags.iter().map(|flag| {
        [
            flag.name().to_owned(),
            flag.enabled().to_string(),
            shortened(flag.value()),
            flag.variant().unwrap_or("-").to_owned(),
            flag.reason.to_string(),
        ]
        .map(|cell| on_one_line(&cell))
    });
    let rows: Vec<[String; 5]> = std::iter::once(head).chain(rows).collect();
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..4).map(width).collect();
    let mut table = String::new();
    for row in &rows {
        for (cell, width) in row.iter().zip(&widths) {
            table.push_str(&format!("{cell:width$}  "));
        }
        table.push_str(&row[4]);
        table.push('\n');
    }
    let segments: Vec<&str> = evaluation.segments.iter().map(|segment| segment.name).collect();
    let segments = if segments.is_empty() { "none".to_owned() } else { segments.join(", ") };
    table + &format!("\nsegments: {}\n", on_one_line(&segments))
}

/// A value on one line of a table.
fn shortened(value: &str) -> String {
    const LIMIT: usize = 40;
    if value.chars().count() <= LIMIT {
        return value.to_owned();
    }
    value.chars().take(LIMIT - 1).chain(['…']).collect()
}
