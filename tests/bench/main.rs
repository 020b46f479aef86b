//! `scripts/bench`: one JSON line a figure, each with what was measured. Everything that counts is a ratio within this
//! one run, because machines differ.

mod edge;
mod engine;
mod load;
mod origin;

use serde_json::{Value, json};

fn main() {
    engine::against_the_rust_crate();
    edge::package();
    if let Some(tools) = tests::tools() {
        edge::routes(&tools);
        origin::streams(&tools);
    }
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
