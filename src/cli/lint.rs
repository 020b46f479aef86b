//! `jackstaff lint`: what is wrong with documents, without a token or a store.

use std::collections::BTreeMap;
use std::env;
use std::fs;
use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::Args;
use clap::builder::PossibleValuesParser;
use publisher::cost::{CostLevel, share};
use publisher::watch::documents;
use publisher::{
    Clock, Finding, LINT_RULES, Lint, Place, PublishOptions, Severity, SystemClock, lint, on_one_line,
};
use serde_json::json;

use crate::evaluate::RegexAnchor;
use crate::log::complain;

/// Look for what is wrong with environment documents, without a token or a store
///
/// Says all that publication refuses (errors) or warns of, and more: overrides of features that the environment does not have,
/// segments that override nothing or can never match, names and ids that are there twice, limits that are near. Nothing is
/// asked or written. Exit codes: 0 sound, or warnings only; 1 a document would be refused, or with --strict anything was found;
/// 2 a file could not be read; 64 wrong usage. Of several documents the worst counts (2, 1, 0).
#[derive(Args)]
#[command(after_help = "Examples:
  jackstaff lint environment.json
  jackstaff lint --strict environments/
  jackstaff lint --strict --allow segment-unused environments/*.json
  jackstaff lint --json environment.json | jq -r .rule")]
pub(crate) struct Arguments {
    /// Environment documents (JSON), and directories: each `*.json` right in them that is not hidden
    #[arg(required = true, value_name = "FILE|DIRECTORY")]
    paths: Vec<PathBuf>,
    /// Fail for warnings, too
    #[arg(long)]
    strict: bool,
    /// Leave out what this rule finds
    #[arg(long, value_name = "RULE", value_parser = PossibleValuesParser::new(LINT_RULES), hide_possible_values = true)]
    allow: Vec<String>,
    /// Print one JSON object a finding, a line each: file, place, severity, message, rule
    #[arg(long)]
    json: bool,
    /// Where regular expressions have to match
    #[arg(long, value_enum, default_value_t = RegexAnchor::Start)]
    regex_anchor: RegexAnchor,
}

/// The result for a file.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Soundness {
    Sound,
    Unsound,
    Unreadable,
}

pub(crate) fn run(arguments: &Arguments) -> ExitCode {
    let mut linter = Linter { arguments, clock: SystemClock::start(), places: BTreeMap::new() };
    let mut worst = Soundness::Sound;
    for path in &arguments.paths {
        match documents(path) {
            Ok(files) => {
                let of_files = files.iter().map(|file| linter.lint(file)).max();
                worst = worst.max(of_files.unwrap_or(Soundness::Sound));
            }
            Err(error) => {
                complain!("{}: could not be read: {error}", path.display());
                worst = Soundness::Unreadable;
            }
        }
    }
    ExitCode::from(match worst {
        Soundness::Sound => 0,
        Soundness::Unsound => 1,
        Soundness::Unreadable => 2,
    })
}

/// One document after the other.
struct Linter<'a> {
    arguments: &'a Arguments,
    clock: SystemClock,
    /// Where each environment is from.
    places: BTreeMap<String, Place>,
}

impl Linter<'_> {
    fn lint(&mut self, file: &Path) -> Soundness {
        let place = Place::from(file);
        let text = match read(file) {
            Ok(text) => text,
            Err(error) => {
                complain!("{error:#}");
                return Soundness::Unreadable;
            }
        };
        let anchoring = self.arguments.regex_anchor.into();
        let options = PublishOptions { anchoring, ..PublishOptions::default() };
        let mut found = lint(&place, &text, &options, self.clock.now());
        if let Some(source) = &found.source {
            match self.places.get(source.key.as_str()) {
                Some(other) if *other != place => {
                    found.findings.push(Finding::environment_twice(&source.key, other));
                }
                Some(_) => {}
                None => {
                    self.places.insert(source.key.to_string(), place.clone());
                }
            }
        }
        found.findings.retain(|finding| !self.arguments.allow.iter().any(|rule| rule == finding.rule));
        // A closed output is ignored.
        let _ = if self.arguments.json {
            print_json(&place, &found.findings)
        } else {
            print_text(&place, &found)
        };
        let is_unsound = |finding: &Finding| self.arguments.strict || finding.severity == Severity::Error;
        if found.findings.iter().any(is_unsound) { Soundness::Unsound } else { Soundness::Sound }
    }
}

fn read(file: &Path) -> Result<String> {
    fs::read_to_string(file).with_context(|| format!("{} could not be read", file.display()))
}

fn print_json(place: &Place, findings: &[Finding]) -> io::Result<()> {
    let mut output = io::stdout().lock();
    for finding in findings {
        let object = json!({
            "file": place.to_string(),
            "place": finding.place,
            "severity": name(finding.severity),
            "message": finding.message,
            "rule": finding.rule,
        });
        writeln!(output, "{object}")?;
    }
    Ok(())
}

/// A line for each finding, and one for the document unless it is refused: what a request may cost.
fn print_text(place: &Place, Lint { findings, steps, .. }: &Lint) -> io::Result<()> {
    let mut output = io::stdout().lock();
    let is_coloured = output.is_terminal() && env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    for finding in findings {
        let (on, off) = match finding.severity {
            _ if !is_coloured => ("", ""),
            Severity::Error => ("\u{1b}[31m", "\u{1b}[0m"),
            Severity::Warning => ("\u{1b}[33m", "\u{1b}[0m"),
        };
        let Finding { place: part, message, rule, .. } = finding;
        let severity = name(finding.severity);
        writeln!(
            output,
            "{place}: {on}{severity}{off}: {}: {} [{rule}]",
            on_one_line(part),
            on_one_line(message)
        )?;
    }
    let Some(steps) = steps else { return Ok(()) };
    let is_refused = findings.iter().any(|finding| finding.severity == Severity::Error);
    if findings.is_empty() {
        writeln!(output, "{place}: sound; {}", share(*steps))?;
    } else if !is_refused && CostLevel::of(*steps) == CostLevel::Green {
        // Of a document that is dear, a finding says it.
        writeln!(output, "{place}: {}", share(*steps))?;
    }
    Ok(())
}

fn name(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
    }
}
