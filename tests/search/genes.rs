//! The parts of which documents and requests are made.

use fastrand::Rng;
use serde_json::{Value, json};

/// A text, by its kind and its length in characters.
#[derive(Debug, Clone)]
pub(crate) struct Text {
    kind: usize,
    length: usize,
}

const KINDS: [&str; 12] = ["a", "é", "ж", "日", "😀", "9", " ", "\u{0}", "\"", "user-", "1.2.3-a.", "a@b."];

impl Text {
    pub(crate) fn any(random: &mut Rng, limit: usize) -> Text {
        let length = if random.bool() { random.usize(..=limit) } else { random.usize(..=limit.min(12)) };
        Text { kind: random.usize(..KINDS.len()), length }
    }

    pub(crate) fn write(&self) -> String {
        KINDS[self.kind].chars().cycle().take(self.length).collect()
    }
}

/// A JSON value of a trait.
#[derive(Debug, Clone)]
pub(crate) enum Scalar {
    Text(Text),
    /// Digits without a fraction.
    Digits(usize),
    Float(f64),
    Bool,
}

impl Scalar {
    pub(crate) fn any(random: &mut Rng, limit: usize) -> Scalar {
        match random.u8(..6) {
            0 => Scalar::Digits(random.usize(1..=limit)),
            1 => Scalar::Float([1.5, 1e300, -0.1, 5e-324][random.usize(..4)]),
            2 => Scalar::Bool,
            _ => Scalar::Text(Text::any(random, limit)),
        }
    }

    pub(crate) fn json(&self) -> String {
        match self {
            Scalar::Text(text) => json!(text.write()).to_string(),
            Scalar::Digits(digits) => "9".repeat(*digits),
            Scalar::Float(float) => json!(float).to_string(),
            Scalar::Bool => "true".to_owned(),
        }
    }

    pub(crate) fn value(&self) -> engine::Value {
        engine::Value::from_json(&self.json()).unwrap_or(engine::Value::Null)
    }
}

/// A number that is changed by factors and by ones.
pub(crate) fn change_number(number: &mut usize, limit: usize, random: &mut Rng) {
    *number = match random.u8(..5) {
        0 => *number * 2,
        1 => *number / 2,
        2 => *number + 1,
        3 => number.saturating_sub(1),
        _ => *number * 9 / 8 + 1,
    }
    .min(limit);
}

/// One of some items, if there are any.
pub(crate) fn one<'a, T>(items: &'a mut [T], random: &mut Rng) -> Option<&'a mut T> {
    if items.is_empty() { None } else { Some(&mut items[random.usize(..items.len())]) }
}

/// The body of a request for an identity.
pub(crate) fn body(identifier: &str, traits: &[(String, Scalar)]) -> String {
    let traits = traits.iter().map(|(key, value)| {
        let key: Value = json!(key);
        format!(r#"{{"trait_key":{key},"trait_value":{}}}"#, value.json())
    });
    let traits: Vec<String> = traits.collect();
    format!(r#"{{"identifier":{},"traits":[{}]}}"#, json!(identifier), traits.join(","))
}
