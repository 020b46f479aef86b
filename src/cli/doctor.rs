//! `jackstaff doctor`: what is wrong with a deployment, as its clients meet it.

use std::fs;
use std::io::{self, IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use api::Secret;
use clap::Args;
use doctor::{Deployment, Finding, Outcome, Serve, Severity, examine};
use jiff::Timestamp;
use publisher::on_one_line;
use serde_json::json;

use crate::USAGE;
use crate::log::complain;
use crate::serve_arguments::ServeArguments;

/// The environment variable with a server-side key.
const SERVER_KEY: &str = "JACKSTAFF_SERVER_KEY";

/// Something is wrong.
const WRONG: u8 = 1;
/// The edge does not answer.
const NOT_REACHED: u8 = 2;

/// Look for what is wrong with a deployment, or with the demo
///
/// Asks the edge what SDKs and browsers ask, and listens to a stream: is it reached, by TLS, at the right time; what do the
/// keys open; are answers fresh, compressed and not cached on their way; do paths, POST and pages of other origins work; does
/// the stream begin at once, and keep on. With --serve, also whether the control plane publishes, and whether the edge has
/// what it published. Nothing is changed, and no secret is shown. For each finding: what was asked, what came, what it means,
/// and what to do. Exit codes: 0 nothing is wrong; 1 something is; 2 the edge was not reached; 64 wrong usage.
#[derive(Args)]
#[command(after_help = "Examples:
  jackstaff doctor --edge http://127.0.0.1:7676 --key demo-environment-key --serve http://127.0.0.1:7678
  jackstaff doctor --edge https://flags.example.com --key KEY --server-key-file server-key --page https://shop.example.com
  jackstaff doctor --edge https://flags.example.com --key KEY --listen 100 --json
  jackstaff doctor --edge https://flags.example.com --settings settings.json

Environment variables:
  JACKSTAFF_SERVER_KEY    a server-side key, unless --server-key-file names a file with it
  JACKSTAFF_ORIGIN_TOKEN  the token of `serve`, unless --serve-token-file names a file with it")]
pub(crate) struct Arguments {
    /// The address of the edge, without a path
    #[arg(long, value_name = "URL")]
    edge: String,
    /// The client-side key of an environment
    #[arg(long, value_name = "KEY")]
    key: Option<String>,
    /// A file with a server-side key of the environment
    #[arg(long, value_name = "FILE")]
    server_key_file: Option<PathBuf>,
    #[command(flatten)]
    control: ServeArguments,
    /// The origin of a page that reads flags, as browsers write it
    #[arg(long, value_name = "ORIGIN", default_value = "https://example.com")]
    page: String,
    /// A file with the edge's settings, as they are, or are to be, in its config store
    #[arg(long, value_name = "FILE")]
    settings: Option<PathBuf>,
    /// For how many seconds the stream is listened to; 100 shows how it ends
    #[arg(long, value_name = "SECONDS", default_value_t = 15, value_parser = clap::value_parser!(u64).range(5..=600))]
    listen: u64,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(arguments: &Arguments) -> ExitCode {
    let prepared = match prepare(arguments) {
        Ok(prepared) => prepared,
        Err(error) => {
            complain!("jackstaff doctor: {error:#}");
            return USAGE.into();
        }
    };
    let Prepared { server_key, token, settings } = prepared;
    let deployment = Deployment {
        edge: &arguments.edge,
        client_key: arguments.key.as_deref(),
        server_key: server_key.as_ref(),
        serve: arguments.control.serve.as_deref().map(|url| Serve { url, token: token.as_ref() }),
        page: arguments.page.trim_end_matches('/'),
        listen: Duration::from_secs(arguments.listen),
    };
    let mut findings = Vec::new();
    let mut tell = |finding: Finding| {
        // Some take a while, so each is shown at once.
        if !arguments.json {
            print(&finding);
        }
        findings.push(finding);
    };
    settings.into_iter().for_each(&mut tell);
    let outcome = examine(&deployment, Timestamp::now, &mut tell);
    let wrong = findings.iter().filter(|finding| finding.severity == Severity::Wrong).count();
    let text = if arguments.json {
        format!("{:#}\n", json!({ "edge": arguments.edge, "wrong": wrong, "findings": findings }))
    } else {
        summary(wrong, findings.len())
    };
    // A closed output is ignored.
    let _ = io::stdout().write_all(text.as_bytes());
    match (outcome, wrong) {
        (Outcome::NotReached, _) => NOT_REACHED.into(),
        (Outcome::Examined, 0) => ExitCode::SUCCESS,
        (Outcome::Examined, _) => WRONG.into(),
    }
}

struct Prepared {
    server_key: Option<Secret>,
    token: Option<Secret>,
    settings: Vec<Finding>,
}

fn prepare(arguments: &Arguments) -> Result<Prepared> {
    // Findings show URLs, and this may be a password.
    for (option, url) in [("--edge", Some(&arguments.edge)), ("--serve", arguments.control.serve.as_ref())] {
        ensure!(
            !url.is_some_and(|url| url.contains('@')),
            "{option}: no user name or password can be in the URL"
        );
    }
    let server_key = Secret::read_token(arguments.server_key_file.as_deref(), SERVER_KEY)?;
    let token = arguments.control.token("doctor")?;
    let settings = match &arguments.settings {
        Some(file) => {
            let place = file.display().to_string();
            let text = fs::read_to_string(file).with_context(|| format!("{place} could not be read"))?;
            doctor::settings(&place, &text)
        }
        None => Vec::new(),
    };
    Ok(Prepared { server_key, token, settings })
}

fn print(finding: &Finding) {
    let Finding { check, severity, asked, came, means, todo } = finding;
    let (word, colour) = match severity {
        Severity::Sound => ("ok   ", "32"),
        Severity::Note => ("note ", "33"),
        Severity::Wrong => ("WRONG", "31"),
    };
    let word =
        if io::stdout().is_terminal() { format!("\x1b[{colour}m{word}\x1b[0m") } else { word.to_owned() };
    let mut text = format!("{word} {check}: {}\n", on_one_line(came));
    if *severity != Severity::Sound {
        for (what, line) in [("asked", asked), ("means", means), ("do", todo)] {
            if !line.is_empty() {
                text.push_str(&format!("      {what}: {}\n", on_one_line(line)));
            }
        }
    }
    let _ = io::stdout().write_all(text.as_bytes());
}

fn summary(wrong: usize, findings: usize) -> String {
    match wrong {
        0 => format!("\nnothing is wrong, by {findings} findings\n"),
        1 => format!("\n1 thing is wrong, of {findings} findings\n"),
        wrong => format!("\n{wrong} things are wrong, of {findings} findings\n"),
    }
}
