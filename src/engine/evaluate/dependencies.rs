//! Flags that depend on flags (engine semantics, section 8): a condition that reads `$.flags.x.enabled` has `x`
//! resolved there and then. A cycle is cut where it closes; every flag on it is cyclic, can be read by nobody, and
//! no segment that came upon the cut matches. A cyclic flag is resolved anew each time it is read, as in the reference
//! engine, which decides what tangled cycles come to; but only so often, or the ways through a dense graph would never end.

use alloc::vec;
use alloc::vec::Vec;

use crate::compiled::environment::ArchivedSegment;
use crate::compiled::property::{ArchivedField, ArchivedTarget};
use crate::evaluate::evaluator::{ActiveOverride, Evaluator};
use crate::evaluate::result::Flag;
use crate::limits;
use crate::python::value::Value;

/// What is known so far. Empty, and never allocated, while no condition reads a flag.
#[derive(Default)]
pub(crate) struct Dependencies<'e> {
    features: Vec<Progress<'e>>,
    segments: Vec<Option<bool>>,
    /// The features being resolved, outermost first.
    stack: Vec<usize>,
    /// How often a cycle was cut.
    cuts: usize,
    /// How often a flag was resolved again that had been found on a cycle.
    second_looks: usize,
}

#[derive(Clone, Copy, Default)]
enum Progress<'e> {
    #[default]
    Unread,
    Resolved(Flag<'e>),
    Cyclic,
}

impl<'e> Dependencies<'e> {
    pub(crate) fn resolved(&self, feature: usize) -> Option<Flag<'e>> {
        match self.features.get(feature) {
            Some(Progress::Resolved(flag)) => Some(*flag),
            _ => None,
        }
    }

    pub(crate) fn is_cyclic(&self, feature: usize) -> bool {
        matches!(self.features.get(feature), Some(Progress::Cyclic))
    }
}

impl<'e> Evaluator<'e> {
    /// Whether a segment matches, on sound ground.
    pub(crate) fn segment_matches(&mut self, index: usize, segment: &'e ArchivedSegment) -> bool {
        if !segment.reads_flags {
            return self.rules_match(segment);
        }
        if let Some(Some(verdict)) = self.dependencies.segments.get(index) {
            return *verdict;
        }
        let cuts = self.dependencies.cuts;
        let verdict = self.rules_match(segment);
        if self.dependencies.cuts != cuts {
            return false;
        }
        if let Some(memory) = self.dependencies.segments.get_mut(index) {
            *memory = Some(verdict);
        }
        verdict
    }

    /// The value that a property which leads to a flag has.
    pub(crate) fn read_flag(&mut self, property: usize) -> Option<Value> {
        let property = self.environment.properties.get(property)?;
        let ArchivedTarget::Flag { feature, field } = property.target.as_ref()? else { return None };
        let flag = self.resolve(feature.to_native() as usize)?;
        match field {
            ArchivedField::Enabled => Some(Value::Bool(flag.enabled())),
            ArchivedField::Value => Value::from_json(flag.value()),
            ArchivedField::Variant => flag.variant().map(Value::from),
            ArchivedField::Name => Some(Value::from(flag.name())),
            ArchivedField::Reason => Some(Value::Str(alloc::format!("{}", flag.reason))),
            ArchivedField::Metadata(path) => {
                let metadata: serde_json::Value = serde_json::from_str(flag.metadata()?).ok()?;
                let member = path.iter().try_fold(&metadata, |value, name| value.get(name.as_str()))?;
                Value::from_json(&serde_json::to_string(member).ok()?)
            }
            ArchivedField::Nothing => None,
        }
    }

    fn resolve(&mut self, feature: usize) -> Option<Flag<'e>> {
        if self.dependencies.features.is_empty() {
            self.dependencies.features = vec![Progress::Unread; self.environment.features.len()];
            self.dependencies.segments = vec![None; self.environment.segments.len()];
        }
        match self.dependencies.features.get(feature)? {
            Progress::Resolved(flag) => return Some(*flag),
            // The next look takes another way through the graph, and may not come upon the cycle.
            Progress::Cyclic if self.dependencies.second_looks < limits::SECOND_LOOKS => {
                self.dependencies.second_looks += 1;
            }
            Progress::Cyclic => {
                self.dependencies.cuts += 1;
                return None;
            }
            Progress::Unread => {}
        }
        let stack = &self.dependencies.stack;
        let closes_at = stack.iter().position(|resolving| *resolving == feature);
        // A chain too long for the guest's stack is cut as if it closed here, all of it.
        let too_long = (stack.len() >= limits::DEPENDENCY_DEPTH).then_some(0);
        if let Some(from) = closes_at.or(too_long) {
            for cyclic in &stack[from..] {
                self.dependencies.features[*cyclic] = Progress::Cyclic;
            }
            self.dependencies.cuts += 1;
            return None;
        }
        self.dependencies.stack.push(feature);
        let chosen = self.choose(feature);
        self.dependencies.stack.pop();
        if self.dependencies.is_cyclic(feature) {
            return None;
        }
        let flag = self.flag(self.environment.features.get(feature)?, chosen);
        self.dependencies.features[feature] = Progress::Resolved(flag);
        Some(flag)
    }

    /// The override in force for one feature. An identity's own needs no look at segments to win, but they are looked
    /// at all the same: what they read may be cyclic.
    fn choose(&mut self, feature: usize) -> Option<ActiveOverride<'e>> {
        let environment = self.environment;
        let mut held = self.identity_override(feature);
        for index in environment.features.get(feature)?.overriding.iter() {
            let index = index.to_native() as usize;
            let Some(segment) = environment.segments.get(index) else { continue };
            if !self.segment_matches(index, segment) {
                continue;
            }
            for overridden in segment.overrides.iter().filter(|o| o.feature.to_native() as usize == feature) {
                ActiveOverride::offer(&mut held, overridden, segment);
            }
        }
        held
    }
}
