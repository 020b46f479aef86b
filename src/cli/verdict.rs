//! How it went, and what the program ends with.

use std::fmt::Display;
use std::process::ExitCode;

use publisher::{Report, ServerKeysReport};

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
    let environment = match &report.environment {
        Ok(_) => Verdict::Good,
        Err(trouble) if trouble.is_refusal() => said(name, Verdict::Refused, trouble),
        Err(trouble) => said(name, Verdict::NotWritten, trouble),
    };
    let after = report.after.iter().map(|failed| said(name, Verdict::NotTold, failed));
    let after = after.max().unwrap_or(Verdict::Good);
    environment.max(judge_keys(name, &report.server_keys)).max(after)
}

/// As [`judge`], of server-side keys alone.
pub(crate) fn judge_keys(name: &impl Display, report: &ServerKeysReport) -> Verdict {
    let mut verdict = Verdict::Good;
    for failed in &report.failed {
        verdict = verdict.max(said(name, Verdict::NotWritten, failed));
    }
    if report.not_tried > 0 {
        let what = format!("{} more server-side keys were not tried", report.not_tried);
        verdict = verdict.max(said(name, Verdict::NotWritten, &what));
    }
    for failed in &report.after {
        verdict = verdict.max(said(name, Verdict::NotTold, failed));
    }
    verdict
}

fn said(name: &impl Display, verdict: Verdict, what: &dyn Display) -> Verdict {
    eprintln!("{name}: {what}");
    verdict
}
