//! One flag: which state it has, what that state won over, and which variant was chosen.

use alloc::borrow::ToOwned;
use alloc::boxed::Box;
use alloc::collections::BTreeSet;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::ptr;

use serde_json::Value as Json;
use serde_json::value::RawValue;

use super::Explained;
use super::explanation::{
    Candidate, CandidateOutcome, ExplainedFlag, ExplainedHash, ExplainedSplit, Origin, Share,
};
use super::scope::read_by;
use crate::compiled::environment::{ArchivedFeatureState, ArchivedOverride, ArchivedSegment};
use crate::evaluate::{Flag, SegmentOutcome, VariantChoice};

/// An override of a feature by a segment.
struct OfSegment<'e> {
    segment: &'e ArchivedSegment,
    index: usize,
    overridden: &'e ArchivedOverride,
}

impl<'e> Explained<'e> {
    pub(super) fn flag(&self, at: usize) -> Option<ExplainedFlag> {
        let flag = self.flags.get(at)?;
        let of_segments = self.of_segments(at);
        let winner = of_segments.iter().find(|one| ptr::eq(&raw const one.overridden.state, flag.state));
        let is_own = self.record.own.contains(&at) && winner.is_none();
        let (origin, segment) = match winner {
            _ if is_own => (Origin::Identity, None),
            Some(winner) => (Origin::Segment, Some(winner.segment.name.as_str().to_owned())),
            None => (Origin::Default, None),
        };
        let mut candidates = Vec::new();
        if is_own {
            candidates.push(candidate(origin, None, Json::Null, flag.state, CandidateOutcome::Won));
        }
        candidates.extend(of_segments.iter().map(|one| {
            let rank = one.overridden.rank.to_native();
            let priority = self.texts.priority(rank).cloned().unwrap_or_default();
            let outcome = self.outcome(one, flag, is_own, winner);
            candidate(Origin::Segment, Some(one.segment), priority, &one.overridden.state, outcome)
        }));
        let default = match origin {
            Origin::Default => CandidateOutcome::Won,
            Origin::Identity | Origin::Segment => CandidateOutcome::Overridden,
        };
        candidates.push(candidate(Origin::Default, None, Json::Null, &flag.feature.default, default));
        Some(ExplainedFlag {
            name: flag.name().to_owned(),
            enabled: flag.enabled(),
            value: raw(flag.value()),
            reason: format!("{}", flag.reason),
            variant: flag.variant().map(ToOwned::to_owned),
            origin,
            segment,
            server_only: flag.server_only(),
            candidates,
            split: self.split(at, flag),
            reads: self.read_for(&of_segments),
        })
    }

    /// The overrides of a feature by segments, in the order of the document.
    fn of_segments(&self, feature: usize) -> Vec<OfSegment<'e>> {
        let overriding = self.environment.features.get(feature).into_iter();
        let overriding = overriding.flat_map(|feature| feature.overriding.iter());
        let overriding = overriding.filter_map(|index| {
            let index = index.to_native() as usize;
            Some((index, self.environment.segments.get(index)?))
        });
        let all = overriding.flat_map(|(index, segment)| {
            segment.overrides.iter().map(move |overridden| OfSegment { segment, index, overridden })
        });
        all.filter(|one| one.overridden.feature.to_native() as usize == feature).collect()
    }

    fn outcome(
        &self,
        one: &OfSegment<'e>,
        flag: &Flag<'e>,
        is_own: bool,
        winner: Option<&OfSegment<'e>>,
    ) -> CandidateOutcome {
        if ptr::eq(&raw const one.overridden.state, flag.state) {
            return CandidateOutcome::Won;
        }
        let matched = self.record.segments.get(one.index).copied().flatten();
        let rank = one.overridden.rank.to_native();
        match (matched, winner.map(|winner| winner.overridden.rank.to_native())) {
            (None | Some(SegmentOutcome::NotMatched), _) => CandidateOutcome::NotMatched,
            (Some(SegmentOutcome::CycleCut), _) => CandidateOutcome::CycleCut,
            (Some(SegmentOutcome::Matched), _) if is_own => CandidateOutcome::LostToIdentity,
            (Some(SegmentOutcome::Matched), Some(winner)) if winner < rank => {
                CandidateOutcome::LostByPriority
            }
            (Some(SegmentOutcome::Matched), Some(winner)) if winner == rank => CandidateOutcome::LostByOrder,
            (Some(SegmentOutcome::Matched), _) => CandidateOutcome::TooLate,
        }
    }

    fn split(&self, at: usize, flag: &Flag<'e>) -> Option<ExplainedSplit> {
        let hash = self.record.hashed_by_feature.get(&at)?.clone();
        let mut shares = Vec::new();
        let mut from = 0.0;
        for variant in flag.state.variants.iter() {
            let to = variant.weight.to_native() + from;
            let chosen = matches!(flag.choice, VariantChoice::Variant(chosen) if ptr::eq(chosen, variant));
            let name = variant.key.as_deref().map(ToOwned::to_owned);
            let value = raw(&variant.value);
            shares.push(Share { variant: name, value, from: finite(from), to: finite(to), chosen });
            from = to;
        }
        shares.push(Share {
            variant: Some("control".to_owned()),
            value: raw(&flag.state.value),
            from: finite(from),
            to: finite(from.max(100.0)),
            chosen: matches!(flag.choice, VariantChoice::Control),
        });
        let ExplainedHash { hash_input, percent } = hash;
        Some(ExplainedSplit { hash_input, percent, shares })
    }

    fn read_for(&self, of_segments: &[OfSegment<'_>]) -> Vec<String> {
        let mut known = BTreeSet::new();
        let read = of_segments.iter().flat_map(|one| read_by(self.environment, one.index));
        self.names(read.filter(|feature| known.insert(*feature)))
    }

    /// The names of features.
    pub(super) fn names(&self, features: impl IntoIterator<Item = usize>) -> Vec<String> {
        let features = features.into_iter().filter_map(|at| self.environment.features.get(at));
        features.map(|feature| feature.name.as_str().to_owned()).collect()
    }
}

fn candidate(
    origin: Origin,
    segment: Option<&ArchivedSegment>,
    priority: Json,
    state: &ArchivedFeatureState,
    outcome: CandidateOutcome,
) -> Candidate {
    Candidate {
        origin,
        segment: segment.map(|segment| segment.name.as_str().to_owned()),
        priority,
        enabled: state.enabled,
        value: raw(&state.value),
        outcome,
    }
}

/// JSON has no infinite number. A weight may be one.
fn finite(percent: f64) -> f64 {
    if percent.is_nan() { 0.0 } else { percent.clamp(f64::MIN, f64::MAX) }
}

/// JSON that is written unchanged.
fn raw(text: &str) -> Box<RawValue> {
    RawValue::from_string(text.to_owned()).unwrap_or_else(|_| RawValue::NULL.to_owned())
}
