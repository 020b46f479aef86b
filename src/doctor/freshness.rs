//! How long a change takes from the control plane to a client, step by step.

use std::time::Duration;

use api::progress::{ChangeSteps, Publishing};
use jiff::Timestamp;
use serde::Serialize;

use crate::Serve;
use crate::asking::Asking;
use crate::probe::Observed;

/// The steps of a change, in their order. Milliseconds each; together they are the time from the first moment to the last.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Steps {
    /// The control plane had the document → the store had it.
    pub stored: f64,
    /// → the origin announced it.
    pub announced: f64,
    /// → the POP showed it and the client heard of it.
    pub signalled: f64,
    /// → the client had read its flags.
    pub read: f64,
}

/// Why a change has no steps before its signal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unknown {
    /// The control plane published another revision since, or not this one.
    AnotherRevision,
    /// It was signalled before it was stored, by the clocks of two machines.
    Clocks,
}

impl Steps {
    /// # Errors
    /// [`Unknown`].
    pub fn of(change: &ChangeSteps, observed: &Observed) -> Result<Steps, Unknown> {
        let (Some(seen), Some(stored)) = (change.seen, change.stored) else {
            return Err(Unknown::AnotherRevision);
        };
        if change.revision != observed.revision {
            return Err(Unknown::AnotherRevision);
        }
        if observed.signalled < stored {
            return Err(Unknown::Clocks);
        }
        // A client may hear of a change before the publisher has the origin's answer to its announcement. An edge that
        // looks at the store by itself may even be earlier than the announcement.
        let announced = change.announced.unwrap_or(observed.signalled).clamp(stored, observed.signalled);
        Ok(Steps {
            stored: milliseconds(seen, stored),
            announced: milliseconds(stored, announced),
            signalled: milliseconds(announced, observed.signalled),
            read: milliseconds(observed.signalled, observed.read),
        })
    }

    /// From the control plane's first moment to the client's last. Milliseconds.
    pub fn total(&self) -> f64 {
        self.stored + self.announced + self.signalled + self.read
    }
}

/// From one moment to another. Milliseconds.
pub fn milliseconds(from: Timestamp, to: Timestamp) -> f64 {
    to.duration_since(from).as_secs_f64() * 1_000.0
}

/// What the control plane says of the last change of an environment; none before its first one.
///
/// # Errors
/// Why it does not say it, in words.
pub fn last_change(serve: Serve<'_>, key: &str) -> Result<Option<ChangeSteps>, String> {
    let url = format!("{}/status", serve.url.trim_end_matches('/'));
    let token = serve.token.map(|token| format!("Token {}", token.reveal()));
    let headers: Vec<(&str, &str)> = token.iter().map(|token| ("authorization", token.as_str())).collect();
    let answer = Asking::new().get(&url, &headers).map_err(|(asked, error)| format!("{asked}: {error}"))?;
    if answer.status != 200 {
        return Err(format!("{}: {}", answer.asked, answer.shown()));
    }
    let Publishing { progress, .. } = serde_json::from_slice(&answer.body)
        .map_err(|_| format!("{}: no control plane of this version", answer.asked))?;
    let environment = progress.environments.into_iter().find(|environment| environment.key.as_str() == key);
    Ok(environment.ok_or_else(|| format!("{}: it does not publish {key}", answer.asked))?.last_change)
}

/// A distribution of durations. Milliseconds each.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Distribution {
    pub least: f64,
    pub median: f64,
    #[serde(rename = "p90")]
    pub ninety: f64,
    #[serde(rename = "p99")]
    pub ninety_nine: f64,
    pub most: f64,
}

impl Distribution {
    /// By the nearest-rank method, so each quantile is one of the durations. None if there are no durations.
    pub fn of(mut durations: Vec<f64>) -> Option<Distribution> {
        durations.sort_by(f64::total_cmp);
        let at = |percent: usize| {
            let place = (durations.len() * percent).div_ceil(100);
            durations.get(place.saturating_sub(1)).copied()
        };
        Some(Distribution {
            least: at(0)?,
            median: at(50)?,
            ninety: at(90)?,
            ninety_nine: at(99)?,
            most: at(100)?,
        })
    }
}

/// An objective: at most one change in a hundred may take longer than a limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Objective {
    pub within: Duration,
}

impl Objective {
    /// The share of changes that has to be within the limit. Percent.
    pub const PERCENT: usize = 99;

    /// Whether enough of these durations are within the limit. Milliseconds.
    pub fn is_met(&self, durations: &[f64]) -> bool {
        self.count(durations) * 100 >= durations.len() * Objective::PERCENT
    }

    /// How many durations are within the limit.
    pub fn count(&self, durations: &[f64]) -> usize {
        let limit = self.within.as_secs_f64() * 1_000.0;
        durations.iter().filter(|duration| **duration <= limit).count()
    }
}

#[cfg(test)]
mod tests {
    use api::Revision;

    use super::*;

    fn at(millisecond: i64) -> Timestamp {
        Timestamp::from_millisecond(1_772_450_553_000 + millisecond).unwrap()
    }

    fn change(announced: Option<i64>) -> ChangeSteps {
        let [seen, stored] = [Some(at(0)), Some(at(120))];
        ChangeSteps { revision: Revision(7), seen, stored, announced: announced.map(at) }
    }

    fn observed(signalled: i64) -> Observed {
        Observed { revision: Revision(7), signalled: at(signalled), read: at(signalled + 30), older: 0 }
    }

    fn steps(announced: Option<i64>, signalled: i64) -> [f64; 4] {
        let Steps { stored, announced, signalled, read } =
            Steps::of(&change(announced), &observed(signalled)).unwrap();
        [stored, announced, signalled, read]
    }

    #[test]
    fn steps_add_up() {
        assert_eq!(steps(Some(125), 400), [120.0, 5.0, 275.0, 30.0]);
        assert_eq!(Steps::of(&change(Some(125)), &observed(400)).unwrap().total(), 430.0);
    }

    #[test]
    fn an_announcement_is_over_when_it_is_heard() {
        assert_eq!(steps(Some(410), 400), [120.0, 280.0, 0.0, 30.0]);
        assert_eq!(steps(None, 400), [120.0, 280.0, 0.0, 30.0]);
    }

    #[test]
    fn a_change_without_steps() {
        let other = Observed { revision: Revision(8), ..observed(400) };
        assert_eq!(Steps::of(&change(None), &other), Err(Unknown::AnotherRevision));
        assert_eq!(Steps::of(&change(None), &observed(100)), Err(Unknown::Clocks));
    }

    #[test]
    fn a_distribution() {
        assert_eq!(Distribution::of(Vec::new()), None);
        let of_one = Distribution::of(vec![3.0]).unwrap();
        assert_eq!((of_one.least, of_one.median, of_one.most), (3.0, 3.0, 3.0));
        let of_hundred = Distribution::of((1..=100).rev().map(f64::from).collect()).unwrap();
        let Distribution { least, median, ninety, ninety_nine, most } = of_hundred;
        assert_eq!([least, median, ninety, ninety_nine, most], [1.0, 50.0, 90.0, 99.0, 100.0]);
    }

    #[test]
    fn an_objective_allows_one_in_a_hundred() {
        let objective = Objective { within: Duration::from_secs(1) };
        let mut durations = vec![1_000.0; 99];
        durations.push(1_000.1);
        assert!(objective.is_met(&durations));
        durations.push(5_000.0);
        assert!(!objective.is_met(&durations));
    }
}
