//! What `jackstaff probe` prints.

use std::fmt::Write as _;
use std::io::{self, Write as _};

use api::Revision;
use doctor::freshness::{Distribution, Objective, Steps, milliseconds};
use doctor::probe::Observed;
use jiff::Timestamp;
use publisher::on_one_line;
use serde_json::{Value, json};

use crate::columns::aligned;
use crate::log::complain;

/// A change at an edge.
pub(super) struct Measured {
    pub(super) observed: Observed,
    /// When the control plane had it.
    pub(super) seen: Option<Timestamp>,
    pub(super) steps: Option<Steps>,
}

impl Measured {
    fn read(&self) -> f64 {
        milliseconds(self.observed.signalled, self.observed.read)
    }

    /// As far back as it is known. Milliseconds.
    fn total(&self) -> f64 {
        self.steps.map_or_else(|| self.read(), |steps| steps.total())
    }
}

/// All that was measured so far.
pub(super) struct Report<'a> {
    edges: Vec<AtEdge<'a>>,
    objective: Objective,
    is_json: bool,
}

struct AtEdge<'a> {
    url: &'a str,
    is_ready: bool,
    /// A trouble is said once, until it passes.
    trouble: Option<String>,
    changes: Vec<Measured>,
}

impl<'a> Report<'a> {
    pub(super) fn new(edges: &'a [String], objective: Objective, is_json: bool) -> Report<'a> {
        let edges =
            edges.iter().map(|url| AtEdge { url, is_ready: false, trouble: None, changes: Vec::new() });
        Report { edges: edges.collect(), objective, is_json }
    }

    pub(super) fn ready(&mut self, place: usize, revision: Revision) {
        let edge = &mut self.edges[place];
        edge.is_ready = true;
        edge.trouble = None;
        complain!("jackstaff probe: listening at {}, which serves revision {revision}", edge.url);
    }

    pub(super) fn trouble(&mut self, place: usize, why: &str) {
        let edge = &mut self.edges[place];
        if edge.trouble.as_deref() != Some(why) {
            complain!("jackstaff probe: {}: {}", edge.url, on_one_line(why));
            edge.trouble = Some(why.to_owned());
        }
    }

    pub(super) fn change(&mut self, place: usize, measured: Measured) {
        let edge = &mut self.edges[place];
        edge.trouble = None;
        let line = if self.is_json {
            json_of(edge.url, &measured).to_string()
        } else {
            line_of(edge.url, &measured)
        };
        print(&line);
        edge.changes.push(measured);
    }

    /// Whether there are so many changes at each edge.
    pub(super) fn has(&self, changes: usize) -> bool {
        self.edges.iter().all(|edge| edge.changes.len() >= changes)
    }

    /// Prints the distributions, and says whether flags were as fresh as they should be. None if an edge was not listened to,
    /// or no change came.
    pub(super) fn finish(self) -> Option<bool> {
        let is_fresh = self.edges.iter().all(|edge| edge.is_fresh(self.objective));
        if self.is_json {
            let edges: Vec<Value> = self.edges.iter().map(|edge| edge.json(self.objective)).collect();
            print(&json!({ "edges": edges, "is_fresh": is_fresh }).to_string());
        } else {
            for edge in &self.edges {
                print(&edge.table(self.objective));
            }
        }
        let is_measured = self.edges.iter().all(|edge| edge.is_ready && !edge.changes.is_empty());
        is_measured.then_some(is_fresh)
    }
}

/// A duration of a change. Milliseconds; none if it is not known.
type Step = fn(&Measured) -> Option<f64>;

const STEPS: [(&str, Step); 5] = [
    ("stored", |measured| Some(measured.steps?.stored)),
    ("announced", |measured| Some(measured.steps?.announced)),
    ("signalled", |measured| Some(measured.steps?.signalled)),
    ("read", |measured| Some(measured.read())),
    ("total", |measured| Some(measured.total())),
];

impl AtEdge<'_> {
    fn totals(&self) -> Vec<f64> {
        self.changes.iter().map(Measured::total).collect()
    }

    /// Answers with flags that were older than the event.
    fn older(&self) -> u64 {
        self.changes.iter().map(|measured| measured.observed.older).sum()
    }

    fn is_fresh(&self, objective: Objective) -> bool {
        self.older() == 0 && objective.is_met(&self.totals())
    }

    fn distributions(&self) -> impl Iterator<Item = (&'static str, usize, Distribution)> {
        STEPS.into_iter().filter_map(|(name, duration)| {
            let durations: Vec<f64> = self.changes.iter().filter_map(duration).collect();
            Some((name, durations.len(), Distribution::of(durations)?))
        })
    }

    fn json(&self, objective: Objective) -> Value {
        let steps = self.distributions().map(|(name, count, distribution)| {
            (name.to_owned(), json!({ "changes": count, "milliseconds": distribution }))
        });
        json!({
            "edge": self.url,
            "changes": self.changes.len(),
            "within": objective.count(&self.totals()),
            "older": self.older(),
            "steps": steps.collect::<serde_json::Map<String, Value>>(),
        })
    }

    fn table(&self, objective: Objective) -> String {
        let mut text = format!("\n{}\n", self.url);
        let head = ["ms", "changes", "least", "median", "90 %", "99 %", "most"].map(str::to_owned);
        let mut rows = vec![head];
        for (name, count, Distribution { least, median, ninety, ninety_nine, most }) in self.distributions() {
            let [least, median, ninety, ninety_nine, most] =
                [least, median, ninety, ninety_nine, most].map(|duration| format!("{duration:.1}"));
            rows.push([name.to_owned(), count.to_string(), least, median, ninety, ninety_nine, most]);
        }
        if rows.len() > 1 {
            text.push_str(&aligned(&rows, &[1, 2, 3, 4, 5, 6]));
        }
        let (all, within) = (self.changes.len(), objective.count(&self.totals()));
        let limit = objective.within.as_millis();
        let verdict = match (all, objective.is_met(&self.totals())) {
            (0, _) => "no change came",
            (_, true) => "met",
            (_, false) => "missed",
        };
        let percent = Objective::PERCENT;
        // Writing to a string cannot fail.
        let _ = write!(text, "{within} of {all} within {limit} ms; the objective is {percent} %: {verdict}");
        if self.older() > 0 {
            let _ = write!(text, "\n{} answers had older flags than the event before", self.older());
        }
        text
    }
}

fn json_of(edge: &str, measured: &Measured) -> Value {
    let Measured { observed, seen, steps } = measured;
    json!({
        "edge": edge,
        "revision": observed.revision,
        "seen": seen.map(|seen| seen.to_string()),
        "signalled": observed.signalled.to_string(),
        "read": observed.read.to_string(),
        "older": observed.older,
        "milliseconds": steps,
        "total": measured.total(),
    })
}

fn line_of(edge: &str, measured: &Measured) -> String {
    let revision = measured.observed.revision;
    let total = measured.total();
    match measured.steps {
        Some(Steps { stored, announced, signalled, read }) => format!(
            "{edge} {revision}: {total:.1} ms = stored {stored:.1} + announced {announced:.1} + signalled {signalled:.1} + read {read:.1}"
        ),
        None => format!("{edge} {revision}: read {total:.1} ms after the event"),
    }
}

/// A closed output is ignored.
fn print(line: &str) {
    let _ = writeln!(io::stdout(), "{line}");
}
