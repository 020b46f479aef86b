//! Properties of the engine and of the HTTP contract, tried on generated inputs.
//!
//! The same inputs each time; with `JACKSTAFF_TEST_FULL=1`, fifty times as many, and others in each run.

mod generate;

mod bundles;
mod contexts;
mod documents;
mod never_matching;
mod shares;
mod streams;
mod tags;
mod unmatched_segment;

use proptest::test_runner::{Config, RngSeed};

fn cases(count: u32) -> Config {
    let full = std::env::var_os("JACKSTAFF_TEST_FULL").is_some();
    Config {
        cases: if full { count * 50 } else { count },
        rng_seed: if full { RngSeed::Random } else { RngSeed::Fixed(1) },
        failure_persistence: None,
        ..Config::default()
    }
}
