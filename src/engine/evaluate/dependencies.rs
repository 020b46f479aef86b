//! Flags that depend on flags (`SEMANTICS.md`, 8): a condition that reads `$.flags.x.enabled` has `x` resolved at that
//! moment. A cycle is cut where it closes. Every flag on it is cyclic and cannot be read. A segment whose evaluation
//! met the cut does not match.
//!
//! A cyclic flag is resolved again each time it is read, as in Flagsmith's own engine: where cycles share flags, the
//! result depends on the order of these attempts. Their number is limited, since a dense graph has too many paths to
//! try them all.

use alloc::format;
use alloc::vec;
use alloc::vec::Vec;

use super::evaluator::{ActiveOverride, Evaluator};
use super::result::Flag;
use super::visitor::{SegmentOutcome, Visitor};
use crate::compiled::environment::ArchivedSegment;
use crate::compiled::property::{ArchivedField, ArchivedTarget};
use crate::limits;
use crate::python::value::Value;

/// The results so far. Empty, and never allocated, while no condition reads a flag.
#[derive(Default)]
pub(super) struct Dependencies<'e> {
    features: Vec<Progress<'e>>,
    segments: Vec<Option<bool>>,
    /// The features that are being resolved, outermost first.
    stack: Vec<usize>,
    /// How often a cycle was cut.
    cuts: usize,
    /// How often a cyclic flag was resolved again.
    retries: usize,
}

#[derive(Clone, Copy, Default)]
enum Progress<'e> {
    #[default]
    Unread,
    Resolved(Flag<'e>),
    Cyclic,
}

impl<'e> Dependencies<'e> {
    pub(super) fn resolved(&self, feature: usize) -> Option<Flag<'e>> {
        match self.features.get(feature) {
            Some(Progress::Resolved(flag)) => Some(*flag),
            _ => None,
        }
    }

    pub(super) fn is_cyclic(&self, feature: usize) -> bool {
        matches!(self.features.get(feature), Some(Progress::Cyclic))
    }
}

impl<'e, V: Visitor> Evaluator<'e, '_, V> {
    /// Whether a segment matches, and no cycle was cut to find out.
    pub(super) fn segment_matches(&mut self, index: usize, segment: &'e ArchivedSegment) -> bool {
        let matched = if segment.reads_flags {
            self.segment_with_flags_matches(index, segment)
        } else {
            Some(self.rules_match(segment))
        };
        self.visitor.segment(
            index,
            match matched {
                Some(true) => SegmentOutcome::Matched,
                Some(false) => SegmentOutcome::NotMatched,
                None => SegmentOutcome::CycleCut,
            },
        );
        matched == Some(true)
    }

    /// None if a cycle was cut. Every other result is remembered.
    fn segment_with_flags_matches(&mut self, index: usize, segment: &'e ArchivedSegment) -> Option<bool> {
        if let Some(Some(matched)) = self.dependencies.segments.get(index) {
            return Some(*matched);
        }
        let cuts = self.dependencies.cuts;
        let matched = self.rules_match(segment);
        if self.dependencies.cuts != cuts {
            return None;
        }
        if let Some(memory) = self.dependencies.segments.get_mut(index) {
            *memory = Some(matched);
        }
        Some(matched)
    }

    /// The value of a property that leads to a flag.
    pub(super) fn read_flag(&mut self, property: usize) -> Option<Value> {
        let property = self.environment.properties.get(property)?;
        let ArchivedTarget::Flag { feature, field } = property.target.as_ref()? else { return None };
        let feature = feature.to_native() as usize;
        let flag = self.resolve(feature);
        self.visitor.flag_read(feature, flag.as_ref());
        let flag = flag?;
        match field {
            ArchivedField::Enabled => Some(Value::Bool(flag.enabled())),
            ArchivedField::Value => Value::from_json(flag.value()),
            ArchivedField::Variant => flag.variant().map(Value::from),
            ArchivedField::Name => Some(Value::from(flag.name())),
            ArchivedField::Reason => Some(Value::Str(format!("{}", flag.reason))),
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
            // The next attempt takes another path through the graph, and may not meet the cycle.
            Progress::Cyclic if self.dependencies.retries < limits::CYCLE_RETRIES => {
                self.dependencies.retries += 1;
            }
            Progress::Cyclic => {
                self.dependencies.cuts += 1;
                return None;
            }
            Progress::Unread => {}
        }
        let stack = &self.dependencies.stack;
        let closes_at = stack.iter().position(|resolving| *resolving == feature);
        // A chain that is too long for the guest's stack is cut like a cycle.
        let too_long = (stack.len() >= limits::DEPENDENCY_DEPTH).then_some(0);
        if let Some(from) = closes_at.or(too_long) {
            for cyclic in &stack[from..] {
                self.dependencies.features[*cyclic] = Progress::Cyclic;
            }
            self.dependencies.cuts += 1;
            return None;
        }
        self.dependencies.stack.push(feature);
        let active = self.active_override(feature);
        self.dependencies.stack.pop();
        if self.dependencies.is_cyclic(feature) {
            return None;
        }
        let flag = self.flag(feature, self.environment.features.get(feature)?, active);
        self.dependencies.features[feature] = Progress::Resolved(flag);
        Some(flag)
    }

    /// The strongest override of one feature. The identity's own override wins over every segment. The segments are
    /// evaluated even so, since a flag that they read may be cyclic.
    fn active_override(&mut self, feature: usize) -> Option<ActiveOverride<'e>> {
        let environment = self.environment;
        let mut strongest = self.own_override(feature);
        for index in environment.features.get(feature)?.overriding.iter() {
            let index = index.to_native() as usize;
            let Some(segment) = environment.segments.get(index) else { continue };
            if !self.segment_matches(index, segment) {
                continue;
            }
            for overridden in segment.overrides.iter().filter(|o| o.feature.to_native() as usize == feature) {
                self.offer(&mut strongest, overridden, index, segment);
            }
        }
        strongest
    }
}
