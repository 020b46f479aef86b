//! What a request changes in the stored traits of an identity.

use std::collections::BTreeMap;
use std::time::Duration;

use engine::Value;
use serde_json::value::RawValue;
use thiserror::Error;

use super::record::{IdentityRecord, StoredTrait, next_counter};

/// Traits that an identity has at most.
const TRAITS_LIMIT: usize = 1_000;

/// A change of an identity's traits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// Sets these traits, and deletes those without a value. All others stay.
    Merge(Vec<Update>),
    /// The same, and deletes all others.
    Replace(Vec<Update>),
    /// Adds to a trait that is an integer, 0 if it is not set.
    Increment { key: String, by: i64 },
}

/// One trait of a change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Update {
    pub key: String,
    /// The value as JSON; none deletes the trait.
    pub json: Option<String>,
}

/// Why a change cannot be stored, whenever it is tried. The texts are for answers, the last one in Flagsmith's words: it also
/// means a sum that is too large.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum RefusedChange {
    #[error("An identity has {TRAITS_LIMIT} traits at most.")]
    TooManyTraits,
    #[error("The traits of an identity take {} bytes at most.", IdentityRecord::LIMIT)]
    TooLarge,
    #[error("Trait is not an integer.")]
    NotAnInteger,
}

/// Why a change is not stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum ChangeError {
    #[error(transparent)]
    Refused(#[from] RefusedChange),
    #[error("other requests of this POP were changing the identity")]
    NoTurn,
    #[error("other writes were first, or the store took no more")]
    Busy,
    #[error("the identity was deleted after the request came")]
    Deleted,
    /// The store failed. It may have stored the change.
    #[error("the store failed")]
    Failed,
}

impl Change {
    /// Applies the change to what is stored: what is to be stored then, and nothing if that is the same.
    ///
    /// `now`: milliseconds since the epoch; `lifetime`: how long an item is kept. What was written half of that time ago is
    /// written again, so that an identity that is in use does not expire.
    ///
    /// # Errors
    /// A [`RefusedChange`]: nothing is stored then.
    pub fn apply(
        &self,
        stored: Option<&IdentityRecord>,
        now: u64,
        lifetime: Duration,
    ) -> Result<Option<IdentityRecord>, RefusedChange> {
        let before: &[StoredTrait] = stored.map_or(&[], |stored| &stored.traits);
        let traits = match self {
            Change::Merge(updates) => merged(before, updates),
            Change::Replace(updates) => replaced(before, updates),
            Change::Increment { key, by } => Some(incremented(before, key, *by)?),
        };
        let Some(traits) = traits.or_else(|| is_renewal_due(stored, now, lifetime).then(|| before.to_vec()))
        else {
            return Ok(None);
        };
        if traits.len() > TRAITS_LIMIT {
            return Err(RefusedChange::TooManyTraits);
        }
        let deleted_at = stored.and_then(|stored| stored.deleted_at);
        let record = IdentityRecord {
            counter: next_counter(stored, now),
            deleted_at: deleted_at.filter(|at| now < at.saturating_add(IdentityRecord::DELETION_COUNTS)),
            traits,
            system_traits: stored.map(|stored| stored.system_traits.clone()).unwrap_or_default(),
        };
        if record.item(0).body.len() > IdentityRecord::LIMIT {
            return Err(RefusedChange::TooLarge);
        }
        Ok(Some(record))
    }

    /// Whether it may be applied a second time without another result.
    pub(crate) fn is_repeatable(&self) -> bool {
        !matches!(self, Change::Increment { .. })
    }
}

/// Whether an item with traits was written so long ago that it is to be written again.
fn is_renewal_due(stored: Option<&IdentityRecord>, now: u64, lifetime: Duration) -> bool {
    let half = u64::try_from(lifetime.as_millis() / 2).unwrap_or(u64::MAX);
    stored.is_some_and(|stored| {
        !(stored.traits.is_empty() && stored.system_traits.is_empty())
            && stored.counter.saturating_add(half) <= now
    })
}

/// The traits after a merge; nothing if they are the same.
fn merged(before: &[StoredTrait], updates: &[Update]) -> Option<Vec<StoredTrait>> {
    let mut traits: Vec<Option<StoredTrait>> = before.iter().cloned().map(Some).collect();
    let mut places: BTreeMap<String, usize> =
        before.iter().enumerate().map(|(place, stored)| (stored.trait_key.clone(), place)).collect();
    let mut is_changed = false;
    for Update { key, json } in updates {
        let value = json.as_deref().and_then(raw);
        let place = places.get(key).copied();
        let there = place.and_then(|place| traits[place].as_ref());
        match (value, place) {
            (Some(value), _) if there.is_some_and(|there| is_same(&there.trait_value, &value)) => {}
            (Some(trait_value), place) => {
                let set = StoredTrait { trait_key: key.clone(), trait_value };
                match place {
                    Some(place) => traits[place] = Some(set),
                    None => {
                        places.insert(key.clone(), traits.len());
                        traits.push(Some(set));
                    }
                }
                is_changed = true;
            }
            (None, Some(place)) => is_changed |= traits[place].take().is_some(),
            (None, None) => {}
        }
    }
    is_changed.then(|| traits.into_iter().flatten().collect())
}

/// The traits after a replacement; nothing if they are the same.
fn replaced(before: &[StoredTrait], updates: &[Update]) -> Option<Vec<StoredTrait>> {
    let traits = merged(&[], updates).unwrap_or_default();
    let is_unchanged = before.len() == traits.len()
        && before.iter().zip(&traits).all(|(before, after)| {
            before.trait_key == after.trait_key && is_same(&before.trait_value, &after.trait_value)
        });
    (!is_unchanged).then_some(traits)
}

fn incremented(before: &[StoredTrait], key: &str, by: i64) -> Result<Vec<StoredTrait>, RefusedChange> {
    let there = before.iter().find(|stored| stored.trait_key == key);
    let integer = there.map_or(Ok(0), |there| {
        there.trait_value.get().parse::<i64>().map_err(|_| RefusedChange::NotAnInteger)
    })?;
    let sum = integer.checked_add(by).ok_or(RefusedChange::NotAnInteger)?;
    let update = Update { key: key.to_owned(), json: Some(sum.to_string()) };
    Ok(merged(before, &[update]).unwrap_or_else(|| before.to_vec()))
}

fn raw(json: &str) -> Option<Box<RawValue>> {
    RawValue::from_string(json.to_owned()).ok()
}

/// Whether two values are the same in any writing.
fn is_same(one: &RawValue, other: &RawValue) -> bool {
    one.get() == other.get() || Value::from_json(one.get()) == Value::from_json(other.get())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value as Json, json};

    use super::*;

    const NOW: u64 = 1_772_450_553_000;
    const DAYS: Duration = Duration::from_secs(90 * 86_400);

    fn record(counter: u64, traits: &Json) -> IdentityRecord {
        serde_json::from_value(json!({ "counter": counter, "traits": list(traits) })).unwrap()
    }

    fn list(traits: &Json) -> Vec<Json> {
        let one = |(key, value): (&String, &Json)| json!({ "trait_key": key, "trait_value": value });
        traits.as_object().unwrap().iter().map(one).collect()
    }

    fn object(record: &IdentityRecord) -> Json {
        let value = |stored: &StoredTrait| serde_json::from_str::<Json>(stored.trait_value.get()).unwrap();
        record.traits.iter().map(|stored| (stored.trait_key.clone(), value(stored))).collect()
    }

    fn updates(traits: &Json) -> Vec<Update> {
        let one = |(key, value): (&String, &Json)| Update {
            key: key.clone(),
            json: (!value.is_null()).then(|| value.to_string()),
        };
        traits.as_object().unwrap().iter().map(one).collect()
    }

    #[track_caller]
    fn check(stored: Option<&Json>, change: &Change, expected: Result<Option<&Json>, RefusedChange>) {
        let stored = stored.map(|traits| record(NOW - 5, traits));
        let applied = change.apply(stored.as_ref(), NOW, DAYS);
        let found = applied.map(|record| record.map(|record| object(&record)));
        assert_eq!(found, expected.map(Option::<&Json>::cloned), "{change:?}");
    }

    #[test]
    fn merging() {
        let stored = json!({ "plan": "gold", "age": 7 });
        for (sent, expected) in [
            (json!({}), None),
            (json!({ "plan": "gold" }), None),
            (json!({ "gone": null }), None),
            (json!({ "plan": "silver" }), Some(json!({ "age": 7, "plan": "silver" }))),
            (json!({ "age": 7.0 }), Some(json!({ "age": 7.0, "plan": "gold" }))),
            (json!({ "age": null }), Some(json!({ "plan": "gold" }))),
            (json!({ "new": true }), Some(json!({ "age": 7, "new": true, "plan": "gold" }))),
        ] {
            check(Some(&stored), &Change::Merge(updates(&sent)), Ok(expected.as_ref()));
        }
        check(None, &Change::Merge(updates(&json!({ "gone": null }))), Ok(None));
        check(None, &Change::Merge(updates(&json!({ "a": 1 }))), Ok(Some(&json!({ "a": 1 }))));
    }

    #[test]
    fn of_several_updates_of_one_trait_the_last_counts() {
        let update = |json: Option<&str>| Update { key: "a".into(), json: json.map(Into::into) };
        let change = Change::Merge(vec![update(Some("1")), update(None), update(Some("2"))]);
        check(None, &change, Ok(Some(&json!({ "a": 2 }))));
        check(
            Some(&json!({ "a": 1 })),
            &Change::Merge(vec![update(None), update(None)]),
            Ok(Some(&json!({}))),
        );
    }

    #[test]
    fn one_value_in_two_writings_is_no_change() {
        let update = |json: &str| Change::Merge(vec![Update { key: "a".into(), json: Some(json.into()) }]);
        check(Some(&json!({ "a": "é" })), &update("\"\\u00e9\""), Ok(None));
        check(Some(&json!({ "a": 1.5 })), &update("1.50"), Ok(None));
    }

    #[test]
    fn replacing() {
        let stored = json!({ "age": 7, "plan": "gold" });
        for (sent, expected) in [
            (json!({ "age": 7, "plan": "gold" }), None),
            (json!({ "age": 7 }), Some(json!({ "age": 7 }))),
            (json!({}), Some(json!({}))),
            (json!({ "age": null, "new": 1 }), Some(json!({ "new": 1 }))),
        ] {
            check(Some(&stored), &Change::Replace(updates(&sent)), Ok(expected.as_ref()));
        }
        check(None, &Change::Replace(Vec::new()), Ok(None));
    }

    #[test]
    fn incrementing() {
        let stored = json!({ "n": 7, "text": "7", "float": 1.5, "most": i64::MAX });
        let change = |key: &str, by| Change::Increment { key: key.into(), by };
        for (key, by, expected) in [
            ("n", 3, Ok(json!({ "float": 1.5, "most": i64::MAX, "n": 10, "text": "7" }))),
            ("new", -2, Ok(json!({ "float": 1.5, "most": i64::MAX, "n": 7, "new": -2, "text": "7" }))),
            ("text", 1, Err(RefusedChange::NotAnInteger)),
            ("float", 1, Err(RefusedChange::NotAnInteger)),
            ("most", 1, Err(RefusedChange::NotAnInteger)),
        ] {
            check(Some(&stored), &change(key, by), expected.as_ref().map(Some).map_err(|error| *error));
        }
    }

    #[test]
    fn limits() {
        let many: serde_json::Map<String, Json> = (0..1_001).map(|n| (n.to_string(), json!(n))).collect();
        check(None, &Change::Merge(updates(&many.into())), Err(RefusedChange::TooManyTraits));
        let text = "x".repeat(2_000);
        let large: serde_json::Map<String, Json> = (0..200).map(|n| (n.to_string(), json!(text))).collect();
        check(None, &Change::Merge(updates(&large.into())), Err(RefusedChange::TooLarge));
    }

    #[test]
    fn the_counter_never_goes_back_and_a_deletion_counts_for_a_day() {
        let change = Change::Merge(updates(&json!({ "a": 1 })));
        let applied = |stored: &IdentityRecord| change.apply(Some(stored), NOW, DAYS).unwrap().unwrap();
        assert_eq!(applied(&record(NOW + 50, &json!({}))).counter, NOW + 51);
        assert_eq!(applied(&record(NOW - 50, &json!({}))).counter, NOW);
        let day = IdentityRecord::DELETION_COUNTS;
        for (at, expected) in [(NOW - day + 1, Some(NOW - day + 1)), (NOW - day, None)] {
            let deleted = IdentityRecord { deleted_at: Some(at), ..record(1, &json!({})) };
            assert_eq!(applied(&deleted).deleted_at, expected);
        }
    }

    #[test]
    fn what_is_in_use_is_written_again_before_it_expires() {
        let half = 45 * 86_400_000;
        let nothing = Change::Merge(Vec::new());
        let written = |counter, traits: &Json| {
            nothing.apply(Some(&record(counter, traits)), NOW, DAYS).unwrap().map(|record| record.counter)
        };
        assert_eq!(written(NOW - half, &json!({ "a": 1 })), Some(NOW));
        assert_eq!(written(NOW - half + 1, &json!({ "a": 1 })), None);
        assert_eq!(written(NOW - half, &json!({})), None);
    }
}
