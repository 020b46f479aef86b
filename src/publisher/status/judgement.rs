//! What is wrong with an environment, given how it stands.

use api::{Header, Revision};
use jiff::Timestamp;

use super::{EdgeAnswer, EnvironmentStatus, Status, StoredBundle};
use crate::cost::{self, CostLevel};
use crate::plan;
use crate::server_keys::KeyState;

/// Server-side keys that have a warning of their own. All are counted.
const KEYS_SHOWN: usize = 20;

/// What is wrong, in words; nothing if all that were asked agree.
pub fn problems(status: &EnvironmentStatus) -> Vec<String> {
    let mut problems = Vec::new();
    match &status.stored {
        Some(StoredBundle::Missing) => problems.push("it is not in the store".to_owned()),
        Some(StoredBundle::Unusable { why, .. }) => {
            problems.push(format!("what is stored is broken, so edges keep what they have: {why}"));
        }
        Some(StoredBundle::Sound(_)) | None => {}
    }
    if let Some(revision) = stored_revision(status).filter(|revision| !plan::can_be_followed(*revision)) {
        problems.push(format!(
            "revision {revision} is stored, which is after the year 9999, so no change can be published"
        ));
    }
    problems.extend(at_edge(status));
    if let Some(watched) = &status.watched {
        if let Some(behind) = watched.behind {
            let why = watched.why.as_ref().map_or_else(String::new, |why| format!(": {why}"));
            problems.push(format!("it is behind for {} s{why}", behind.as_secs()));
        }
        if let (Some(StoredBundle::Sound(header)), Some(written)) = (&status.stored, watched.revision)
            && header.revision < written
        {
            let stored = header.revision;
            problems
                .push(format!("the store shows revision {stored}, and revision {written} was written to it"));
        }
    }
    problems
}

/// Warnings, which do not count as problems: the stored revision is far ahead of the clock, or a request may cost more
/// than a tenth of what the platform allows.
pub fn warnings(status: &EnvironmentStatus, now: Timestamp) -> Vec<String> {
    let revision = stored_revision(status).filter(|revision| plan::can_be_followed(*revision));
    let ahead = revision.and_then(|revision| plan::warn_if_ahead(revision, now));
    let dear = stored_steps(status).filter(|steps| CostLevel::of(*steps) > CostLevel::Green);
    ahead.iter().map(ToString::to_string).chain(dear.map(cost::share)).collect()
}

/// Warnings of server-side keys that open an environment, and that the manifest does not name.
pub fn key_warnings(status: &Status, now: Timestamp) -> Vec<String> {
    let records = status.unnamed_keys.iter().flatten();
    let open: Vec<_> = records.filter(|record| record.state(now) == KeyState::Open).collect();
    if open.is_empty() {
        return Vec::new();
    }
    let mut warnings: Vec<String> = open
        .iter()
        .take(KEYS_SHOWN)
        .map(|record| {
            let (id, environment) = (record.short_id(), record.environment().unwrap_or_default());
            format!(
                "server-side key {id} opens environment `{environment}`, and the manifest does not name it"
            )
        })
        .collect();
    let (count, keys) = (open.len(), if open.len() == 1 { "key" } else { "keys" });
    warnings.push(format!(
        "{count} server-side {keys} that the manifest does not name can be used; `jackstaff keys revoke` revokes them, by their \
         ids or with --unnamed"
    ));
    warnings
}

fn stored_steps(status: &EnvironmentStatus) -> Option<u64> {
    if let Some(StoredBundle::Sound(header)) = &status.stored { header.steps } else { None }
}

fn stored_revision(status: &EnvironmentStatus) -> Option<Revision> {
    match &status.stored {
        Some(StoredBundle::Sound(header)) => Some(header.revision),
        Some(StoredBundle::Unusable { revision, .. }) => *revision,
        Some(StoredBundle::Missing) | None => None,
    }
}

/// Whether the edge serves something else than what is stored, which may be so for a moment.
pub(super) fn disagree(status: &EnvironmentStatus) -> bool {
    at_edge(status).is_some()
}

/// What is wrong with what the edge serves.
fn at_edge(status: &EnvironmentStatus) -> Option<String> {
    let edge = status.edge.as_ref()?;
    if let EdgeAnswer::Fails { status } = edge {
        return Some(format!("the edge answers {status}"));
    }
    match (status.stored.as_ref()?, edge) {
        (StoredBundle::Sound(header), EdgeAnswer::Serves { revision, .. }) => served(header, *revision),
        (StoredBundle::Sound(header), EdgeAnswer::Refuses) if opens(header) => {
            Some(format!("the edge does not know it, and revision {} is stored", header.revision))
        }
        (StoredBundle::Missing, EdgeAnswer::Serves { revision, .. }) => {
            Some(format!("the edge serves revision {revision}, which the store does not have"))
        }
        _ => None,
    }
}

fn served(header: &Header, revision: Revision) -> Option<String> {
    let stored = header.revision;
    if header.tombstone {
        Some(format!("the edge serves revision {revision}, and it was removed by revision {stored}"))
    } else if header.switches.stop_serving_flags && stored > revision {
        Some(format!("the edge serves revision {revision}, and revision {stored} stopped it"))
    } else if revision < stored {
        Some(format!("the edge serves revision {revision}, and revision {stored} is stored"))
    } else if revision > stored {
        Some(format!("the edge serves revision {revision}, which is later than {stored}, which is stored"))
    } else {
        None
    }
}

/// Whether the key of an environment opens anything.
fn opens(header: &Header) -> bool {
    !header.tombstone && !header.switches.stop_serving_flags
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use api::EnvironmentKey;
    use api::bundle::{self, Label};
    use api::progress::EnvironmentProgress;
    use engine::Switches;

    use super::*;

    fn stored(tombstone: bool, stop_serving_flags: bool) -> Option<StoredBundle> {
        let switches = Switches { stop_serving_flags, ..Switches::default() };
        let label = Label { switches, tombstone, ..Label::new(Revision(7)) };
        Some(StoredBundle::Sound(bundle::write(&label, &[]).unwrap().0))
    }

    fn serves(revision: u64) -> Option<EdgeAnswer> {
        Some(EdgeAnswer::Serves { revision: Revision(revision), source: "pop".into(), age: Some(1) })
    }

    fn watched(revision: u64, behind: Option<u64>, why: Option<&str>) -> Option<EnvironmentProgress> {
        Some(EnvironmentProgress {
            key: EnvironmentKey::parse("e").unwrap(),
            place: "e.json".into(),
            revision: Some(Revision(revision)),
            behind: behind.map(Duration::from_secs),
            why: why.map(str::to_owned),
            last_success: None,
            failures: 0,
            published: 0,
            last_change: None,
        })
    }

    #[test]
    fn a_stored_revision_that_is_ahead_is_a_warning_and_one_that_nothing_can_follow_is_wrong() {
        let now = Timestamp::from_second(1_000).unwrap();
        for (revision, warns, is_wrong) in [
            (1_010, false, false),
            (1_011, true, false),
            (253_402_300_798, true, false),
            (u64::MAX, false, true),
        ] {
            let stored = Some(StoredBundle::Unusable {
                revision: Some(Revision(revision)),
                why: "not a bundle".into(),
            });
            let key = EnvironmentKey::parse("e").unwrap();
            let status = EnvironmentStatus { key, stored, edge: None, watched: None };
            assert_eq!(!warnings(&status, now).is_empty(), warns, "{revision}");
            let named =
                problems(&status).iter().any(|problem| problem.contains("no change can be published"));
            assert_eq!(named, is_wrong, "{revision}");
        }
    }

    #[test]
    fn what_is_wrong() {
        let broken = || Some(StoredBundle::Unusable { revision: None, why: "not a bundle".into() });
        let refuses = || Some(EdgeAnswer::Refuses);
        for (stored, edge, watched, expected) in [
            (stored(false, false), None, None, vec![]),
            (stored(false, false), serves(7), watched(7, None, None), vec![]),
            (stored(true, false), refuses(), None, vec![]),
            (stored(false, true), refuses(), None, vec![]),
            (None, serves(7), None, vec![]),
            (
                stored(false, false),
                serves(6),
                None,
                vec!["the edge serves revision 6, and revision 7 is stored"],
            ),
            (
                stored(false, false),
                serves(8),
                None,
                vec!["the edge serves revision 8, which is later than 7, which is stored"],
            ),
            (
                stored(true, false),
                serves(6),
                None,
                vec!["the edge serves revision 6, and it was removed by revision 7"],
            ),
            (
                stored(false, true),
                serves(6),
                None,
                vec!["the edge serves revision 6, and revision 7 stopped it"],
            ),
            (
                stored(false, false),
                refuses(),
                None,
                vec!["the edge does not know it, and revision 7 is stored"],
            ),
            (
                stored(false, false),
                Some(EdgeAnswer::Fails { status: 503 }),
                None,
                vec!["the edge answers 503"],
            ),
            (Some(StoredBundle::Missing), refuses(), None, vec!["it is not in the store"]),
            (
                Some(StoredBundle::Missing),
                serves(6),
                None,
                vec!["it is not in the store", "the edge serves revision 6, which the store does not have"],
            ),
            (
                broken(),
                serves(6),
                None,
                vec!["what is stored is broken, so edges keep what they have: not a bundle"],
            ),
            (stored(false, false), None, watched(7, Some(3), Some("503")), vec!["it is behind for 3 s: 503"]),
            (
                stored(false, false),
                None,
                watched(8, Some(3), None),
                vec!["it is behind for 3 s", "the store shows revision 7, and revision 8 was written to it"],
            ),
        ] {
            let status =
                EnvironmentStatus { key: EnvironmentKey::parse("e").unwrap(), stored, edge, watched };
            assert_eq!(problems(&status), expected, "{status:?}");
        }
    }
}
