//! What the properties are tried on: contexts and documents in the published shapes, and damaged ones.

mod context;
mod damage;
mod document;
mod noise;
mod parts;

pub(crate) use context::context;
pub(crate) use damage::damaged;
pub(crate) use document::document;
pub(crate) use noise::with_noise;

use std::fmt;

use serde_json::Value;

/// Numbers that no [`Value`] holds, each with the text that stands for it there.
const NUMBERS: [(&str, &str); 5] = [
    ("<great>", "123456789012345678901234567890"),
    ("<least>", "-9223372036854775809"),
    ("<minus zero>", "-0.0"),
    ("<beyond>", "1e400"),
    ("<next to nothing>", "1e-400"),
];

/// A generated value, with [`NUMBERS`] put in their places where it is written.
#[derive(Clone)]
pub(crate) struct Json(pub(crate) Value);

impl Json {
    pub(crate) fn text(&self) -> String {
        let text = self.0.to_string();
        NUMBERS.iter().fold(text, |text, (name, number)| text.replace(&format!("\"{name}\""), number))
    }
}

impl fmt::Debug for Json {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text())
    }
}
