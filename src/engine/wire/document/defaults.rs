//! Fills in the members that a document lacks: every default that [`Document`] lists.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::canonical::LARGEST_READABLE;
use super::{Document, FeatureStateWire, IdentityOverrideWire};

impl Document {
    pub(super) fn fill_defaults(&mut self) {
        for id in [&mut self.id, &mut self.project.id, &mut self.project.organisation.id] {
            *id = id.filter(|id| (0..=LARGEST_READABLE).contains(id)).or(Some(1));
        }
        let server_only = self.server_only_names();
        keep_last_of_each_name(&mut self.feature_states);
        merge_by_identifier(&mut self.identity_overrides);
        self.sort();
        let mut ids = FeatureIds::new(self);
        let segment_states = self.project.segments.iter_mut().flat_map(|s| &mut s.feature_states);
        let identity_states = self.identity_overrides.iter_mut().flat_map(|i| &mut i.identity_features);
        for state in self.feature_states.iter_mut().chain(segment_states).chain(identity_states) {
            state.fill_defaults(&mut ids);
        }
        let hidden = &mut self.project.server_key_only_feature_ids;
        hidden.extend(server_only.iter().map(|name| ids.of(name)));
        *hidden = BTreeSet::from_iter(hidden.drain(..)).into_iter().collect();
        let given: Vec<i64> = self.project.segments.iter().filter_map(|segment| segment.id).collect();
        let missing = self.project.segments.iter_mut().filter(|segment| segment.id.is_none());
        for (segment, id) in missing.zip((1..).filter(|id| !given.contains(id))) {
            segment.id = Some(id);
        }
    }

    /// The names of the features that are hidden from client-side keys: the list has an id that any state of the feature
    /// has in the source. Afterwards the feature may have another id.
    fn server_only_names(&self) -> BTreeSet<String> {
        let hidden: BTreeSet<i64> = self.project.server_key_only_feature_ids.iter().copied().collect();
        let states =
            self.all_states().filter(|state| state.feature.id.is_some_and(|id| hidden.contains(&id)));
        states.map(|state| state.feature.name.clone()).collect()
    }

    /// The states of the environment, of segments and of identities.
    fn all_states(&self) -> impl Iterator<Item = &FeatureStateWire> {
        let segment_states = self.project.segments.iter().flat_map(|segment| &segment.feature_states);
        let identity_states = self.identity_overrides.iter().flat_map(|identity| &identity.identity_features);
        self.feature_states.iter().chain(segment_states).chain(identity_states)
    }
}

impl FeatureStateWire {
    fn fill_defaults(&mut self, ids: &mut FeatureIds) {
        let id = *self.feature.id.insert(ids.of(&self.feature.name));
        let variants = !self.multivariate_feature_state_values.is_empty();
        let kind = if variants { "MULTIVARIATE" } else { "STANDARD" };
        self.feature.kind.get_or_insert_with(|| kind.to_string());
        self.django_id = self.django_id.filter(|id| *id != 0);
        if self.django_id.is_none() && self.featurestate_uuid.is_none() {
            self.django_id = Some(id);
        }
        // Some SDKs cannot read an object without a priority; no object means the same.
        self.feature_segment = self.feature_segment.take().filter(|segment| segment.priority.is_some());
        for (variant, place) in self.multivariate_feature_state_values.iter_mut().zip(1..) {
            variant.id = variant.id.filter(|id| *id != 0);
            if variant.id.is_none() && variant.uuid().is_none() {
                variant.id = Some(place);
            }
            // Zero is written without a sign.
            variant.percentage_allocation = Some(variant.percentage_allocation.unwrap_or_default() + 0.0);
        }
    }
}

/// The environment has one state for each feature. Of several, the last one counts, at the position of the first.
fn keep_last_of_each_name(states: &mut Vec<FeatureStateWire>) {
    let mut places: BTreeMap<String, usize> = BTreeMap::new();
    let mut kept: Vec<FeatureStateWire> = Vec::with_capacity(states.len());
    for state in states.drain(..) {
        match places.get(&state.feature.name) {
            Some(place) => kept[*place] = state,
            None => {
                places.insert(state.feature.name.clone(), kept.len());
                kept.push(state);
            }
        }
    }
    *states = kept;
}

/// Merges the entries of one identity. Pages of a document and exports may have several, but some SDKs expect one. All
/// overrides count; of two for the same feature, the first.
fn merge_by_identifier(identities: &mut Vec<IdentityOverrideWire>) {
    let mut places: BTreeMap<String, usize> = BTreeMap::new();
    let mut several: BTreeSet<usize> = BTreeSet::new();
    let mut kept: Vec<IdentityOverrideWire> = Vec::with_capacity(identities.len());
    for identity in identities.drain(..) {
        if let Some(place) = places.get(&identity.identifier) {
            kept[*place].identity_features.extend(identity.identity_features);
            several.insert(*place);
        } else {
            places.insert(identity.identifier.clone(), kept.len());
            kept.push(identity);
        }
    }
    for place in several {
        let mut names: BTreeSet<String> = BTreeSet::new();
        kept[place].identity_features.retain(|state| names.insert(state.feature.name.clone()));
    }
    *identities = kept;
}

/// The ids of features by name, and the next free one.
struct FeatureIds {
    by_name: BTreeMap<String, i64>,
    taken: BTreeSet<i64>,
    next: i64,
}

impl FeatureIds {
    /// Where states of one name have several ids, that of the environment counts, or else the first.
    fn new(document: &Document) -> FeatureIds {
        let mut by_name: BTreeMap<String, i64> = BTreeMap::new();
        for state in document.all_states() {
            if let Some(id) = state.feature.id.filter(|id| *id != 0) {
                by_name.entry(state.feature.name.clone()).or_insert(id);
            }
        }
        // An id that is made up must not hide its feature from client-side keys.
        let hidden = document.project.server_key_only_feature_ids.iter();
        let taken = by_name.values().chain(hidden).copied().collect();
        FeatureIds { by_name, taken, next: 1 }
    }

    fn of(&mut self, name: &str) -> i64 {
        if let Some(id) = self.by_name.get(name) {
            return *id;
        }
        while !self.taken.insert(self.next) {
            self.next += 1;
        }
        self.by_name.insert(name.to_string(), self.next);
        self.next
    }
}
