//! From a document to the contexts that are compiled (engine semantics, section 7), as local-evaluation SDKs have them.

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::{Condition, FeatureState, MultivariateValue, Rule, Segment, list_text};
use crate::context::{
    ConditionContext, FeatureContext, Operand, RuleContext, SegmentContext, VariantContext,
};
use crate::json::Json;
use crate::number::{Integer, Number};

impl FeatureState {
    pub(super) fn context(&self) -> FeatureContext {
        let key = match (self.django_id, &self.featurestate_uuid) {
            (Some(id), _) => id.to_string(),
            (None, uuid) => uuid.clone().unwrap_or_default(),
        };
        FeatureContext {
            key,
            name: self.feature.name.clone(),
            enabled: self.enabled,
            value: self.feature_state_value.clone(),
            variants: self.multivariate_feature_state_values.iter().map(MultivariateValue::context).collect(),
            priority: self.feature_segment.as_ref().and_then(|segment| segment.priority.clone()),
            metadata: Some(Json::number_member("id", self.feature.id.unwrap_or_default())),
        }
    }

    /// Overrides of identities carry a plain value only, as in every SDK's own evaluation.
    pub(super) fn identity_context(&self) -> FeatureContext {
        FeatureContext { key: String::new(), variants: Vec::new(), priority: None, ..self.context() }
    }
}

impl MultivariateValue {
    pub(super) fn uuid(&self) -> Option<u128> {
        let hexadecimal = self.mv_fs_value_uuid.as_deref()?.replace('-', "");
        if hexadecimal.len() == 32 { u128::from_str_radix(&hexadecimal, 16).ok() } else { None }
    }

    pub(super) fn context(&self) -> VariantContext {
        let priority = match self.id {
            Some(id) => Some(Integer::Small(id)),
            None => self.uuid().and_then(|uuid| Integer::parse(&uuid.to_string())),
        };
        VariantContext {
            value: self.multivariate_feature_option.value.clone(),
            weight: Number::Float(self.percentage_allocation.unwrap_or_default()),
            priority: priority.map(Number::Int),
            key: self.multivariate_feature_option.key.clone(),
        }
    }
}

impl Segment {
    pub(super) fn context(&self) -> SegmentContext {
        let id = self.id.unwrap_or_default();
        SegmentContext {
            key: id.to_string(),
            name: self.name.clone(),
            rules: self.rules.iter().map(Rule::context).collect(),
            overrides: self.feature_states.iter().map(FeatureState::context).collect(),
            metadata: Some(Json::segment_metadata(id)),
        }
    }
}

impl Rule {
    pub(super) fn context(&self) -> RuleContext {
        RuleContext {
            kind: self.kind.clone(),
            conditions: self.conditions.iter().map(Condition::context).collect(),
            rules: self.rules.iter().map(Rule::context).collect(),
        }
    }
}

impl Condition {
    pub(super) fn context(&self) -> ConditionContext {
        ConditionContext {
            property: self.property_.clone().unwrap_or_default(),
            operator: self.operator.clone(),
            value: match &self.value {
                // SDKs are given it as text, and both have to agree on who matches.
                Operand::List(list) if self.operator != "IN" => Operand::Text(list_text(list)),
                value => value.clone(),
            },
        }
    }
}
