//! Which flags an environment hides, and from which kind of key (`PROTOCOL.md`, 8).

use serde_json::{Value, json};

use crate::ask::{FLAGS, IDENTITIES, detail};
use crate::compare::compare;
use crate::documents::{With, shop};
use crate::edge::{CLIENT, Edge, SERVER, edge};

const ALL: [&str; 7] = ["banner", "limit", "old search", "admin", "Colour", "admin beta", "beta"];
const FOR_CLIENTS: [&str; 5] = ["banner", "limit", "old search", "Colour", "beta"];
const ENABLED: [&str; 4] = ["banner", "limit", "admin", "Colour"];
const ENABLED_FOR_CLIENTS: [&str; 3] = ["banner", "limit", "Colour"];

/// The shop, with both switches that hide disabled flags.
fn hiding(project: bool, environment: Option<bool>) -> Value {
    shop()
        .with("/project/hide_disabled_flags", json!(project))
        .with("/hide_disabled_flags", json!(environment))
}

/// An identity that is in no segment, and in the half that does not see `beta`.
const STRANGER: &str = "user-2";

/// The names that are listed without an identity, for a stranger by `GET`, and by `POST`.
fn listed(edge: &Edge, key: &str) -> [Vec<String>; 3] {
    [
        edge.get(FLAGS).key(key).answer().names(),
        edge.get(&format!("{IDENTITIES}?identifier={STRANGER}")).key(key).answer().names(),
        edge.post(IDENTITIES, json!({ "identifier": STRANGER }).to_string()).key(key).answer().names(),
    ]
}

#[test]
fn disabled_flags_and_server_only_ones_are_hidden() {
    let situations: [(bool, Option<bool>, &str, &[&str]); 14] = [
        (false, None, CLIENT, &FOR_CLIENTS),
        (false, None, SERVER, &ALL),
        (false, Some(false), CLIENT, &FOR_CLIENTS),
        (false, Some(false), SERVER, &ALL),
        (true, None, CLIENT, &ENABLED_FOR_CLIENTS),
        (true, None, SERVER, &ENABLED),
        (true, Some(false), CLIENT, &FOR_CLIENTS),
        (true, Some(false), SERVER, &ALL),
        (false, Some(true), CLIENT, &ENABLED_FOR_CLIENTS),
        (false, Some(true), SERVER, &ENABLED),
        (true, Some(true), CLIENT, &ENABLED_FOR_CLIENTS),
        (true, Some(true), SERVER, &ENABLED),
        (true, None, "ser.other", &ENABLED),
        (true, Some(false), "ser.other", &ALL),
    ];
    compare(situations.map(|(project, environment, key, names)| {
        let other = api::ServerKey { environment: CLIENT.into(), active: true, expires_at: None };
        let edge = edge(&hiding(project, environment)).server_key("ser.other", other);
        let names: Vec<String> = names.iter().map(ToString::to_string).collect();
        let situation = format!("project {project}, environment {environment:?}, {key}");
        (situation, listed(&edge, key), [names.clone(), names.clone(), names])
    }));
}

#[test]
fn an_evaluation_decides_what_is_disabled() {
    let edge = edge(&hiding(true, None));
    let names = |body: Value| edge.identify(&body).names();
    let with = |key: &str, value: Value| {
        names(json!({ "identifier": STRANGER, "traits": [{ "trait_key": key, "trait_value": value }] }))
    };
    let listed = |names: &[&str]| -> Vec<String> { names.iter().map(ToString::to_string).collect() };
    compare([
        ("a segment disables", with("left", json!(true)), listed(&["limit", "Colour"])),
        ("a segment enables", with("age", json!(18)), listed(&["banner", "limit", "old search", "Colour"])),
        ("a split does not", names(json!({ "identifier": STRANGER })), listed(&ENABLED_FOR_CLIENTS)),
        (
            "a split enables",
            names(json!({ "identifier": "user-1" })),
            listed(&["banner", "limit", "Colour", "beta"]),
        ),
    ]);
}

#[test]
fn a_hidden_flag_is_not_found_by_name() {
    let not_found = (404, detail("Given feature not found"));
    let mut situations = Vec::new();
    for (document, key, feature, found) in [
        (hiding(false, None), CLIENT, "banner", true),
        (hiding(false, None), CLIENT, "admin", false),
        (hiding(false, None), SERVER, "admin", true),
        (hiding(false, None), CLIENT, "admin beta", false),
        (hiding(false, None), SERVER, "admin beta", true),
        (hiding(false, None), CLIENT, "old search", true),
        (hiding(true, None), CLIENT, "old search", false),
        (hiding(true, None), SERVER, "old search", false),
        (hiding(true, None), CLIENT, "admin", false),
        (hiding(true, None), SERVER, "admin", true),
        (hiding(true, None), SERVER, "admin beta", false),
        (hiding(true, Some(false)), CLIENT, "old search", true),
        (hiding(true, Some(false)), CLIENT, "admin", false),
        (hiding(false, Some(true)), CLIENT, "old search", false),
    ] {
        let edge = edge(&document);
        let query = feature.replace(' ', "%20");
        let asks = [
            edge.get(&format!("/api/v1/flags/?feature={query}")),
            edge.get(&format!("/api/v1/identities/?identifier={STRANGER}&feature={query}")),
            edge.post(
                &format!("/api/v1/identities/?feature={query}"),
                json!({ "identifier": STRANGER }).to_string(),
            ),
        ];
        for ask in asks {
            let (status, body) = ask.key(key).json();
            let short = if status == 200 { body["feature"]["name"].clone() } else { body };
            let expected = if found { (200, json!(feature)) } else { not_found.clone() };
            situations.push((format!("{key} {feature}"), (status, short), expected));
        }
    }
    compare(situations);
}

#[test]
fn an_override_does_not_show_what_is_for_servers_only() {
    let edge = edge(&shop());
    let ann = |key| edge.get("/api/v1/identities/?identifier=ann").key(key).answer();
    assert_eq!([ann(CLIENT).flag("admin"), ann(SERVER).flag("admin")], [Value::Null, json!([true, "ann's"])]);
    assert!(!ann(CLIENT).text().contains("admin"));
}

#[test]
fn traits_that_clients_may_not_set_are_ignored() {
    let edge = edge(&shop().with("/allow_client_traits", json!(false)));
    let body = json!({
        "identifier": "user-0",
        "traits": [
            { "trait_key": "plan", "trait_value": "gold" },
            { "trait_key": "left", "trait_value": true, "transient": true },
        ],
    });
    let ask = |key| edge.post(IDENTITIES, body.to_string()).key(key).answer();
    let outline = |answer: &crate::ask::Answer| {
        let (status, json) = answer.json();
        (status, json["traits"].clone(), answer.flag("banner"), answer.flag("limit"))
    };
    let sent = json!([
        { "trait_key": "plan", "trait_value": "gold" },
        { "trait_key": "left", "trait_value": true, "transient": true },
    ]);
    compare([
        ("client", outline(&ask(CLIENT)), (200, json!([]), json!([true, "blue"]), json!([true, 10]))),
        ("server", outline(&ask(SERVER)), (200, sent, json!([false, "gone"]), json!([true, 100]))),
    ]);
}

/// A switch that Flagsmith is about to add (its issue 6823): traits of client-side keys may count without being stored. Without
/// it, or with null, `allow_client_traits` decides. Flagsmith refuses to store what may not count; here it does not count.
#[test]
fn a_switch_of_its_own_decides_whether_traits_of_clients_count() {
    let body = json!({ "identifier": "user-0", "traits": [{ "trait_key": "plan", "trait_value": "gold" }] });
    let sent = body["traits"].clone();
    let mut situations = Vec::new();
    for (allowed, in_evaluation, counts) in [
        (true, None, true),
        (false, None, false),
        (true, Some(Value::Null), true),
        (false, Some(Value::Null), false),
        (true, Some(json!(true)), true),
        (false, Some(json!(true)), true),
        (true, Some(json!(false)), false),
        (false, Some(json!(false)), false),
    ] {
        let mut document = shop().with("/allow_client_traits", json!(allowed));
        if let Some(value) = &in_evaluation {
            document["allow_client_traits_in_evaluation"] = value.clone();
        }
        let edge = edge(&document);
        for (key, counts) in [(CLIENT, counts), (SERVER, true)] {
            let answer = edge.post(IDENTITIES, body.to_string()).key(key).answer();
            let found = (answer.json().1["traits"].clone(), answer.flag("banner"));
            let traits = if counts { sent.clone() } else { json!([]) };
            let banner = if counts { "gold" } else { "blue" };
            let what = format!("{key}, {allowed}, {in_evaluation:?}");
            situations.push((what, found, (traits, json!([true, banner]))));
        }
        let served = edge.get(crate::ask::DOCUMENT).key(SERVER).json().1;
        let member = served.get("allow_client_traits_in_evaluation").cloned();
        assert_eq!(member, in_evaluation.filter(Value::is_boolean), "left out where it has no value");
    }
    compare(situations);
}

#[test]
fn ignored_traits_are_still_checked() {
    let edge = edge(&shop().with("/allow_client_traits", json!(false)));
    let body = json!({ "identifier": "a", "traits": [{ "trait_key": "", "trait_value": 1 }] });
    assert_eq!(edge.identify(&body).status, 400);
}

#[test]
fn ignored_traits_do_not_make_a_name() {
    let edge = edge(&shop().with("/allow_client_traits", json!(false)));
    let body = json!({ "traits": [{ "trait_key": "plan", "trait_value": "gold" }] });
    let name = |key| edge.post(IDENTITIES, body.to_string()).key(key).json().1["identifier"].clone();
    assert_eq!(name(CLIENT), json!(format!("{:032x}", crate::edge::RANDOM)));
    assert_eq!(name(SERVER), json!("c5501db73aba343c1859b9ec00592baa92ac6371470afd7f723821d07372c8f6"));
}

#[test]
fn sensitive_data_is_evaluated_and_not_shown() {
    let edge = edge(&shop().with("/hide_sensitive_data", json!(true)));
    let body = json!({ "identifier": "user-0", "traits": [{ "trait_key": "plan", "trait_value": "gold" }] });
    compare([CLIENT, SERVER].map(|key| {
        let answer = edge.post(IDENTITIES, body.to_string()).key(key).answer();
        let (status, json) = answer.json();
        let found = (status, json["identifier"].clone(), json["traits"].clone(), answer.flag("banner"));
        (key, found, (200, json!("user-0"), json!([]), json!([true, "gold"])))
    }));
}
