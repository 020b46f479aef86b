//! `GET /api/v1/identities/` (`PROTOCOL.md`, 4): which identity it asks about.

use serde_json::{Value, json};

use crate::ask::{IDENTITIES, detail};
use crate::compare::compare;
use crate::documents::shop;
use crate::edge::{CLIENT, Edge, Read, SERVER, edge};

fn ask(edge: &Edge, query: &str) -> crate::ask::Answer {
    edge.get(&format!("{IDENTITIES}?{query}")).key(CLIENT).answer()
}

/// The members of flags and identities in this order, and nothing beside them.
const USER_2: &str = concat!(
    r#"{"identifier":"user-2","traits":[],"flags":["#,
    r#"{"feature":{"id":1,"name":"banner","type":"STANDARD"},"enabled":true,"feature_state_value":"blue","variant":null,"reason":"DEFAULT"},"#,
    r#"{"feature":{"id":2,"name":"limit","type":"STANDARD"},"enabled":true,"feature_state_value":10,"variant":null,"reason":"DEFAULT"},"#,
    r#"{"feature":{"id":3,"name":"old search","type":"STANDARD"},"enabled":false,"feature_state_value":null,"variant":null,"reason":"DEFAULT"},"#,
    r#"{"feature":{"id":5,"name":"Colour","type":"MULTIVARIATE"},"enabled":true,"feature_state_value":"green","variant":null,"reason":"SPLIT; weight=30"},"#,
    r#"{"feature":{"id":7,"name":"beta","type":"STANDARD"},"enabled":false,"feature_state_value":"on trial","variant":null,"reason":"DEFAULT"}]}"#,
);

#[test]
fn an_identity_byte_by_byte() {
    let edge = edge(&shop());
    let answers = [ask(&edge, "identifier=user-2"), edge.identify(&json!({ "identifier": "user-2" }))];
    for answer in answers {
        assert_eq!(answer.text(), USER_2);
        assert_eq!((answer.status, answer.header("content-type")), (200, "application/json".to_owned()));
        assert_eq!((answer.section, answer.read), (None, vec![Read::Environment, Read::Compiled]));
    }
}

/// Each of these has an override, so that evaluation sees the identifier that is echoed.
#[test]
fn identifiers_are_decoded_once() {
    let edge = edge(&shop());
    let situations = [
        ("identifier=ann", "ann", "ann"),
        ("identifier=sch%C3%B6n", "schön", "schön"),
        ("identifier=a%2Bb", "a+b", "a+b"),
        ("identifier=a+b", "a b", "a b"),
        ("identifier=a%20b", "a b", "a b"),
        ("identifier=a%2Fb", "a/b", "a/b"),
        ("identifier=a/b", "a/b", "a/b"),
        ("identifier=100%25", "100%", "100%"),
        ("identifier=100%", "100%", "100%"),
        ("identifier=100%2525", "100%25", "blue"),
        ("identifier=007", "007", "007"),
        ("identifier=7", "7", "blue"),
        ("identifier=Ann", "Ann", "blue"),
        ("identifier=%61nn", "ann", "ann"),
        ("%69dentifier=ann", "ann", "ann"),
        ("identifier=bob&identifier=ann", "ann", "ann"),
        ("x=1&identifier=ann&y=2", "ann", "ann"),
        ("identifier=ann&", "ann", "ann"),
        ("identifier=a%26b%3Dc", "a&b=c", "blue"),
        ("identifier=a=b", "a=b", "blue"),
        ("identifier=%F0%9F%9A%A9", "\u{1F6A9}", "blue"),
        ("identifier=%22%5C%0A", "\"\\\n", "blue"),
        ("identifier=%20", " ", "blue"),
        ("identifier=null", "null", "blue"),
        ("identifier=%FF", "\u{FFFD}", "blue"),
    ];
    compare(situations.map(|(query, identifier, banner)| {
        let answer = ask(&edge, query);
        let (status, body) = answer.json();
        let found = (status, body["identifier"].clone(), answer.flag("banner"));
        (query, found, (200, json!(identifier), json!([true, banner])))
    }));
}

#[test]
fn an_identifier_is_needed() {
    let edge = edge(&shop());
    let queries =
        ["", "identifier", "identifier=", "identifier=ann&identifier=", "Identifier=ann", "transient=true"];
    compare(queries.map(|query| (query, ask(&edge, query).json(), (400, detail("Missing identifier")))));
    assert_eq!(edge.get(IDENTITIES).key(CLIENT).json(), (400, detail("Missing identifier")));
}

#[test]
fn identifiers_of_every_length() {
    let edge = edge(&shop());
    let too_long = json!({ "identifier": ["Ensure this field has no more than 2000 characters."] });
    let name = |letter: &str, count| letter.repeat(count);
    compare(
        [
            (name("x", 2000), true),
            (name("x", 2001), false),
            (name("ö", 2000), true),
            (name("ö", 2001), false),
        ]
        .into_iter()
        .flat_map(|(identifier, fits)| {
            let encoded: String = identifier.bytes().map(|byte| format!("%{byte:02X}")).collect();
            let answers = [
                ask(&edge, &format!("identifier={encoded}")).json(),
                edge.identify(&json!({ "identifier": identifier })).json(),
            ];
            let expected = if fits { (200, json!(identifier)) } else { (400, too_long.clone()) };
            answers.map(|(status, body)| {
                let found = if status == 200 { body["identifier"].clone() } else { body };
                (identifier.chars().count(), (status, found), expected.clone())
            })
        }),
    );
}

#[test]
fn a_transient_get_ignores_the_identitys_own_overrides() {
    let edge = edge(&shop());
    let without_override = json!([true, "blue"]);
    let known = json!([true, "ann"]);
    let situations = [
        ("identifier=ann", &known),
        ("identifier=ann&transient=true", &without_override),
        ("identifier=ann&transient=1", &without_override),
        // Any text says yes, as in Flagsmith's API.
        ("identifier=ann&transient=false", &without_override),
        ("identifier=ann&transient=", &known),
        ("identifier=ann&transient", &known),
    ];
    compare(situations.map(|(query, banner)| {
        let answer = ask(&edge, query);
        let (status, body) = answer.json();
        let found = (status, body["identifier"].clone(), body["traits"].clone(), answer.flag("banner"));
        (query, found, (200, json!("ann"), json!([]), banner.clone()))
    }));
}

#[test]
fn one_feature() {
    let edge = edge(&shop());
    let banner = |value: &str, segment: &str| {
        json!({
            "feature": { "id": 1, "name": "banner", "type": "STANDARD" },
            "enabled": true,
            "feature_state_value": value,
            "variant": null,
            "reason": format!("TARGETING_MATCH; segment={segment}"),
        })
    };
    let ann = banner("ann", "identity_overrides");
    let not_found = detail("Given feature not found");
    let get = |key, query: &str| edge.get(&format!("{IDENTITIES}?{query}")).key(key).json();
    let post = |query: &str, body: Value| {
        edge.post(&format!("{IDENTITIES}?{query}"), body.to_string()).key(CLIENT).json()
    };
    let gold = json!({ "traits": [{ "trait_key": "plan", "trait_value": "gold" }] });
    compare([
        ("known", get(CLIENT, "identifier=ann&feature=banner"), (200, ann.clone())),
        ("other case", get(CLIENT, "identifier=ann&feature=Banner"), (200, ann.clone())),
        ("exact case", (get(CLIENT, "identifier=ann&feature=Colour").0, Value::Null), (200, Value::Null)),
        ("unknown", get(CLIENT, "identifier=ann&feature=x"), (404, not_found.clone())),
        ("for servers", get(CLIENT, "identifier=ann&feature=admin"), (404, not_found.clone())),
        ("to a server", (get(SERVER, "identifier=ann&feature=admin").0, Value::Null), (200, Value::Null)),
        ("posted", post("feature=banner", json!({ "identifier": "ann" })), (200, ann.clone())),
        ("posted, with traits", post("feature=banner", gold), (200, banner("gold", "segment 11"))),
        ("posted, unknown", post("feature=x", json!({ "identifier": "ann" })), (404, not_found)),
        ("no identifier", get(CLIENT, "feature=banner"), (400, detail("Missing identifier"))),
    ]);
}
