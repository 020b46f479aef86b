//! Compiles the wire types into an [`Environment`]: names become indices, texts become tests, and whatever will never
//! match is named in a warning.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec;
use alloc::vec::Vec;

use crate::condition::Test;
use crate::context::{
    ConditionContext, Context, FeatureContext, RuleContext, SegmentContext, VariantContext,
};
use crate::environment::{
    Condition, Environment, Feature, IdentityOverride, Override, Quantifier, Rule, Segment, Span, State,
    Variant,
};
use crate::error::WarningKind::{self, NeverMatches};
use crate::error::{Refusal, Warning};
use crate::json::Json;
use crate::limits;
use crate::number::Number;
use crate::order;
use crate::pattern::Pattern;
use crate::property::{Field, Path, Property, Target};

/// How regular expressions are matched, the one thing on which engines differ and an environment may choose
/// (engine semantics, section 9, row 1).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Anchoring {
    /// At the start of the text, as Flagsmith's API and its Python SDK do.
    #[default]
    Start,
    /// Anywhere in the text, as Flagsmith's other SDKs and its newer edge proxy do.
    Search,
}

/// What the publisher of an environment chooses.
#[derive(Debug, Clone, Copy, Default)]
pub struct Options {
    pub anchoring: Anchoring,
    /// Whether metadata, which only the JSON of a result shows, is left out; not if a condition reads it.
    pub lean: bool,
}

/// What is compiled: a context without its identity, or a document.
pub(crate) struct Source<'a> {
    pub(crate) key: &'a str,
    pub(crate) name: &'a str,
    pub(crate) features: Vec<FeatureSource<'a>>,
    pub(crate) segments: Vec<&'a SegmentContext>,
    /// Identifiers and what is overridden for them; the first one of an identifier and feature counts.
    pub(crate) identity_overrides: Vec<(&'a str, Vec<FeatureContext>)>,
}

/// What the caller writes of a feature in its default state, carried for it unread.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Text {
    pub whole: String,
    /// How many bytes of it are the same in any state.
    pub head: usize,
}

pub(crate) struct FeatureSource<'a> {
    pub(crate) context: &'a FeatureContext,
    pub(crate) text: Text,
    pub(crate) server_only: bool,
}

impl Context {
    /// Compiles the environment of this context; its identity is [`Context::identity`].
    ///
    /// # Errors
    /// A [`Refusal`] that names the limit that was passed.
    pub fn compile(&self, options: Options) -> Result<(Environment, Vec<Warning>), Refusal> {
        // A feature is known by its name, whatever label it stands under.
        let features = self.features.values().enumerate();
        let by_name: BTreeMap<&str, usize> =
            features.clone().map(|(index, feature)| (feature.name.as_str(), index)).collect();
        let last_of_its_name =
            features.filter(|(index, feature)| by_name.get(feature.name.as_str()) == Some(index));
        compile(
            &Source {
                key: &self.environment.key,
                name: &self.environment.name,
                features: last_of_its_name
                    .map(|(_, context)| FeatureSource { context, text: Text::default(), server_only: false })
                    .collect(),
                segments: self.segments.values().collect(),
                identity_overrides: Vec::new(),
            },
            options,
        )
    }
}

/// Compiles a whole source.
pub(crate) fn compile(source: &Source<'_>, options: Options) -> Result<(Environment, Vec<Warning>), Refusal> {
    check_limits(source)?;
    let features = source.features.iter().zip(0..);
    let mut compiler = Compiler {
        ranks: Ranks::new(source),
        by_name: features.map(|(feature, index)| (feature.context.name.clone(), index)).collect(),
        properties: Interned::default(),
        patterns: Patterns::new(options.anchoring),
        rules: Vec::new(),
        conditions: Vec::new(),
        warnings: Vec::new(),
    };
    let segments: Vec<Segment> = source.segments.iter().map(|segment| compiler.segment(segment)).collect();
    let identity_overrides = compiler.identity_overrides(&source.identity_overrides);
    let mut overriding: Vec<Vec<u32>> = vec![Vec::new(); source.features.len()];
    for (segment, index) in segments.iter().zip(0..) {
        for overridden in &segment.overrides {
            let overriding = &mut overriding[overridden.feature as usize];
            if overriding.last() != Some(&index) {
                overriding.push(index);
            }
        }
    }
    let of_identities = identity_overrides.iter().flat_map(|identity| &identity.overrides);
    let of_identities: BTreeSet<u32> = of_identities.map(|overridden| overridden.feature).collect();
    let mut texts = String::new();
    let features = source.features.iter().zip(overriding).zip(0..);
    let features = features.map(|((feature, overriding), index)| Feature {
        name: feature.context.name.clone(),
        text: append(&mut texts, &feature.text.whole),
        head: self::index(feature.text.head),
        server_only: feature.server_only,
        targeted: !overriding.is_empty() || of_identities.contains(&index),
        default: state(feature.context),
        overriding,
    });
    let features = features.collect();
    let mut environment = Environment {
        key: source.key.to_string(),
        name: source.name.to_string(),
        features,
        texts,
        segments,
        rules: compiler.rules,
        conditions: compiler.conditions,
        properties: compiler.properties.values,
        patterns: compiler.patterns.values,
        identity_overrides,
    };
    if options.lean {
        environment.forget_metadata();
    }
    Ok((environment, compiler.warnings))
}

impl Environment {
    fn forget_metadata(&mut self) {
        let reads_metadata = |property: &Property| {
            matches!(&property.target, Some(Target::Flag { field: Field::Metadata(_), .. }))
        };
        if self.properties.iter().any(reads_metadata) {
            return;
        }
        let of_segments = self.segments.iter_mut().flat_map(|segment| {
            segment.metadata = None;
            &mut segment.overrides
        });
        let of_identities = self.identity_overrides.iter_mut().flat_map(|identity| &mut identity.overrides);
        for overridden in of_segments.chain(of_identities) {
            overridden.state.metadata = None;
        }
        for feature in &mut self.features {
            feature.default.metadata = None;
        }
    }
}

struct Compiler {
    ranks: Ranks,
    by_name: BTreeMap<String, u32>,
    properties: Interned<Property>,
    patterns: Patterns,
    rules: Vec<Rule>,
    conditions: Vec<Condition>,
    warnings: Vec<Warning>,
}

impl Compiler {
    fn segment(&mut self, segment: &SegmentContext) -> Segment {
        let first_condition = self.conditions.len();
        let rules = self.rules(segment);
        let reads_flags = self.conditions[first_condition..].iter().any(|condition| {
            let property = &self.properties.values[condition.property as usize];
            matches!(property.target, Some(Target::Flag { .. }))
        });
        let overrides = segment.overrides.iter().filter_map(|feature| {
            let index = self.by_name.get(&feature.name)?;
            Some(Override { feature: *index, rank: self.ranks.of(feature), state: state(feature) })
        });
        Segment {
            key: segment.key.clone(),
            name: segment.name.clone(),
            metadata: metadata(segment.metadata.as_ref()),
            rules,
            overrides: overrides.collect(),
            reads_flags,
        }
    }

    /// Lays the rules of a segment out level by level, each level behind the one above. They are compiled as they stand
    /// in the document, so that warnings come in its order.
    fn rules(&mut self, segment: &SegmentContext) -> Span {
        let (nodes, mut pending) = order::nodes(segment);
        let mut compiled: Vec<(Quantifier, Vec<Condition>)> = Vec::new();
        for node in &nodes {
            let conditions = node.rule.conditions.iter().zip(node.first_condition..);
            let conditions = conditions.map(|(condition, number)| self.condition(segment, number, condition));
            let conditions = conditions.collect();
            compiled.push((self.quantifier(segment, &node.rule.kind), conditions));
        }
        let base = self.rules.len();
        let mut at = 0;
        while let Some(index) = pending.get(at).copied() {
            let node = &nodes[index];
            let (quantifier, conditions) = &compiled[index];
            let of_rule = span(self.conditions.len(), conditions.len());
            self.conditions.extend(node.conditions.iter().map(|place| conditions[*place].clone()));
            let rules = span(base + pending.len(), node.rules.len());
            pending.extend(&node.rules);
            self.rules.push(Rule { quantifier: *quantifier, conditions: of_rule, rules });
            at += 1;
        }
        span(base, segment.rules.len())
    }

    fn quantifier(&mut self, segment: &SegmentContext, kind: &str) -> Quantifier {
        match kind {
            "ALL" => Quantifier::All,
            "ANY" => Quantifier::Any,
            "NONE" => Quantifier::None,
            _ => {
                let place = format!("segment `{}`", segment.name);
                let fault = format!("unknown rule type {kind:?}");
                self.warnings.push(Warning { place, fault, kind: WarningKind::Unknown });
                Quantifier::Never
            }
        }
    }

    /// `number`: its place among the conditions of the segment, level by level, from 1.
    fn condition(
        &mut self,
        segment: &SegmentContext,
        number: usize,
        condition: &ConditionContext,
    ) -> Condition {
        let mut warn = |fault, kind| {
            let place = format!("segment `{}`, condition {number}", segment.name);
            self.warnings.push(Warning { place, fault, kind });
        };
        let property = if condition.operator == "PERCENTAGE_SPLIT" && condition.property.is_empty() {
            Property::identity_key()
        } else {
            let feature = |name: &str| self.by_name.get(name).copied();
            let (property, path) = Property::parse(&condition.property, feature);
            let name = &condition.property;
            match path {
                Some(Path::Nowhere | Path::Leads(Target::Flag { field: Field::Nothing, .. })) => {
                    warn(format!("the path {name:?} leads to no value"), NeverMatches);
                }
                Some(Path::Invalid) => {
                    warn(format!("{name:?} is no path, and taken for a trait"), NeverMatches);
                }
                Some(Path::Leads(_)) | None => {}
            }
            property
        };
        let operator = &condition.operator;
        let test = match Test::new(operator, &condition.value, |text| self.patterns.index(text)) {
            Some(Ok(test)) => test,
            Some(Err(fault)) => {
                warn(fault, NeverMatches);
                Test::Never
            }
            None => {
                warn(format!("unknown operator {operator:?}"), WarningKind::Unknown);
                Test::Never
            }
        };
        Condition { property: self.properties.index(property), test }
    }

    fn identity_overrides(&self, identities: &[(&str, Vec<FeatureContext>)]) -> Vec<IdentityOverride> {
        let mut by_identifier: BTreeMap<&str, BTreeMap<u32, State>> = BTreeMap::new();
        for (identifier, features) in identities {
            for feature in features {
                if let Some(index) = self.by_name.get(&feature.name) {
                    let states = by_identifier.entry(identifier).or_default();
                    states.entry(*index).or_insert_with(|| state(feature));
                }
            }
        }
        let identities = by_identifier.into_iter().map(|(identifier, states)| IdentityOverride {
            identifier: identifier.to_string(),
            overrides: states
                .into_iter()
                .map(|(feature, state)| Override { feature, rank: Ranks::IDENTITY, state })
                .collect(),
        });
        identities.collect()
    }
}

fn state(feature: &FeatureContext) -> State {
    let mut variants: Vec<&VariantContext> = feature.variants.iter().collect();
    // Stable, and without a priority last.
    variants.sort_by(|a, b| match (&a.priority, &b.priority) {
        (Some(a), Some(b)) => a.compare(b),
        (a, b) => a.is_none().cmp(&b.is_none()),
    });
    let variants = variants.into_iter().map(|variant| Variant {
        key: variant.key.clone(),
        value: variant.value.text().to_string(),
        weight: variant.weight.to_f64(),
    });
    State {
        // Most states have nothing to pick from.
        key: if feature.variants.is_empty() { String::new() } else { feature.key.clone() },
        enabled: feature.enabled,
        value: feature.value.text().to_string(),
        variants: variants.collect(),
        metadata: metadata(feature.metadata.as_ref()),
    }
}

/// Metadata that is `null` or `{}` is left out of results.
fn metadata(metadata: Option<&Json>) -> Option<String> {
    let text = metadata?.text();
    let empty = serde_json::from_str::<serde_json::Value>(text)
        .is_ok_and(|value| value.is_null() || value.as_object().is_some_and(serde_json::Map::is_empty));
    if empty { None } else { Some(text.to_string()) }
}

/// The places of all priorities in their order: numbers of any size and kind become small integers.
struct Ranks(Vec<Number>);

impl Ranks {
    /// Stronger than any priority.
    const IDENTITY: u32 = 0;
    /// Weaker than any priority.
    const ABSENT: u32 = u32::MAX;

    fn new(source: &Source<'_>) -> Ranks {
        let overrides = source.segments.iter().flat_map(|segment| &segment.overrides);
        let mut priorities: Vec<Number> = overrides.filter_map(|o| o.priority.clone()).collect();
        priorities.sort_by(Number::compare);
        priorities.dedup_by(|a, b| a.compare(b).is_eq());
        Ranks(priorities)
    }

    fn of(&self, feature: &FeatureContext) -> u32 {
        let Some(priority) = &feature.priority else { return Ranks::ABSENT };
        let place = self.0.partition_point(|other| other.compare(priority).is_lt());
        index(place + 1)
    }
}

/// Values that are kept once and named by their index.
struct Interned<T> {
    values: Vec<T>,
    indices: BTreeMap<T, u32>,
}

impl<T> Default for Interned<T> {
    fn default() -> Self {
        Interned { values: Vec::new(), indices: BTreeMap::new() }
    }
}

impl<T: Ord + Clone> Interned<T> {
    fn index(&mut self, value: T) -> u32 {
        let next = index(self.values.len());
        *self.indices.entry(value.clone()).or_insert_with(|| {
            self.values.push(value);
            next
        })
    }
}

/// The patterns of an environment, each compiled once.
struct Patterns {
    anchoring: Anchoring,
    values: Vec<Pattern>,
    by_text: BTreeMap<String, Result<u32, String>>,
    /// Bytes that are left for automata.
    budget: usize,
}

impl Patterns {
    fn new(anchoring: Anchoring) -> Patterns {
        Patterns { anchoring, values: Vec::new(), by_text: BTreeMap::new(), budget: limits::AUTOMATA }
    }

    fn index(&mut self, text: &str) -> Result<u32, String> {
        if let Some(known) = self.by_text.get(text) {
            return known.clone();
        }
        let result = Pattern::new(text, self.anchoring, &mut self.budget).map(|pattern| {
            self.values.push(pattern);
            index(self.values.len() - 1)
        });
        self.by_text.insert(text.to_string(), result.clone());
        result
    }
}

/// Appends a text to those before it, after a comma.
fn append(texts: &mut String, text: &str) -> Span {
    if !texts.is_empty() {
        texts.push(',');
    }
    texts.push_str(text);
    span(texts.len() - text.len(), text.len())
}

fn span(start: usize, length: usize) -> Span {
    Span { start: index(start), length: index(length) }
}

/// The limits keep every list far below four thousand million.
fn index(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(u32::MAX)
}

fn check_limits(source: &Source<'_>) -> Result<(), Refusal> {
    let at_most = |place: &str, what: &str, count: usize, limit: usize| {
        if count <= limit {
            return Ok(());
        }
        Err(Refusal::new(place, format!("{count} {what}, more than the {limit} that are accepted")))
    };
    at_most("features", "features", source.features.len(), limits::FEATURES)?;
    at_most("segments", "segments", source.segments.len(), limits::SEGMENTS)?;
    let identities = source.identity_overrides.len();
    at_most("identity_overrides", "identities", identities, limits::IDENTITY_OVERRIDES)?;
    let mut conditions = 0;
    for segment in &source.segments {
        let place = format!("segment `{}`", segment.name);
        at_most(&place, "levels of rules", depth(&segment.rules), limits::RULE_DEPTH)?;
        conditions += rules_and_conditions(&segment.rules, &place)?;
        at_most("segments", "rules and conditions", conditions, limits::CONDITIONS)?;
    }
    let overrides = source.segments.iter().flat_map(|segment| &segment.overrides);
    for feature in source.features.iter().map(|feature| feature.context).chain(overrides) {
        let place = format!("feature `{}`", feature.name);
        at_most(&place, "variants", feature.variants.len(), limits::VARIANTS)?;
    }
    Ok(())
}

fn depth(rules: &[RuleContext]) -> usize {
    rules.iter().map(|rule| 1 + depth(&rule.rules)).max().unwrap_or(0)
}

fn rules_and_conditions(rules: &[RuleContext], place: &str) -> Result<usize, Refusal> {
    let mut count = 0;
    for rule in rules {
        for condition in &rule.conditions {
            let bytes = match &condition.value {
                crate::context::Operand::Text(text) => text.len(),
                crate::context::Operand::List(list) => list.iter().map(String::len).sum(),
                _ => 0,
            };
            if bytes > limits::CONDITION_VALUE {
                let fault = format!("a condition value of more than {} bytes", limits::CONDITION_VALUE);
                return Err(Refusal::new(place, fault));
            }
        }
        count += 1 + rule.conditions.len() + rules_and_conditions(&rule.rules, place)?;
    }
    Ok(count)
}
