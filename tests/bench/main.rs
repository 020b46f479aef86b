//! `scripts/bench`: one JSON line a figure, each with what was measured. Everything that counts is a ratio within this
//! one run, because machines differ.

mod budget;
mod builds;
mod control;
mod edge;
mod engine;
mod leader;
mod load;
mod memory;
mod ofrep;
mod origin;
mod patterns;
mod ratio;
mod stream;
mod traits;
mod work;

use std::env;
use std::process::ExitCode;

use serde_json::{Value, json};
use tests::Tools;

/// A part of the benches, by its name.
type Part = (&'static str, fn(&Tools));

/// The parts, all or those that were named; or `builds`, which is no part, since it takes two builds.
fn main() -> ExitCode {
    let named: Vec<String> = env::args().skip(1).collect();
    if let Some(("builds", arguments)) = named.split_first().map(|(first, rest)| (first.as_str(), rest)) {
        return builds::run(arguments.iter().cloned());
    }
    let parts: [Part; 13] = [
        ("engine", |_| engine::against_the_rust_crate()),
        ("patterns", |_| patterns::costs()),
        ("package", |_| edge::package()),
        ("edge", edge::routes),
        ("traits", traits::stored),
        ("ofrep", ofrep::bulk),
        ("budget", budget::of_requests),
        ("leader", leader::vcpu),
        ("work", work::steps),
        ("origin", origin::streams),
        ("stream", stream::delays),
        ("control", control::delays),
        ("memory", memory::of_serve),
    ];
    if let Some(unknown) = named.iter().find(|name| parts.iter().all(|(part, _)| part != name)) {
        eprintln!("bench: there is no part {unknown}, only {}", parts.map(|(part, _)| part).join(", "));
        return ExitCode::from(64);
    }
    let Some(tools) = tests::tools() else { return ExitCode::FAILURE };
    for (part, run) in parts {
        if named.is_empty() || named.iter().any(|name| name == part) {
            run(&tools);
        }
    }
    ExitCode::SUCCESS
}

/// Prints a figure: its name, its value and unit, and what else there is to say.
fn figure(bench: &str, value: f64, unit: &str, details: &Value) {
    let value = if value.abs() >= 100.0 { value.round() } else { (value * 1000.0).round() / 1000.0 };
    let mut line = json!({ "bench": bench, "value": value, "unit": unit });
    if let (Some(line), Some(details)) = (line.as_object_mut(), details.as_object()) {
        line.extend(details.clone());
    }
    println!("{line}");
}
