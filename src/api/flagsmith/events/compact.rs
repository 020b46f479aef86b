//! JSON on one line: a log endpoint would escape a line break, and the line would be no JSON any more.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use crate::flagsmith::limits::EVENT_DEPTH_LIMIT;

/// Why a value cannot be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum CompactError {
    /// It has more bytes than the limit.
    TooLong,
    TooDeep,
    /// It holds half of a surrogate pair, or a number that is too large. Parsers refuse both.
    Unreadable,
}

/// The value without blanks, of so many bytes at most. Nothing is held but the text that is made: as a tree, values of a
/// mebibyte would take a hundred.
pub(super) fn compact(raw: &RawValue, limit: usize) -> Result<String, CompactError> {
    let mut writer = Writer { text: String::new(), limit, error: None };
    let mut json = serde_json::Deserializer::from_str(raw.get());
    let written = Value { writer: &mut writer, depth: 0 }.deserialize(&mut json);
    match (written, writer.error) {
        (Ok(()), None) => Ok(writer.text),
        (_, Some(error)) => Err(error),
        (Err(_), None) => Err(CompactError::Unreadable),
    }
}

struct Writer {
    text: String,
    limit: usize,
    error: Option<CompactError>,
}

impl Writer {
    fn write<E: Error>(&mut self, text: &str) -> Result<(), E> {
        if self.text.len() + text.len() > self.limit {
            return self.fail(CompactError::TooLong);
        }
        self.text.push_str(text);
        Ok(())
    }

    fn fail<E: Error>(&mut self, error: CompactError) -> Result<(), E> {
        self.error = Some(error);
        Err(E::custom("it is not written"))
    }

    fn scalar<E: Error>(&mut self, value: impl Into<serde_json::Value>) -> Result<(), E> {
        self.write(&value.into().to_string())
    }
}

/// A value that is read and written, so deep in others.
struct Value<'w> {
    writer: &'w mut Writer,
    depth: usize,
}

impl<'de> DeserializeSeed<'de> for Value<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Value<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        self.writer.write("null")
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<(), E> {
        self.writer.scalar(value)
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<(), E> {
        self.writer.scalar(value)
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<(), E> {
        self.writer.scalar(value)
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<(), E> {
        self.writer.scalar(value)
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<(), E> {
        self.writer.scalar(value)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        let Value { writer, depth } = self;
        if depth == EVENT_DEPTH_LIMIT {
            return writer.fail(CompactError::TooDeep);
        }
        writer.write("[")?;
        let start = writer.text.len();
        loop {
            // The comma is taken back behind the last item.
            let before = writer.text.len();
            if before > start {
                writer.write(",")?;
            }
            if list.next_element_seed(Value { writer: &mut *writer, depth: depth + 1 })?.is_none() {
                writer.text.truncate(before);
                return writer.write("]");
            }
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let Value { writer, depth } = self;
        if depth == EVENT_DEPTH_LIMIT {
            return writer.fail(CompactError::TooDeep);
        }
        writer.write("{")?;
        let start = writer.text.len();
        loop {
            let before = writer.text.len();
            if before > start {
                writer.write(",")?;
            }
            if map.next_key_seed(Value { writer: &mut *writer, depth: depth + 1 })?.is_none() {
                writer.text.truncate(before);
                return writer.write("}");
            }
            writer.write(":")?;
            map.next_value_seed(Value { writer: &mut *writer, depth: depth + 1 })?;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(json: &str, limit: usize) -> Result<String, CompactError> {
        compact(&RawValue::from_string(json.to_owned()).unwrap(), limit)
    }

    #[test]
    fn values_are_written_without_blanks_and_mean_the_same() {
        for (json, expected) in [
            ("null", "null"),
            ("[ ]", "[]"),
            ("{\n}", "{}"),
            ("[1,\r\n 2.50 , -3, 1e3, true]", "[1,2.5,-3,1000.0,true]"),
            ("{ \"a\" : { \"b\" :\t[ { } , [ ] ] } , \"\" : null }", r#"{"a":{"b":[{},[]]},"":null}"#),
            (r#""a\nb\u0000\u00e9\ud83d\ude00\/""#, r#""a\nb\u0000é😀/""#),
            ("18446744073709551615", "18446744073709551615"),
        ] {
            assert_eq!(of(json, 100), Ok(expected.to_owned()), "{json}");
            assert_eq!(of(json, expected.len()), Ok(expected.to_owned()), "{json}");
            assert_eq!(of(json, expected.len() - 1), Err(CompactError::TooLong), "{json}");
        }
    }

    #[test]
    fn what_parsers_refuse_is_refused() {
        for json in [r#""\ud800""#, r#"{"\udc00": 1}"#, "1e999", "[1, [-1e999]]"] {
            assert_eq!(of(json, 100), Err(CompactError::Unreadable), "{json}");
        }
        let deep = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
        assert_eq!(of(&deep(64), 1_000), Ok(deep(64)));
        assert_eq!(of(&deep(65), 1_000), Err(CompactError::TooDeep));
        let objects = format!("{}1{}", r#"{"a":"#.repeat(100_000), "}".repeat(100_000));
        assert_eq!(of(&objects, 1_000_000), Err(CompactError::TooDeep));
    }
}
