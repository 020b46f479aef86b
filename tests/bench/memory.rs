//! Memory of `jackstaff serve` with many environments, over many changes.

use std::time::{Duration, Instant};

use fastrand::Rng;
use serde_json::{Value, json};
use tests::stack::{FEATURE, Stack, StackOptions, Trigger, document, key, stack_with};
use tests::{Tools, eventually, resident};

use crate::figure;

const ENVIRONMENTS: usize = 1_000;
/// Bytes of a document.
const SIZE: usize = 100_000;
/// The memory is measured after so many changes.
const LOOKS: [usize; 5] = [0, 1_000, 2_000, 5_000, 10_000];
/// Changes that are made at a time; the next come when these are published.
const BURST: usize = 50;
const SOON: Duration = Duration::from_secs(300);

pub(crate) fn of_serve(tools: &Tools) {
    if !cfg!(target_os = "linux") {
        tests::not_run("the bench needs /proc");
        return;
    }
    let options = StackOptions {
        environments: ENVIRONMENTS,
        edges: 0,
        poll: 600,
        trigger: Trigger::Webhook,
        quirks: false,
        ..StackOptions::default()
    };
    let stack = stack_with(tools, &options, large);
    // A bundle takes some 300 KB, so the stand-ins keep none: their memory does not count.
    stack.api.forget();
    let serve = stack.serve();
    let is_there = || (serve.count(&format!("watching {ENVIRONMENTS} environments")) > 0).then_some(());
    eventually("all environments are published", SOON, is_there);
    let mut changes = 0;
    let begun = Instant::now();
    for until in LOOKS {
        while changes < until {
            publish(&stack, &mut changes);
        }
        let details = json!({
            "environments": ENVIRONMENTS,
            "document_bytes": stack.flagsmith.document(&key(0)).to_string().len(),
            "changes": changes,
            "seconds": begun.elapsed().as_secs(),
            "measured": "resident memory of `jackstaff serve`",
        });
        let megabytes = resident(serve.process_id()) / 1e6;
        figure(&format!("control_memory_after_{changes}_changes"), megabytes, "MB", &details);
    }
}

/// Edits the next environments, each once, and waits until all edits are stored.
fn publish(stack: &Stack, changes: &mut usize) {
    let writes = stack.api.writes();
    for _ in 0..BURST {
        *changes += 1;
        stack.edit(*changes % ENVIRONMENTS, &json!(*changes));
    }
    eventually("all changes are published", SOON, || {
        (stack.api.writes() >= writes + BURST as u64).then_some(())
    });
}

/// A document of about 100 KB: texts that differ, as those of people do.
fn large(environment: usize) -> Value {
    let mut document = document(environment);
    let states = document["feature_states"].as_array_mut().expect("features");
    let mut rng = Rng::with_seed(environment as u64);
    let each = SIZE / states.len() - 350;
    for state in states.iter_mut().filter(|state| state["feature"]["name"] != FEATURE) {
        let text: String = std::iter::repeat_with(|| rng.lowercase()).take(each).collect();
        state["feature_state_value"] = json!(text);
    }
    document
}
