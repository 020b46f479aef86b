//! Flags that depend on flags (`SEMANTICS.md`, 8): a condition that reads `$.flags.x.enabled` has `x` resolved at that
//! moment. A cycle is cut where it closes. Every flag on it is cyclic and cannot be read. A segment whose evaluation
//! met the cut does not match.
//!
//! A cyclic flag is resolved again each time it is read, as in Flagsmith's own engine: where cycles share flags, the
//! result depends on the order of these attempts. A dense graph has too many paths to try them all, so what is
//! evaluated again is paid for from a budget of counted work. When it is spent, cyclic flags are not tried again.

use alloc::format;
use alloc::vec;
use alloc::vec::Vec;
use core::mem::replace;

use super::evaluator::{ActiveOverride, Evaluator};
use super::result::Flag;
use super::values::PropertyValue;
use super::visitor::{SegmentOutcome, Visitor};
use crate::compiled::environment::{ArchivedEnvironment, ArchivedSegment};
use crate::compiled::property::{ArchivedField, ArchivedTarget};
use crate::limits;
use crate::python::value::Value;
use crate::work;

/// The results so far. Empty, and never allocated, if no condition reads a flag.
#[derive(Default)]
pub(super) struct Dependencies<'e> {
    features: Vec<Progress<'e>>,
    segments: Vec<SegmentProgress>,
    /// The features that are being resolved, outermost first.
    stack: Vec<usize>,
    /// How often a cycle was cut.
    cuts: usize,
    /// Whether what is evaluated now was evaluated before, so that it is paid for.
    is_repeat: bool,
    /// The steps that repeated evaluations may still take.
    budget: u64,
}

#[derive(Clone, Copy, Default)]
enum Progress<'e> {
    #[default]
    Unread,
    Resolved(Flag<'e>),
    Cyclic,
}

#[derive(Clone, Copy, Default)]
enum SegmentProgress {
    #[default]
    Unread,
    /// Its evaluation has begun; if it ended, a cycle was cut in it.
    Begun,
    Decided(bool),
}

impl<'e> Dependencies<'e> {
    pub(super) fn new(environment: &ArchivedEnvironment) -> Dependencies<'e> {
        Dependencies {
            features: vec![Progress::Unread; environment.features.len()],
            segments: vec![SegmentProgress::Unread; environment.segments.len()],
            budget: work::REPEATED,
            ..Dependencies::default()
        }
    }

    pub(super) fn resolved(&self, feature: usize) -> Option<Flag<'e>> {
        match self.features.get(feature) {
            Some(Progress::Resolved(flag)) => Some(*flag),
            _ => None,
        }
    }

    /// Whether what is evaluated now was evaluated before.
    pub(super) fn is_repeat(&self) -> bool {
        self.is_repeat
    }

    pub(super) fn is_cyclic(&self, feature: usize) -> bool {
        matches!(self.features.get(feature), Some(Progress::Cyclic))
    }
}

impl<'e, V: Visitor> Evaluator<'e, '_, '_, V> {
    /// Whether a segment matches, and no cycle was cut to find out.
    pub(super) fn segment_matches(&mut self, index: usize, segment: &'e ArchivedSegment) -> bool {
        let matched = if self.dependencies.segments.is_empty() {
            Some(self.rules_match(segment))
        } else {
            self.remembered_segment_matches(index, segment)
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
    fn remembered_segment_matches(&mut self, index: usize, segment: &'e ArchivedSegment) -> Option<bool> {
        let progress = self.dependencies.segments.get_mut(index)?;
        let is_repeat = match replace(progress, SegmentProgress::Begun) {
            SegmentProgress::Decided(matched) => {
                *progress = SegmentProgress::Decided(matched);
                return Some(matched);
            }
            SegmentProgress::Unread => false,
            SegmentProgress::Begun => true,
        };
        let cuts = self.dependencies.cuts;
        let outer = replace(&mut self.dependencies.is_repeat, is_repeat);
        let matched = self.rules_match(segment);
        self.dependencies.is_repeat = outer;
        if self.dependencies.cuts != cuts {
            return None;
        }
        self.dependencies.segments[index] = SegmentProgress::Decided(matched);
        Some(matched)
    }

    /// Pays for steps that are taken again; steps that are taken for the first time are free. If the budget is spent,
    /// the evaluation is cut as it is by a cycle.
    pub(super) fn pay(&mut self, steps: u64) -> bool {
        if !self.dependencies.is_repeat {
            return true;
        }
        match self.dependencies.budget.checked_sub(steps) {
            Some(rest) => self.dependencies.budget = rest,
            None => {
                self.dependencies.budget = 0;
                self.dependencies.cuts += 1;
                return false;
            }
        }
        true
    }

    /// The value of a property that leads to a flag.
    pub(super) fn read_flag(&mut self, property: usize) -> PropertyValue {
        let target = self.environment.properties.get(property).and_then(|property| property.target.as_ref());
        let Some(target @ ArchivedTarget::Flag { feature, field }) = target else {
            return PropertyValue::Unset;
        };
        let feature = feature.to_native() as usize;
        let flag = self.resolve(feature);
        self.visitor.flag_read(feature, flag.as_ref());
        match (flag, self.values.of(property)) {
            // What was read of a flag stays: it is resolved for good.
            (Some(_), value @ PropertyValue::Read(_)) => value,
            (Some(flag), _) => self.values.remember(property, target, || member(flag, field)),
            (None, _) => PropertyValue::Unset,
        }
    }

    fn resolve(&mut self, feature: usize) -> Option<Flag<'e>> {
        let is_retry = match self.dependencies.features.get(feature)? {
            Progress::Resolved(flag) => return Some(*flag),
            // The next attempt takes another path through the graph, and may not meet the cycle.
            Progress::Cyclic => true,
            Progress::Unread => false,
        };
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
        let outer = replace(&mut self.dependencies.is_repeat, is_retry);
        let active = self.active_override(feature);
        self.dependencies.is_repeat = outer;
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
        if !self.pay(work::FLAG) {
            return None;
        }
        let mut strongest = self.own_override(feature);
        for index in environment.features.get(feature)?.overriding.iter() {
            let index = index.to_native() as usize;
            let Some(segment) = environment.segments.get(index) else { continue };
            if !self.pay(work::segment(segment.overrides.len())) {
                break;
            }
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

/// A member of a flag's result.
fn member(flag: Flag<'_>, field: &ArchivedField) -> Option<Value> {
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
