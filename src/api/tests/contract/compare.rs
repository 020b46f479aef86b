//! Comparing what was found with what was expected, situation by situation.

use std::fmt::{Debug, Display};

/// Compares all pairs of found and expected, and lists every situation in which they differ.
#[track_caller]
pub(crate) fn compare<S: Display, T: PartialEq + Debug>(situations: impl IntoIterator<Item = (S, T, T)>) {
    let mut count = 0;
    let mut wrong = Vec::new();
    for (situation, found, expected) in situations {
        count += 1;
        if found != expected {
            wrong.push(format!("{situation}\n     found: {found:?}\n  expected: {expected:?}"));
        }
    }
    assert!(count > 0, "no situation at all");
    println!("{count} situations");
    assert!(wrong.is_empty(), "{} of {count} situations:\n{}", wrong.len(), wrong.join("\n"));
}
