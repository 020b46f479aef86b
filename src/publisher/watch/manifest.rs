//! The manifest of server-side keys, as it is observed again and again: what is wrong with it leaves the keys as they were.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::server_keys::{ServerKeySource, parse_server_keys};
use crate::watch::log_line::LogLine;
use crate::watch::observation::{Observation, PlaceState};
use crate::watch::ownership::{BROKEN_AFTER, PlaceProblem};

/// What is wrong with the manifest, if anything is.
#[derive(Debug, Default)]
pub(crate) struct Manifest {
    problem: Option<PlaceProblem>,
    is_logged: bool,
}

impl Manifest {
    /// Takes in what was observed. Gives the keys, if it is a sound manifest.
    pub(crate) fn observe(
        &mut self,
        seen: Observation,
        now: Duration,
    ) -> Option<BTreeMap<String, Vec<ServerKeySource>>> {
        let Observation { place, state } = seen;
        let broken = match state {
            PlaceState::Content(text) => match parse_server_keys(&text) {
                Ok(server_keys) => {
                    *self = Manifest::default();
                    return Some(server_keys);
                }
                Err(fault) => fault.to_string(),
            },
            PlaceState::Unreadable(why) => format!("could not be read: {why}"),
            PlaceState::Unusable(why) => why,
            PlaceState::Gone => "is gone".to_owned(),
            // An editor takes it away for a moment.
            PlaceState::Missing | PlaceState::Document(_) => return None,
        };
        let why = format!("{place}: {broken}; server-side keys stay as they were before");
        self.problem = Some(PlaceProblem { place, why, since: now });
        self.is_logged = false;
        None
    }

    /// Logs what is wrong for so long that nothing is likely to be writing it still.
    pub(crate) fn log_line(&mut self, now: Duration) -> Option<LogLine> {
        let problem = self.problem.as_ref().filter(|problem| now >= problem.since + BROKEN_AFTER)?;
        let was_logged = std::mem::replace(&mut self.is_logged, true);
        (!was_logged).then(|| LogLine::warning(problem.why.clone()))
    }

    /// What is wrong, and was logged.
    pub(crate) fn problem(&self) -> Option<&PlaceProblem> {
        self.problem.as_ref().filter(|_| self.is_logged)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::Place;

    const SECOND: Duration = Duration::from_secs(1);

    fn seen(state: PlaceState) -> Observation {
        Observation { place: Place::new("keys.json"), state }
    }

    #[test]
    fn a_manifest_that_is_being_written_is_not_complained_of() {
        let mut manifest = Manifest::default();
        let whole = r#"{"shop":["ser.one"]}"#;
        for (number, state) in
            [PlaceState::Content(String::new()), PlaceState::Content(whole[..9].into()), PlaceState::Missing]
                .into_iter()
                .enumerate()
        {
            assert!(manifest.observe(seen(state), SECOND).is_none(), "{number}");
            assert_eq!(manifest.log_line(SECOND + SECOND / 2), None, "{number}");
        }
        let keys = manifest.observe(seen(PlaceState::Content(whole.into())), SECOND + SECOND / 2).unwrap();
        assert_eq!(keys.keys().collect::<Vec<_>>(), ["shop"]);
        assert_eq!((manifest.log_line(9 * SECOND), manifest.problem()), (None, None));
    }

    #[test]
    fn a_manifest_that_stays_broken_is_logged_once_and_is_a_problem_until_it_is_sound() {
        for (state, expected) in [
            (
                PlaceState::Content("{".into()),
                "keys.json: not a manifest of server-side keys: line 1, column 1",
            ),
            (PlaceState::Gone, "keys.json: is gone"),
            (PlaceState::Unreadable("not UTF-8".into()), "keys.json: could not be read: not UTF-8"),
        ] {
            let mut manifest = Manifest::default();
            manifest.observe(seen(state), SECOND);
            assert_eq!(manifest.problem(), None);
            let line = manifest.log_line(2 * SECOND).unwrap();
            let expected = format!("{expected}; server-side keys stay as they were before");
            assert_eq!(line, LogLine::warning(expected.clone()));
            assert_eq!(manifest.log_line(3 * SECOND), None);
            assert_eq!(manifest.problem().map(|problem| &problem.why), Some(&expected));
            manifest.observe(seen(PlaceState::Content("{}".into())), 3 * SECOND);
            assert_eq!(manifest.problem(), None);
        }
    }
}
