//! The numbers of the reference engine, which is written in Python: integers of any size and IEEE doubles.

use alloc::borrow::ToOwned;
use alloc::format;
use alloc::string::{String, ToString};
use core::cmp::Ordering;
use core::fmt;

use rkyv::{Archive, Serialize};

use crate::python::digits;

/// An integer of any size. `Big` holds only what `Small` cannot, so equal integers are equal values.
#[derive(Debug, Clone, PartialEq, Eq, Archive, Serialize)]
pub enum Integer {
    Small(i64),
    Big { negative: bool, digits: String },
}

impl Integer {
    /// Reads `-?[0-9]+`, as in JSON but with leading zeros allowed.
    pub fn parse(text: &str) -> Option<Integer> {
        let (negative, digits) = match text.strip_prefix('-') {
            Some(digits) => (true, digits),
            None => (false, text),
        };
        if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        if let Ok(small) = text.parse() {
            return Some(Integer::Small(small));
        }
        // Too many digits for an i64, unless the text has leading zeros.
        let digits = digits.trim_start_matches('0');
        let signed = if negative { format!("-{digits}") } else { digits.to_owned() };
        match signed.parse() {
            Ok(small) => Some(Integer::Small(small)),
            Err(_) if digits.is_empty() => Some(Integer::Small(0)),
            Err(_) => Some(Integer::Big { negative, digits: digits.to_owned() }),
        }
    }

    /// Python's `int(text)`: white space around, a sign, digits of any script, single underscores between them.
    pub fn cast(text: &str) -> Option<Integer> {
        let text = digits::plain(text);
        let text = text.trim();
        let text = text.strip_prefix('+').filter(|rest| !rest.starts_with('-')).unwrap_or(text);
        Integer::parse(&without_underscores(text)?)
    }

    pub fn to_f64(&self) -> f64 {
        match self {
            #[expect(clippy::cast_precision_loss, reason = "rounds to the nearest double, as Python does")]
            Integer::Small(small) => *small as f64,
            big @ Integer::Big { .. } => big.to_string().parse().unwrap_or(f64::NAN),
        }
    }
}

impl fmt::Display for Integer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Integer::Small(small) => write!(f, "{small}"),
            Integer::Big { negative, digits } => write!(f, "{}{digits}", if *negative { "-" } else { "" }),
        }
    }
}

/// A borrowed view of an [`Integer`] or of an archived one.
#[derive(Debug, Clone, Copy)]
pub(crate) enum IntegerRef<'a> {
    Small(i64),
    Big { negative: bool, digits: &'a str },
}

impl<'a> From<&'a Integer> for IntegerRef<'a> {
    fn from(integer: &'a Integer) -> Self {
        match integer {
            Integer::Small(small) => IntegerRef::Small(*small),
            Integer::Big { negative, digits } => IntegerRef::Big { negative: *negative, digits },
        }
    }
}

impl<'a> From<&'a ArchivedInteger> for IntegerRef<'a> {
    fn from(integer: &'a ArchivedInteger) -> Self {
        match integer {
            ArchivedInteger::Small(small) => IntegerRef::Small(small.to_native()),
            ArchivedInteger::Big { negative, digits } => {
                IntegerRef::Big { negative: *negative, digits: digits.as_str() }
            }
        }
    }
}

impl IntegerRef<'_> {
    /// Compares exactly. A big integer is outside the range of the small ones, so its sign decides.
    pub(crate) fn compare(self, other: IntegerRef<'_>) -> Ordering {
        use IntegerRef::{Big, Small};
        let sign = |negative: bool| if negative { Ordering::Less } else { Ordering::Greater };
        match (self, other) {
            (Small(a), Small(b)) => a.cmp(&b),
            (Big { negative, .. }, Small(_)) => sign(negative),
            (Small(_), Big { negative, .. }) => sign(negative).reverse(),
            (Big { negative: a, .. }, Big { negative: b, .. }) if a != b => sign(a),
            (Big { negative, digits: a }, Big { digits: b, .. }) => {
                let magnitude = a.len().cmp(&b.len()).then_with(|| a.cmp(b));
                if negative { magnitude.reverse() } else { magnitude }
            }
        }
    }
}

/// A JSON number: an integer if it is written without fraction and exponent.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Number {
    Int(Integer),
    Float(f64),
}

impl Number {
    /// Reads the text of a JSON number.
    pub(crate) fn from_json(text: &str) -> Option<Number> {
        match Integer::parse(text) {
            Some(integer) => Some(Number::Int(integer)),
            None if text.starts_with(|c: char| c == '-' || c.is_ascii_digit()) => {
                text.parse().ok().map(Number::Float)
            }
            None => None,
        }
    }

    pub(crate) fn to_f64(&self) -> f64 {
        match self {
            Number::Int(integer) => integer.to_f64(),
            Number::Float(float) => *float,
        }
    }

    /// Orders numbers exactly, whatever their size and kind. Priorities are sorted by this, and a sort needs a
    /// consistent order.
    pub(crate) fn compare(&self, other: &Number) -> Ordering {
        match (self, other) {
            (Number::Int(a), Number::Int(b)) => IntegerRef::from(a).compare(b.into()),
            (Number::Int(a), Number::Float(b)) => compare_mixed(a, *b),
            (Number::Float(a), Number::Int(b)) => compare_mixed(b, *a).reverse(),
            // JSON has no NaN.
            (Number::Float(a), Number::Float(b)) => a.partial_cmp(b).unwrap_or(Ordering::Equal),
        }
    }
}

fn compare_mixed(integer: &Integer, float: f64) -> Ordering {
    match integer.to_f64().partial_cmp(&float) {
        // Rounding keeps the order, but may make two different numbers equal. Then the exact digits of the float
        // decide. An infinity has none.
        Some(Ordering::Equal) => match Integer::parse(&format!("{float:.0}")) {
            Some(float) => IntegerRef::from(integer).compare((&float).into()),
            None if float < 0.0 => Ordering::Greater,
            None => Ordering::Less,
        },
        other => other.unwrap_or(Ordering::Equal),
    }
}

impl serde::Serialize for Number {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Number::Int(Integer::Small(small)) => serializer.serialize_i64(*small),
            other => serializer.serialize_f64(other.to_f64()),
        }
    }
}

/// Python's `float(text)`: white space around, digits of any script, underscores between them, `inf` and `nan` by name.
pub(crate) fn cast_float(text: &str) -> Option<f64> {
    without_underscores(digits::plain(text).trim())?.parse().ok()
}

/// Python's `repr` of a float: the shortest digits that read back the same, with an exponent below 1e-4 and from
/// 1e16 on. This is the text that regular expressions and hashes see.
pub fn float_text(float: f64) -> String {
    if float.is_nan() {
        return "nan".to_owned();
    }
    if float.is_infinite() {
        return if float < 0.0 { "-inf" } else { "inf" }.to_owned();
    }
    let scientific = format!("{float:e}");
    let Some((mantissa, exponent)) = scientific.split_once('e') else { return scientific };
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if (-4..16).contains(&exponent) {
        let fixed = format!("{float}");
        return if fixed.contains('.') { fixed } else { fixed + ".0" };
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{mantissa}e{sign}{:02}", exponent.unsigned_abs())
}

/// Removes underscores between two digits. None if there is any other underscore: the text is not a number then.
fn without_underscores(text: &str) -> Option<String> {
    let bytes = text.as_bytes();
    let digit = |at: Option<usize>| at.and_then(|at| bytes.get(at)).is_some_and(u8::is_ascii_digit);
    let misplaced = bytes
        .iter()
        .enumerate()
        .any(|(at, byte)| *byte == b'_' && !(digit(at.checked_sub(1)) && digit(Some(at + 1))));
    if misplaced { None } else { Some(text.replace('_', "")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_are_read_as_python_reads_them() {
        for (text, expected) in [
            ("7", Some("7")),
            ("007", Some("7")),
            ("-0", Some("0")),
            (" +7\n", Some("7")),
            ("1_000", Some("1000")),
            ("00000000000000000000000000012", Some("12")),
            ("00000000000000000000000000000", Some("0")),
            ("-123456789012345678901234567890", Some("-123456789012345678901234567890")),
            ("9223372036854775808", Some("9223372036854775808")),
            ("1__0", None),
            ("_1", None),
            ("1_", None),
            ("+-1", None),
            ("1.0", None),
            ("1e3", None),
            ("", None),
            ("-", None),
        ] {
            assert_eq!(Integer::cast(text).map(|i| i.to_string()).as_deref(), expected, "{text:?}");
        }
    }

    #[test]
    fn integers_of_any_size_are_ordered() {
        let ordered = [
            "-123456789012345678901234567891",
            "-123456789012345678901234567890",
            "-9223372036854775809",
            "-9223372036854775808",
            "0",
            "9223372036854775807",
            "9223372036854775808",
            "99999999999999999999999",
        ];
        for (i, a) in ordered.iter().enumerate() {
            for (j, b) in ordered.iter().enumerate() {
                let (a, b) = (Integer::parse(a).unwrap(), Integer::parse(b).unwrap());
                assert_eq!(IntegerRef::from(&a).compare((&b).into()), i.cmp(&j), "{a} {b}");
            }
        }
    }

    #[test]
    fn integers_and_floats_are_ordered_together() {
        let googol_and_more = "1".repeat(400);
        let ordered = [
            "-1e400",
            "-9007199254740993",
            "-9007199254740992.0",
            "-1",
            "-0.5",
            "0",
            "0.5",
            "1",
            "9007199254740992.0",
            "9007199254740993",
            "9007199254740994.0",
            "100000000000000000000000",
            "1e24",
            &googol_and_more,
            "1e400",
        ];
        for (i, a) in ordered.iter().enumerate() {
            for (j, b) in ordered.iter().enumerate() {
                let (a, b) = (Number::from_json(a).unwrap(), Number::from_json(b).unwrap());
                assert_eq!(a.compare(&b), i.cmp(&j), "{a:?} {b:?}");
            }
        }
    }

    #[test]
    fn floats_are_written_as_python_writes_them() {
        for (float, text) in [
            (1.0, "1.0"),
            (-0.0, "-0.0"),
            (1.5, "1.5"),
            (0.1, "0.1"),
            (0.0001, "0.0001"),
            (0.00001, "1e-05"),
            (1e15, "1000000000000000.0"),
            (9999999999999998.0, "9999999999999998.0"),
            (1e16, "1e+16"),
            (1.5e21, "1.5e+21"),
            (1.5e-7, "1.5e-07"),
            (1e100, "1e+100"),
            (f64::INFINITY, "inf"),
        ] {
            assert_eq!(float_text(float), text);
        }
    }

    #[test]
    fn floats_are_read_as_python_reads_them() {
        for (text, expected) in [
            ("1e3", Some(1000.0)),
            (".5", Some(0.5)),
            (" 5. ", Some(5.0)),
            ("1_0.5", Some(10.5)),
            ("-Infinity", Some(f64::NEG_INFINITY)),
            ("1_.5", None),
            ("", None),
            ("abc", None),
            ("1,5", None),
        ] {
            assert_eq!(cast_float(text), expected, "{text:?}");
        }
    }
}
