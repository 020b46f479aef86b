//! The canonical form of a document. A document is converted to it when it is read; this form is compared and served.
//! So a difference without a meaning is not a change, and everything that is served was compared.
//!
//! | member | in the canonical form | why |
//! |---|---|---|
//! | `updated_at` | left out of what is compared; served as the revision's time | Flagsmith moves it for edits that change no flag, and sometimes backwards |
//! | `identity_uuid` of an override | derived from the composite key | Flagsmith generates a new one for each answer |
//! | `created_date` and `django_id` of an identity | one date, `null` | no evaluation reads them; some SDKs require a date |
//! | `environment_api_key`, `composite_key`, `identity_traits`, `dashboard_alias` | derived, empty, left out | as above |
//! | an identity without overrides | left out | it has no effect |
//! | `featurestate_uuid` beside a `django_id` | derived from the `django_id` | SDKs hash by the `django_id` then; a new version of a feature has a new UUID |
//! | `id` and `mv_fs_value_uuid` of a variant | its place in the order of these ids | SDKs use them for the order only; a new version has new ones |
//! | order of identities, of one's overrides, of a segment's overrides of different features, of variants, of `server_key_only_feature_ids` | sorted | no evaluation depends on it |
//! | `server_key_only_feature_ids` | also the canonical ids of the features that the source's ids name | a feature that is given another id stays hidden |
//! | `feature.id` of an override | that of the environment's feature of this name | old SDKs compare ids, new ones names |
//! | `feature_segment` of the environment's states and of identities' | `null` | they have no priority; old SDKs let one win over a segment's |
//! | priorities, if any is no integer from 0 to 2^31 - 1 | their places in their order | some SDKs refuse the document |
//! | `id` of environment, project, organisation and of a variant's option, if it is outside of this range | 1; that of an option `null` | as above; no evaluation reads them |
//! | conditions that SDKs cannot read, and lists | see `served.rs` | |
//! | spelling of JSON: spaces, order of members, escapes, `1e1` for `10.0`, `"30"` for 30 | one spelling | the same value |
//! | members that are not known, descriptions among them | left out | they may hold secrets |
//!
//! Everything else counts and is served: names of environments and segments (conditions and SDKs see them), the order
//! of features (answers have it), of segments (the first of two equal priorities wins), of rules and conditions (the
//! result of a cycle of flags depends on it).

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use md5::{Digest, Md5};

use super::served;
use super::{Document, FeatureStateWire, IdentityOverrideWire, MultivariateValue, RuleWire};
use crate::python::number::{Integer, Number};
use crate::wire::context::Operand;
use crate::wire::json::Json;

/// The creation date of every identity. The Rust SDK refuses a document without it.
const CREATED: &str = "1970-01-01T00:00:00.000000+00:00";

/// The largest number that all SDKs read as an id or as a priority.
pub(super) const LARGEST_READABLE: i64 = i32::MAX as i64;

impl Document {
    /// Sorts the lists whose order has no meaning, before ids are assigned by position.
    pub(super) fn sort(&mut self) {
        self.identity_overrides.retain(|identity| !identity.identity_features.is_empty());
        self.identity_overrides.sort_by(|a, b| a.identifier.cmp(&b.identifier));
        for identity in &mut self.identity_overrides {
            identity.identity_features.sort_by(|a, b| a.feature.name.cmp(&b.feature.name));
        }
        for segment in &mut self.project.segments {
            segment.feature_states.sort_by(|a, b| a.feature.name.cmp(&b.feature.name));
        }
    }

    /// Gives every value its one spelling, and derives generated values. Ids must be filled in before.
    pub(super) fn unify(&mut self) {
        for identity in &mut self.identity_overrides {
            identity.unify(&self.api_key);
        }
        let identity_states = self.identity_overrides.iter_mut().flat_map(|i| &mut i.identity_features);
        let segment_states = self.project.segments.iter_mut().flat_map(|s| &mut s.feature_states);
        for state in self.feature_states.iter_mut().chain(segment_states).chain(identity_states) {
            state.unify();
        }
        let environment = self.feature_states.iter_mut();
        let identities = self.identity_overrides.iter_mut().flat_map(|i| &mut i.identity_features);
        environment.chain(identities).for_each(|state| state.feature_segment = None);
        self.rank_priorities();
        let mut rules: Vec<&mut RuleWire> =
            self.project.segments.iter_mut().flat_map(|s| &mut s.rules).collect();
        // SDKs receive a list as text, and their evaluation must agree with this one.
        while let Some(rule) = rules.pop() {
            for condition in &mut rule.conditions {
                if let Some(text) = served::unified(&condition.operator, &condition.value) {
                    condition.value = Operand::Text(text);
                }
            }
            rules.extend(&mut rule.rules);
        }
    }
}

impl Document {
    /// Some SDKs read priorities from 0 to 2^31 - 1 only. If there is any other, each becomes its place among all.
    fn rank_priorities(&mut self) {
        let states = self.project.segments.iter_mut().flat_map(|segment| &mut segment.feature_states);
        let segments = states.filter_map(|state| state.feature_segment.as_mut());
        let priorities: Vec<&mut Number> = segments.filter_map(|segment| segment.priority.as_mut()).collect();
        let readable =
            |priority: &Number| matches!(priority, Number::Int(Integer::Small(0..=LARGEST_READABLE)));
        if priorities.iter().all(|priority| readable(priority)) {
            return;
        }
        let mut ranks: Vec<Number> = priorities.iter().map(|priority| (**priority).clone()).collect();
        ranks.sort_by(Number::compare);
        ranks.dedup_by(|a, b| a.compare(b).is_eq());
        for priority in priorities {
            let rank = ranks.partition_point(|other| other.compare(priority).is_lt());
            *priority = Number::Int(Integer::Small(i64::try_from(rank).unwrap_or(LARGEST_READABLE)));
        }
    }
}

impl IdentityOverrideWire {
    fn unify(&mut self, api_key: &str) {
        self.environment_api_key = api_key.to_string();
        self.composite_key = format!("{api_key}_{}", self.identifier);
        self.identity_uuid = Some(uuid(&format!("identity:{}", self.composite_key)));
        self.created_date = Some(CREATED.to_string());
        self.django_id = None;
    }
}

impl FeatureStateWire {
    fn unify(&mut self) {
        if let Some(id) = self.django_id {
            self.featurestate_uuid = Some(uuid(&format!("feature state:{id}")));
        }
        let priorities = self.feature_segment.iter_mut().filter_map(|segment| segment.priority.as_mut());
        priorities.for_each(unify_priority);
        self.feature_state_value.unify();
        self.metadata.iter_mut().chain(&mut self.feature.metadata).for_each(Json::unify);
        let variants = &mut self.multivariate_feature_state_values;
        variants.sort_by_cached_key(MultivariateValue::order);
        for (variant, place) in variants.iter_mut().zip(1..) {
            variant.id = Some(place);
            variant.mv_fs_value_uuid = Some(uuid(&format!("variant:{place}")));
            let option = &mut variant.multivariate_feature_option;
            option.id = option.id.filter(|id| (0..=LARGEST_READABLE).contains(id));
            option.value.unify();
        }
    }
}

/// Whole numbers become integers. A number that no 64-bit integer holds becomes a double, as in the served document.
fn unify_priority(priority: &mut Number) {
    *priority = match priority {
        Number::Int(Integer::Small(_)) => return,
        Number::Int(big) => Number::Float(big.to_f64()),
        #[expect(clippy::cast_possible_truncation, reason = "the range is checked")]
        Number::Float(float) if float.abs() < 9e15 && *float % 1.0 == 0.0 => {
            Number::Int(Integer::Small(*float as i64))
        }
        Number::Float(_) => return,
    }
}

/// A UUID that is derived from a text. It is marked as a random one (version 4), since some readers accept no other.
fn uuid(text: &str) -> String {
    let mut bytes: [u8; 16] = Md5::digest(text).into();
    bytes[6] = (bytes[6] & 0x0f) | 0x40;
    bytes[8] = (bytes[8] & 0x3f) | 0x80;
    let digits = format!("{:032x}", u128::from_be_bytes(bytes));
    let (a, rest) = digits.split_at(8);
    let (b, rest) = rest.split_at(4);
    let (c, rest) = rest.split_at(4);
    let (d, e) = rest.split_at(4);
    format!("{a}-{b}-{c}-{d}-{e}")
}

#[cfg(test)]
mod tests {

    use super::*;

    fn document(members: &str) -> String {
        let text = format!(
            r#"{{"api_key": "e", "feature_states": [{{"feature": {{"name": "f"}}}}, {{"feature": {{"name": "g"}}}}], {members}}}"#
        );
        Document::parse(&text).unwrap().content()
    }

    fn with_states(states: &str) -> String {
        let text =
            format!(r#"{{"api_key": "e", "project": {{"segments": []}}, "feature_states": [{states}]}}"#);
        Document::parse(&text).unwrap().content()
    }

    #[track_caller]
    fn all_the_same(documents: &[String]) {
        for document in documents {
            assert_eq!(document, &documents[0]);
        }
    }

    #[test]
    fn of_identities_only_their_overrides_count() {
        let of = |identities: &[&str]| {
            document(&format!(
                r#""project": {{"segments": []}}, "identity_overrides": [{}]"#,
                identities.join(",")
            ))
        };
        let bare = r#"{"identifier": "ann", "identity_features": [
            {"feature": {"name": "f"}, "feature_state_value": 1}, {"feature": {"name": "g"}, "feature_state_value": 2}]}"#;
        let given = r#"{"identifier": "ann", "identity_uuid": "3b0b3b0e-60ac-4c44-9a3c-0c7a2d0a7d11", "django_id": 7,
            "created_date": "2025-12-24T09:00:00Z", "dashboard_alias": "A", "composite_key": "x", "identity_features": [
            {"feature": {"name": "g"}, "feature_state_value": 2}, {"feature": {"name": "f"}, "feature_state_value": 1}]}"#;
        let other =
            r#"{"identifier": "bert", "identity_features": [{"feature": {"name": "f"}, "enabled": true}]}"#;
        let empty = r#"{"identifier": "carl", "identity_features": []}"#;
        all_the_same(&[of(&[bare, other]), of(&[given, other]), of(&[other, empty, given])]);
        assert_ne!(of(&[bare]), of(&[bare, other]));
    }

    #[test]
    fn a_number_has_one_spelling_and_keeps_its_kind() {
        let with = |value: &str| {
            with_states(&format!(r#"{{"feature": {{"name": "f"}}, "feature_state_value": {value}}}"#))
        };
        all_the_same(&[with("10.0"), with("1e1"), with("10.00"), with("100E-1")]);
        all_the_same(&[with("0"), with("-0")]);
        all_the_same(&[with(r#""é\n""#), with(r#""\u00e9\u000a""#)]);
        all_the_same(&[with(r#"{"a": [1, 2.0], "b": null}"#), with(r#"{"b":null,"a":[1,2e0]}"#)]);
        for (one, other) in
            [("10", "10.0"), ("1", "true"), ("\"1\"", "1"), ("null", "\"\""), ("[1,2]", "[2,1]")]
        {
            assert_ne!(with(one), with(other));
        }
        // Too large for a double, and for any machine integer.
        for value in ["1e400", "123456789012345678901234567890"] {
            assert!(with(value).contains(&format!("\"feature_state_value\":{value}")));
        }
    }

    /// A new version of a feature with the same content has new ids.
    #[test]
    fn ids_that_are_unused_or_used_for_order_only_are_derived() {
        let state = |ids: [i64; 2], uuid: &str, order: [usize; 2]| {
            let variants = [
                format!(
                    r#"{{"id": {}, "percentage_allocation": 30, "multivariate_feature_option": {{"value": "a"}}}}"#,
                    ids[0]
                ),
                format!(
                    r#"{{"id": {}, "percentage_allocation": "40.0", "multivariate_feature_option": {{"value": "b"}}}}"#,
                    ids[1]
                ),
            ];
            let variants: Vec<&str> = order.iter().map(|place| variants[*place].as_str()).collect();
            with_states(&format!(
                r#"{{"feature": {{"name": "f"}}, "django_id": 5, "featurestate_uuid": "{uuid}",
                    "multivariate_feature_state_values": [{}]}}"#,
                variants.join(",")
            ))
        };
        let first = state([11, 12], "3b0b3b0e-60ac-4c44-9a3c-0c7a2d0a7d11", [0, 1]);
        all_the_same(&[
            first.clone(),
            state([21, 32], "c2b7a8b3-5bb7-4cd0-8e0e-4b2f7c6ad001", [0, 1]),
            state([11, 12], "c2b7a8b3-5bb7-4cd0-8e0e-4b2f7c6ad001", [1, 0]),
        ]);
        assert_ne!(
            first,
            state([12, 11], "3b0b3b0e-60ac-4c44-9a3c-0c7a2d0a7d11", [0, 1]),
            "the order of the ids counts"
        );
    }

    /// Without a `django_id`, variants are chosen by the UUID.
    #[test]
    fn a_uuid_alone_counts() {
        let with = |uuid: &str| {
            with_states(&format!(r#"{{"feature": {{"name": "f"}}, "featurestate_uuid": "{uuid}"}}"#))
        };
        let (one, other) = ("3b0b3b0e-60ac-4c44-9a3c-0c7a2d0a7d11", "c2b7a8b3-5bb7-4cd0-8e0e-4b2f7c6ad001");
        assert_ne!(with(one), with(other));
        assert!(with(one).contains(one));
    }

    #[test]
    fn times_descriptions_and_the_order_of_sets_do_not_count() {
        let with = |more: &str, ids: &str, overrides: [&str; 2], priority: &str| {
            document(&format!(
                r#"{more}"project": {{"server_key_only_feature_ids": {ids}, "segments": [{{"id": 3, "name": "s", "feature_states": [
                    {{"feature": {{"name": "{}"}}, "feature_segment": {{"priority": {priority}}}}},
                    {{"feature": {{"name": "{}"}}, "feature_segment": {{"priority": {priority}}}}}]}}]}}"#,
                overrides[0], overrides[1]
            ))
        };
        all_the_same(&[
            with("", "[1, 2]", ["f", "g"], "1"),
            with("\"updated_at\": \"2026-03-02T11:22:33Z\", ", "[2, 1, 2]", ["g", "f"], "1.0"),
            with("\"description\": \"none\", ", "[1, \"2\"]", ["f", "g"], "\"1\""),
        ]);
    }

    #[test]
    fn priorities_that_sdks_cannot_read_become_places() {
        let with = |priorities: [&str; 3]| {
            let states = ["f", "g", "h"].iter().zip(priorities).map(|(name, priority)| {
                format!(
                    r#"{{"feature": {{"name": "{name}"}}, "feature_segment": {{"priority": {priority}}}}}"#
                )
            });
            let states: Vec<String> = states.collect();
            document(&format!(
                r#""project": {{"segments": [{{"name": "s", "feature_states": [{}]}}]}}"#,
                states.join(",")
            ))
        };
        all_the_same(&[
            with(["0", "1", "0"]),
            with(["-1", "0.5", "-1"]),
            with(["0.5", "2147483648", "0.5"]),
            with(["-1e300", "123456789012345678901234567890", "-1e300"]),
        ]);
        assert_ne!(with(["0", "1", "0"]), with(["3", "4", "3"]), "such priorities stay as they are");
    }

    /// SDKs that compare ids did not find the override, or found two features of one name.
    #[test]
    fn a_feature_has_one_id_in_all_places() {
        let with = |own: &str, other: &str| {
            let text = format!(
                r#"{{"api_key": "e", "feature_states": [{{"feature": {{{own}"name": "g"}}}}],
                    "project": {{"segments": [{{"name": "s", "feature_states": [
                        {{"feature": {{{other}"name": "g"}}}}]}}]}},
                    "identity_overrides": [{{"identifier": "ann", "identity_features": [
                        {{"feature": {{"name": "g"}}}}]}}]}}"#
            );
            // Without a UUID, the hashing seed is the id: it is the same in all these documents.
            Document::parse(&text).unwrap().content()
        };
        all_the_same(&[
            with(r#""id": 7, "#, r#""id": 7, "#),
            with(r#""id": 7, "#, ""),
            with("", r#""id": 7, "#),
            with(r#""id": 7, "#, r#""id": 8, "#),
            with(r#""id": 7, "#, r#""id": 0, "#),
        ]);
    }

    #[test]
    fn a_derived_uuid_looks_like_a_random_one() {
        let uuid = uuid("identity:e_ann");
        assert_eq!(uuid.len(), 36);
        assert_eq!((&uuid[14..15], "89ab".contains(&uuid[19..20])), ("4", true), "{uuid}");
    }
}
