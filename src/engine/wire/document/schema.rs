//! The parts of a document.

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use serde::{Deserialize, Deserializer, Serialize};

use crate::python::number::Number;
use crate::wire::context::Operand;
use crate::wire::json::{self, Json, experiment};

pub(super) fn yes() -> bool {
    true
}

pub(super) fn or_yes<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or(true))
}

#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(expecting = "an object")]
pub(crate) struct Project {
    #[serde(default, deserialize_with = "json::optional_number")]
    pub(crate) id: Option<i64>,
    #[serde(default, deserialize_with = "json::or_default")]
    pub(crate) name: String,
    #[serde(default, deserialize_with = "json::or_default")]
    pub(crate) organisation: Organisation,
    #[serde(default, deserialize_with = "json::or_default")]
    pub(crate) hide_disabled_flags: bool,
    #[serde(default, deserialize_with = "json::or_default")]
    pub(crate) enable_realtime_updates: bool,
    #[serde(default, deserialize_with = "json::numbers")]
    pub(crate) server_key_only_feature_ids: Vec<i64>,
    pub(crate) segments: Vec<SegmentWire>,
}

#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(expecting = "an object")]
#[serde(default)]
pub(crate) struct Organisation {
    #[serde(deserialize_with = "json::optional_number")]
    pub(crate) id: Option<i64>,
    #[serde(deserialize_with = "json::or_default")]
    pub(crate) name: String,
    #[serde(deserialize_with = "json::or_default")]
    pub(crate) feature_analytics: bool,
    #[serde(deserialize_with = "json::or_default")]
    pub(crate) stop_serving_flags: bool,
    #[serde(deserialize_with = "or_yes")]
    pub(crate) persist_trait_data: bool,
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
pub(crate) struct SegmentWire {
    #[serde(default, deserialize_with = "json::optional_number")]
    pub(crate) id: Option<i64>,
    #[serde(default, deserialize_with = "json::or_default")]
    pub(crate) name: String,
    #[serde(default, deserialize_with = "json::or_default")]
    pub(crate) rules: Vec<RuleWire>,
    #[serde(default, deserialize_with = "json::or_default")]
    pub(crate) feature_states: Vec<FeatureStateWire>,
}

/// Written as `served.rs` says.
#[derive(Debug, Clone, Deserialize)]
#[serde(expecting = "an object")]
pub(crate) struct RuleWire {
    #[serde(rename = "type", default = "all", deserialize_with = "or_all")]
    pub(crate) kind: String,
    #[serde(default, deserialize_with = "json::or_default")]
    pub(crate) rules: Vec<RuleWire>,
    #[serde(default, deserialize_with = "json::or_default")]
    pub(crate) conditions: Vec<ConditionWire>,
}

fn all() -> String {
    "ALL".to_string()
}

fn or_all<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_else(all))
}

/// Written as `served.rs` says.
#[derive(Debug, Clone, Deserialize)]
#[serde(expecting = "an object")]
pub(crate) struct ConditionWire {
    #[serde(default, deserialize_with = "json::or_default")]
    pub(crate) operator: String,
    #[serde(default, alias = "property")]
    pub(crate) property_: Option<String>,
    #[serde(default)]
    pub(crate) value: Operand,
}

#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(expecting = "an object")]
pub(crate) struct FeatureStateWire {
    pub(crate) feature: FeatureWire,
    #[serde(default, deserialize_with = "json::or_default")]
    pub(crate) enabled: bool,
    #[serde(default, deserialize_with = "json::optional_number")]
    pub(crate) django_id: Option<i64>,
    #[serde(default)]
    pub(crate) feature_segment: Option<FeatureSegment>,
    #[serde(default)]
    pub(crate) featurestate_uuid: Option<String>,
    #[serde(default)]
    pub(crate) feature_state_value: Json,
    #[serde(default, deserialize_with = "json::or_default")]
    pub(crate) multivariate_feature_state_values: Vec<MultivariateValue>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) metadata: Option<Json>,
}

impl FeatureStateWire {
    /// The experiment that the state is part of, as JSON.
    pub(crate) fn experiment(&self) -> Option<&str> {
        experiment(self.metadata.as_ref()?.text())
    }
}

#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(expecting = "an object")]
pub(crate) struct FeatureWire {
    #[serde(default, deserialize_with = "json::optional_number")]
    pub(crate) id: Option<i64>,
    pub(crate) name: String,
    #[serde(rename = "type", default)]
    pub(crate) kind: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) metadata: Option<Json>,
}

#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(expecting = "an object")]
pub(crate) struct FeatureSegment {
    #[serde(default, deserialize_with = "json::optional_number")]
    pub(crate) priority: Option<Number>,
}

#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(expecting = "an object")]
pub(crate) struct MultivariateValue {
    #[serde(default, deserialize_with = "json::optional_number")]
    pub(crate) id: Option<i64>,
    #[serde(default)]
    pub(crate) mv_fs_value_uuid: Option<String>,
    #[serde(default, deserialize_with = "json::optional_number")]
    pub(crate) percentage_allocation: Option<f64>,
    #[serde(default, deserialize_with = "json::or_default")]
    pub(crate) multivariate_feature_option: MultivariateOption,
}

impl MultivariateValue {
    pub(super) fn uuid(&self) -> Option<u128> {
        let hexadecimal = self.mv_fs_value_uuid.as_deref()?.replace('-', "");
        if hexadecimal.len() == 32 { u128::from_str_radix(&hexadecimal, 16).ok() } else { None }
    }

    /// The sort key of variants: their ids, or else their UUIDs as numbers.
    pub(super) fn order(&self) -> (i64, u128) {
        match self.id {
            Some(id) => (id.min(0), u128::try_from(id).unwrap_or_default()),
            None => (0, self.uuid().unwrap_or_default()),
        }
    }
}

#[derive(Debug, Clone, Default, Deserialize, Serialize)]
#[serde(expecting = "an object")]
#[serde(default)]
pub(crate) struct MultivariateOption {
    #[serde(deserialize_with = "json::optional_number")]
    pub(crate) id: Option<i64>,
    pub(crate) value: Json,
    /// Some SDKs refuse a document that has this member, also if it is `null`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) key: Option<String>,
}

#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(expecting = "an object")]
pub(crate) struct IdentityOverrideWire {
    pub(crate) identifier: String,
    #[serde(default, deserialize_with = "json::or_default")]
    pub(crate) environment_api_key: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) identity_uuid: Option<String>,
    #[serde(default)]
    pub(crate) created_date: Option<String>,
    #[serde(default, deserialize_with = "json::or_default")]
    pub(crate) composite_key: String,
    #[serde(default, deserialize_with = "json::optional_number")]
    pub(crate) django_id: Option<i64>,
    #[serde(default, deserialize_with = "json::or_default")]
    pub(crate) identity_features: Vec<FeatureStateWire>,
    /// Always empty: traits of identities are private.
    #[serde(skip_deserializing)]
    pub(crate) identity_traits: [(); 0],
}
