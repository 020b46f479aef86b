//! What a condition compares a value with, and as which type: for explanations.

use alloc::format;

use serde_json::Value as Json;

use super::{ArchivedComparison, ArchivedPredicate, VERSION};
use crate::python::number::{IntegerRef, float_text};
use crate::python::value::Value;

/// How a condition compares.
pub(crate) struct Comparands {
    /// The type as which two values are compared: `boolean`, `integer`, `float`, `text`, `version`; `member` of a list;
    /// `pattern`; `percentage` for what is hashed; `presence` if only that there is a value counts. None if the operator
    /// accepts no value of this type.
    pub(crate) compared_as: Option<&'static str>,
    /// The condition's value in that type. Null if it cannot be read so, or if the value as it was written is what counts.
    pub(crate) with: Json,
}

impl ArchivedPredicate {
    /// The name of its operator, as the published schema has it. None for a condition that never matches.
    pub(crate) fn operator(&self) -> Option<&'static str> {
        Some(match self {
            ArchivedPredicate::Compare(comparison) => comparison.operator(),
            ArchivedPredicate::Contains(_) => "CONTAINS",
            ArchivedPredicate::NotContains(_) => "NOT_CONTAINS",
            ArchivedPredicate::Regex(_) => "REGEX",
            ArchivedPredicate::Modulo { .. } => "MODULO",
            ArchivedPredicate::In(_) => "IN",
            ArchivedPredicate::Split(_) => "PERCENTAGE_SPLIT",
            ArchivedPredicate::IsSet => "IS_SET",
            ArchivedPredicate::IsNotSet => "IS_NOT_SET",
            ArchivedPredicate::Never => return None,
        })
    }

    /// How it compares a value, as `matches` does.
    pub(crate) fn comparands(&self, raw: &Value, typed: &Value) -> Comparands {
        let (compared_as, with) = match self {
            ArchivedPredicate::Compare(comparison) => {
                let (compared_as, with) = comparison.comparands(typed);
                (Some(compared_as), with)
            }
            ArchivedPredicate::Contains(part) | ArchivedPredicate::NotContains(part) => {
                let is_text = matches!(raw, Value::Str(_));
                (is_text.then_some("text"), part.as_str().into())
            }
            ArchivedPredicate::Regex(_) => (Some("pattern"), Json::Null),
            ArchivedPredicate::Modulo { divisor, remainder } => {
                let is_number = !matches!(typed, Value::Null | Value::Str(_));
                let with = [float_text(divisor.to_native()), float_text(remainder.to_native())];
                (is_number.then_some("float"), format!("{}|{}", with[0], with[1]).into())
            }
            ArchivedPredicate::In(_) => {
                let may_be_member = matches!(raw, Value::Str(_) | Value::Int(_));
                (may_be_member.then_some("member"), Json::Null)
            }
            ArchivedPredicate::Split(share) => (Some("percentage"), share.to_native().into()),
            ArchivedPredicate::IsSet | ArchivedPredicate::IsNotSet => (Some("presence"), Json::Null),
            ArchivedPredicate::Never => (None, Json::Null),
        };
        Comparands { compared_as, with }
    }
}

impl ArchivedComparison {
    fn operator(&self) -> &'static str {
        use super::ArchivedRelation as Relation;
        match self.relation {
            Relation::Equal => "EQUAL",
            Relation::NotEqual => "NOT_EQUAL",
            Relation::Greater => "GREATER_THAN",
            Relation::GreaterOrEqual => "GREATER_THAN_INCLUSIVE",
            Relation::Less => "LESS_THAN",
            Relation::LessOrEqual => "LESS_THAN_INCLUSIVE",
        }
    }

    fn comparands(&self, typed: &Value) -> (&'static str, Json) {
        let text = self.text.as_str();
        match typed {
            Value::Bool(_) => ("boolean", super::is_true(text).into()),
            Value::Int(_) => {
                let int = self.int.as_ref().map(|int| integer(int.into()));
                ("integer", int.unwrap_or_default())
            }
            Value::Float(_) => {
                let float = self.float.as_ref().map(|float| float.to_native().into());
                ("float", float.unwrap_or_default())
            }
            Value::Null | Value::Str(_) => match text.strip_suffix(VERSION) {
                Some(version) => ("version", version.into()),
                None => ("text", text.into()),
            },
        }
    }
}

fn integer(integer: IntegerRef<'_>) -> Json {
    match integer {
        IntegerRef::Small(small) => small.into(),
        IntegerRef::Big { negative, digits } => {
            // Programs would read a JSON number of this size as a float.
            format!("{}{digits}", if negative { "-" } else { "" }).into()
        }
    }
}
