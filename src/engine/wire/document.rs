//! The environment document, which Flagsmith serves and local-evaluation SDKs read (`src/api/PROTOCOL.md`, 6). Reading
//! is lenient, since exports and older servers differ. Writing gives every member that some SDK requires, and no
//! unknown member, since it may hold a secret.

mod canonical;
mod defaults;
pub mod members;
mod schema;
mod served;

use alloc::collections::BTreeSet;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

pub(crate) use self::schema::{
    ConditionWire, FeatureStateWire, IdentityOverrideWire, MultivariateValue, Project, RuleWire, SegmentWire,
};
use self::schema::{or_yes, yes};
use crate::error::InputError;
use crate::limits;
use crate::wire::json;

/// An environment document. Required are `api_key`, `feature_states` (each with `feature.name`), `project` with
/// `segments`, and the `identifier` of identities. Every other member may be missing or `null`:
///
/// | member | default |
/// |---|---|
/// | `allow_client_traits`, `use_identity_composite_key_for_hashing`, `use_identity_overrides_in_local_eval`, `persist_trait_data` | `true` |
/// | `hide_disabled_flags` of the environment | `null`: the project's |
/// | `allow_client_traits_in_evaluation` | `null`: that of `allow_client_traits` |
/// | every other switch | `false` |
/// | `enabled`, `feature_state_value` | `false`, `null` |
/// | `percentage_allocation`, the value of a variant | 0, `null` |
/// | `type` of a rule, `operator` of a condition | `ALL`, one that matches nothing |
/// | the id of a feature | that of another state of the same name, or else the next free number |
/// | the id of a segment | the next free number |
/// | `django_id` where there is no `featurestate_uuid` either | the feature's id |
/// | `id` of a variant without `mv_fs_value_uuid` | its place in the list |
/// | `feature.type` | `MULTIVARIATE` with variants, else `STANDARD` |
/// | names | empty |
/// | lists | empty |
///
/// Numbers may be written as strings. Several entries of `identity_overrides` for one identity are put together.
/// Members that this crate does not know are left out.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(expecting = "an object")]
pub struct Document {
    #[serde(default, deserialize_with = "json::optional_number")]
    pub(crate) id: Option<i64>,
    #[serde(alias = "environment_api_key")]
    pub(crate) api_key: String,
    #[serde(default, deserialize_with = "json::or_default")]
    pub(crate) name: String,
    #[serde(default)]
    pub(crate) updated_at: Option<String>,
    #[serde(default = "yes", deserialize_with = "or_yes")]
    pub(crate) allow_client_traits: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) allow_client_traits_in_evaluation: Option<bool>,
    #[serde(default, deserialize_with = "json::or_default")]
    pub(crate) hide_sensitive_data: bool,
    #[serde(default)]
    pub(crate) hide_disabled_flags: Option<bool>,
    #[serde(default = "yes", deserialize_with = "or_yes")]
    pub(crate) use_identity_composite_key_for_hashing: bool,
    #[serde(default = "yes", deserialize_with = "or_yes")]
    pub(crate) use_identity_overrides_in_local_eval: bool,
    pub(crate) project: Project,
    pub(crate) feature_states: Vec<FeatureStateWire>,
    #[serde(default, deserialize_with = "json::or_default")]
    pub(crate) identity_overrides: Vec<IdentityOverrideWire>,
}

/// A feature's default in the environment: its state without an identity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DefaultFlag<'a> {
    pub id: i64,
    pub name: &'a str,
    /// `STANDARD` or `MULTIVARIATE`.
    pub kind: &'a str,
    pub enabled: bool,
    /// JSON.
    pub value: &'a str,
    /// Hidden from client-side keys.
    pub server_only: bool,
    /// Something overrides it: a segment or an identity.
    pub targeted: bool,
    /// The experiment that its state is part of: a JSON object.
    pub experiment: Option<&'a str>,
}

/// The switches of an environment that decide how requests are answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Switches {
    pub allow_client_traits: bool,
    /// Whether traits that come with a client-side key count in an evaluation.
    pub evaluate_client_traits: bool,
    pub hide_sensitive_data: bool,
    /// The environment's, or else the project's.
    pub hide_disabled_flags: bool,
    /// Identities are hashed as `<environment key>_<identifier>`; otherwise by their bare identifier.
    pub composite_key: bool,
    /// The organisation is blocked.
    pub stop_serving_flags: bool,
    /// The organisation lets traits be stored.
    pub persist_traits: bool,
}

impl Default for Switches {
    /// The switches of a document that has none.
    fn default() -> Self {
        Switches {
            allow_client_traits: true,
            evaluate_client_traits: true,
            hide_sensitive_data: false,
            hide_disabled_flags: false,
            composite_key: true,
            stop_serving_flags: false,
            persist_traits: true,
        }
    }
}

impl Document {
    /// Parses a document, fills in every default, and converts it to its canonical form, which is compared and served
    /// (the table in `document/canonical.rs`).
    ///
    /// # Errors
    /// An [`InputError`] that names the member at fault.
    pub fn parse(text: &str) -> Result<Document, InputError> {
        if text.len() > limits::TEXT {
            return Err(InputError::new("the whole", format!("more than {} bytes", limits::TEXT)));
        }
        let mut document: Document = json::parse(text)?;
        if document.api_key.is_empty() {
            return Err(InputError::new("api_key", "empty"));
        }
        document.fill_defaults();
        document.unify();
        Ok(document)
    }

    /// The client-side key.
    pub fn key(&self) -> &str {
        &self.api_key
    }

    /// The time of the last change, as the source wrote it.
    pub fn updated_at(&self) -> Option<&str> {
        self.updated_at.as_deref()
    }

    pub fn switches(&self) -> Switches {
        Switches {
            allow_client_traits: self.allow_client_traits,
            evaluate_client_traits: self
                .allow_client_traits_in_evaluation
                .unwrap_or(self.allow_client_traits),
            hide_sensitive_data: self.hide_sensitive_data,
            hide_disabled_flags: self.hide_disabled_flags.unwrap_or(self.project.hide_disabled_flags),
            composite_key: self.use_identity_composite_key_for_hashing,
            stop_serving_flags: self.project.organisation.stop_serving_flags,
            persist_traits: self.project.organisation.persist_trait_data,
        }
    }

    /// The defaults of all features, in order.
    pub fn default_flags(&self) -> impl Iterator<Item = DefaultFlag<'_>> {
        let overriding = self.project.segments.iter().flat_map(|segment| &segment.feature_states);
        let of_identities = self.identity_overrides.iter().flat_map(|identity| &identity.identity_features);
        let overridden: BTreeSet<&str> =
            overriding.chain(of_identities).map(|state| state.feature.name.as_str()).collect();
        self.feature_states.iter().map(move |state| DefaultFlag {
            id: state.feature.id.unwrap_or_default(),
            name: &state.feature.name,
            kind: state.feature.kind.as_deref().unwrap_or_default(),
            enabled: state.enabled,
            value: state.feature_state_value.text(),
            server_only: self.is_server_only(state),
            targeted: overridden.contains(state.feature.name.as_str()),
            experiment: state.experiment(),
        })
    }

    fn is_server_only(&self, state: &FeatureStateWire) -> bool {
        // Sorted when the document was read.
        let hidden = &self.project.server_key_only_feature_ids;
        state.feature.id.is_some_and(|id| hidden.binary_search(&id).is_ok())
    }

    /// Everything of the document that counts, as one text. Two documents of the same content are served alike, except
    /// for their time.
    pub fn content(&self) -> String {
        self.stamped("")
    }

    /// The document's JSON, with the time of its revision.
    pub fn stamped(&self, updated_at: &str) -> String {
        let stamped = Document { updated_at: Some(updated_at.to_string()), ..self.clone() };
        serde_json::to_string(&stamped).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// SDKs that expect one entry per identity saw the last one only.
    #[test]
    fn several_entries_for_one_identity_are_merged() {
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

    fn with_variant(percentage: &str) -> Result<Document, InputError> {
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

    /// Such a number was compiled as infinite, and served to SDKs as `null`.
    #[test]
    fn a_number_beyond_doubles_is_refused() {
        assert!(with_variant("1e308").is_ok());
        let refusal = with_variant("1e309").unwrap_err().to_string();
        assert!(refusal.contains("expected a finite number, found 1e309"), "{refusal}");
    }
}
