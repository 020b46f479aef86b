//! Looks for documents whose evaluation takes much work. The fuzzer keeps an input that reaches a counter which no other
//! has reached, and there is one for each half power of two of the steps: so it climbs.
#![no_main]

use std::sync::atomic::{AtomicU8, Ordering};

/// libFuzzer takes the bytes of this section for counters of its own, and clears them before each input.
#[expect(unsafe_code, reason = "a section has to be named, and nothing else is in it")]
#[unsafe(link_section = "__libfuzzer_extra_counters")]
static REACHED: [AtomicU8; 128] = [const { AtomicU8::new(0) }; 128];

libfuzzer_sys::fuzz_target!(|text: &str| {
    let steps = invariants::work(text);
    let halves = steps.saturating_mul(steps).checked_ilog2().unwrap_or_default();
    for counter in &REACHED[..=halves as usize] {
        counter.store(1, Ordering::Relaxed);
    }
});
