//! What an evaluation of an environment costs at most, for any identity.

use alloc::collections::BTreeSet;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;

use crate::compiled::environment::{Condition, Environment, FeatureState, Segment, Span};
use crate::compiled::predicate::Predicate;
use crate::compiled::property::{Field, Property, Target};
use crate::limits;
use crate::work::{self, Operation, Size};

/// How many of the dearest segments are named.
const NAMED: usize = 3;

/// The steps of an evaluation at most, for any identity within the limits of the API. A step is about 10 ns of vCPU.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Cost {
    /// Rules and conditions, without the parts that follow.
    pub conditions: u64,
    /// Percentage splits.
    pub splits: u64,
    /// Regular expressions.
    pub patterns: u64,
    /// Flags that conditions read.
    pub flags_read: u64,
    /// Hashes of the identity that choose variants.
    pub identity_hashes: u64,
    /// Flags, overrides and values that are prepared, and the answer.
    pub answer: u64,
    /// Bytes of the compiled environment, which are checked when a copy of it is fresh.
    pub copy: u64,
    /// The dearest segments by name, dearest first, with their steps.
    pub dearest: Vec<(String, u64)>,
}

impl Cost {
    /// An environment that costs more is warned of: a tenth of what the platform allows a request.
    pub const WARN: u64 = work::WARN;
    /// An environment that costs more is refused: all that the platform allows a request.
    pub const REFUSE: u64 = work::REFUSE;

    /// All of it.
    pub fn steps(&self) -> u64 {
        self.evaluation().saturating_add(self.copy)
    }

    /// An evaluation alone, of a copy that was checked before.
    pub fn evaluation(&self) -> u64 {
        let parts =
            [self.conditions, self.splits, self.patterns, self.flags_read, self.identity_hashes, self.answer];
        parts.into_iter().fold(0, u64::saturating_add)
    }

    fn add(&mut self, part: Part, steps: u64) {
        let sum = match part {
            Part::Conditions => &mut self.conditions,
            Part::Splits => &mut self.splits,
            Part::Patterns => &mut self.patterns,
            Part::FlagsRead => &mut self.flags_read,
            Part::IdentityHashes => &mut self.identity_hashes,
            Part::Answer => &mut self.answer,
        };
        *sum = sum.saturating_add(steps);
    }
}

#[derive(Clone, Copy)]
enum Part {
    Conditions,
    Splits,
    Patterns,
    FlagsRead,
    IdentityHashes,
    Answer,
}

impl Environment {
    /// What an evaluation costs at most; `encoded` is how many bytes [`Environment::encode`] made.
    pub fn cost(&self, encoded: usize) -> Cost {
        let mut cost = Cost { copy: work::per(encoded as u64, work::CHECKED_BYTES), ..Cost::default() };
        let extremes = self.extremes();
        let sizes: Vec<Size> =
            self.properties.iter().map(|property| self.size(property, &extremes)).collect();
        let mut conditions = Conditions {
            environment: self,
            sizes: &sizes,
            read: if self.may_repeat() { work::CYCLIC_READ } else { work::FLAG_READ },
            searched: BTreeSet::new(),
            versions: BTreeSet::new(),
        };
        let mut dearest = Vec::new();
        for segment in &self.segments {
            let before = cost.evaluation();
            conditions.add(segment, &mut cost);
            dearest.push((segment, cost.evaluation() - before));
        }
        dearest.sort_by_key(|(_, steps)| core::cmp::Reverse(*steps));
        let named = dearest.iter().take(NAMED).map(|(segment, steps)| (segment.name.clone(), *steps));
        cost.dearest = named.collect();
        self.add_flags_read(&extremes, &sizes, &mut cost);
        self.add_features(&extremes, &mut cost);
        self.add_values(&mut cost);
        cost
    }

    /// Each flag that a condition reads is resolved once, and each of its members is read once; what cycles repeat has a
    /// budget.
    fn add_flags_read(&self, extremes: &[Extreme], sizes: &[Size], cost: &mut Cost) {
        let mut resolved = BTreeSet::new();
        let mut read = BTreeSet::new();
        for (property, size) in self.properties.iter().zip(sizes) {
            let Some(target @ Target::Flag { feature, field }) = &property.target else { continue };
            let feature = *feature as usize;
            if read.insert(target) {
                let json = match field {
                    Field::Value => extremes[feature].value,
                    Field::Metadata(_) => extremes[feature].metadata,
                    _ => 0,
                };
                cost.add(Part::FlagsRead, work::per(json, work::JSON_BYTES) + work::value(*size));
            }
            if resolved.insert(feature) {
                let overriding = self.features[feature].overriding.iter();
                let overriding =
                    overriding.map(|segment| work::segment(self.segments[*segment as usize].overrides.len()));
                let steps = work::FLAG + work::OWN_OVERRIDE + overriding.sum::<u64>();
                cost.add(Part::FlagsRead, steps);
            }
        }
        if self.may_repeat() {
            cost.add(Part::FlagsRead, work::REPEATED);
        }
    }

    fn add_features(&self, extremes: &[Extreme], cost: &mut Cost) {
        cost.add(Part::Answer, work::per(self.default_json.len() as u64, work::COPIED_BYTES));
        let identity_key = self.identity_key();
        for extreme in extremes {
            cost.add(Part::Answer, work::FLAG + work::per(extreme.value, work::COPIED_BYTES));
            if extreme.variants > 0 {
                let bytes = extreme.key + 1 + identity_key;
                cost.add(Part::IdentityHashes, work::variants(extreme.variants, bytes));
            }
        }
        let own = self.identity_overrides.iter().map(|identity| identity.overrides.len()).max();
        cost.add(Part::Answer, work::OWN_OVERRIDE * own.unwrap_or_default() as u64);
    }

    /// The values of properties, which are prepared before anything is evaluated.
    fn add_values(&self, cost: &mut Cost) {
        let names = self.properties.iter().flat_map(|property| {
            let of_target = match &property.target {
                Some(Target::Trait(name)) => Some(name),
                _ => None,
            };
            property.trait_name.iter().chain(of_target)
        });
        let mut distinct = BTreeSet::new();
        for name in names {
            cost.add(Part::Answer, work::name(work::TRAIT_PROBES, work::TRAIT_NAME.min(name.len() as u64)));
            distinct.insert(name);
        }
        let traits = distinct.len() as u64 * work::value(Size::TRAIT);
        let all = work::value(Size::text(work::TRAITS));
        let own = [self.key.len() as u64, self.name.len() as u64, work::TEXT];
        let own = own.map(|bytes| work::value(Size::text(bytes))).iter().sum::<u64>();
        let identity_key = work::value(self.identity_key_size());
        let properties = work::PROPERTY * self.properties.len() as u64;
        cost.add(Part::Answer, properties + traits.min(all) + own + identity_key);
    }

    /// Bytes of the longest key of an identity.
    fn identity_key(&self) -> u64 {
        self.key.len() as u64 + 1 + work::TEXT
    }

    fn identity_key_size(&self) -> Size {
        let of_environment = Size::text(self.key.len() as u64 + 1);
        Size {
            bytes: self.identity_key(),
            characters: of_environment.characters + work::CHARACTERS,
            digits: work::CHARACTERS,
        }
    }

    /// The largest value of a property. A trait of its name goes before what its path leads to.
    fn size(&self, property: &Property, extremes: &[Extreme]) -> Size {
        let of_target = match &property.target {
            None => Size::default(),
            Some(Target::EnvironmentKey) => Size::text(self.key.len() as u64),
            Some(Target::EnvironmentName) => Size::text(self.name.len() as u64),
            Some(Target::Identifier | Target::Trait(_)) => Size::TRAIT,
            Some(Target::IdentityKey) => self.identity_key_size(),
            Some(Target::Flag { feature, field }) => {
                let feature = *feature as usize;
                let extreme = &extremes[feature];
                match field {
                    Field::Enabled => Size::BOOL,
                    Field::Value => Size::text(extreme.value).max(Size::NUMBER),
                    Field::Variant => Size::text(extreme.variant.max(CONTROL)),
                    Field::Name => Size::text(self.features[feature].name.len() as u64),
                    Field::Reason => Size { digits: 0, ..Size::text(extreme.segment_name + REASON) },
                    Field::Metadata(_) => Size::text(2 * extreme.metadata).max(Size::NUMBER),
                    Field::Nothing => Size::default(),
                }
            }
        };
        if property.trait_name.is_some() { of_target.max(Size::TRAIT) } else { of_target }
    }

    /// The largest parts of the states of each feature.
    fn extremes(&self) -> Vec<Extreme> {
        let mut extremes: Vec<Extreme> = Vec::new();
        for feature in &self.features {
            let mut extreme = Extreme::default();
            extreme.take(&feature.default, "");
            extremes.push(extreme);
        }
        for segment in &self.segments {
            for overridden in &segment.overrides {
                extremes[overridden.feature as usize].take(&overridden.state, &segment.name);
            }
        }
        for overridden in self.identity_overrides.iter().flat_map(|identity| &identity.overrides) {
            extremes[overridden.feature as usize].take(&overridden.state, "");
        }
        extremes
    }

    /// Whether flags may be resolved, and segments evaluated, more than once: flags read each other in a cycle, or in a
    /// chain that is cut like one.
    fn may_repeat(&self) -> bool {
        let reads = self
            .segments
            .iter()
            .map(|segment| if segment.reads_flags { self.flags_read(segment) } else { Vec::new() });
        let reads: Vec<Vec<usize>> = reads.collect();
        // In each round, those flags are done whose segments read only flags that were done before.
        let mut done = vec![false; self.features.len()];
        for _ in 0..limits::DEPENDENCY_DEPTH {
            let ready: Vec<bool> = reads.iter().map(|reads| reads.iter().all(|flag| done[*flag])).collect();
            for (feature, done) in self.features.iter().zip(&mut done) {
                *done = feature.overriding.iter().all(|segment| ready[*segment as usize]);
            }
        }
        done.contains(&false)
    }

    fn flags_read(&self, segment: &Segment) -> Vec<usize> {
        let mut flags = BTreeSet::new();
        let mut pending = vec![segment.rules];
        while let Some(rules) = pending.pop() {
            for rule in slice(&self.rules, rules) {
                pending.push(rule.rules);
                flags.extend(slice(&self.conditions, rule.conditions).iter().filter_map(|condition| {
                    match self.properties[condition.property as usize].target {
                        Some(Target::Flag { feature, .. }) => Some(feature as usize),
                        _ => None,
                    }
                }));
            }
        }
        flags.into_iter().collect()
    }
}

/// Counts the conditions of segments.
struct Conditions<'a> {
    environment: &'a Environment,
    /// Of the value of each property.
    sizes: &'a [Size],
    /// The steps of reading a flag.
    read: u64,
    /// What each property was searched for.
    searched: BTreeSet<(u32, &'a str)>,
    /// The properties whose values are read as versions.
    versions: BTreeSet<u32>,
}

impl<'a> Conditions<'a> {
    fn add(&mut self, segment: &'a Segment, cost: &mut Cost) {
        cost.add(Part::Answer, work::segment(segment.overrides.len()));
        let mut pending = vec![segment.rules];
        while let Some(rules) = pending.pop() {
            for rule in slice(&self.environment.rules, rules) {
                let conditions = slice(&self.environment.conditions, rule.conditions);
                cost.add(Part::Conditions, work::rule(conditions.len()));
                pending.push(rule.rules);
                for condition in conditions {
                    self.add_condition(segment, condition, cost);
                }
            }
        }
    }

    fn add_condition(&mut self, segment: &Segment, condition: &'a Condition, cost: &mut Cost) {
        let environment = self.environment;
        let size = self.sizes[condition.property as usize];
        let operation = condition.predicate.operation(&segment.key);
        let part = match operation {
            Operation::Split(_) => Part::Splits,
            Operation::Pattern => Part::Patterns,
            _ => Part::Conditions,
        };
        cost.add(part, self.steps(condition, operation, size));
        if let Predicate::Regex(pattern) = &condition.predicate {
            cost.add(part, environment.patterns[*pattern as usize].steps(size));
        }
        if matches!(environment.properties[condition.property as usize].target, Some(Target::Flag { .. })) {
            cost.add(Part::FlagsRead, self.read);
        }
    }

    /// A long text is searched once for each part, and found to be a version or not once. A short text is searched each
    /// time.
    fn steps(&mut self, condition: &'a Condition, operation: Operation, size: Size) -> u64 {
        if let Some(part) = condition.predicate.searched_for()
            && !self.searched.insert((condition.property, part))
        {
            let again = |bytes: u64| work::searched_again(bytes, part.len() as u64);
            return again(size.bytes).max(again(size.bytes.min(work::SHORT_TEXT)));
        }
        if let Operation::Version(other) = operation
            && !self.versions.insert(condition.property)
        {
            return work::version_again(size, other);
        }
        operation.steps(size)
    }
}

/// Bytes of `control`, which is read of a flag whose variant is none of the others.
const CONTROL: u64 = 7;
/// Bytes of a reason without the name of its segment: a weight is a float, written without an exponent.
const REASON: u64 = 400;

/// The largest parts of the states of a feature.
#[derive(Default)]
struct Extreme {
    value: u64,
    metadata: u64,
    key: u64,
    variants: usize,
    variant: u64,
    segment_name: u64,
}

impl Extreme {
    fn take(&mut self, state: &FeatureState, segment: &str) {
        let values = state.variants.iter().map(|variant| variant.value.len());
        let value = values.chain([state.value.len()]).max().unwrap_or_default();
        let variant = state.variants.iter().filter_map(|variant| variant.key.as_ref()).map(String::len).max();
        let larger = |known: &mut u64, bytes: usize| *known = (*known).max(bytes as u64);
        larger(&mut self.value, value);
        larger(&mut self.metadata, state.metadata.as_ref().map_or(0, String::len));
        larger(&mut self.key, state.key.len());
        larger(&mut self.variant, variant.unwrap_or_default());
        larger(&mut self.segment_name, segment.len());
        self.variants = self.variants.max(state.variants.len());
    }
}

fn slice<T>(list: &[T], span: Span) -> &[T] {
    let start = span.start as usize;
    list.get(start..start + span.length as usize).unwrap_or_default()
}
