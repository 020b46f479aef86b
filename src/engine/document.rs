//! The environment document: what Flagsmith publishes and local-evaluation SDKs read (`src/api/PROTOCOL.md`,
//! 6). Reading is lenient, as exports and older servers demand; writing gives every member that some SDK
//! cannot do without, and no member that is not known here, since those may hold secrets.

mod canonical;
mod contexts;
mod defaults;

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use serde::{Deserialize, Deserializer, Serialize};

use crate::compile::{self, FeatureSource, Options, Source, Text};
use crate::context::{FeatureContext, Operand, SegmentContext};
use crate::environment::Environment;
use crate::error::{Refusal, Warning, WarningKind};
use crate::json::{self, Json};
use crate::limits;
use crate::number::Number;

/// An environment document. Needed are `api_key`, `feature_states` (each with `feature.name`), `project` with
/// `segments`, and the `identifier` of identities; every other member may be missing or `null`:
///
/// | member | default |
/// |---|---|
/// | `allow_client_traits`, `use_identity_composite_key_for_hashing`, `use_identity_overrides_in_local_eval`, `persist_trait_data` | `true` |
/// | `hide_disabled_flags` of the environment | `null`: the project's |
/// | every other switch | `false` |
/// | `enabled`, `feature_state_value` | `false`, `null` |
/// | `percentage_allocation`, the value of a variant | 0, `null` |
/// | `type` of a rule, `operator` of a condition | `ALL`, one that matches nothing |
/// | ids of features and segments | the next free number |
/// | `django_id` where there is no `featurestate_uuid` either | the feature's id |
/// | `id` of a variant without `mv_fs_value_uuid` | its place in the list |
/// | `feature.type` | `MULTIVARIATE` with variants, else `STANDARD` |
/// | names | empty |
/// | lists | empty |
///
/// Numbers may be written as strings. Several entries of `identity_overrides` for one identity are put together. Members
/// that are not listed in the reference are left out.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(expecting = "an object")]
pub struct Document {
    #[serde(default, deserialize_with = "json::optional_number")]
    id: Option<i64>,
    #[serde(alias = "environment_api_key")]
    api_key: String,
    #[serde(default, deserialize_with = "json::or_default")]
    name: String,
    #[serde(default)]
    updated_at: Option<String>,
    #[serde(default = "yes", deserialize_with = "or_yes")]
    allow_client_traits: bool,
    #[serde(default, deserialize_with = "json::or_default")]
    hide_sensitive_data: bool,
    #[serde(default)]
    hide_disabled_flags: Option<bool>,
    #[serde(default = "yes", deserialize_with = "or_yes")]
    use_identity_composite_key_for_hashing: bool,
    #[serde(default = "yes", deserialize_with = "or_yes")]
    use_identity_overrides_in_local_eval: bool,
    project: Project,
    feature_states: Vec<FeatureState>,
    #[serde(default, deserialize_with = "json::or_default")]
    identity_overrides: Vec<IdentityOverride>,
}

fn yes() -> bool {
    true
}

fn or_yes<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or(true))
}

#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(expecting = "an object")]
struct Project {
    #[serde(default, deserialize_with = "json::optional_number")]
    id: Option<i64>,
    #[serde(default, deserialize_with = "json::or_default")]
    name: String,
    #[serde(default, deserialize_with = "json::or_default")]
    organisation: Organisation,
    #[serde(default, deserialize_with = "json::or_default")]
    hide_disabled_flags: bool,
    #[serde(default, deserialize_with = "json::or_default")]
    enable_realtime_updates: bool,
    #[serde(default, deserialize_with = "json::numbers")]
    server_key_only_feature_ids: Vec<i64>,
    segments: Vec<Segment>,
}

#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(expecting = "an object")]
#[serde(default)]
struct Organisation {
    #[serde(deserialize_with = "json::optional_number")]
    id: Option<i64>,
    #[serde(deserialize_with = "json::or_default")]
    name: String,
    #[serde(deserialize_with = "json::or_default")]
    feature_analytics: bool,
    #[serde(deserialize_with = "json::or_default")]
    stop_serving_flags: bool,
    #[serde(deserialize_with = "or_yes")]
    persist_trait_data: bool,
}

impl Default for Organisation {
    fn default() -> Self {
        Organisation {
            id: None,
            name: String::new(),
            feature_analytics: false,
            stop_serving_flags: false,
            persist_trait_data: true,
        }
    }
}

#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(expecting = "an object")]
struct Segment {
    #[serde(default, deserialize_with = "json::optional_number")]
    id: Option<i64>,
    #[serde(default, deserialize_with = "json::or_default")]
    name: String,
    #[serde(default, deserialize_with = "json::or_default")]
    rules: Vec<Rule>,
    #[serde(default, deserialize_with = "json::or_default")]
    feature_states: Vec<FeatureState>,
}

#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(expecting = "an object")]
struct Rule {
    #[serde(rename = "type", default = "all", deserialize_with = "or_all")]
    kind: String,
    #[serde(default, deserialize_with = "json::or_default")]
    rules: Vec<Rule>,
    #[serde(default, deserialize_with = "json::or_default")]
    conditions: Vec<Condition>,
}

fn all() -> String {
    "ALL".to_string()
}

fn or_all<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_else(all))
}

#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(expecting = "an object")]
struct Condition {
    #[serde(default, deserialize_with = "json::or_default")]
    operator: String,
    #[serde(default, alias = "property")]
    property_: Option<String>,
    #[serde(default)]
    value: Operand,
}

#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(expecting = "an object")]
struct FeatureState {
    feature: Feature,
    #[serde(default, deserialize_with = "json::or_default")]
    enabled: bool,
    #[serde(default, deserialize_with = "json::optional_number")]
    django_id: Option<i64>,
    #[serde(default)]
    feature_segment: Option<FeatureSegment>,
    #[serde(default)]
    featurestate_uuid: Option<String>,
    #[serde(default)]
    feature_state_value: Json,
    #[serde(default, deserialize_with = "json::or_default")]
    multivariate_feature_state_values: Vec<MultivariateValue>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    metadata: Option<Json>,
}

#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(expecting = "an object")]
struct Feature {
    #[serde(default, deserialize_with = "json::optional_number")]
    id: Option<i64>,
    name: String,
    #[serde(rename = "type", default)]
    kind: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    metadata: Option<Json>,
}

#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(expecting = "an object")]
struct FeatureSegment {
    #[serde(default, deserialize_with = "json::optional_number")]
    priority: Option<Number>,
}

#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(expecting = "an object")]
struct MultivariateValue {
    #[serde(default, deserialize_with = "json::optional_number")]
    id: Option<i64>,
    #[serde(default)]
    mv_fs_value_uuid: Option<String>,
    #[serde(default, deserialize_with = "json::optional_number")]
    percentage_allocation: Option<f64>,
    #[serde(default, deserialize_with = "json::or_default")]
    multivariate_feature_option: MultivariateOption,
}

#[derive(Debug, Clone, Default, Deserialize, Serialize)]
#[serde(expecting = "an object")]
#[serde(default)]
struct MultivariateOption {
    #[serde(deserialize_with = "json::optional_number")]
    id: Option<i64>,
    value: Json,
    key: Option<String>,
}

#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(expecting = "an object")]
struct IdentityOverride {
    identifier: String,
    #[serde(default, deserialize_with = "json::or_default")]
    environment_api_key: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    identity_uuid: Option<String>,
    #[serde(default)]
    created_date: Option<String>,
    #[serde(default, deserialize_with = "json::or_default")]
    composite_key: String,
    #[serde(default, deserialize_with = "json::optional_number")]
    django_id: Option<i64>,
    #[serde(default, deserialize_with = "json::or_default")]
    identity_features: Vec<FeatureState>,
    /// Never filled: traits of identities are nobody else's business.
    #[serde(skip_deserializing)]
    identity_traits: [(); 0],
}

/// A feature's default in the environment: what it is where nobody is asked about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DefaultFlag<'a> {
    pub id: i64,
    pub name: &'a str,
    /// `STANDARD` or `MULTIVARIATE`.
    pub kind: &'a str,
    pub enabled: bool,
    /// JSON.
    pub value: &'a str,
    /// Not for client-side keys.
    pub server_only: bool,
}

/// The switches of an environment that decide what is answered, and to whom.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Switches {
    pub allow_client_traits: bool,
    pub hide_sensitive_data: bool,
    /// The environment's, or else the project's.
    pub hide_disabled_flags: bool,
    /// Identities are hashed as `<environment key>_<identifier>`; otherwise by their bare identifier.
    pub composite_key: bool,
    /// The organisation is blocked.
    pub stop_serving_flags: bool,
}

impl Default for Switches {
    /// Those of a document that names none.
    fn default() -> Self {
        Switches {
            allow_client_traits: true,
            hide_sensitive_data: false,
            hide_disabled_flags: false,
            composite_key: true,
            stop_serving_flags: false,
        }
    }
}

impl Document {
    /// Parses a document, fills in every default, and brings it into the one form that is compared and served (the table
    /// in `document/canonical.rs`).
    ///
    /// # Errors
    /// A [`Refusal`] that names the member at fault.
    pub fn parse(text: &str) -> Result<Document, Refusal> {
        if text.len() > limits::TEXT {
            return Err(Refusal::new("the whole", format!("more than {} bytes", limits::TEXT)));
        }
        let mut document: Document = json::parse(text)?;
        if document.api_key.is_empty() {
            return Err(Refusal::new("api_key", "empty"));
        }
        document.fill_defaults();
        document.unify();
        Ok(document)
    }

    /// The client-side key.
    pub fn key(&self) -> &str {
        &self.api_key
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    /// When the source says that it changed last, as it wrote it.
    pub fn updated_at(&self) -> Option<&str> {
        self.updated_at.as_deref()
    }

    pub fn switches(&self) -> Switches {
        Switches {
            allow_client_traits: self.allow_client_traits,
            hide_sensitive_data: self.hide_sensitive_data,
            hide_disabled_flags: self.hide_disabled_flags.unwrap_or(self.project.hide_disabled_flags),
            composite_key: self.use_identity_composite_key_for_hashing,
            stop_serving_flags: self.project.organisation.stop_serving_flags,
        }
    }

    /// The defaults of all features, in order.
    pub fn default_flags(&self) -> impl Iterator<Item = DefaultFlag<'_>> {
        self.feature_states.iter().map(|state| DefaultFlag {
            id: state.feature.id.unwrap_or_default(),
            name: &state.feature.name,
            kind: state.feature.kind.as_deref().unwrap_or_default(),
            enabled: state.enabled,
            value: state.feature_state_value.text(),
            server_only: self.is_server_only(state),
        })
    }

    fn is_server_only(&self, state: &FeatureState) -> bool {
        // Sorted when the document was read.
        let hidden = &self.project.server_key_only_feature_ids;
        state.feature.id.is_some_and(|id| hidden.binary_search(&id).is_ok())
    }

    /// Everything of the document that counts, as one text: two documents of the same content are served alike, but for
    /// their time.
    pub fn content(&self) -> String {
        self.stamped("")
    }

    /// The document's JSON, with the time that its revision stands for.
    pub fn stamped(&self, updated_at: &str) -> String {
        let stamped = Document { updated_at: Some(updated_at.to_string()), ..self.clone() };
        serde_json::to_string(&stamped).unwrap_or_default()
    }

    /// Compiles the document; `text` is what the caller writes of a feature, see [`crate::Evaluation::texts`].
    ///
    /// # Errors
    /// A [`Refusal`] that names the limit that was passed.
    pub fn compile(
        &self,
        options: Options,
        text: impl Fn(DefaultFlag<'_>) -> Text,
    ) -> Result<(Environment, Vec<Warning>), Refusal> {
        let features: Vec<FeatureContext> = self.feature_states.iter().map(FeatureState::context).collect();
        let segments: Vec<SegmentContext> = self.project.segments.iter().map(Segment::context).collect();
        let sources = features.iter().zip(self.default_flags()).map(|(context, flag)| FeatureSource {
            context,
            server_only: flag.server_only,
            text: text(flag),
        });
        let identity_overrides = self.identity_overrides.iter().map(|identity| {
            let features = identity.identity_features.iter().map(FeatureState::identity_context);
            (identity.identifier.as_str(), features.collect())
        });
        let source = Source {
            key: &self.api_key,
            name: &self.name,
            features: sources.collect(),
            segments: segments.iter().collect(),
            identity_overrides: identity_overrides.collect(),
        };
        let (environment, mut warnings) = compile::compile(&source, options)?;
        warnings.extend(self.switch_warnings());
        Ok((environment, warnings))
    }

    /// Switches that make flags differ from those of Flagsmith's own API, which knows more than a document says.
    fn switch_warnings(&self) -> impl Iterator<Item = Warning> {
        let splits = (
            !self.use_identity_composite_key_for_hashing,
            "use_identity_composite_key_for_hashing",
            "off: Flagsmith's API splits identities by their row in its database, which no document tells, so they are \
             split by their identifiers here, and some get another side of a split or another variant",
        );
        let overrides = (
            !self.use_identity_overrides_in_local_eval && self.identity_overrides.is_empty(),
            "use_identity_overrides_in_local_eval",
            "off: Flagsmith leaves the overrides of identities out of the document, so they are not served",
        );
        [splits, overrides].into_iter().filter(|(is_off, ..)| *is_off).map(|(_, place, fault)| Warning {
            place: place.to_string(),
            fault: fault.to_string(),
            kind: WarningKind::Switch,
        })
    }
}

/// The JSON text of a list.
fn list_text(list: &[String]) -> String {
    serde_json::to_string(list).unwrap_or_default()
}

impl Serialize for Operand {
    /// As text, since some SDKs read nothing else; a list as the JSON text that `IN` understands.
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Operand::Absent | Operand::Unusable => serializer.serialize_unit(),
            Operand::Text(text) => serializer.serialize_str(text),
            Operand::List(list) => serializer.serialize_str(&list_text(list)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_condition_and_a_variant_of_nothing() {
        for member in ["{}", r#"{"operator": null}"#] {
            let text = format!(
                r#"{{
                    "api_key": "key",
                    "allow_client_traits": null,
                    "feature_states": [{{"feature": {{"name": "f"}}, "multivariate_feature_state_values": [{{}}]}}],
                    "project": {{"segments": [{{"name": "s", "rules": [{{"type": null, "conditions": [{member}]}}]}}]}}
                }}"#
            );
            let document = Document::parse(&text).unwrap();
            assert_eq!(document.switches(), Switches::default());
            let (_, warnings) = document.compile(Options::default(), |_| Text::default()).unwrap();
            let warnings: Vec<String> = warnings.iter().map(ToString::to_string).collect();
            assert_eq!(warnings, ["segment `s`, condition 1: unknown operator \"\""]);
            Document::parse(&document.stamped("2026-01-01T00:00:00Z")).unwrap();
        }
    }

    /// It matched nobody here, and everybody in SDKs, which are given the list as text.
    #[test]
    fn a_list_for_an_operator_that_takes_text() {
        let text = r#"{
            "api_key": "key",
            "feature_states": [],
            "project": {"segments": [{"name": "s", "rules": [{"conditions": [
                {"operator": "NOT_EQUAL", "property_": "$.environment.key", "value": ["a", 1]}
            ]}]}]}
        }"#;
        let document = Document::parse(text).unwrap();
        let stamped = Document::parse(&document.stamped("2026-01-01T00:00:00Z")).unwrap();
        for document in [document, stamped] {
            let (environment, warnings) = document.compile(Options::default(), |_| Text::default()).unwrap();
            assert_eq!(warnings, []);
            let compiled = crate::Compiled::decode(environment.encode().unwrap()).unwrap();
            assert_eq!(compiled.evaluate(None).segments.len(), 1);
        }
    }

    /// SDKs that know one entry an identity saw the last one only.
    #[test]
    fn several_entries_for_one_identity_are_put_together() {
        let entry = |identifier: &str, features: &str| {
            format!(r#"{{"identifier": "{identifier}", "identity_features": [{features}]}}"#)
        };
        let state = |name: &str, value: u8| {
            format!(r#"{{"feature": {{"id": 1, "name": "{name}"}}, "feature_state_value": {value}}}"#)
        };
        let document = |overrides: &[String]| {
            let text = format!(
                r#"{{"api_key": "key", "feature_states": [], "project": {{"segments": []}},
                    "identity_overrides": [{}]}}"#,
                overrides.join(",")
            );
            Document::parse(&text).unwrap().stamped("2026-01-01T00:00:00Z")
        };
        let several = document(&[
            entry("anna", &state("f", 1)),
            entry("bert", &state("f", 2)),
            entry("anna", &[state("g", 3), state("f", 4)].join(",")),
        ]);
        let one = document(&[
            entry("anna", &[state("f", 1), state("g", 3)].join(",")),
            entry("bert", &state("f", 2)),
        ]);
        assert_eq!(several, one);
    }

    fn with_variant(percentage: &str) -> Result<Document, Refusal> {
        Document::parse(&format!(
            r#"{{
                "api_key": "key",
                "feature_states": [{{
                    "feature": {{"name": "f"}},
                    "multivariate_feature_state_values": [{{"percentage_allocation": {percentage}}}]
                }}],
                "project": {{"segments": []}}
            }}"#
        ))
    }

    /// It was compiled as infinite, and given on to SDKs as `null`.
    #[test]
    fn a_number_beyond_doubles_is_refused() {
        assert!(with_variant("1e308").is_ok());
        let refusal = with_variant("1e309").unwrap_err().to_string();
        assert!(refusal.contains("expected a finite number, found 1e309"), "{refusal}");
    }
}
