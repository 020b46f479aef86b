//! The members that each kind of object in a document may have, for readers that look for misspelt ones. A test compares
//! this table with the wire types.

/// A kind of object, by its members.
#[derive(Debug)]
pub struct ObjectMembers {
    /// The members that this crate reads.
    pub read: &'static [Member],
    /// The members that Flagsmith writes, now or in the past, and that this crate leaves out on purpose.
    pub left_out: &'static [&'static str],
}

/// A member that is read.
#[derive(Debug)]
pub struct Member {
    pub name: &'static str,
    /// Another name that is read as well.
    pub alias: Option<&'static str>,
    pub shape: Shape,
}

/// What a member holds.
#[derive(Debug, Clone, Copy)]
pub enum Shape {
    /// A value whose own members, if it has any, are free.
    Value,
    Object(&'static ObjectMembers),
    List(&'static ObjectMembers),
}

impl ObjectMembers {
    /// The member of this name, if it is read.
    pub fn member(&self, name: &str) -> Option<&'static Member> {
        self.read.iter().find(|member| member.name == name || member.alias == Some(name))
    }
}

const fn value(name: &'static str) -> Member {
    Member { name, alias: None, shape: Shape::Value }
}

const fn aliased(name: &'static str, alias: &'static str) -> Member {
    Member { name, alias: Some(alias), shape: Shape::Value }
}

const fn object(name: &'static str, kind: &'static ObjectMembers) -> Member {
    Member { name, alias: None, shape: Shape::Object(kind) }
}

const fn list(name: &'static str, kind: &'static ObjectMembers) -> Member {
    Member { name, alias: None, shape: Shape::List(kind) }
}

/// The document itself.
pub static DOCUMENT: ObjectMembers = ObjectMembers {
    read: &[
        value("id"),
        aliased("api_key", "environment_api_key"),
        value("name"),
        value("updated_at"),
        value("allow_client_traits"),
        value("allow_client_traits_in_evaluation"),
        value("hide_sensitive_data"),
        value("hide_disabled_flags"),
        value("use_identity_composite_key_for_hashing"),
        value("use_identity_overrides_in_local_eval"),
        object("project", &PROJECT),
        list("feature_states", &FEATURE_STATE),
        list("identity_overrides", &IDENTITY_OVERRIDE),
    ],
    left_out: &[
        // Integrations: their configurations may hold secrets.
        "amplitude_config",
        "dynatrace_config",
        "grafana_config",
        "heap_config",
        "mixpanel_config",
        "rudderstack_config",
        "segment_config",
        "sentry_config",
        "slack_config",
        "datadog_config",
        "new_relic_config",
        "webhook_config",
        "webhooks",
        // Of the environment in Flagsmith's database and pages.
        "allow_identity_traits",
        "banner_colour",
        "banner_text",
        "created_at",
        "created_date",
        "description",
        "is_creating",
        "metadata",
        "minimum_change_request_approvals",
        "segment_overrides",
        "total_segment_overrides",
        "use_v2_feature_versioning",
        "uuid",
        // Of items in Flagsmith's tables.
        "compressed",
        "document_key",
        "environment_id",
    ],
};

static PROJECT: ObjectMembers = ObjectMembers {
    read: &[
        value("id"),
        value("name"),
        object("organisation", &ORGANISATION),
        value("hide_disabled_flags"),
        value("enable_realtime_updates"),
        value("server_key_only_feature_ids"),
        list("segments", &SEGMENT),
    ],
    left_out: &[
        "created_date",
        "description",
        "enable_dynamo_db",
        "feature_name_regex",
        "max_features_allowed",
        "max_segment_overrides_allowed",
        "max_segments_allowed",
        "minimum_change_request_approvals",
        "only_allow_lower_case_feature_names",
        "prevent_flag_defaults",
        "stale_flags_limit_days",
        "uuid",
    ],
};

static ORGANISATION: ObjectMembers = ObjectMembers {
    read: &[
        value("id"),
        value("name"),
        value("feature_analytics"),
        value("stop_serving_flags"),
        value("persist_trait_data"),
    ],
    left_out: &[
        "block_access_to_admin",
        "created_date",
        "force_2fa",
        "restrict_project_create_to_admin",
        "uuid",
        "webhook_notification_email",
    ],
};

static SEGMENT: ObjectMembers = ObjectMembers {
    read: &[value("id"), value("name"), list("rules", &RULE), list("feature_states", &FEATURE_STATE)],
    left_out: &[
        "change_request",
        "created_at",
        "created_date",
        "deleted_at",
        "description",
        "feature",
        "is_system_segment",
        "metadata",
        "project",
        "updated_at",
        "uuid",
        "version",
        "version_of",
    ],
};

static RULE: ObjectMembers = ObjectMembers {
    read: &[value("type"), list("rules", &RULE), list("conditions", &CONDITION)],
    left_out: &["created_at", "delete", "id", "rule", "segment", "updated_at", "uuid", "version_of"],
};

static CONDITION: ObjectMembers = ObjectMembers {
    read: &[value("operator"), aliased("property_", "property"), value("value")],
    left_out: &[
        "created_at",
        "created_with_segment",
        "delete",
        "description",
        "id",
        "rule",
        "updated_at",
        "uuid",
        "version_of",
    ],
};

static FEATURE_STATE: ObjectMembers = ObjectMembers {
    read: &[
        object("feature", &FEATURE),
        value("enabled"),
        value("django_id"),
        object("feature_segment", &FEATURE_SEGMENT),
        value("featurestate_uuid"),
        value("feature_state_value"),
        list("multivariate_feature_state_values", &VARIANT),
        value("metadata"),
    ],
    left_out: &[
        "change_request",
        "created_at",
        "deleted_at",
        "environment",
        "environment_feature_version",
        "id",
        "identity",
        "identity_id",
        "live_from",
        "segment_id",
        "updated_at",
        "uuid",
        "version",
    ],
};

static FEATURE: ObjectMembers = ObjectMembers {
    read: &[value("id"), value("name"), value("type"), value("metadata")],
    left_out: &[
        "created_date",
        "default_enabled",
        "deleted_at",
        "description",
        "group_owners",
        "initial_value",
        "is_archived",
        "is_server_key_only",
        "multivariate_options",
        "owners",
        "project",
        "tags",
        "updated_at",
        "uuid",
    ],
};

static FEATURE_SEGMENT: ObjectMembers = ObjectMembers {
    read: &[value("priority")],
    left_out: &["environment", "environment_feature_version", "feature", "id", "segment", "uuid"],
};

static VARIANT: ObjectMembers = ObjectMembers {
    read: &[
        value("id"),
        value("mv_fs_value_uuid"),
        value("percentage_allocation"),
        object("multivariate_feature_option", &OPTION),
    ],
    left_out: &["feature_state", "uuid"],
};

static OPTION: ObjectMembers = ObjectMembers {
    read: &[value("id"), value("value"), value("key")],
    left_out: &[
        "boolean_value",
        "default_percentage_allocation",
        "feature",
        "integer_value",
        "string_value",
        "type",
        "uuid",
    ],
};

static IDENTITY_OVERRIDE: ObjectMembers = ObjectMembers {
    read: &[
        value("identifier"),
        value("environment_api_key"),
        value("identity_uuid"),
        value("created_date"),
        value("composite_key"),
        value("django_id"),
        list("identity_features", &FEATURE_STATE),
    ],
    left_out: &[
        "dashboard_alias",
        // Of items in Flagsmith's tables.
        "document_key",
        "environment",
        "environment_id",
        "feature_id",
        "id",
        // Traits of identities are private.
        "identity_traits",
        "system_traits",
    ],
};

#[cfg(test)]
mod tests {
    use alloc::collections::BTreeSet;
    use alloc::format;
    use alloc::string::String;
    use alloc::vec::Vec;
    use core::fmt;

    use serde::de::{self, Deserialize, Deserializer, Visitor};
    use serde::forward_to_deserialize_any;

    use super::super::schema::{FeatureSegment, FeatureWire, MultivariateOption, Organisation};
    use super::super::{
        ConditionWire, Document, FeatureStateWire, IdentityOverrideWire, MultivariateValue, Project,
        RuleWire, SegmentWire,
    };
    use super::*;

    /// The members of a struct, as the error of a deserializer that reads nothing.
    #[derive(Debug)]
    struct Members(&'static [&'static str]);

    impl fmt::Display for Members {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            write!(f, "{:?}", self.0)
        }
    }

    impl core::error::Error for Members {}

    impl de::Error for Members {
        fn custom<T: fmt::Display>(_: T) -> Self {
            Members(&[])
        }
    }

    struct MembersOnly;

    impl<'de> Deserializer<'de> for MembersOnly {
        type Error = Members;

        fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Members> {
            Err(Members(&[]))
        }

        fn deserialize_struct<V: Visitor<'de>>(
            self,
            _: &'static str,
            members: &'static [&'static str],
            _: V,
        ) -> Result<V::Value, Members> {
            Err(Members(members))
        }

        forward_to_deserialize_any! {
            bool i8 i16 i32 i64 u8 u16 u32 u64 f32 f64 char str string bytes byte_buf option unit unit_struct
            newtype_struct seq tuple tuple_struct map enum identifier ignored_any
        }
    }

    fn of_wire<'de, T: Deserialize<'de>>() -> BTreeSet<&'static str> {
        let Err(Members(members)) = T::deserialize(MembersOnly) else { return BTreeSet::new() };
        members.iter().copied().collect()
    }

    #[test]
    fn the_table_of_members_equals_the_wire_types() {
        for (kind, object, of_wire) in [
            ("document", &DOCUMENT, of_wire::<Document>()),
            ("project", &PROJECT, of_wire::<Project>()),
            ("organisation", &ORGANISATION, of_wire::<Organisation>()),
            ("segment", &SEGMENT, of_wire::<SegmentWire>()),
            ("rule", &RULE, of_wire::<RuleWire>()),
            ("condition", &CONDITION, of_wire::<ConditionWire>()),
            ("feature state", &FEATURE_STATE, of_wire::<FeatureStateWire>()),
            ("feature", &FEATURE, of_wire::<FeatureWire>()),
            ("feature segment", &FEATURE_SEGMENT, of_wire::<FeatureSegment>()),
            ("variant", &VARIANT, of_wire::<MultivariateValue>()),
            ("option", &OPTION, of_wire::<MultivariateOption>()),
            ("identity override", &IDENTITY_OVERRIDE, of_wire::<IdentityOverrideWire>()),
        ] {
            let names = |member: &Member| [Some(member.name), member.alias];
            let of_table: BTreeSet<&str> = object.read.iter().flat_map(names).flatten().collect();
            assert_eq!(of_table, of_wire, "{kind}");
            let both: Vec<String> = object
                .left_out
                .iter()
                .filter(|name| of_table.contains(**name))
                .map(|name| format!("{kind}.{name}"))
                .collect();
            assert!(both.is_empty(), "read and left out: {both:?}");
        }
    }

    /// A table that nothing refers to would be of no use: every kind is reached from the document.
    #[test]
    fn every_kind_of_object_is_reached_from_the_document() {
        let mut reached: Vec<&'static ObjectMembers> = Vec::from([&DOCUMENT]);
        let mut at = 0;
        while let Some(kind) = reached.get(at).copied() {
            for member in kind.read {
                let (Shape::Object(inner) | Shape::List(inner)) = member.shape else { continue };
                if !reached.iter().any(|known| core::ptr::eq(*known, inner)) {
                    reached.push(inner);
                }
            }
            at += 1;
        }
        assert_eq!(reached.len(), 12);
    }
}
