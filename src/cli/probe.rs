//! `jackstaff probe`: how fresh flags are, where clients read them.

mod report;

use std::num::NonZeroUsize;
use std::process::ExitCode;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use api::progress::ChangeSteps;
use api::{Revision, Secret};
use clap::Args;
use doctor::Serve;
use doctor::freshness::{Objective, Steps, Unknown, last_change};
use doctor::probe::{Met, Observed, probe};
use jiff::Timestamp;

use crate::USAGE;
use crate::log::complain;
use crate::origin::end;
use crate::serve_arguments::ServeArguments;
use report::{Measured, Report};

/// Flags are not as fresh as they should be.
const NOT_FRESH: u8 = 1;
/// An edge could not be listened to.
const NOT_REACHED: u8 = 2;
/// How often the control plane is asked whether a change is announced.
const TRIES: usize = 10;
/// Between two of these questions.
const BETWEEN: Duration = Duration::from_millis(50);

/// Measure how long changes take to reach clients, step by step
///
/// Listens to the environment at each edge, as an SDK does, and reads its flags at each event. With --serve, the control
/// plane says when it had the change, when the store had it and when it was announced; the clocks of both machines are
/// compared then. Changes have to come from elsewhere: nothing is published. Ends after --for, after --changes, or on Ctrl-C
/// or TERM; then it prints how the steps are distributed at each edge, and whether 99 % of the changes were read within
/// --within: from the control plane's first moment, or without --serve from the event. An answer with flags that are older
/// than the event is counted: an edge gives none. Exit codes: 0 so they were, and none was older; 1 not; 2 an edge
/// was not listened to, or no change came; 64 wrong usage.
#[derive(Args)]
#[command(after_help = "Examples:
  jackstaff probe --edge http://127.0.0.1:7676 --key demo-environment-key --serve http://127.0.0.1:7678
  jackstaff probe --edge https://flags.example.com --key KEY --for 3600 --within 500 --json
  jackstaff probe --edge https://flags.example.com --edge https://flags.example.org --key KEY --changes 100

Environment variables:
  JACKSTAFF_ORIGIN_TOKEN  the token of `serve`, unless --serve-token-file names a file with it")]
pub(crate) struct Arguments {
    /// The address of an edge, without a path; several are listened to at the same time
    #[arg(long = "edge", value_name = "URL", required = true)]
    edges: Vec<String>,
    /// The client-side key of an environment
    #[arg(long, value_name = "KEY")]
    key: String,
    #[command(flatten)]
    control: ServeArguments,
    /// End after so many seconds
    #[arg(long = "for", value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..))]
    time: Option<u64>,
    /// End after so many changes at each edge
    #[arg(long, value_name = "NUMBER")]
    changes: Option<NonZeroUsize>,
    /// The objective: 99 % of the changes are read within so many milliseconds
    #[arg(long, value_name = "MS", default_value_t = 1_000, value_parser = clap::value_parser!(u64).range(1..))]
    within: u64,
    /// Print each change, and the distributions at the end, as a JSON object on a line
    #[arg(long)]
    json: bool,
}

/// What may happen.
enum Event {
    /// A client of this edge, by its place in the arguments, met something.
    Met(usize, Met),
    End,
}

pub(crate) fn run(arguments: &Arguments) -> ExitCode {
    match prepare(arguments) {
        Ok((token, events)) => measure(arguments, token.as_ref(), &events),
        Err(error) => {
            complain!("jackstaff probe: {error:#}");
            USAGE.into()
        }
    }
}

/// The token of the control plane, and what happens, with a client at each edge.
fn prepare(arguments: &Arguments) -> Result<(Option<Secret>, Receiver<Event>)> {
    // What is printed names the edges, and this may be a password.
    let urls = arguments.edges.iter().map(|url| ("--edge", url));
    for (option, url) in urls.chain(arguments.control.serve.iter().map(|url| ("--serve", url))) {
        ensure!(!url.contains('@'), "{option}: no user name or password can be in the URL");
        ensure!(
            url.starts_with("http://") || url.starts_with("https://"),
            "{option}: `{url}` is no URL with http:// or https://"
        );
    }
    ensure!(
        !arguments.key.starts_with("ser."),
        "--key: this is a server-side key, which is secret; streams are opened by the client-side key"
    );
    let token = arguments.control.token("probe")?;
    let (sender, events) = mpsc::channel();
    for (place, edge) in arguments.edges.iter().enumerate() {
        let (edge, key, sender) = (edge.clone(), arguments.key.clone(), sender.clone());
        thread::spawn(move || {
            probe(&edge, &key, &Timestamp::now, &mut |met| {
                // Nobody listens to the last ones.
                let _ = sender.send(Event::Met(place, met));
            });
        });
    }
    end_on_a_signal(sender)?;
    Ok((token, events))
}

fn end_on_a_signal(sender: Sender<Event>) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.context("no runtime could be started")?;
    thread::spawn(move || {
        runtime.block_on(end());
        let _ = sender.send(Event::End);
    });
    Ok(())
}

fn measure(arguments: &Arguments, token: Option<&Secret>, events: &Receiver<Event>) -> ExitCode {
    let objective = Objective { within: Duration::from_millis(arguments.within) };
    let mut control = arguments.control.serve.as_deref().map(|url| Control {
        serve: Serve { url, token },
        key: &arguments.key,
        last: None,
        is_heard: true,
    });
    let mut report = Report::new(&arguments.edges, objective, arguments.json);
    let began = Instant::now();
    loop {
        let left = arguments.time.map(|time| Duration::from_secs(time).saturating_sub(began.elapsed()));
        let event = match left {
            Some(left) => events.recv_timeout(left),
            None => events.recv().map_err(|_| RecvTimeoutError::Disconnected),
        };
        match event {
            Ok(Event::Met(place, Met::Ready(revision))) => report.ready(place, revision),
            Ok(Event::Met(place, Met::Trouble(why))) => report.trouble(place, &why),
            Ok(Event::Met(place, Met::Change(observed))) => {
                let (change, steps) = match &mut control {
                    Some(control) => control.steps(&observed),
                    None => (None, None),
                };
                report
                    .change(place, Measured { observed, seen: change.and_then(|change| change.seen), steps });
            }
            Ok(Event::End) | Err(_) => break,
        }
        if arguments.changes.is_some_and(|changes| report.has(changes.get())) {
            break;
        }
    }
    match report.finish() {
        None => NOT_REACHED.into(),
        Some(true) => ExitCode::SUCCESS,
        Some(false) => NOT_FRESH.into(),
    }
}

/// The control plane, and what it said last.
struct Control<'a> {
    serve: Serve<'a>,
    key: &'a str,
    last: Option<ChangeSteps>,
    /// Its troubles are said once, until it answers again.
    is_heard: bool,
}

impl Control<'_> {
    fn steps(&mut self, observed: &Observed) -> (Option<ChangeSteps>, Option<Steps>) {
        let change = self.change(observed.revision);
        let steps = change.as_ref().map(|change| Steps::of(change, observed));
        if let Some(Err(Unknown::Clocks)) = steps {
            complain!(
                "jackstaff probe: revision {} was signalled before it was stored, by the clocks of this machine and of {}: let both keep the time by NTP",
                observed.revision,
                self.serve.url
            );
        }
        (change, steps.and_then(Result::ok))
    }

    /// What it says of this revision. Another edge may have had it before.
    fn change(&mut self, revision: Revision) -> Option<ChangeSteps> {
        let is_whole = |change: &ChangeSteps| change.revision == revision && change.announced.is_some();
        for _ in 0..TRIES {
            if self.last.as_ref().is_some_and(is_whole) {
                break;
            }
            match last_change(self.serve, self.key) {
                Ok(change) => {
                    self.is_heard = true;
                    // It has published another one since.
                    if change.as_ref().is_none_or(|change| change.revision > revision) {
                        return None;
                    }
                    self.last = change;
                }
                Err(why) => {
                    if self.is_heard {
                        complain!("jackstaff probe: {why}");
                    }
                    self.is_heard = false;
                    return None;
                }
            }
            thread::sleep(BETWEEN);
        }
        self.last.clone().filter(|change| change.revision == revision)
    }
}
