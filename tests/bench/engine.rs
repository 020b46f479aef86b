//! The native engine against Flagsmith's own Rust engine, on the same documents and identities.

use std::hint::black_box;
use std::time::{Duration, Instant};

use engine::{Compiled, Document, Identity, Options, Value};
use flagsmith_flag_engine::engine::get_evaluation_result;
use flagsmith_flag_engine::engine_eval::{add_identity_to_context, environment_to_context};
use flagsmith_flag_engine::environments::Environment;
use flagsmith_flag_engine::identities::Trait;
use flagsmith_flag_engine::types::{FlagsmithValue, FlagsmithValueType};
use serde_json::{Value as Json, json};
use tests::fixtures;

use crate::figure;

const IDENTITIES: usize = 64;
const ROUND: Duration = Duration::from_millis(500);
const ROUNDS: usize = 5;

pub(crate) fn against_the_rust_crate() {
    let environments =
        [("small", fixtures::small()), ("heavy", fixtures::heavy()), ("large", fixtures::large())];
    for (name, document) in environments {
        let ours = Ours::new(&document);
        let theirs = Theirs::new(&document);
        // Rounds take turns, so that whatever else the machine does hits both.
        let (mut own, mut other) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            own.push(per_second(|identity| ours.evaluate(identity)));
            other.push(per_second(|identity| theirs.evaluate(identity)));
        }
        let (own, other) = (median(own), median(other));
        let details = json!({
            "environment": name,
            "identities": IDENTITIES,
            "measured": "evaluations per second, native, one thread, contexts made beforehand; median of rounds that take turns",
        });
        figure("engine_evaluations", own, "evaluations/s", &details);
        figure("flagsmith_flag_engine_0.7.0_evaluations", other, "evaluations/s", &details);
        figure("engine_to_flagsmith_flag_engine_0.7.0", own / other, "ratio", &details);
    }
}

struct Ours {
    compiled: Compiled,
    identities: Vec<Identity>,
}

impl Ours {
    fn new(document: &Json) -> Ours {
        let document = Document::parse(&document.to_string()).expect("a fixture is a document");
        let (environment, _) =
            document.compile(Options::default(), api::flag_json).expect("a fixture compiles");
        let encoded = environment.encode().expect("a fixture is encoded");
        let identity = |(identifier, traits): (String, serde_json::Map<String, Json>)| Identity {
            identifier,
            key: None,
            traits: traits
                .iter()
                .map(|(key, value)| (key.clone(), Value::from_json(&value.to_string()).expect("a scalar")))
                .collect(),
            traits_answer_paths: true,
            ignore_own_overrides: false,
        };
        Ours {
            compiled: Compiled::decode(encoded).expect("what was encoded is decoded"),
            identities: fixtures::identities(IDENTITIES).map(identity).collect(),
        }
    }

    fn evaluate(&self, identity: usize) {
        black_box(self.compiled.evaluate(Some(&self.identities[identity])));
    }
}

struct Theirs(Vec<flagsmith_flag_engine::engine_eval::EngineEvaluationContext>);

impl Theirs {
    fn new(document: &Json) -> Theirs {
        let environment: Environment =
            serde_json::from_value(document.clone()).expect("a fixture is a document");
        let context = environment_to_context(environment);
        let with = |(identifier, traits): (String, serde_json::Map<String, Json>)| {
            let traits: Vec<Trait> = traits
                .iter()
                .map(|(key, value)| Trait { trait_key: key.clone(), trait_value: flagsmith_value(value) })
                .collect();
            add_identity_to_context(&context, &identifier, &traits)
        };
        Theirs(fixtures::identities(IDENTITIES).map(with).collect())
    }

    fn evaluate(&self, identity: usize) {
        black_box(get_evaluation_result(&self.0[identity]));
    }
}

fn flagsmith_value(value: &Json) -> FlagsmithValue {
    let (value_type, text) = match value {
        Json::Bool(bool) => (FlagsmithValueType::Bool, bool.to_string()),
        Json::Number(number) if number.is_f64() => (FlagsmithValueType::Float, number.to_string()),
        Json::Number(number) => (FlagsmithValueType::Integer, number.to_string()),
        Json::String(text) => (FlagsmithValueType::String, text.clone()),
        other => (FlagsmithValueType::None, other.to_string()),
    };
    FlagsmithValue { value: text, value_type }
}

/// Evaluates all identities in turn for a while.
#[expect(clippy::cast_precision_loss, reason = "counts of this size are exact")]
fn per_second(mut evaluate: impl FnMut(usize)) -> f64 {
    let start = Instant::now();
    let mut count = 0;
    while start.elapsed() < ROUND {
        for identity in 0..IDENTITIES {
            evaluate(identity);
        }
        count += IDENTITIES;
    }
    count as f64 / start.elapsed().as_secs_f64()
}

pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
