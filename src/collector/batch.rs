//! From the lines of a segment to requests: what an environment counted is added up. The same lines always make the same
//! batches, so a batch is known by its number and its content after a restart.

use std::collections::BTreeMap;

use serde_json::value::RawValue;
use serde_json::{Value as Json, json};
use xxhash_rust::xxh3::xxh3_128;

use crate::line::{Content, Line};

/// Names in a request, as at the edge.
const NAMES: usize = 5_000;
/// Evaluations in a request, as at the edge.
const EVALUATIONS: usize = 1_000;
/// Events in a request: as many as an SDK sends.
const EVENTS: usize = 1_000;
/// Bytes of a request of events, unless one event alone takes more.
const EVENTS_BYTES: usize = 512 << 10;
/// The greatest count of Flagsmith's columns. An app that sends a greater one would make its server fail.
const GREATEST: u64 = 0x7fff_ffff;

/// What a request is of. Each kind is forwarded on its own, so that a server that is away holds up no other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    Counts,
    Evaluations,
    Events,
}

impl Kind {
    pub(crate) const ALL: [Kind; 3] = [Kind::Counts, Kind::Evaluations, Kind::Events];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Kind::Counts => "counts",
            Kind::Evaluations => "evaluations",
            Kind::Events => "events",
        }
    }

    pub(crate) fn of_name(name: &str) -> Option<Kind> {
        Kind::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

/// One request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Batch {
    pub(crate) kind: Kind,
    pub(crate) environment: String,
    pub(crate) sdk: Option<String>,
    pub(crate) body: String,
    /// What the counts add up to, or how many events there are.
    pub(crate) sum: u64,
    /// Of its number and its content.
    pub(crate) digest: u128,
}

/// The batches of one kind, in a fixed order.
pub(crate) fn batches<'a>(kind: Kind, lines: impl Iterator<Item = Line<'a>>) -> Vec<Batch> {
    let mut added = Added::default();
    lines.for_each(|line| added.add(line));
    let drafts = match kind {
        Kind::Counts => added.counts(),
        Kind::Evaluations => added.evaluations(),
        Kind::Events => added.events(),
    };
    let finish = |(number, draft): (usize, Draft)| {
        let Draft { environment, sdk, body, sum } = draft;
        let whole = format!("{number} {} {environment} {sdk:?} {body}", kind.name());
        Batch { kind, environment, sdk, body, sum, digest: xxh3_128(whole.as_bytes()) }
    };
    drafts.into_iter().enumerate().map(finish).collect()
}

struct Draft {
    environment: String,
    sdk: Option<String>,
    body: String,
    sum: u64,
}

/// A feature, an identifier, and whether the feature was enabled.
type Evaluated = (String, Option<String>, bool);

#[derive(Default)]
struct Added<'a> {
    counts: BTreeMap<String, BTreeMap<String, u64>>,
    evaluations: BTreeMap<String, BTreeMap<Evaluated, u64>>,
    events: BTreeMap<(String, Option<String>), Vec<&'a RawValue>>,
}

impl<'a> Added<'a> {
    fn add(&mut self, line: Line<'a>) {
        let environment = line.environment.as_str().to_owned();
        match line.content {
            Content::Counts(counts) => {
                let sums = self.counts.entry(environment).or_default();
                for (name, count) in counts {
                    let sum = sums.entry(name.into_owned()).or_default();
                    *sum = sum.saturating_add(count).min(GREATEST);
                }
            }
            Content::Evaluations(evaluations) => {
                let sums = self.evaluations.entry(environment).or_default();
                for of in evaluations {
                    let what = (of.feature_name, of.identity_identifier, of.enabled_when_evaluated);
                    let sum = sums.entry(what).or_default();
                    *sum = sum.saturating_add(of.count).min(GREATEST);
                }
            }
            Content::Events { sdk, events } => {
                self.events.entry((environment, sdk)).or_default().extend(events);
            }
        }
    }

    fn counts(self) -> Vec<Draft> {
        let mut drafts = Vec::new();
        for (environment, sums) in self.counts {
            let sums: Vec<(String, u64)> = sums.into_iter().filter(|(_, sum)| *sum > 0).collect();
            for part in sums.chunks(NAMES) {
                let sum = part.iter().map(|(_, sum)| sum).sum();
                let body: serde_json::Map<String, Json> =
                    part.iter().map(|(name, sum)| (name.clone(), Json::from(*sum))).collect();
                let body = Json::Object(body).to_string();
                drafts.push(Draft { environment: environment.clone(), sdk: None, body, sum });
            }
        }
        drafts
    }

    fn evaluations(self) -> Vec<Draft> {
        let mut drafts = Vec::new();
        for (environment, sums) in self.evaluations {
            let sums: Vec<(Evaluated, u64)> = sums.into_iter().filter(|(_, sum)| *sum > 0).collect();
            for part in sums.chunks(EVALUATIONS) {
                let sum = part.iter().map(|(_, sum)| sum).sum();
                let items = part.iter().map(|((feature, identifier, enabled), count)| {
                    let mut item =
                        json!({ "feature_name": feature, "enabled_when_evaluated": enabled, "count": count });
                    if let Some(identifier) = identifier {
                        item["identity_identifier"] = json!(identifier);
                    }
                    item
                });
                let body = json!({ "evaluations": items.collect::<Vec<Json>>() }).to_string();
                drafts.push(Draft { environment: environment.clone(), sdk: None, body, sum });
            }
        }
        drafts
    }

    fn events(self) -> Vec<Draft> {
        let mut drafts = Vec::new();
        for ((environment, sdk), events) in self.events {
            let mut rest = events.as_slice();
            while !rest.is_empty() {
                let mut bytes = 0;
                let fits = |event: &&&RawValue| {
                    bytes += event.get().len() + 1;
                    bytes <= EVENTS_BYTES
                };
                let count = rest.iter().take(EVENTS).take_while(fits).count().max(1);
                let (part, after) = rest.split_at(count);
                rest = after;
                let items: Vec<&str> = part.iter().map(|event| event.get()).collect();
                let body = format!(r#"{{"events":[{}]}}"#, items.join(","));
                let sum = part.len() as u64;
                drafts.push(Draft { environment: environment.clone(), sdk: sdk.clone(), body, sum });
            }
        }
        drafts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(kind: Kind, lines: &[String]) -> Vec<(String, u64, String)> {
        let batches = batches(kind, lines.iter().map(|line| Line::parse(line).unwrap()));
        batches.into_iter().map(|batch| (batch.environment, batch.sum, batch.body)).collect()
    }

    #[test]
    fn counts_of_an_environment_are_added_up_within_limits() {
        let line = |environment: &str, counts: &str| {
            format!(r#"{{"environment":"{environment}","counts":{counts}}}"#)
        };
        let lines = [
            line("b", r#"{"x":1,"y":2}"#),
            line("a", r#"{"x":3}"#),
            line("b", r#"{"x":4,"z":0}"#),
            line("c", r#"{"x":18446744073709551615}"#),
        ];
        let expected = [
            ("a", 3, r#"{"x":3}"#),
            ("b", 7, r#"{"x":5,"y":2}"#),
            ("c", 2_147_483_647, r#"{"x":2147483647}"#),
        ];
        let expected = expected.map(|(key, sum, body)| (key.to_owned(), sum, body.to_owned()));
        assert_eq!(of(Kind::Counts, &lines), expected);
        assert_eq!(of(Kind::Evaluations, &lines), []);
        let many: Vec<String> = (0..5_001).map(|name| line("a", &format!(r#"{{"{name}":1}}"#))).collect();
        let sums: Vec<u64> = of(Kind::Counts, &many).into_iter().map(|(_, sum, _)| sum).collect();
        assert_eq!(sums, [5_000, 1]);
    }

    #[test]
    fn evaluations_and_events_of_an_environment_go_together() {
        let line = |members: &str| format!(r#"{{"environment":"a",{members}}}"#);
        let evaluation = |identifier: &str, count: u64| {
            line(&format!(
                r#""evaluations":[{{"feature_name":"x","identity_identifier":{identifier},"enabled_when_evaluated":true,"count":{count}}}]"#
            ))
        };
        let lines = [evaluation("null", 1), evaluation("\"ann\"", 2), evaluation("null", 4)];
        let body = concat!(
            r#"{"evaluations":[{"count":5,"enabled_when_evaluated":true,"feature_name":"x"},"#,
            r#"{"count":2,"enabled_when_evaluated":true,"feature_name":"x","identity_identifier":"ann"}]}"#
        );
        let json = |text: &str| serde_json::from_str::<Json>(text).unwrap();
        let found = of(Kind::Evaluations, &lines);
        assert_eq!((found.len(), found[0].1, json(&found[0].2)), (1, 7, json(body)));

        let events = |sdk: &str, count: usize| {
            line(&format!(r#""sdk":"{sdk}","events":[{}]"#, vec![r#"{"event":"e"}"#; count].join(",")))
        };
        let found = of(Kind::Events, &[events("js", 700), events("py", 1), events("js", 301)]);
        assert_eq!(found.iter().map(|(_, sum, _)| *sum).collect::<Vec<u64>>(), [1_000, 1, 1]);
        let large = line(&format!(r#""events":["{0}","{0}"]"#, "x".repeat(400 << 10)));
        assert_eq!(of(Kind::Events, &[large]).len(), 2);
    }

    /// What was sent before a restart is known after it.
    #[test]
    fn the_same_lines_make_batches_of_the_same_digest() {
        let lines = r#"{"environment":"a","events":[1,1]}"#;
        let digests = || {
            let lines = [lines; 1_000].into_iter().map(|line| Line::parse(line).unwrap());
            batches(Kind::Events, lines).into_iter().map(|batch| batch.digest).collect::<Vec<u128>>()
        };
        assert_eq!(digests(), digests());
        assert_eq!(digests().len(), 2);
        assert_ne!(digests()[0], digests()[1]);
    }
}
