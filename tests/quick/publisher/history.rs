//! The writes of the store, in order, compared with the answers that publishers got.

use std::collections::{BTreeMap, BTreeSet};

use api::{EnvironmentKey, Header, Revision, bundle};
use jiff::Timestamp;
use publisher::{CallError, Client, Done, PublishError, ReadBackError, StoreError, unpublish};
use serde_json::json;
use tests::SimulatedClock;
use tests::fastly::{Event, FastlyApi};

use super::soak::{Publication, SUMMER, Wanted};
use super::world::{outcome, target};

/// The writes of each environment, in order: the position among all events, and the header.
pub(crate) struct History {
    stored: BTreeMap<String, Vec<(usize, Header)>>,
    /// Records of server-side keys, by name.
    records: BTreeSet<(String, Vec<u8>)>,
    announced: BTreeMap<(String, u64), Vec<usize>>,
    purged: BTreeMap<String, Vec<usize>>,
}

impl History {
    pub(crate) fn of(events: &[Event]) -> History {
        let mut history = History {
            stored: BTreeMap::new(),
            records: BTreeSet::new(),
            announced: BTreeMap::new(),
            purged: BTreeMap::new(),
        };
        for (place, event) in events.iter().enumerate() {
            match event {
                Event::Stored(stored) => {
                    let Some(key) = stored.key.strip_prefix("environment/") else {
                        history.records.insert((stored.key.clone(), stored.value.to_vec()));
                        continue;
                    };
                    let header = bundle::check(&stored.value).unwrap();
                    assert_eq!(stored.metadata, Some(header.metadata()));
                    history.stored.entry(key.to_owned()).or_default().push((place, header));
                }
                Event::Announced { key, revision } => {
                    history.announced.entry((key.clone(), *revision)).or_default().push(place);
                }
                Event::Purged { key, soft } => {
                    assert!(soft, "{key}");
                    history.purged.entry(key.clone()).or_default().push(place);
                }
                Event::Called { .. } => {}
            }
        }
        history
    }

    fn of_environment(&self, key: &str) -> &[(usize, Header)] {
        self.stored.get(key).map_or(&[], Vec::as_slice)
    }

    pub(crate) fn goes_forwards(&self) -> Vec<String> {
        let mut problems = Vec::new();
        for (key, stored) in &self.stored {
            for pair in stored.windows(2) {
                let (before, after) = (pair[0].1.revision, pair[1].1.revision);
                if after <= before {
                    problems.push(format!("{key}: {after} was stored after {before}"));
                }
            }
        }
        problems
    }

    /// Names the answer that a publisher got, and reports it if the history contradicts it.
    pub(crate) fn explains(&self, publication: &Publication) -> (&'static str, Option<String>) {
        let Publication { environment, wanted, report, .. } = publication;
        let stored = self.of_environment(environment);
        let (kind, holds) = match &report.environment {
            Ok(published) => {
                let found = stored.iter().find(|(_, header)| header.revision == published.revision);
                let holds = found.is_some_and(|(place, header)| {
                    is_wanted(header, wanted)
                        && (!report.after.is_empty()
                            || self.purged_and_announced_after(environment, header, *place))
                });
                (if published.done == Done::Written { "written" } else { "unchanged" }, holds)
            }
            Err(PublishError::Older { stored: later, given }) => {
                let is_there = stored.iter().any(|(_, header)| {
                    header.source_updated_at.as_deref().and_then(|at| at.parse().ok()) == Some(*later)
                });
                let was_meant = matches!(wanted, Wanted::Document { updated_at: Some(at), forced: false, .. } if at == given);
                ("refused: older", is_there && was_meant && given < later)
            }
            Err(PublishError::Unknown { .. }) => {
                ("refused: not in the store", matches!(wanted, Wanted::Removal))
            }
            Err(PublishError::Store(StoreError::InDoubt(failed))) => ("in doubt", was_made_to_fail(failed)),
            Err(PublishError::Store(StoreError::Call(failed))) => {
                ("the store failed", was_made_to_fail(failed))
            }
            Err(PublishError::Store(StoreError::Contended { .. })) => ("others wrote first", true),
            // The write was answered for, so it has to be there.
            Err(PublishError::Store(StoreError::NotReadBack {
                why: ReadBackError::Call(failed), ..
            })) => {
                let is_there = stored.iter().any(|(_, header)| is_wanted(header, wanted));
                ("not read back", is_there && was_made_to_fail(failed))
            }
            Err(_) => ("unexplained", false),
        };
        (kind, (!holds).then(|| format!("{environment}: {}", outcome(report))))
    }

    /// A record was stored for each key, unless the publisher got an error for it.
    pub(crate) fn has_the_keys_of(&self, publication: &Publication) -> Vec<String> {
        let Publication { environment, keys, report, .. } = publication;
        if let Some(failed) = report.server_keys.failed.first() {
            let explained = match failed {
                StoreError::Call(failed) | StoreError::InDoubt(failed) => was_made_to_fail(failed),
                StoreError::Contended { .. } => true,
                StoreError::NotReadBack { why, .. } => matches!(why, ReadBackError::Call(_)),
            };
            return if explained { Vec::new() } else { vec![format!("{environment}: {failed}")] };
        }
        let mut problems = Vec::new();
        for key in keys {
            let record = json!({ "environment": environment, "active": key.active, "expires_at": null });
            if !self.records.contains(&(key.hash.store_key(), record.to_string().into_bytes())) {
                problems.push(format!("{environment}: {record} was never stored"));
            }
        }
        problems
    }

    /// Purged and announced, after it was stored.
    fn purged_and_announced_after(&self, key: &str, header: &Header, stored: usize) -> bool {
        let after =
            |places: Option<&Vec<usize>>| places.is_some_and(|places| places.iter().any(|at| *at > stored));
        after(self.announced.get(&(key.to_owned(), header.revision.0)))
            && after(self.purged.get(&format!("environment/{key}")))
    }

    /// For everything stored, there is a publisher that wanted it, and whose report says so or says that the outcome is
    /// unknown.
    pub(crate) fn owes_everything_to(&self, publications: &[Publication]) -> Vec<String> {
        let mut problems = Vec::new();
        for (key, stored) in &self.stored {
            let of_this: Vec<_> = publications.iter().filter(|one| one.environment == *key).collect();
            for (number, (_, header)) in stored.iter().enumerate() {
                let next = stored.get(number + 1).map(|(_, header)| header);
                if !of_this.iter().any(|publication| owes(publication, header, next)) {
                    problems.push(format!("{key}: no publisher wanted revision {}", header.revision));
                }
            }
        }
        problems
    }

    pub(crate) fn announces_what_is_stored(&self, events: &[Event]) -> Vec<String> {
        let mut problems = Vec::new();
        for (place, event) in events.iter().enumerate() {
            if let Event::Announced { key, revision } = event {
                let mut stored = self.of_environment(key).iter();
                if !stored.any(|(at, header)| *at < place && header.revision.0 == *revision) {
                    problems.push(format!("{key}: {revision} was announced before it was stored"));
                }
            }
        }
        problems
    }

    /// The last write is stored, and a publisher that starts now finds it.
    pub(crate) fn ends_as_stored(&self, api: &FastlyApi) -> Vec<String> {
        let clock = SimulatedClock::at(Timestamp::from_second(SUMMER).unwrap());
        let client = Client::new(target(api), &clock);
        let mut problems = Vec::new();
        for (key, stored) in &self.stored {
            let (_, last) = stored.last().unwrap();
            let item = api.stored(&format!("environment/{key}")).unwrap();
            if bundle::check(&item.value).as_ref() != Ok(last) {
                problems.push(format!("{key}: something other than revision {} is stored", last.revision));
            }
            let removed = outcome(&unpublish(&client, &EnvironmentKey::parse(key).unwrap(), false));
            let expected = if last.tombstone {
                format!("unchanged {}", last.revision)
            } else {
                format!(
                    "written {}",
                    Revision::next(Some(last.revision), Timestamp::from_second(SUMMER).unwrap())
                )
            };
            if removed != expected {
                problems.push(format!("{key}: {removed} instead of {expected}"));
            }
        }
        problems
    }
}

/// Whether a call failed as the stand-in was made to fail it.
fn was_made_to_fail(failed: &CallError) -> bool {
    match failed {
        CallError::Status { detail, .. } => detail.contains("injected"),
        CallError::Transport { .. } => true,
        CallError::InProcess { .. }
        | CallError::Header { .. }
        | CallError::Unreadable { .. }
        | CallError::Endless { .. }
        | CallError::OutOfTime { .. } => false,
    }
}

/// Whether a publication wrote an item, after which came the next one.
fn owes(publication: &Publication, header: &Header, next: Option<&Header>) -> bool {
    let Publication { wanted, report, .. } = publication;
    // A write whose answer was lost, and that was replaced before it was read: it was decided again.
    let written_over = || next.is_some_and(|next| !is_wanted(next, wanted));
    let is_written = match &report.environment {
        Ok(published) if published.revision == header.revision => published.done == Done::Written,
        Ok(published) => published.revision > header.revision && written_over(),
        Err(PublishError::Store(_)) => true,
        Err(PublishError::Older { .. }) => written_over(),
        Err(_) => false,
    };
    is_written && is_wanted(header, wanted)
}

fn is_wanted(header: &Header, wanted: &Wanted) -> bool {
    match wanted {
        Wanted::Document { hash, .. } => header.source_hash == *hash && !header.tombstone,
        Wanted::Removal => header.tombstone,
    }
}
