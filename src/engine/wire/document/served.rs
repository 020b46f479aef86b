//! How rules and conditions are written, so that every version of every SDK reads them, and evaluates them as this crate
//! does.
//!
//! | rule or condition | is written as | why |
//! |---|---|---|
//! | a rule whose type is unknown | one that never matches | SDKs refuse the whole document |
//! | an empty rule of type `ANY`, which matches | as one of type `ALL` | in old versions it does not match |
//! | a condition whose operator is unknown | one that never matches | SDKs refuse the whole document, or take the operator for `EQUAL` |
//! | a condition that needs a value and has none, or one that is no number where it has to be | one that never matches | SDKs fail in each evaluation |
//! | `IS_SET`, `IS_NOT_SET` without a value | with an empty text | as above |
//! | `IN` with a list | with the elements between commas, or else with the list's JSON | old versions know commas only |

use alloc::string::String;

use serde::ser::{Serialize, SerializeStruct, Serializer};

use super::schema::{ConditionWire, RuleWire};
use crate::python::number::cast_float;
use crate::wire::context::{Operand, list_texts};

/// A trait that no identity has, and a value that nothing has. `EQUAL` would take it for a path that gives `true`.
const NEVER: &str = "(never)";

impl Serialize for ConditionWire {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (operator, property, value) = match value(&self.operator, &self.value) {
            Some(value) => (self.operator.as_str(), self.property_.as_deref(), value),
            None => match self.property_.as_deref().filter(|property| property.starts_with("$.")) {
                // A flag that it reads stays read: the flags that depend on each other are the same.
                Some(path) => ("IN", Some(path), NEVER),
                None => ("EQUAL", Some(NEVER), NEVER),
            },
        };
        let mut written = serializer.serialize_struct("ConditionWire", 3)?;
        written.serialize_field("operator", operator)?;
        written.serialize_field("property_", &property)?;
        written.serialize_field("value", value)?;
        written.end()
    }
}

impl Serialize for RuleWire {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut written = serializer.serialize_struct("RuleWire", 3)?;
        if ["ALL", "ANY", "NONE"].contains(&self.kind.as_str()) {
            let is_empty = self.rules.is_empty() && self.conditions.is_empty();
            let kind = if is_empty && self.kind == "ANY" { "ALL" } else { &self.kind };
            written.serialize_field("type", kind)?;
            written.serialize_field("rules", &self.rules)?;
            written.serialize_field("conditions", &self.conditions)?;
        } else {
            // A condition without an operator never matches.
            let never = ConditionWire { operator: String::new(), property_: None, value: Operand::Absent };
            written.serialize_field("type", "ALL")?;
            written.serialize_field("rules", &[(); 0])?;
            written.serialize_field("conditions", &[never])?;
        }
        written.end()
    }
}

/// The text that the operator takes. None if the condition never matches, because there is no such text or operator.
fn value<'a>(operator: &str, value: &'a Operand) -> Option<&'a str> {
    let text = match value {
        Operand::Text(text) => Some(text.as_str()),
        // Lists have become texts when the document was read.
        Operand::Absent | Operand::List(_) | Operand::Unusable => None,
    };
    match operator {
        "IS_SET" | "IS_NOT_SET" => Some(text.unwrap_or_default()),
        "IN"
        | "EQUAL"
        | "NOT_EQUAL"
        | "GREATER_THAN"
        | "GREATER_THAN_INCLUSIVE"
        | "LESS_THAN"
        | "LESS_THAN_INCLUSIVE"
        | "CONTAINS"
        | "NOT_CONTAINS"
        | "REGEX" => text,
        "PERCENTAGE_SPLIT" => text.filter(|text| cast_float(text).is_some()),
        "MODULO" => text.filter(|text| text.split('|').filter_map(cast_float).count() == 2),
        _ => None,
    }
}

/// The one text of a condition's value; `IN` takes the same elements from it as from a list.
pub(super) fn unified(operator: &str, value: &Operand) -> Option<String> {
    let list = match value {
        Operand::List(list) => list.clone(),
        Operand::Text(text) if operator == "IN" && text.starts_with('[') => list_texts(text)?,
        _ => return None,
    };
    let between_commas = list.join(",");
    let is_plain = operator == "IN"
        && !between_commas.is_empty()
        && !between_commas.starts_with('[')
        && !list.iter().any(|element| element.contains(','));
    if is_plain { Some(between_commas) } else { serde_json::to_string(&list).ok() }
}

#[cfg(test)]
mod tests {
    use alloc::format;

    use serde_json::{Value, json};

    use super::super::Document;

    /// The members of a condition as it is served.
    #[track_caller]
    fn served(condition: &str) -> Value {
        let text = format!(
            r#"{{"api_key": "e", "feature_states": [], "project": {{"segments": [{{"rules": [{{"conditions": [{condition}]}}]}}]}}}}"#
        );
        let document: Value = serde_json::from_str(&Document::parse(&text).unwrap().content()).unwrap();
        document["project"]["segments"][0]["rules"][0]["conditions"][0].clone()
    }

    #[test]
    fn a_condition_that_sdks_cannot_read_never_matches_there() {
        let never = json!({ "operator": "EQUAL", "property_": "(never)", "value": "(never)" });
        for condition in [
            r"{}",
            r#"{"operator": "", "property_": "plan", "value": "gold"}"#,
            r#"{"operator": "SOUNDS_LIKE", "property_": "plan", "value": "gold"}"#,
            r#"{"operator": "EQUAL", "property_": "plan"}"#,
            r#"{"operator": "IN", "property_": "plan", "value": null}"#,
            r#"{"operator": "REGEX", "property_": "plan", "value": {}}"#,
            r#"{"operator": "PERCENTAGE_SPLIT", "value": "a half"}"#,
            r#"{"operator": "MODULO", "property_": "age", "value": "2"}"#,
            r#"{"operator": "MODULO", "property_": "age", "value": "2|x"}"#,
        ] {
            assert_eq!(served(condition), never, "{condition}");
        }
        let path = r#"{"operator": "", "property_": "$.flags.f.enabled", "value": "true"}"#;
        let never = json!({ "operator": "IN", "property_": "$.flags.f.enabled", "value": "(never)" });
        assert_eq!(served(path), never);
        let set = json!({ "operator": "IS_SET", "property_": "plan", "value": "" });
        assert_eq!(served(r#"{"operator": "IS_SET", "property_": "plan", "value": null}"#), set);
        let split = json!({ "operator": "PERCENTAGE_SPLIT", "property_": null, "value": "10" });
        assert_eq!(served(r#"{"operator": "PERCENTAGE_SPLIT", "value": 10}"#), split);
    }

    #[test]
    fn a_rule_whose_type_is_unknown_never_matches_there() {
        let text = r#"{"api_key": "e", "feature_states": [], "project": {"segments": [{"rules": [{"type": "XOR",
            "rules": [{"type": "ALL"}], "conditions": [{"operator": "IS_SET", "property_": "plan"}]}]}]}}"#;
        let document: Value = serde_json::from_str(&Document::parse(text).unwrap().content()).unwrap();
        let never = json!({ "operator": "EQUAL", "property_": "(never)", "value": "(never)" });
        let rule = json!({ "type": "ALL", "rules": [], "conditions": [never] });
        assert_eq!(document["project"]["segments"][0]["rules"], json!([rule]));
    }

    #[test]
    fn an_empty_rule_matches_in_old_versions_too() {
        let of = |rules: &str| {
            let text = format!(
                r#"{{"api_key": "e", "feature_states": [], "project": {{"segments": [{{"rules": [{rules}]}}]}}}}"#
            );
            let document: Value = serde_json::from_str(&Document::parse(&text).unwrap().content()).unwrap();
            document["project"]["segments"][0]["rules"].clone()
        };
        let rule = |kind: &str| json!({ "type": kind, "rules": [], "conditions": [] });
        assert_eq!(of(r#"{"type": "ANY"}"#), json!([rule("ALL")]));
        assert_eq!(of(r#"{"type": "NONE"}"#), json!([rule("NONE")]));
        let outer = json!([{ "type": "ANY", "rules": [rule("ALL")], "conditions": [] }]);
        assert_eq!(of(r#"{"type": "ANY", "rules": [{"type": "ALL"}]}"#), outer);
    }

    #[test]
    fn a_list_is_written_between_commas_where_no_element_has_one() {
        let of = |value: &str| served(&format!(r#"{{"operator": "IN", "value": {value}}}"#))["value"].clone();
        assert_eq!(of(r#"["gold", 1]"#), "gold,1");
        assert_eq!(of(r#""[\"gold\",1]""#), "gold,1");
        assert_eq!(of(r#""gold,1""#), "gold,1");
        assert_eq!(of(r#"["a,b", "c"]"#), r#"["a,b","c"]"#);
        assert_eq!(of(r#"["[a"]"#), r#"["[a"]"#);
        assert_eq!(of("[]"), "[]");
        assert_eq!(of(r#"[""]"#), r#"[""]"#);
        assert_eq!(of(r#""[no list""#), "[no list");
        let equal = served(r#"{"operator": "EQUAL", "value": ["gold", 1]}"#);
        assert_eq!(equal["value"], r#"["gold","1"]"#);
    }
}
