//! OpenFeature's OFREP provider for Rust, as published.

use std::collections::HashMap;

use open_feature::provider::FeatureProvider;
use open_feature::{
    EvaluationContext, EvaluationContextFieldValue, EvaluationErrorCode, StructValue, Value as Of,
};
use open_feature_ofrep::{OfrepOptions, OfrepProvider};
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use serde_json::{Map, Value, json};
use tokio::runtime::Runtime;

use crate::Options;
use crate::cases::{self, ByName};
use crate::checks::Checks;
use crate::tap::Tap;

/// What a getter gives: the value, or the name of the error.
type Got = Result<Value, &'static str>;

struct Client {
    provider: OfrepProvider,
    runtime: Runtime,
}

pub fn every_situation(checks: &mut Checks, options: &Options) {
    let cases = cases::read();
    let tap = Tap::new(&options.edge, None);
    let client = Client::new(&tap, "x-api-key", &options.client_key);
    for situation in &cases.situations {
        let context = context(Some(&situation.identifier), &situation.traits);
        for (name, flag) in cases.public(&situation.expected) {
            let (kind, expected) = outcome(&flag);
            equal(
                checks,
                &format!("{}: {name}", situation.name),
                client.ask(kind, &name, &context),
                expected,
            );
        }
    }
    for (name, flag) in cases.public(&cases.defaults) {
        let (kind, expected) = outcome(&flag);
        let gold = context(None, &traits(&[("plan", json!("gold"))]));
        for context in [EvaluationContext::default(), gold] {
            equal(checks, &format!("nobody: {name}"), client.ask(kind, &name, &context), expected.clone());
        }
    }
}

/// A getter of another type gives an error: this provider knows no default of the code.
pub fn getters_of_other_types(checks: &mut Checks, options: &Options) {
    let cases = cases::read();
    let tap = Tap::new(&options.edge, None);
    let client = Client::new(&tap, "x-api-key", &options.client_key);
    for (name, flag) in cases.public(&cases.defaults) {
        let (kind, _) = outcome(&flag);
        for other in ["bool", "string", "int", "float", "object"] {
            // An integer is a number to the getter of floats.
            if other != kind && (other, kind) != ("float", "int") {
                let got = client.ask(other, &name, &EvaluationContext::default());
                equal(checks, &format!("{name} as {other}"), got, Err("parse error"));
            }
        }
    }
}

pub fn keys(checks: &mut Checks, options: &Options) {
    let tap = Tap::new(&options.edge, None);
    let anna = context(Some("anna"), &traits(&[("plan", json!("gold"))]));
    let removed = options.removed_key.as_deref().unwrap_or("unknown");
    for (what, header, key, name, expected) in [
        ("a client-side key", "x-api-key", options.client_key.clone(), "button_colour", Ok(json!("gold"))),
        (
            "bearer",
            "authorization",
            format!("Bearer {}", options.client_key),
            "button_colour",
            Ok(json!("gold")),
        ),
        ("for servers", "x-api-key", options.server_key.clone(), "fraud_rules", Ok(json!("strict"))),
        ("not for clients", "x-api-key", options.client_key.clone(), "fraud_rules", Err("not found")),
        ("an unknown flag", "x-api-key", options.client_key.clone(), "no/such flag", Err("not found")),
        ("a wrong key", "x-api-key", "unknown".to_owned(), "button_colour", Err("general")),
        ("a removed environment", "x-api-key", removed.to_owned(), "button_colour", Err("general")),
    ] {
        equal(checks, what, Client::new(&tap, header, &key).ask("string", name, &anna), expected);
    }
    let long = context(Some("anna"), &traits(&[("plan", json!("x".repeat(2_001)))]));
    let client = Client::new(&tap, "x-api-key", &options.client_key);
    equal(
        checks,
        "a trait that is too long",
        client.ask("string", "button_colour", &long),
        Err("invalid context"),
    );
}

pub fn an_edge_that_is_away(checks: &mut Checks, options: &Options) {
    let tap = Tap::new(&options.edge, None);
    let client = Client::new(&tap, "x-api-key", &options.client_key);
    let ask =
        || client.ask("string", "button_colour", &context(Some("anna"), &traits(&[("plan", json!("gold"))])));
    equal(checks, "there", ask(), Ok(json!("gold")));
    drop(tap);
    equal(checks, "away", ask(), Err("general"));
}

impl Client {
    fn new(tap: &Tap, header: &'static str, key: &str) -> Client {
        let runtime = Runtime::new().expect("a runtime");
        let value = HeaderValue::from_str(key).expect("a header");
        let headers = HeaderMap::from_iter([(HeaderName::from_static(header), value)]);
        let options = OfrepOptions { base_url: tap.url.clone(), headers, ..OfrepOptions::default() };
        let provider = runtime.block_on(OfrepProvider::new(options)).expect("a provider");
        Client { provider, runtime }
    }

    fn ask(&self, kind: &str, name: &str, context: &EvaluationContext) -> Got {
        let provider = &self.provider;
        let got = self.runtime.block_on(async {
            match kind {
                "bool" => provider.resolve_bool_value(name, context).await.map(|got| json!(got.value)),
                "string" => provider.resolve_string_value(name, context).await.map(|got| json!(got.value)),
                "int" => provider.resolve_int_value(name, context).await.map(|got| json!(got.value)),
                "float" => provider.resolve_float_value(name, context).await.map(|got| json!(got.value)),
                _ => provider.resolve_struct_value(name, context).await.map(|got| object(&got.value)),
            }
        });
        got.map_err(|error| match error.code {
            EvaluationErrorCode::FlagNotFound => "not found",
            EvaluationErrorCode::InvalidContext => "invalid context",
            EvaluationErrorCode::ParseError => "parse error",
            EvaluationErrorCode::General(_) => "general",
            _ => "another one",
        })
    }
}

/// The type of a flag's getter, and what it gives. The provider takes an answer without a value for an error.
fn outcome(flag: &Value) -> (&'static str, Got) {
    let (enabled, value) = (flag[0] == true, &flag[1]);
    let (kind, value) = match value {
        Value::Null => return ("bool", Ok(json!(enabled))),
        Value::String(text) if text.is_empty() => return ("bool", Ok(json!(enabled))),
        Value::String(text) if text.starts_with('{') => ("object", serde_json::from_str(text).expect("JSON")),
        Value::String(_) => ("string", value.clone()),
        Value::Bool(_) => ("bool", value.clone()),
        _ => ("int", value.clone()),
    };
    (kind, if enabled { Ok(value) } else { Err("parse error") })
}

fn context(targeting_key: Option<&str>, traits: &ByName) -> EvaluationContext {
    let field = |value: &Value| match value.get("value").unwrap_or(value) {
        Value::Bool(value) => Some(EvaluationContextFieldValue::Bool(*value)),
        Value::Number(number) => Some(match number.as_i64() {
            Some(value) => EvaluationContextFieldValue::Int(value),
            None => EvaluationContextFieldValue::Float(number.as_f64().expect("a number")),
        }),
        Value::String(text) => Some(EvaluationContextFieldValue::String(text.clone())),
        // The SDK has no null.
        _ => None,
    };
    let custom_fields: HashMap<String, EvaluationContextFieldValue> =
        traits.iter().filter_map(|(name, value)| Some((name.clone(), field(value)?))).collect();
    EvaluationContext { targeting_key: targeting_key.map(str::to_owned), custom_fields }
}

fn traits(traits: &[(&str, Value)]) -> ByName {
    traits.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect()
}

fn object(value: &StructValue) -> Value {
    Value::Object(
        value.fields.iter().map(|(name, value)| (name.clone(), json_of(value))).collect::<Map<_, _>>(),
    )
}

fn json_of(value: &Of) -> Value {
    match value {
        Of::Bool(value) => json!(value),
        Of::Int(value) => json!(value),
        Of::Float(value) => json!(value),
        Of::String(value) => json!(value),
        Of::Array(values) => values.iter().map(json_of).collect(),
        Of::Struct(value) => object(value),
    }
}

fn equal(checks: &mut Checks, what: &str, got: Got, expected: Got) {
    let json = |got: Got| got.map_or_else(|error| json!({ "error": error }), |value| json!([value]));
    checks.equal(what, json(got), json(expected));
}
