//! Maps a document to the contexts that are compiled (`SEMANTICS.md`, 7), as local-evaluation SDKs do.

use alloc::string::ToString;

use crate::python::number::{Integer, Number};
use crate::wire::context::{ConditionContext, FeatureContext, RuleContext, SegmentContext, VariantContext};
use crate::wire::document::{ConditionWire, FeatureStateWire, MultivariateValue, RuleWire, SegmentWire};
use crate::wire::json::Json;

impl FeatureStateWire {
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
            metadata: Some(Json::state_metadata(self.feature.id.unwrap_or_default(), self.experiment())),
        }
    }

    /// An override of an identity is a state like any other, variants included: Flagsmith pins an identity to a
    /// variation by giving that variation 100 % here. It has no priority, since it wins over all segments, and an identity
    /// that was picked by hand is part of no experiment.
    pub(super) fn identity_context(&self) -> FeatureContext {
        let metadata = Some(Json::state_metadata(self.feature.id.unwrap_or_default(), None));
        FeatureContext { priority: None, metadata, ..self.context() }
    }
}

impl MultivariateValue {
    pub(super) fn context(&self) -> VariantContext {
        VariantContext {
            value: self.multivariate_feature_option.value.clone(),
            weight: Number::Float(self.percentage_allocation.unwrap_or_default()),
            priority: self.id.map(|id| Number::Int(Integer::Small(id))),
            key: self.multivariate_feature_option.key.clone(),
        }
    }
}

impl SegmentWire {
    pub(super) fn context(&self) -> SegmentContext {
        let id = self.id.unwrap_or_default();
        SegmentContext {
            key: id.to_string(),
            name: self.name.clone(),
            rules: self.rules.iter().map(RuleWire::context).collect(),
            overrides: self.feature_states.iter().map(FeatureStateWire::context).collect(),
            metadata: Some(Json::segment_metadata(id)),
        }
    }
}

impl RuleWire {
    pub(super) fn context(&self) -> RuleContext {
        RuleContext {
            kind: self.kind.clone(),
            conditions: self.conditions.iter().map(ConditionWire::context).collect(),
            rules: self.rules.iter().map(RuleWire::context).collect(),
        }
    }
}

impl ConditionWire {
    pub(super) fn context(&self) -> ConditionContext {
        ConditionContext {
            property: self.property_.clone().unwrap_or_default(),
            operator: self.operator.clone(),
            value: self.value.clone(),
        }
    }
}
