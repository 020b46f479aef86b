//! The environment of most situations.

use serde_json::{Value, json};

/// A shop. Without an identity: `banner` is `"blue"`, `limit` 10, `Colour` the control value `"white"`; `beta` and
/// `old search` are disabled; `admin` and the disabled `admin beta` are for server-side keys only.
///
/// | identities | what is overridden |
/// |---|---|
/// | trait `plan` is `gold` (priority 5) | `banner` is `"gold"`, `limit` 100 |
/// | identifier `vip` (priority 1) | `banner` is `"vip"` |
/// | trait `left` is set (priority 0) | `banner` is disabled |
/// | trait `age` is at least 18 | `old search` is enabled |
/// | half of all identities | `beta` is enabled |
/// | identity `ann` | `banner` is `"ann"`, `admin` is `"ann's"` |
/// | identities `schön`, `a+b`, `a b`, `a/b`, `100%`, `007` | `banner` is the identifier |
pub(crate) fn shop() -> Value {
    json!({
        "id": 1,
        "api_key": "client",
        "name": "Production",
        "updated_at": "2026-03-02T11:22:33.123456+00:00",
        "allow_client_traits": true,
        "hide_sensitive_data": false,
        "hide_disabled_flags": null,
        "use_identity_composite_key_for_hashing": true,
        "project": {
            "id": 2,
            "name": "Shop",
            "organisation": { "id": 3, "name": "Example Ltd", "stop_serving_flags": false },
            "hide_disabled_flags": false,
            "server_key_only_feature_ids": [4, 6],
            "segments": segments(),
        },
        "feature_states": [
            state(1, "banner", true, "blue"),
            state(2, "limit", true, 10),
            state(3, "old search", false, Value::Null),
            state(4, "admin", true, "secret"),
            colour(),
            state(6, "admin beta", false, "hidden"),
            state(7, "beta", false, "on trial"),
        ],
        "identity_overrides": identity_overrides(),
    })
}

/// A document with the value at a JSON pointer replaced.
pub(crate) trait With {
    fn with(self, pointer: &str, value: Value) -> Value;
}

impl With for Value {
    #[track_caller]
    fn with(mut self, pointer: &str, value: Value) -> Value {
        *self.pointer_mut(pointer).unwrap_or_else(|| panic!("no {pointer} in the document")) = value;
        self
    }
}

fn state(id: u32, name: &str, enabled: bool, value: impl Into<Value>) -> Value {
    json!({
        "feature": { "id": id, "name": name, "type": "STANDARD" },
        "enabled": enabled,
        "feature_state_value": value.into(),
        "django_id": 500 + id,
        "multivariate_feature_state_values": [],
    })
}

fn colour() -> Value {
    let variant = |id: u32, value: &str| {
        json!({
            "id": id,
            "percentage_allocation": 30,
            "multivariate_feature_option": { "id": id, "value": value },
        })
    };
    state(5, "Colour", true, "white")
        .with("/feature/type", json!("MULTIVARIATE"))
        .with("/multivariate_feature_state_values", json!([variant(1, "red"), variant(2, "green")]))
}

fn segments() -> Value {
    let gold = [state(1, "banner", true, "gold"), state(2, "limit", true, 100)];
    json!([
        segment(11, 5, "EQUAL", "plan", "gold", &gold),
        segment(12, 1, "IN", "$.identity.identifier", "vip", &[state(1, "banner", true, "vip")]),
        segment(13, 0, "IS_SET", "left", "", &[state(1, "banner", false, "gone")]),
        segment(14, 0, "PERCENTAGE_SPLIT", "", "50", &[state(7, "beta", true, "on trial")]),
        segment(15, 0, "GREATER_THAN_INCLUSIVE", "age", "18", &[state(3, "old search", true, Value::Null)]),
    ])
}

fn segment(id: u32, priority: u32, operator: &str, property: &str, value: &str, states: &[Value]) -> Value {
    let condition = json!({ "operator": operator, "property_": property, "value": value });
    let override_of = |state: &Value| {
        let mut state = state.clone();
        state["feature_segment"] = json!({ "priority": priority });
        state
    };
    json!({
        "id": id,
        "name": format!("segment {id}"),
        "rules": [{ "type": "ALL", "rules": [{ "type": "ANY", "conditions": [condition] }] }],
        "feature_states": states.iter().map(override_of).collect::<Vec<Value>>(),
    })
}

fn identity_overrides() -> Value {
    let ann = json!({
        "identifier": "ann",
        "identity_features": [state(1, "banner", true, "ann"), state(4, "admin", true, "ann's")],
    });
    let named = ["schön", "a+b", "a b", "a/b", "100%", "007"].map(|identifier| {
        json!({ "identifier": identifier, "identity_features": [state(1, "banner", true, identifier)] })
    });
    [ann].into_iter().chain(named).collect()
}
