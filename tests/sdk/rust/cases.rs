//! What is asked and expected: `cases.json`, and what follows from the published document, `fixtures/sdk.json`.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use md5::{Digest, Md5};
use serde_json::{Map, Value, json};

/// Flags, or other things, by name.
pub type ByName = Map<String, Value>;

pub struct Cases {
    pub document: Value,
    pub situations: Vec<Situation>,
    /// What each feature is for nobody in particular: `[enabled, value]`.
    pub defaults: ByName,
    /// Features that a client-side key does not see.
    pub server_only: Vec<String>,
    population: Value,
}

pub struct Situation {
    pub name: String,
    pub identifier: String,
    pub traits: ByName,
    pub transient: bool,
    pub expected: ByName,
}

pub fn read() -> Cases {
    let document = file("../../fixtures/sdk.json");
    let cases = file("../cases.json");
    let states = || list(&document["feature_states"]);
    let defaults: ByName = states().map(|state| (name(state), outcome(state))).collect();
    let hidden = &document["project"]["server_key_only_feature_ids"];
    let server_only =
        states().filter(|state| list(hidden).any(|id| *id == state["feature"]["id"])).map(name).collect();
    let situations = list(&cases["situations"]).map(|case| {
        let mut expected = defaults.clone();
        expected.extend(object(&case["differs"]));
        Situation {
            name: text(&case["situation"]),
            identifier: text(&case["identifier"]),
            traits: object(&case["traits"]),
            transient: case["transient"] == true,
            expected,
        }
    });
    let situations = situations.collect();
    Cases { situations, defaults, server_only, population: cases["population"].clone(), document }
}

impl Cases {
    /// What a client-side key sees of these flags.
    pub fn public(&self, flags: &ByName) -> ByName {
        let mut flags = flags.clone();
        flags.retain(|name, _| !self.server_only.contains(name));
        flags
    }

    /// The identities of `cases.json`, the same at each run: what a trait is depends on the MD5 of its name and a number.
    pub fn population(&self) -> Vec<(String, ByName)> {
        let identifiers: Vec<String> = list(&self.population["identifiers"]).map(text).collect();
        let count = self.population["count"].as_u64().expect("a count") as usize;
        let identity = |n: usize| {
            let traits = object(&self.population["traits"]).into_iter().map(|(key, choices)| {
                let choices: Vec<&Value> = list(&choices).collect();
                let picked = choices[digest(&format!("{key}/{n}")) % choices.len()].clone();
                (key, picked)
            });
            let traits = traits.filter(|(_, value)| value != "(absent)").collect();
            (identifiers.get(n).cloned().unwrap_or(format!("user-{n}")), traits)
        };
        (0..count).map(identity).collect()
    }

    /// All that the document can give for each feature: its own state, overrides of segments and of identities.
    pub fn possible_outcomes(&self) -> BTreeMap<String, BTreeSet<String>> {
        let mut possible: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        let segments =
            list(&self.document["project"]["segments"]).flat_map(|segment| list(&segment["feature_states"]));
        let identities = list(&self.document["identity_overrides"])
            .flat_map(|identity| list(&identity["identity_features"]));
        for state in list(&self.document["feature_states"]).chain(segments).chain(identities) {
            let outcomes = possible.entry(name(state)).or_default();
            let mut weight = 0.0;
            for variant in list(&state["multivariate_feature_state_values"]) {
                weight += variant["percentage_allocation"].as_f64().expect("a percentage");
                let value = &variant["multivariate_feature_option"]["value"];
                outcomes.insert(json!([state["enabled"], value]).to_string());
            }
            if weight < 100.0 {
                outcomes.insert(outcome(state).to_string());
            }
        }
        possible
    }
}

fn outcome(state: &Value) -> Value {
    json!([state["enabled"], state["feature_state_value"]])
}

fn name(state: &Value) -> String {
    text(&state["feature"]["name"])
}

fn digest(text: &str) -> usize {
    let hash = Md5::digest(text);
    u32::from_be_bytes([hash[0], hash[1], hash[2], hash[3]]) as usize
}

fn file(path: &str) -> Value {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    let text = fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}

pub fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn object(value: &Value) -> ByName {
    value.as_object().cloned().unwrap_or_default()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}
