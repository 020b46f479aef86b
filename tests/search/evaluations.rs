//! Documents and identities.

use std::hint::black_box;
use std::time::{Duration, Instant};

use engine::{Compiled, Cost, CountedWork, Document, Identity, Options, OwnOverrides, PatternCache};
use fastrand::Rng;
use serde_json::{Value, json};

use crate::By;
use crate::climb;
use crate::genes::{Scalar, Text, body, change_number, one};
use crate::measure::Input;

const TRAITS: [&str; 4] = ["t", "u", "v", "w"];
const PROPERTIES: [&str; 10] = [
    "t",
    "u",
    "v",
    "w",
    "$.identity.identifier",
    "$.identity.key",
    "$.environment.name",
    "",
    "$.flags.f0.value",
    "$.flags.f1.enabled",
];
const OPERATORS: [&str; 11] = [
    "EQUAL",
    "GREATER_THAN",
    "LESS_THAN_INCLUSIVE",
    "NOT_EQUAL",
    "CONTAINS",
    "NOT_CONTAINS",
    "REGEX",
    "MODULO",
    "IN",
    "PERCENTAGE_SPLIT",
    "IS_SET",
];
const PATTERNS: [&str; 10] = [
    r"^\w{3,50}$",
    r".*[a-z]+x",
    r"(?i).*(bot|crawler|spider)",
    r"(a|é|ж|日|😀|9)*x",
    r".*\bclient\b",
    r"(?:a?){30}a{30}x",
    r"(?:(?:[^x]|x[^y])*z)?",
    r".*(a|b).{12}x",
    r"^(?:[а-яё]+|[\w.-]+)+$",
    r"(?i).*[日-本].*ſ",
];

#[derive(Debug, Clone)]
struct Candidate {
    segments: Vec<SegmentGene>,
    features: usize,
    value: Text,
    variants: usize,
    name: Text,
    identifier: Text,
    traits: Vec<Scalar>,
}

/// A segment, so many times.
#[derive(Debug, Clone)]
struct SegmentGene {
    times: usize,
    kind: usize,
    conditions: Vec<ConditionGene>,
    /// The features that it overrides, from the first.
    overrides: usize,
}

/// A condition, so many times; each time with another number in its value if `differs`.
#[derive(Debug, Clone)]
struct ConditionGene {
    times: usize,
    property: usize,
    operator: usize,
    operand: Text,
    members: usize,
    pattern: usize,
    differs: bool,
}

pub(crate) fn search(seed: u64, time: Duration, by: By, keep: impl Fn(&Input)) {
    let first = Candidate {
        segments: Vec::new(),
        features: 2,
        value: Text::any(&mut Rng::with_seed(seed), 10),
        variants: 0,
        name: Text::any(&mut Rng::with_seed(seed), 10),
        identifier: Text::any(&mut Rng::with_seed(seed), 10),
        traits: TRAITS.iter().map(|_| Scalar::Bool).collect(),
    };
    let mut patterns = PatternCache::default();
    let score = |candidate: &Candidate| Some(evaluated(candidate, &mut patterns)?.score(by));
    let best = climb(first, seed, time, change, score, |candidate| keep(&candidate.input()));
    if let Some(Evaluated { cost, steps, time }) = evaluated(&best, &mut patterns) {
        println!("{}", json!({ "steps": steps, "stated": cost.steps(), "native_microseconds": time }));
    }
}

struct Evaluated {
    cost: Cost,
    steps: u64,
    /// Microseconds, natively.
    time: f64,
}

impl Evaluated {
    #[expect(clippy::cast_precision_loss, reason = "counts of this size are exact")]
    fn score(&self, by: By) -> f64 {
        match by {
            By::Steps => self.steps as f64,
            By::Time => self.time,
        }
    }
}

/// None if the publisher would warn of it or refuse it.
#[expect(clippy::cast_precision_loss, reason = "counts of this size are exact")]
fn evaluated(candidate: &Candidate, patterns: &mut PatternCache) -> Option<Evaluated> {
    let document = Document::parse(&candidate.document().to_string()).ok()?;
    let options = Options { omit_metadata: true, ..Options::default() };
    let (environment, warnings) = document.compile_with(patterns, options, api::flag_json).ok()?;
    let encoded = environment.encode().ok()?;
    let cost = environment.cost(encoded.len());
    if !warnings.is_empty() || cost.steps() > Cost::WARN {
        return None;
    }
    let compiled = Compiled::decode(encoded).ok()?;
    let identity = candidate.identity();
    let mut counted = CountedWork::new(&compiled, Some(&identity));
    compiled.evaluate_with(Some(&identity), OwnOverrides::Embedded, &mut counted);
    let steps = counted.steps();
    assert!(steps <= cost.evaluation(), "{steps} steps, and {cost:?}");
    let time = || {
        let started = Instant::now();
        black_box(compiled.evaluate(Some(&identity)));
        started.elapsed().as_secs_f64() * 1e6
    };
    let least = |times: usize| (0..times).map(|_| time()).fold(f64::INFINITY, f64::min);
    let mut time = least(3);
    // Another program may have had the processor meanwhile. So what seems dear for its steps is measured again.
    if time * 1e3 > USUAL_NANOSECONDS * steps as f64 {
        time = time.min(least(20));
    }
    Some(Evaluated { cost, steps, time })
}

/// What a step takes natively, or less.
const USUAL_NANOSECONDS: f64 = 2.0;

fn change(candidate: &mut Candidate, random: &mut Rng) {
    match random.u8(..12) {
        0 => candidate.segments.push(segment(random)),
        1 => {
            if candidate.segments.len() > 1 {
                candidate.segments.swap_remove(random.usize(..candidate.segments.len()));
            }
        }
        2 => change_number(&mut candidate.features, 20_000, random),
        3 => candidate.value = Text::any(random, 20_000),
        4 => change_number(&mut candidate.variants, 1_000, random),
        5 => candidate.identifier = Text::any(random, 2_000),
        6 => candidate.name = Text::any(random, 2_000),
        7 => {
            if let Some(value) = one(&mut candidate.traits, random) {
                *value = Scalar::any(random, 2_000);
            }
        }
        _ => {
            let Some(segment) = one(&mut candidate.segments, random) else { return };
            change_segment(segment, random);
        }
    }
}

fn change_segment(segment: &mut SegmentGene, random: &mut Rng) {
    match random.u8(..8) {
        0 => change_number(&mut segment.times, 20_000, random),
        1 => change_number(&mut segment.overrides, 100, random),
        2 => segment.kind = random.usize(..3),
        3 => segment.conditions.push(condition(random)),
        _ => {
            let Some(condition) = one(&mut segment.conditions, random) else { return };
            match random.u8(..7) {
                0 => condition.operand = Text::any(random, 3_000),
                1 => condition.property = random.usize(..PROPERTIES.len()),
                2 => condition.pattern = random.usize(..PATTERNS.len()),
                3 => condition.differs = random.bool(),
                4 => change_number(&mut condition.members, 5_000, random),
                _ => change_number(&mut condition.times, 50_000, random),
            }
        }
    }
}

fn segment(random: &mut Rng) -> SegmentGene {
    SegmentGene { times: 1, kind: random.usize(..3), conditions: vec![condition(random)], overrides: 0 }
}

fn condition(random: &mut Rng) -> ConditionGene {
    ConditionGene {
        times: 1,
        property: random.usize(..PROPERTIES.len()),
        operator: random.usize(..OPERATORS.len()),
        operand: Text::any(random, 3_000),
        members: 1,
        pattern: random.usize(..PATTERNS.len()),
        differs: false,
    }
}

impl Candidate {
    fn input(&self) -> Input {
        let (method, path) = ("POST".to_owned(), "/api/v1/identities/".to_owned());
        Input { document: self.document(), method, path, body: self.body() }
    }

    fn identity(&self) -> Identity {
        Identity {
            identifier: self.identifier.write(),
            traits: TRAITS
                .iter()
                .zip(&self.traits)
                .map(|(name, value)| ((*name).to_owned(), value.value()))
                .collect(),
            ..Identity::default()
        }
    }

    fn body(&self) -> String {
        let traits = TRAITS.iter().zip(&self.traits).map(|(name, value)| ((*name).to_owned(), value.clone()));
        body(&self.identifier.write(), &traits.collect::<Vec<_>>())
    }

    fn document(&self) -> Value {
        let share = 100.0 / f64::from(u32::try_from(self.variants.max(1)).unwrap_or(u32::MAX));
        let variant =
            |_| json!({ "percentage_allocation": share, "multivariate_feature_option": { "value": "x" } });
        let features = (0..self.features).map(|place| {
            let value = if place == 0 { self.value.write() } else { String::new() };
            json!({
                "feature": { "name": format!("f{place}") },
                "feature_state_value": value,
                "multivariate_feature_state_values":
                    if place == 1 { (0..self.variants).map(variant).collect() } else { Vec::new() },
            })
        });
        let segments = self.segments.iter().flat_map(|gene| (0..gene.times).map(|place| gene.write(place)));
        json!({
            "api_key": "dearest",
            "name": self.name.write(),
            "feature_states": features.collect::<Vec<_>>(),
            "project": { "segments": segments.collect::<Vec<_>>() },
        })
    }
}

impl SegmentGene {
    fn write(&self, place: usize) -> Value {
        let conditions = self
            .conditions
            .iter()
            .flat_map(|gene| (0..gene.times).map(move |at| gene.write(place * 31 + at)));
        let kind = ["ALL", "ANY", "NONE"][self.kind];
        let overrides = (0..self.overrides).map(|at| json!({ "feature": { "name": format!("f{at}") } }));
        json!({
            "name": format!("s{place}"),
            "rules": [{ "type": kind, "conditions": conditions.collect::<Vec<_>>() }],
            "feature_states": overrides.collect::<Vec<_>>(),
        })
    }
}

impl ConditionGene {
    fn write(&self, number: usize) -> Value {
        let number = if self.differs { number.to_string() } else { String::new() };
        let operator = OPERATORS[self.operator];
        let value = match operator {
            "REGEX" => format!("{}{number}", PATTERNS[self.pattern]),
            "MODULO" => format!("{}|1", self.members + 1),
            "PERCENTAGE_SPLIT" => "0".to_owned(),
            "IN" => (0..self.members)
                .map(|at| format!("{at}{}", self.operand.write()))
                .collect::<Vec<_>>()
                .join(","),
            _ => self.operand.write() + &number,
        };
        json!({ "property_": PROPERTIES[self.property], "operator": operator, "value": value })
    }
}
