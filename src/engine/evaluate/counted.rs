//! A visitor that counts the steps that an evaluation took.

use alloc::collections::BTreeSet;
use alloc::vec;
use alloc::vec::Vec;
use core::cell::OnceCell;
use core::fmt;
use core::ops::Range;

use super::identity::Identity;
use super::result::{Flag, VariantChoice};
use super::visitor::{Offer, OverrideSource, Read, SegmentOutcome, Visitor};
use crate::compiled::decode::Compiled;
use crate::compiled::environment::{ArchivedEnvironment, ArchivedSegment};
use crate::compiled::predicate::Subject;
use crate::compiled::property::{ArchivedField, ArchivedTarget};
use crate::python::value::Value;
use crate::work::{self, Operation};

/// Counts the steps of one evaluation, in the unit of [`crate::Cost`].
pub struct CountedWork<'e> {
    environment: &'e ArchivedEnvironment,
    /// The segment of each condition.
    segments: Vec<Option<&'e ArchivedSegment>>,
    identity_key: u64,
    steps: u64,
    /// Bytes of the value and of the metadata of the flag that the next condition reads.
    read_next: Option<[u64; 2]>,
    /// Flags that were resolved by now, and what was read of them.
    resolved: BTreeSet<usize>,
    read: BTreeSet<&'e ArchivedTarget>,
    /// What each property was searched for.
    searched: BTreeSet<(u32, &'e str)>,
    /// The properties whose values were read as versions.
    versions: BTreeSet<u32>,
}

impl<'e> CountedWork<'e> {
    /// Counts an evaluation of this environment for this identity.
    pub fn new(compiled: &'e Compiled, identity: Option<&Identity>) -> CountedWork<'e> {
        let environment = compiled.environment();
        let identity_key = identity.map_or(0, |identity| match identity.key.as_deref() {
            Some(key) if !key.is_empty() => key.len(),
            _ => environment.key.len() + 1 + identity.identifier.len(),
        }) as u64;
        let mut counted = CountedWork {
            environment,
            segments: vec![None; environment.conditions.len()],
            identity_key,
            steps: work::per(environment.default_json.len() as u64, work::COPIED_BYTES),
            read_next: None,
            resolved: BTreeSet::new(),
            read: BTreeSet::new(),
            searched: BTreeSet::new(),
            versions: BTreeSet::new(),
        };
        for segment in environment.segments.iter() {
            counted.owns(segment, segment.rules.range());
        }
        counted.prepares(identity);
        counted
    }

    /// The steps so far.
    pub fn steps(&self) -> u64 {
        self.steps
    }

    fn owns(&mut self, segment: &'e ArchivedSegment, rules: Range<usize>) {
        for rule in self.environment.rules.get(rules).unwrap_or_default() {
            if let Some(conditions) = self.segments.get_mut(rule.conditions.range()) {
                conditions.fill(Some(segment));
            }
            self.owns(segment, rule.rules.range());
        }
    }

    /// The values that are looked up before anything is evaluated.
    fn prepares(&mut self, identity: Option<&Identity>) {
        let identifier = identity.map_or(0, |identity| identity.identifier.len() as u64);
        for bytes in [self.environment.key.len() as u64, self.environment.name.len() as u64] {
            self.steps += work::value(work::Size::text(bytes));
        }
        self.steps += work::value(work::Size::text(identifier))
            + work::value(work::Size { bytes: self.identity_key, ..work::Size::default() });
        let traits = identity.map_or(&[][..], |identity| &identity.traits);
        let longest = traits.iter().map(|(name, _)| name.len()).max().unwrap_or_default() as u64;
        let probes = u64::from(traits.len().checked_ilog2().map_or(0, |log| log + 1));
        let mut named = BTreeSet::new();
        for property in self.environment.properties.iter() {
            let of_target = match property.target.as_ref() {
                Some(ArchivedTarget::Trait(name)) => Some(name.as_str()),
                _ => None,
            };
            self.steps += work::PROPERTY;
            for name in property.trait_name.as_deref().into_iter().chain(of_target) {
                self.steps += work::name(probes, longest.min(name.len() as u64));
                named.insert(name);
            }
        }
        let read = traits.iter().filter(|(name, _)| named.contains(name.as_str()));
        self.steps += read.map(|(_, value)| work::value(size(value))).sum::<u64>();
    }
}

impl fmt::Debug for CountedWork<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CountedWork").field("steps", &self.steps).finish_non_exhaustive()
    }
}

fn size(value: &Value) -> work::Size {
    let number = value.as_number();
    Subject { raw: value, typed: number.as_ref().unwrap_or(value), is_version: &OnceCell::new() }.size()
}

impl Visitor for CountedWork<'_> {
    fn condition(&mut self, condition: usize, value: Option<Read<'_>>, _: bool) {
        let value = value.map(|value| value.raw);
        self.steps += work::CONDITION;
        let environment = self.environment;
        let (Some(condition), Some(Some(segment))) =
            (environment.conditions.get(condition), self.segments.get(condition).copied())
        else {
            return;
        };
        let target = environment.properties.get(condition.property.to_native() as usize);
        let target = target.and_then(|property| property.target.as_ref());
        if let (Some(target @ ArchivedTarget::Flag { field, .. }), Some([value_json, metadata])) =
            (target, self.read_next.take())
            && self.read.insert(target)
        {
            let json = match field {
                ArchivedField::Value => value_json,
                ArchivedField::Metadata(_) => metadata,
                _ => 0,
            };
            self.steps +=
                work::per(json, work::JSON_BYTES) + value.map_or(0, |value| work::value(size(value)));
        }
        let Some(value) = value else { return };
        let size = size(value);
        if let Some(part) = condition.predicate.searched_for()
            && !self.searched.insert((condition.property.to_native(), part))
        {
            self.steps += work::searched_again(size.bytes, part.len() as u64);
            return;
        }
        let operation = condition.predicate.operation(&segment.key);
        if let Operation::Version(other) = operation
            && !self.versions.insert(condition.property.to_native())
        {
            self.steps += work::version_again(size, other);
            return;
        }
        let longest = condition.predicate.longest_member();
        self.steps += operation.with_longest(longest).steps(size);
        if let Some(pattern) = condition.predicate.pattern().and_then(|at| environment.patterns.get(at)) {
            self.steps += pattern.steps(size);
        }
    }

    fn rule(&mut self, _: usize, _: bool) {
        self.steps += work::RULE;
    }

    fn segment(&mut self, segment: usize, _: SegmentOutcome) {
        let overrides = self.environment.segments.get(segment).map_or(0, |segment| segment.overrides.len());
        self.steps += work::segment(overrides);
    }

    fn override_offered(&mut self, offer: &Offer) {
        if offer.source == OverrideSource::Identity {
            self.steps += work::OWN_OVERRIDE;
        }
    }

    fn flag_read(&mut self, feature: usize, flag: Option<&Flag<'_>>) {
        self.steps += if flag.is_some() { work::FLAG_READ } else { work::CYCLIC_READ };
        if self.resolved.insert(feature) {
            self.steps += work::FLAG;
        }
        self.read_next =
            flag.map(|flag| [flag.value().len() as u64, flag.metadata().map_or(0, str::len) as u64]);
    }

    fn flag(&mut self, _: usize, flag: &Flag<'_>) {
        self.steps += work::FLAG;
        if flag.default_json().is_none() {
            self.steps += work::per(flag.value().len() as u64, work::COPIED_BYTES);
        }
        if !matches!(flag.choice, VariantChoice::None) {
            let bytes = flag.state.key.len() as u64 + 1 + self.identity_key;
            self.steps += work::variants(flag.state.variants.len(), bytes);
        }
    }
}
