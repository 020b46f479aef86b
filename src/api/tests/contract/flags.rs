//! `GET /api/v1/flags/` (`PROTOCOL.md`, 3).

use api::Section;
use serde_json::{Value, json};

use crate::ask::{FLAGS, detail};
use crate::compare::compare;
use crate::documents::{With, shop};
use crate::edge::{CLIENT, Read, SERVER, edge};

/// Slim flags, their members in this order; a multivariate one has its control value.
const FOR_CLIENTS: &str = concat!(
    r#"["#,
    r#"{"feature":{"id":1,"name":"banner","type":"STANDARD"},"enabled":true,"feature_state_value":"blue"},"#,
    r#"{"feature":{"id":2,"name":"limit","type":"STANDARD"},"enabled":true,"feature_state_value":10},"#,
    r#"{"feature":{"id":3,"name":"old search","type":"STANDARD"},"enabled":false,"feature_state_value":null},"#,
    r#"{"feature":{"id":5,"name":"Colour","type":"MULTIVARIATE"},"enabled":true,"feature_state_value":"white"},"#,
    r#"{"feature":{"id":7,"name":"beta","type":"STANDARD"},"enabled":false,"feature_state_value":"on trial"}]"#,
);

#[test]
fn the_list_byte_by_byte() {
    let answer = edge(&shop()).get(FLAGS).key(CLIENT).answer();
    assert_eq!(answer.text(), FOR_CLIENTS);
    assert_eq!(answer.header("content-type"), "application/json");
    assert_eq!((answer.section, answer.read), (Some(Section::FlagsClient), vec![Read::Environment]));
}

#[test]
fn server_side_keys_get_all_flags() {
    let answer = edge(&shop()).get(FLAGS).key(SERVER).answer();
    assert_eq!(answer.names(), ["banner", "limit", "old search", "admin", "Colour", "admin beta", "beta"]);
    assert_eq!(
        (answer.section, answer.read),
        (Some(Section::FlagsServer), vec![Read::ServerKey, Read::Environment])
    );
}

#[test]
fn an_empty_environment() {
    let edge = edge(&json!({ "api_key": "client", "project": { "segments": [] }, "feature_states": [] }));
    assert_eq!(edge.get(FLAGS).key(CLIENT).json(), (200, json!([])));
    assert_eq!(
        edge.get("/api/v1/flags/?feature=x").key(CLIENT).json(),
        (404, detail("Given feature not found"))
    );
    let answer = edge.get("/api/v1/identities/?identifier=a").key(CLIENT).json();
    assert_eq!(answer, (200, json!({ "identifier": "a", "traits": [], "flags": [] })));
}

#[test]
fn values_of_every_kind() {
    let long = "x".repeat(20_000);
    let odd = "\"quoted\" \\ \u{1F6A9} \u{2028}\n</script>";
    let values = [
        json!(""),
        json!(odd),
        json!(long),
        json!(0),
        json!(-7),
        json!(true),
        json!(false),
        Value::Null,
        json!(1.5),
    ];
    compare(values.map(|value| {
        let edge = edge(&shop().with("/feature_states/0/feature_state_value", value.clone()));
        let found = |path| {
            let (_, body) = edge.get(path).key(CLIENT).json();
            body.get("flags").unwrap_or(&body)[0]["feature_state_value"].clone()
        };
        let situation = value.to_string().chars().take(40).collect::<String>();
        (situation, [found(FLAGS), found("/api/v1/identities/?identifier=x")], [value.clone(), value])
    }));
}

#[test]
fn one_feature_without_regard_to_case() {
    let edge = edge(&shop());
    let banner = json!({
        "feature": { "id": 1, "name": "banner", "type": "STANDARD" },
        "enabled": true,
        "feature_state_value": "blue",
    });
    let colour = json!({
        "feature": { "id": 5, "name": "Colour", "type": "MULTIVARIATE" },
        "enabled": true,
        "feature_state_value": "white",
    });
    let search = json!({
        "feature": { "id": 3, "name": "old search", "type": "STANDARD" },
        "enabled": false,
        "feature_state_value": null,
    });
    let admin = json!({
        "feature": { "id": 4, "name": "admin", "type": "STANDARD" },
        "enabled": true,
        "feature_state_value": "secret",
    });
    let not_found = detail("Given feature not found");
    compare(
        [
            (CLIENT, "banner", 200, &banner),
            (CLIENT, "BANNER", 200, &banner),
            (CLIENT, "b%61nner", 200, &banner),
            (CLIENT, "colour", 200, &colour),
            (CLIENT, "Colour", 200, &colour),
            (CLIENT, "old%20search", 200, &search),
            (CLIENT, "old+search", 200, &search),
            (CLIENT, "OLD+SEARCH&feature=", 200, &Value::Null),
            (CLIENT, "banner&other=1", 200, &banner),
            (CLIENT, "admin", 404, &not_found),
            (CLIENT, "ADMIN", 404, &not_found),
            (CLIENT, "admin+beta", 404, &not_found),
            (SERVER, "admin", 200, &admin),
            (CLIENT, "1", 404, &not_found),
            (CLIENT, "bann", 404, &not_found),
            (CLIENT, "banner%20", 404, &not_found),
            (CLIENT, "%00", 404, &not_found),
            (SERVER, "nothing", 404, &not_found),
        ]
        .map(|(key, query, status, body)| {
            let found = edge.get(&format!("/api/v1/flags/?feature={query}")).key(key).json();
            // The last parameter of a name counts. An empty one counts as absent, so the list is answered.
            let list = edge.get(FLAGS).key(key).json().1;
            let expected = if body.is_null() { list } else { body.clone() };
            (format!("{query} {key}"), found, (status, expected))
        }),
    );
}

#[test]
fn case_is_ignored_in_other_alphabets_too() {
    let edge = edge(&shop().with("/feature_states/0/feature/name", json!("Öffnung")));
    let name = |query| edge.get(query).key(CLIENT).json().1["feature"]["name"].clone();
    compare([
        ("lower", name("/api/v1/flags/?feature=%C3%B6ffnung"), json!("Öffnung")),
        ("upper", name("/api/v1/flags/?feature=%C3%96FFNUNG"), json!("Öffnung")),
    ]);
}

#[test]
fn an_empty_feature_parameter_gives_the_list() {
    let edge = edge(&shop());
    for path in [
        "/api/v1/flags/?feature=",
        "/api/v1/flags/?feature",
        "/api/v1/flags/?other=banner",
        "/api/v1/flags/?",
    ] {
        assert_eq!(edge.get(path).key(CLIENT).answer().text(), FOR_CLIENTS, "{path}");
    }
}
