//! The compiled environment: what an evaluation reads, laid out so that it is read where it lies.

use alloc::format;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;
use core::fmt;
use core::ops::Range;

use rkyv::rancor::Error;
use rkyv::{Archive, Serialize};

use crate::condition::Test;
use crate::error::Broken;
use crate::limits;
use crate::pattern::{ArchivedPattern, Pattern, Programs};
use crate::property::{ArchivedTarget, Property};

/// A compiled environment at hand, as the publisher makes it.
#[derive(Debug, Archive, Serialize)]
pub struct Environment {
    pub(crate) key: String,
    pub(crate) name: String,
    /// Carried for the caller, unread: the texts of all features' defaults, in their order, with a comma between them.
    pub(crate) texts: String,
    /// In the order of the document, which is the order of the answers.
    pub(crate) features: Vec<Feature>,
    pub(crate) segments: Vec<Segment>,
    /// Of all segments. A rule's own rules lie behind it.
    pub(crate) rules: Vec<Rule>,
    /// Of all rules.
    pub(crate) conditions: Vec<Condition>,
    /// Each once.
    pub(crate) properties: Vec<Property>,
    /// Each once.
    pub(crate) patterns: Vec<Pattern>,
    /// Sorted by identifier, each once.
    pub(crate) identity_overrides: Vec<IdentityOverride>,
}

#[derive(Debug, Archive, Serialize)]
pub struct Feature {
    pub(crate) name: String,
    /// Where the text of its default lies in the environment's texts.
    pub(crate) text: Span,
    /// How many bytes of that text stand in front of the feature in any state.
    pub(crate) head: u32,
    /// Not for client-side keys.
    pub(crate) server_only: bool,
    /// Whether any segment or identity overrides it, matching or not.
    pub(crate) targeted: bool,
    pub(crate) default: State,
    /// The segments that override it, in order.
    pub(crate) overriding: Vec<u32>,
}

/// What a feature is where nothing, or a certain segment or identity, overrides it.
#[derive(Debug, Archive, Serialize)]
pub struct State {
    /// Hashed with the identity's key to pick a variant; empty where there is none to pick.
    pub(crate) key: String,
    pub(crate) enabled: bool,
    /// JSON.
    pub(crate) value: String,
    /// Strongest first.
    pub(crate) variants: Vec<Variant>,
    /// JSON, if it says anything.
    pub(crate) metadata: Option<String>,
}

#[derive(Debug, Archive, Serialize)]
pub struct Variant {
    pub(crate) key: Option<String>,
    /// JSON.
    pub(crate) value: String,
    /// Percent.
    pub(crate) weight: f64,
}

#[derive(Debug, Archive, Serialize)]
pub struct Segment {
    pub(crate) key: String,
    pub(crate) name: String,
    /// JSON, if it says anything.
    pub(crate) metadata: Option<String>,
    pub(crate) rules: Span,
    pub(crate) overrides: Vec<Override>,
    /// Whether any condition of it reads a flag.
    pub(crate) reads_flags: bool,
}

#[derive(Debug, Archive, Serialize)]
pub struct Override {
    pub(crate) feature: u32,
    /// The lower the stronger: the place of the priority among all priorities of the environment.
    pub(crate) rank: u32,
    pub(crate) state: State,
}

#[derive(Debug, Archive, Serialize)]
pub struct Rule {
    pub(crate) quantifier: Quantifier,
    pub(crate) conditions: Span,
    pub(crate) rules: Span,
}

#[derive(Debug, Clone, Copy, Archive, Serialize)]
pub enum Quantifier {
    All,
    Any,
    None,
    /// An unknown type of rule: no match.
    Never,
}

#[derive(Debug, Clone, Archive, Serialize)]
pub struct Condition {
    pub(crate) property: u32,
    pub(crate) test: Test,
}

#[derive(Debug, Archive, Serialize)]
pub struct IdentityOverride {
    pub(crate) identifier: String,
    pub(crate) overrides: Vec<Override>,
}

/// Neighbours in one of the environment's lists.
#[derive(Debug, Clone, Copy, Default, Archive, Serialize)]
pub struct Span {
    pub(crate) start: u32,
    pub(crate) length: u32,
}

impl ArchivedSpan {
    pub(crate) fn range(&self) -> Range<usize> {
        let start = self.start.to_native() as usize;
        start..start.saturating_add(self.length.to_native() as usize)
    }
}

impl Environment {
    /// Lays the environment out as the bytes that [`Compiled::decode`] reads.
    ///
    /// # Errors
    /// [`Broken`] if it is larger than the layout can address (4 GiB; documents are far smaller).
    pub fn encode(&self) -> Result<Vec<u8>, Broken> {
        let bytes = rkyv::to_bytes::<Error>(self).map_err(|error| Broken(format!("{error}")))?;
        Ok(bytes.into_vec())
    }
}

/// A compiled environment, read where its bytes lie.
pub struct Compiled {
    bytes: Vec<u8>,
    pub(crate) programs: Programs,
}

impl Compiled {
    /// Takes encoded bytes, and checks all that evaluation relies on.
    ///
    /// # Errors
    /// [`Broken`] if they are not what [`Environment::encode`] makes, whoever made them.
    pub fn decode(bytes: Vec<u8>) -> Result<Compiled, Broken> {
        Compiled::decode_beside(bytes, None)
    }

    /// As [`Compiled::decode`]; quicker where it shares automata with one that was checked before, as the next revision of
    /// an environment does.
    ///
    /// # Errors
    /// As there.
    pub fn decode_beside(bytes: Vec<u8>, checked: Option<&Compiled>) -> Result<Compiled, Broken> {
        let known: &[ArchivedPattern] = checked.map_or(&[], |checked| &checked.environment().patterns);
        let programs = Programs::new(check(&bytes, known)?.patterns.len());
        Ok(Compiled { bytes, programs })
    }

    /// As [`Compiled::decode`], without the check.
    ///
    /// # Safety
    /// [`Compiled::decode`] has accepted the very same bytes before.
    #[expect(unsafe_code, reason = "the caller vouches for the bytes")]
    pub unsafe fn decode_checked(bytes: Vec<u8>) -> Compiled {
        // SAFETY: the caller says that `decode` validated these bytes.
        let environment = unsafe { rkyv::access_unchecked::<ArchivedEnvironment>(&bytes) };
        let programs = Programs::new(environment.patterns.len());
        Compiled { bytes, programs }
    }

    pub(crate) fn environment(&self) -> &ArchivedEnvironment {
        // SAFETY: both makers have these very bytes validated, and nothing can change them since.
        #[expect(unsafe_code, reason = "validating again on each request would cost more than evaluating")]
        unsafe {
            rkyv::access_unchecked::<ArchivedEnvironment>(&self.bytes)
        }
    }

    /// The bytes that an evaluation may touch.
    pub fn size(&self) -> usize {
        self.bytes.len()
    }
}

impl fmt::Debug for Compiled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Compiled").field("bytes", &self.bytes.len()).finish_non_exhaustive()
    }
}

/// Checks an environment; `known` are patterns that were checked before.
fn check<'a>(bytes: &'a [u8], known: &[ArchivedPattern]) -> Result<&'a ArchivedEnvironment, Broken> {
    let environment =
        rkyv::access::<ArchivedEnvironment, Error>(bytes).map_err(|error| Broken(format!("{error}")))?;
    check_rules(environment)?;
    check_references(environment)?;
    check_patterns(&environment.patterns, known)?;
    Ok(environment)
}

/// Rules form trees of bounded depth: each rule belongs to one segment or to one rule before it, so that evaluation
/// ends, whatever the bytes say.
fn check_rules(environment: &ArchivedEnvironment) -> Result<(), Broken> {
    let mut depths = vec![0; environment.rules.len()];
    for segment in environment.segments.iter() {
        claim(&mut depths, segment.rules.range(), 1)?;
    }
    for (index, rule) in environment.rules.iter().enumerate() {
        let own = rule.rules.range();
        if own.is_empty() {
            continue;
        }
        if depths[index] == 0 || own.start <= index {
            return Err(Broken("a rule out of its order".into()));
        }
        let depth = depths[index] + 1;
        claim(&mut depths, own, depth)?;
    }
    Ok(())
}

/// Notes the depth of rules that belong to nobody yet.
fn claim(depths: &mut [usize], rules: Range<usize>, depth: usize) -> Result<(), Broken> {
    let free = |rules: &&mut [usize]| rules.iter().all(|depth| *depth == 0);
    match depths.get_mut(rules).filter(free) {
        Some(rules) if depth <= limits::RULE_DEPTH => rules.fill(depth),
        _ => return Err(Broken("rules that are no tree".into())),
    }
    Ok(())
}

/// Every index points into its list, and every automaton is one.
fn check_references(environment: &ArchivedEnvironment) -> Result<(), Broken> {
    let features = environment.features.len();
    let known = |overridden: &ArchivedOverride| (overridden.feature.to_native() as usize) < features;
    let overrides = environment.segments.iter().map(|segment| &segment.overrides);
    let identity_overrides = environment.identity_overrides.iter().map(|identity| &identity.overrides);
    let flags = environment.properties.iter().filter_map(|property| match property.target.as_ref()? {
        ArchivedTarget::Flag { feature, .. } => Some(feature.to_native() as usize),
        _ => None,
    });
    let sound = overrides.chain(identity_overrides).all(|overrides| overrides.iter().all(known))
        && { flags }.all(|feature| feature < features)
        && conditions_in_order(environment)
        && environment
            .conditions
            .iter()
            .all(|condition| (condition.property.to_native() as usize) < environment.properties.len())
        && environment.features.iter().all(|feature| {
            feature
                .overriding
                .iter()
                .all(|segment| (segment.to_native() as usize) < environment.segments.len())
        });
    if sound { Ok(()) } else { Err(Broken("a reference out of its list".into())) }
}

/// A pattern mostly stands where it stood before, or not far from there.
fn check_patterns(patterns: &[ArchivedPattern], known: &[ArchivedPattern]) -> Result<(), Broken> {
    let was_checked = |index: usize, pattern: &ArchivedPattern| {
        let same = |known| pattern.is_as_sound_as(known);
        known.get(index).is_some_and(same) || known.iter().any(same)
    };
    let mut patterns = patterns.iter().enumerate();
    let sound = patterns.all(|(index, pattern)| was_checked(index, pattern) || pattern.is_sound());
    if sound { Ok(()) } else { Err(Broken("an automaton that is none".into())) }
}

/// The rules share out the conditions in order, so that no condition is looked at for two of them.
fn conditions_in_order(environment: &ArchivedEnvironment) -> bool {
    let mut next = 0;
    let in_order = environment.rules.iter().all(|rule| {
        let range = rule.conditions.range();
        let follows = range.start == next;
        next = range.end;
        follows
    });
    in_order && next == environment.conditions.len()
}
