//! Searches for the dearest input: it changes documents and requests at random, and keeps what costs more.
//!
//! Evaluations are guided by counted work, natively. Requests are guided by the vCPU time that the guest counts, since
//! reading a body has no counted steps; they are sent to a real edge. Both stay within what is accepted: documents that
//! the publisher does not warn of, requests of a mebibyte.

mod evaluations;
mod genes;
mod measure;
mod requests;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::{Parser, ValueEnum};

use crate::measure::Input;

/// Searches for the dearest evaluation, or the dearest request, that is within all limits
///
/// Prints a line whenever it has found a dearer one, and at the end what that one costs on an edge. It is left in the
/// folder: `document.json`, `request.json`.
#[derive(Parser)]
#[command(after_help = "\
Examples:
  target/release/search evaluations --seconds 3600
  target/release/search evaluations --by time --seed 7
  target/release/search requests --folder /tmp/dearest
  target/release/search measure --folder /tmp/dearest    # what was found before, on the edge of today")]
struct Arguments {
    what: What,
    /// For how long
    #[arg(long, value_name = "N", default_value_t = 60)]
    seconds: u64,
    /// Another seed gives another search
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// What makes an evaluation dear
    #[arg(long, value_enum, default_value_t = By::Steps)]
    by: By,
    /// Where the dearest one is left
    #[arg(long, value_name = "FOLDER", default_value = "target/search")]
    folder: PathBuf,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum What {
    Evaluations,
    Requests,
    /// Only measure what lies in the folder
    Measure,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum By {
    /// Counted work
    Steps,
    /// Time, for faults in how work is counted
    Time,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let Some(tools) = tests::tools() else { return ExitCode::FAILURE };
    let time = Duration::from_secs(arguments.seconds);
    let keep = |input: &Input| input.write(&arguments.folder);
    match arguments.what {
        What::Evaluations => evaluations::search(arguments.seed, time, arguments.by, keep),
        What::Requests => requests::search(&tools, arguments.seed, time, keep),
        What::Measure => {}
    }
    let dearest = Input::read(&arguments.folder);
    println!("{}", measure::on_an_edge(&tools, &dearest));
    ExitCode::SUCCESS
}

/// Climbs until the time is over: changes one of the best candidates, and keeps the change if it scores more.
/// `score` is none for a candidate that is not accepted; `keep` is called with each that is dearer than all before.
fn climb<T: Clone>(
    first: T,
    seed: u64,
    time: Duration,
    change: impl Fn(&mut T, &mut fastrand::Rng),
    mut score: impl FnMut(&T) -> Option<f64>,
    mut keep: impl FnMut(&T),
) -> T {
    /// So many different candidates are kept: a change that costs less today may lead further tomorrow.
    const KEPT: usize = 12;
    let mut random = fastrand::Rng::with_seed(seed);
    let started = Instant::now();
    let mut kept = vec![(score(&first).unwrap_or_default(), first)];
    let mut tried = 0_u64;
    while started.elapsed() < time {
        let from = random.usize(..kept.len());
        let mut candidate = kept[from].1.clone();
        for _ in 0..random.usize(1..4) {
            change(&mut candidate, &mut random);
        }
        tried += 1;
        let Some(scored) = score(&candidate) else { continue };
        if scored > kept[0].0 {
            println!("after {:>4} s and {tried} candidates: {scored:.0}", started.elapsed().as_secs());
            keep(&candidate);
        }
        // Mostly a candidate takes the place of the one that it came from, so that all kinds stay.
        if kept.len() < KEPT {
            kept.push((scored, candidate));
        } else if scored >= kept[from].0 {
            kept[from] = (scored, candidate);
        }
        kept.sort_by(|a, b| b.0.total_cmp(&a.0));
    }
    println!("{tried} candidates");
    kept.swap_remove(0).1
}
