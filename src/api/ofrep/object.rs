//! Texts that hold a JSON object. The object is looked at and not built: a large environment has a hundred of them.

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};

/// The object that a text holds, as it is written there; none if it holds something else. What clients cannot be relied on
/// to read is no object: numbers beyond all, and more than 128 levels.
pub(super) fn object(text: &str) -> Option<&str> {
    let text = text.trim();
    let is_object = text.starts_with('{') && serde_json::from_str::<Readable>(text).is_ok();
    is_object.then_some(text)
}

/// A value that can be read.
struct Readable;

impl<'de> Deserialize<'de> for Readable {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Readable, D::Error> {
        deserializer.deserialize_any(Readable)
    }
}

impl<'de> Visitor<'de> for Readable {
    type Value = Readable;

    fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Readable, E> {
        Ok(Readable)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Readable, E> {
        Ok(Readable)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Readable, E> {
        Ok(Readable)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Readable, E> {
        Ok(Readable)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Readable, E> {
        Ok(Readable)
    }

    fn visit_str<E>(self, _: &str) -> Result<Readable, E> {
        Ok(Readable)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Readable, A::Error> {
        while items.next_element::<Readable>()?.is_some() {}
        Ok(Readable)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Readable, A::Error> {
        while members.next_entry::<Readable, Readable>()?.is_some() {}
        Ok(Readable)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objects_that_every_client_can_read() {
        let nested = |levels: usize| format!("{}1{}", r#"{"a":"#.repeat(levels), "}".repeat(levels));
        for text in ["{}", r#"{"a": [1, -1.5e3, null, true, "é\u00e9", {"b": {}}]}"#, &nested(100)] {
            assert_eq!(object(text), Some(text));
            assert_eq!(object(&format!(" \n{text}\t")), Some(text));
        }
        let unreadable = [
            "",
            "{",
            "{}}",
            "{} {}",
            "[{}]",
            "1",
            "{a: 1}",
            "{'a': 1}",
            r#"{"a": 1e999}"#,
            r#"{"a": "\ud800"}"#,
            r#"{"a": 1,}"#,
            r#"{1: 2}"#,
            "{\"a\": \"\u{1}\"}",
            &nested(1_000),
        ];
        for text in unreadable {
            assert_eq!(object(text), None, "{text:.40}");
        }
    }
}
