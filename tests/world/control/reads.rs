//! Readers for an invariant: a client that reads an environment at one edge again and again never finds an older state,
//! neither by its revision nor by its content.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use tests::Edge;
use tests::stack::{Served, served};

/// The findings of a reader.
#[derive(Debug, Default)]
pub(crate) struct Reads {
    pub(crate) count: usize,
    pub(crate) faults: Vec<String>,
}

/// Reads the environments of an edge in turn, until `is_over`.
pub(crate) fn read_again_and_again(edge: &Edge, environments: usize, is_over: &AtomicBool) -> Reads {
    let mut reads = Reads::default();
    let mut known: BTreeMap<usize, Served> = BTreeMap::new();
    let mut rng = fastrand::Rng::with_seed(7);
    while !is_over.load(Ordering::Relaxed) {
        let environment = rng.usize(..environments);
        reads.count += 1;
        let before = known.get(&environment);
        match served(edge, environment) {
            Some(now) => {
                if let Some(before) = before.filter(|before| is_backwards(before, &now)) {
                    reads.faults.push(format!("environment {environment}: {now:?} after {before:?}"));
                }
                known.insert(environment, now);
            }
            None => reads.faults.push(format!("environment {environment} was not served")),
        }
        thread::sleep(Duration::from_millis(2));
    }
    reads
}

fn is_backwards(before: &Served, now: &Served) -> bool {
    let edited = |served: &Served| served.value.as_u64().unwrap();
    now.revision < before.revision
        || edited(now) < edited(before)
        || (now.revision == before.revision && now.value != before.value)
}
