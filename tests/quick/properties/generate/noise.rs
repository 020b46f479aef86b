use fastrand::Rng;
use serde_json::{Value, json};

use super::Json;

/// The same document, written differently: everything that does not count is random, reordered, or spelt differently.
pub(crate) fn with_noise(document: &Json, seed: u64) -> Json {
    let mut rng = Rng::with_seed(seed);
    let mut document = document.0.clone();
    document["updated_at"] = json!(format!("2026-03-0{}T11:22:33Z", rng.u8(1..9)));
    document["description"] = json!("what nobody knows");
    states(&mut document["feature_states"], &mut rng);
    for segment in list(&mut document["project"]["segments"]) {
        segment["description"] = json!(rng.u8(..));
        states(&mut segment["feature_states"], &mut rng);
        shuffle_by_name(&mut segment["feature_states"], &mut rng);
    }
    let identities = &mut document["identity_overrides"];
    for identity in list(identities) {
        identity["identity_uuid"] = json!(uuid(&mut rng));
        identity["created_date"] = json!(format!("2025-12-1{}T00:00:00+00:00", rng.u8(..10)));
        identity["django_id"] = json!(rng.u16(..));
        identity["dashboard_alias"] = json!("somebody");
        identity["composite_key"] = json!("anything");
        states(&mut identity["identity_features"], &mut rng);
        shuffle_by_name(&mut identity["identity_features"], &mut rng);
    }
    list(identities).push(json!({ "identifier": "nobody's", "identity_features": [] }));
    // Of two entries for one identity the first counts.
    if are_different(identities, |identity| identity["identifier"].clone()) {
        rng.shuffle(list(identities));
    }
    let hidden = list(&mut document["project"]["server_key_only_feature_ids"]);
    hidden.extend(hidden.first().cloned());
    rng.shuffle(hidden);
    Json(document)
}

fn list(value: &mut Value) -> &mut Vec<Value> {
    if !value.is_array() {
        *value = json!([]);
    }
    value.as_array_mut().unwrap()
}

fn are_different(values: &Value, by: impl Fn(&Value) -> Value) -> bool {
    let mut texts: Vec<String> =
        values.as_array().into_iter().flatten().map(|value| by(value).to_string()).collect();
    let count = texts.len();
    texts.sort();
    texts.dedup();
    texts.len() == count
}

fn shuffle_by_name(states: &mut Value, rng: &mut Rng) {
    if are_different(states, |state| state["feature"]["name"].clone()) {
        rng.shuffle(list(states));
    }
}

fn states(states: &mut Value, rng: &mut Rng) {
    for state in list(states) {
        if state["django_id"].as_i64().is_some_and(|id| id > 0) {
            state["featurestate_uuid"] = json!(uuid(rng));
            state["django_id"] = json!(state["django_id"].to_string());
        }
        let variants = &mut state["multivariate_feature_state_values"];
        let have_ids = list(variants).iter().all(|variant| variant["id"].as_i64().is_some_and(|id| id > 0));
        if have_ids && are_different(variants, |variant| variant["id"].clone()) {
            let distance = rng.i64(1..9);
            for variant in list(variants) {
                variant["id"] = json!(variant["id"].as_i64().unwrap() * distance + 100);
                variant["mv_fs_value_uuid"] = json!(uuid(rng));
            }
            rng.shuffle(list(variants));
        }
    }
}

fn uuid(rng: &mut Rng) -> String {
    let digits = format!("{:032x}", rng.u128(..));
    format!("{}-{}-4{}-8{}-{}", &digits[..8], &digits[8..12], &digits[13..16], &digits[17..20], &digits[20..])
}
