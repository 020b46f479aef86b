//! The result of a command, and its exit code.

use std::fmt::Display;
use std::process::ExitCode;

use publisher::{Report, ServerKeysReport};

use crate::log::complain;

/// The result for a file or an environment. The program ends with the worst.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Verdict {
    Good,
    NotAnnounced,
    Refused,
    NotWritten,
}

impl From<Verdict> for ExitCode {
    fn from(verdict: Verdict) -> Self {
        ExitCode::from(match verdict {
            Verdict::Good => 0,
            Verdict::Refused => 1,
            Verdict::NotWritten => 2,
            Verdict::NotAnnounced => 3,
        })
    }
}

/// Prints what went wrong for the file or environment of this name.
pub(crate) fn judge(name: &impl Display, report: &Report) -> Verdict {
    let environment = match &report.environment {
        Ok(_) => Verdict::Good,
        Err(error) if error.is_refusal() => print_error(name, Verdict::Refused, error),
        Err(error) => print_error(name, Verdict::NotWritten, error),
    };
    let after = report.after.iter().map(|failed| print_error(name, Verdict::NotAnnounced, failed));
    let after = after.max().unwrap_or(Verdict::Good);
    environment.max(judge_keys(name, &report.server_keys)).max(after)
}

/// As [`judge`], of server-side keys alone.
pub(crate) fn judge_keys(name: &impl Display, report: &ServerKeysReport) -> Verdict {
    let mut verdict = Verdict::Good;
    for failed in &report.failed {
        verdict = verdict.max(print_error(name, Verdict::NotWritten, failed));
    }
    for repointed in &report.repointed {
        verdict = verdict.max(print_error(name, Verdict::Refused, repointed));
    }
    if report.not_tried > 0 {
        let what = format!("{} more server-side keys were not tried", report.not_tried);
        verdict = verdict.max(print_error(name, Verdict::NotWritten, &what));
    }
    for failed in &report.after {
        verdict = verdict.max(print_error(name, Verdict::NotAnnounced, failed));
    }
    verdict
}

fn print_error(name: &impl Display, verdict: Verdict, what: &dyn Display) -> Verdict {
    complain!("{name}: {what}");
    verdict
}
