//! The operators: how a condition is compiled, and when it matches (`SEMANTICS.md`, 5).

use alloc::boxed::Box;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::cell::OnceCell;
use core::cmp::Ordering;

use rkyv::{Archive, Serialize};

use crate::python::number::{ArchivedInteger, Integer, IntegerRef, cast_float};
use crate::python::split;
use crate::python::value::Value;
use crate::python::version::{self, Version};
use crate::wire::context::{Operand, list_texts};
use crate::work::{FEW, Operation, Size};

mod comparison;

/// What a condition requires of a value.
#[derive(Debug, Clone, Archive, Serialize)]
pub enum Predicate {
    /// Boxed: otherwise every condition would be as large as this one.
    Compare(Box<Comparison>),
    Contains(String),
    NotContains(String),
    /// The index of the environment's pattern.
    Regex(u32),
    Modulo {
        divisor: f64,
        remainder: f64,
    },
    /// Sorted.
    In(Vec<String>),
    /// A percentage.
    Split(f64),
    IsSet,
    IsNotSet,
    /// Never matches; the document's warnings say why.
    Never,
}

/// One of the six comparisons. The condition's text is cast to the type of the value it is compared with, so it is
/// stored in the form of each type.
#[derive(Debug, Clone, Archive, Serialize)]
pub struct Comparison {
    relation: Relation,
    text: String,
    int: Option<Integer>,
    float: Option<f64>,
    /// The three numbers, if the text is a version without pre-release and build metadata.
    plain_version: Option<Box<[u64; 3]>>,
}

#[derive(Debug, Clone, Copy, Archive, Serialize)]
pub enum Relation {
    Equal,
    NotEqual,
    Greater,
    GreaterOrEqual,
    Less,
    LessOrEqual,
}

impl Predicate {
    /// Compiles a condition; `pattern` adds a regular expression and returns its index. None if the operator is
    /// unknown.
    ///
    /// # Errors
    /// Why the condition will never match.
    pub(crate) fn new(
        operator: &str,
        operand: &Operand,
        pattern: impl FnOnce(&str) -> Result<u32, String>,
    ) -> Option<Result<Predicate, String>> {
        let text = || match operand {
            Operand::Text(text) => Ok(text.as_str()),
            Operand::Absent => Err(format!("{operator} without a value")),
            Operand::List(_) | Operand::Unusable => {
                Err(format!("the value of {operator} is neither text nor number"))
            }
        };
        let compare =
            |relation| text().map(|text| Predicate::Compare(Box::new(Comparison::new(relation, text))));
        Some(match operator {
            "IS_SET" => Ok(Predicate::IsSet),
            "IS_NOT_SET" => Ok(Predicate::IsNotSet),
            "IN" => members(operand).map(Predicate::In),
            "EQUAL" => compare(Relation::Equal),
            "NOT_EQUAL" => compare(Relation::NotEqual),
            "GREATER_THAN" => compare(Relation::Greater),
            "GREATER_THAN_INCLUSIVE" => compare(Relation::GreaterOrEqual),
            "LESS_THAN" => compare(Relation::Less),
            "LESS_THAN_INCLUSIVE" => compare(Relation::LessOrEqual),
            "CONTAINS" => text().and_then(contains),
            "NOT_CONTAINS" => text().map(|text| Predicate::NotContains(text.to_string())),
            "REGEX" => text().and_then(pattern).map(Predicate::Regex),
            "MODULO" => text().and_then(modulo),
            "PERCENTAGE_SPLIT" => text().and_then(percentage_split),
            _ => return None,
        })
    }
}

impl Predicate {
    /// What it does with a value.
    pub(crate) fn operation(&self, segment_key: &str) -> Operation {
        match self {
            Predicate::Compare(comparison) => compare(&comparison.text),
            Predicate::Contains(part) | Predicate::NotContains(part) => Operation::Search(part.len() as u64),
            Predicate::Regex(_) => Operation::Pattern,
            Predicate::Modulo { .. } => Operation::Modulo,
            Predicate::In(members) => Operation::In {
                members: members.len() as u64,
                longest: members.iter().map(String::len).max().unwrap_or_default() as u64,
            },
            Predicate::Split(_) => Operation::Split(segment_key.len() as u64),
            Predicate::IsSet | Predicate::IsNotSet | Predicate::Never => Operation::Nothing,
        }
    }

    /// What a text is searched for.
    pub(crate) fn searched_for(&self) -> Option<&str> {
        match self {
            Predicate::Contains(part) | Predicate::NotContains(part) => Some(part),
            _ => None,
        }
    }
}

fn compare(text: &str) -> Operation {
    match text.strip_suffix(VERSION) {
        Some(version) => Operation::Version(version.len() as u64),
        None => Operation::Compare(text.len() as u64),
    }
}

impl Comparison {
    fn new(relation: Relation, text: &str) -> Comparison {
        Comparison {
            relation,
            text: text.to_string(),
            int: Integer::cast(text),
            float: cast_float(text),
            plain_version: text.strip_suffix(VERSION).and_then(version::plain).map(Box::new),
        }
    }
}

impl Comparison {
    /// Whether one asks for what the other excludes, for a value of any type.
    pub(crate) fn is_negation_of(&self, other: &Comparison) -> bool {
        matches!((self.relation, other.relation), (Relation::Equal, Relation::NotEqual))
            && self.text == other.text
    }
}

fn contains(text: &str) -> Result<Predicate, String> {
    // The reference engine reads such a value as a version, and a version contains nothing.
    if text.ends_with(VERSION) {
        return Err(format!("CONTAINS with a value ending in {VERSION:?} matches nothing"));
    }
    Ok(Predicate::Contains(text.to_string()))
}

fn modulo(text: &str) -> Result<Predicate, String> {
    let parts = text.split_once('|').filter(|(_, remainder)| !remainder.contains('|'));
    let numbers = parts.and_then(|(divisor, remainder)| Some((cast_float(divisor)?, cast_float(remainder)?)));
    let (divisor, remainder) =
        numbers.ok_or_else(|| format!("the value of MODULO is not \"divisor|remainder\": {text:?}"))?;
    if divisor == 0.0 {
        return Err("MODULO by zero".to_string());
    }
    Ok(Predicate::Modulo { divisor, remainder })
}

fn percentage_split(text: &str) -> Result<Predicate, String> {
    cast_float(text)
        .map(Predicate::Split)
        .ok_or_else(|| format!("the value of PERCENTAGE_SPLIT is not a number: {text:?}"))
}

fn members(operand: &Operand) -> Result<Vec<String>, String> {
    let split = |text: &str| text.split(',').map(ToString::to_string).collect::<Vec<_>>();
    let mut members = match operand {
        Operand::List(list) => list.clone(),
        Operand::Text(text) if text.starts_with('[') => list_texts(text).unwrap_or_else(|| split(text)),
        Operand::Text(text) => split(text),
        Operand::Absent => return Err("IN without a value".to_string()),
        Operand::Unusable => return Err("the value of IN is neither text nor list".to_string()),
    };
    members.sort_unstable();
    members.dedup();
    Ok(members)
}

/// The value that a condition is evaluated on.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Subject<'a> {
    /// The value itself.
    pub(crate) raw: &'a Value,
    /// The number that the value denotes if it is a numeric-looking string, else the value itself.
    pub(crate) typed: &'a Value,
    /// Whether the value is a version, once that is known: a long text takes long to check.
    pub(crate) is_version: &'a OnceCell<bool>,
}

impl Subject<'_> {
    pub(crate) fn size(self) -> Size {
        let text = |value: &Value| match value {
            Value::Null => 0,
            Value::Bool(_) => Size::BOOL.bytes,
            Value::Int(Integer::Big { negative, digits }) => u64::from(*negative) + digits.len() as u64,
            Value::Int(Integer::Small(_)) | Value::Float(_) => Size::NUMBER.bytes,
            Value::Str(text) => text.len() as u64,
        };
        let digits = if matches!(self.typed, Value::Int(_) | Value::Float(_)) { text(self.raw) } else { 0 };
        let bytes = text(self.raw);
        let characters = if let Value::Str(text) = self.raw { text.chars().count() as u64 } else { bytes };
        Size { bytes, characters, digits }
    }
}

impl ArchivedPredicate {
    /// Whether the predicate matches a property without a value.
    pub(crate) fn matches_no_value(&self) -> bool {
        matches!(self, ArchivedPredicate::IsNotSet)
    }

    /// Whether the predicate matches a value. `contains` searches a text for another, `regex`
    /// matches a pattern of the environment, and `report_percentage` is called with the text that a percentage
    /// split hashes, and its percentage.
    pub(crate) fn matches<'e>(
        &'e self,
        subject: Subject<'_>,
        segment_key: &str,
        contains: impl FnOnce(&str, &'e str) -> bool,
        regex: impl FnOnce(u32, &str) -> bool,
        report_percentage: impl FnOnce(&str, f64),
    ) -> bool {
        let Subject { raw, typed, is_version } = subject;
        match self {
            ArchivedPredicate::Compare(comparison) => comparison.matches(typed, is_version),
            ArchivedPredicate::Contains(part) => string(raw).is_some_and(|text| contains(text, part)),
            ArchivedPredicate::NotContains(part) => string(raw).is_some_and(|text| !contains(text, part)),
            ArchivedPredicate::Regex(index) => raw.text().is_some_and(|text| regex(index.to_native(), &text)),
            ArchivedPredicate::Modulo { divisor, remainder } => {
                modulo_matches(typed, divisor.to_native(), remainder.to_native())
            }
            ArchivedPredicate::In(members) => is_member(raw, members),
            ArchivedPredicate::Split(share) => raw.text().is_some_and(|text| {
                let percentage = split::percentage([segment_key, &text]);
                report_percentage(&text, percentage);
                percentage <= share.to_native()
            }),
            ArchivedPredicate::IsSet => true,
            ArchivedPredicate::IsNotSet | ArchivedPredicate::Never => false,
        }
    }
}

impl ArchivedPredicate {
    /// As [`Predicate::operation`]; the members of a list count as if the longest were as long as the value.
    pub(crate) fn operation(&self, segment_key: &str) -> Operation {
        match self {
            ArchivedPredicate::Compare(comparison) => compare(&comparison.text),
            ArchivedPredicate::Contains(part) | ArchivedPredicate::NotContains(part) => {
                Operation::Search(part.len() as u64)
            }
            ArchivedPredicate::Regex(_) => Operation::Pattern,
            ArchivedPredicate::Modulo { .. } => Operation::Modulo,
            ArchivedPredicate::In(members) => {
                Operation::In { members: members.len() as u64, longest: u64::MAX }
            }
            ArchivedPredicate::Split(_) => Operation::Split(segment_key.len() as u64),
            ArchivedPredicate::IsSet | ArchivedPredicate::IsNotSet | ArchivedPredicate::Never => {
                Operation::Nothing
            }
        }
    }

    /// What a text is searched for.
    pub(crate) fn searched_for(&self) -> Option<&str> {
        match self {
            ArchivedPredicate::Contains(part) | ArchivedPredicate::NotContains(part) => Some(part),
            _ => None,
        }
    }

    /// Bytes of the longest member of a list.
    pub(crate) fn longest_member(&self) -> u64 {
        let ArchivedPredicate::In(members) = self else { return 0 };
        members.iter().map(|member| member.len()).max().unwrap_or_default() as u64
    }

    pub(crate) fn pattern(&self) -> Option<usize> {
        if let ArchivedPredicate::Regex(index) = self { Some(index.to_native() as usize) } else { None }
    }
}

fn string(value: &Value) -> Option<&str> {
    if let Value::Str(text) = value { Some(text) } else { None }
}

/// The remainder takes the sign of the divisor, as in Python.
#[inline]
fn modulo_matches(value: &Value, divisor: f64, remainder: f64) -> bool {
    let value = match value {
        Value::Bool(bool) => f64::from(u8::from(*bool)),
        Value::Int(integer) => integer.to_f64(),
        Value::Float(float) => *float,
        Value::Null | Value::Str(_) => return false,
    };
    let rest = value % divisor;
    let floored = if rest != 0.0 && (rest < 0.0) != (divisor < 0.0) { rest + divisor } else { rest };
    floored == remainder
}

/// Integers are members by their decimal text; booleans and floats never are.
#[inline]
fn is_member(value: &Value, members: &[rkyv::string::ArchivedString]) -> bool {
    // Few members are found faster by comparing lengths first than by binary search.
    let found = |text: &str| match members.len() as u64 {
        0..=FEW => members.iter().any(|member| member.as_str() == text),
        _ => members.binary_search_by(|member| member.as_str().cmp(text)).is_ok(),
    };
    match value {
        Value::Str(text) => found(text),
        Value::Int(integer) => found(&integer.to_string()),
        Value::Null | Value::Bool(_) | Value::Float(_) => false,
    }
}

const VERSION: &str = ":semver";

/// A condition's text as a boolean.
fn is_true(text: &str) -> bool {
    !matches!(text, "false" | "False")
}

impl ArchivedComparison {
    // Called for each condition, by evaluations with and without a visitor that records.
    #[inline]
    fn matches(&self, value: &Value, is_version: &OnceCell<bool>) -> bool {
        let text = self.text.as_str();
        let ordering = match value {
            Value::Null => None,
            Value::Bool(bool) => Some(bool.cmp(&is_true(text))),
            Value::Int(integer) => self.compare_int(integer),
            Value::Float(float) => return self.compare_float(*float),
            Value::Str(value) => match text.strip_suffix(VERSION) {
                Some(version) => self.compare_version(value, version, is_version),
                // Texts of different lengths differ; comparing their bytes is not needed.
                None if matches!(self.relation, ArchivedRelation::Equal) => return value == text,
                None if matches!(self.relation, ArchivedRelation::NotEqual) => return value != text,
                None => Some(value.as_str().cmp(text)),
            },
        };
        // If the cast fails, the condition does not match, not even NOT_EQUAL.
        ordering.is_some_and(|ordering| self.holds(Some(ordering)))
    }

    /// By SemVer 2.0.0 precedence, which ignores build metadata; none if either side is not such a version.
    fn compare_version(&self, value: &str, version: &str, is_version: &OnceCell<bool>) -> Option<Ordering> {
        if let (Some(own), Some(value)) = (self.plain_version.as_ref(), version::plain(value)) {
            return Some(value.cmp(&own.map(rkyv::rend::unaligned::u64_ule::to_native)));
        }
        if is_version.get() == Some(&false) {
            return None;
        }
        let value = Version::split(value);
        if !is_version.get_or_init(|| value.as_ref().is_some_and(Version::is_sound)) {
            return None;
        }
        Some(value?.compare(&Version::parse(version)?))
    }

    fn compare_int(&self, integer: &Integer) -> Option<Ordering> {
        let int: &ArchivedInteger = self.int.as_ref()?;
        Some(IntegerRef::from(integer).compare(int.into()))
    }

    fn compare_float(&self, float: f64) -> bool {
        self.float.as_ref().is_some_and(|cast| self.holds(float.partial_cmp(&cast.to_native())))
    }

    /// `None` is how NaN compares.
    fn holds(&self, ordering: Option<Ordering>) -> bool {
        match self.relation {
            ArchivedRelation::Equal => ordering == Some(Ordering::Equal),
            ArchivedRelation::NotEqual => ordering != Some(Ordering::Equal),
            ArchivedRelation::Greater => ordering == Some(Ordering::Greater),
            ArchivedRelation::GreaterOrEqual => ordering.is_some_and(Ordering::is_ge),
            ArchivedRelation::Less => ordering == Some(Ordering::Less),
            ArchivedRelation::LessOrEqual => ordering.is_some_and(Ordering::is_le),
        }
    }
}
