//! How it went, and what the program ends with.

use std::fmt::Display;
use std::process::ExitCode;

use publisher::Report;

/// How badly it went for a file or an environment; the worst is what the program ends with.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Verdict {
    Good,
    NotTold,
    Refused,
    NotWritten,
}

impl From<Verdict> for ExitCode {
    fn from(verdict: Verdict) -> Self {
        ExitCode::from(match verdict {
            Verdict::Good => 0,
            Verdict::Refused => 1,
            Verdict::NotWritten => 2,
            Verdict::NotTold => 3,
        })
    }
}

/// Says what went wrong, about what has this name.
pub(crate) fn judge(name: &impl Display, report: &Report) -> Verdict {
    let mut verdict = Verdict::Good;
    let mut say = |of_this: Verdict, what: &dyn Display| {
        eprintln!("{name}: {what}");
        verdict = verdict.max(of_this);
    };
    if let Err(trouble) = &report.environment {
        say(if trouble.is_refusal() { Verdict::Refused } else { Verdict::NotWritten }, trouble);
    }
    let keys = &report.server_keys;
    for failed in &keys.failed {
        say(Verdict::NotWritten, failed);
    }
    if keys.not_tried > 0 {
        say(Verdict::NotWritten, &format!("{} more server-side keys were not tried", keys.not_tried));
    }
    for failed in report.after.iter().chain(&keys.after) {
        say(Verdict::NotTold, failed);
    }
    verdict
}
