//! Identities without a name, and transient ones (`PROTOCOL.md`, 5.1 and 5.3).

use serde_json::{Value, json};

use crate::ask::IDENTITIES;
use crate::compare::compare;
use crate::documents::shop;
use crate::edge::{CLIENT, RANDOM, Read, edge};

/// SHA-256 of `age7betaTrueplangoldrate1.5`.
const MIXED: &str = "4d9f26c83661ed19b4c1133bd75a95a8abaac4df6cb2ef56e1e205f6d4611520";
/// SHA-256 of `plangold`.
const GOLD: &str = "c5501db73aba343c1859b9ec00592baa92ac6371470afd7f723821d07372c8f6";

#[test]
fn an_identity_without_a_name_is_named_by_its_traits() {
    let edge = edge(&shop());
    let random = format!("{RANDOM:032x}");
    let gold = r#"{"trait_key":"plan","trait_value":"gold"}"#;
    let mixed = concat!(
        r#"{"trait_key":"rate","trait_value":1.50},{"trait_key":"plan","trait_value":"gold"},"#,
        r#"{"trait_key":"beta","trait_value":true},{"trait_key":"age","trait_value":7}"#,
    );
    let traits = |traits: &str| format!(r#"{{"identifier": null, "traits": [{traits}]}}"#);
    let situations = [
        ("null", traits(gold), GOLD),
        ("blank", format!(r#"{{"identifier": "", "traits": [{gold}]}}"#), GOLD),
        ("absent", format!(r#"{{"traits": [{gold}]}}"#), GOLD),
        ("absent, said to be transient", format!(r#"{{"transient": true, "traits": [{gold}]}}"#), GOLD),
        ("in another order", traits(mixed), MIXED),
        ("nulls do not count", traits(&format!(r#"{{"trait_key":"x","trait_value":null}},{gold}"#)), GOLD),
        (
            "the last of a key counts",
            traits(&format!(r#"{{"trait_key":"plan","trait_value":1}},{gold}"#)),
            GOLD,
        ),
        (
            "transient traits count",
            traits(r#"{"trait_key":"plan","trait_value":"gold","transient":true}"#),
            GOLD,
        ),
        (
            "a large float, and no",
            traits(r#"{"trait_key":"count","trait_value":false},{"trait_key":"big","trait_value":1e20}"#),
            "d7ad8784fd52957369b75d31c771d7b1154689d3735481973c2bda1ebcf8b96a",
        ),
        (
            "a float that is whole",
            traits(r#"{"trait_key":"a","trait_value":1.0}"#),
            "85e9a913e48869c71ea5927eb838194b834a186ed196471e47352180918e7d0c",
        ),
        (
            "an integer",
            traits(r#"{"trait_key":"a","trait_value":1}"#),
            "f55ff16f66f43360266b95db6f8fec01d76031054306ae4a4b380598f6cfd114",
        ),
        (
            "a text that is a number is that text",
            traits(r#"{"trait_key":"a","trait_value":"1"}"#),
            "f55ff16f66f43360266b95db6f8fec01d76031054306ae4a4b380598f6cfd114",
        ),
        (
            "an integer of any size",
            traits(r#"{"trait_key":"n","trait_value":123456789012345678901234567890}"#),
            "14141c7ffeaedfd79d98f825817228495f355ef53760da1118dc3de673dae621",
        ),
        (
            "letters, escaped or not",
            traits(r#"{"trait_key":"b","trait_value":"\u00df"}"#),
            "94eef4cd52f68768f148d242bb570da6d9d1e454b3b8ef5695218d088273d47a",
        ),
        ("no traits", "{}".to_owned(), &random),
        ("null and no traits", r#"{"identifier": null, "traits": []}"#.to_owned(), &random),
        ("blank and null traits", r#"{"identifier": "", "traits": null}"#.to_owned(), &random),
        ("only nulls", traits(r#"{"trait_key":"x","trait_value":null}"#), &random),
    ];
    compare(situations.map(|(situation, body, name)| {
        let (status, answer) = edge.post(IDENTITIES, body).key(CLIENT).json();
        (situation, (status, answer["identifier"].clone()), (200, json!(name)))
    }));
}

#[test]
fn random_bits_are_read_only_for_a_random_name() {
    let edge = edge(&shop());
    let asked = |body: Value| edge.identify(&body).read.contains(&Read::Random);
    compare([
        ("named", asked(json!({ "identifier": "ann" })), false),
        ("named by traits", asked(json!({ "traits": [{ "trait_key": "a", "trait_value": 1 }] })), false),
        ("not named at all", asked(json!({})), true),
    ]);
}

#[test]
fn the_generated_name_is_the_one_that_is_evaluated() {
    let edge = edge(&shop());
    let body = json!({ "traits": [{ "trait_key": "plan", "trait_value": "gold" }] });
    let nameless = edge.identify(&body).json().1;
    let mut named = body;
    named["identifier"] = json!(GOLD);
    assert_eq!(nameless, edge.identify(&named).json().1);
}

#[test]
fn a_transient_identity_is_evaluated_like_any_other() {
    let edge = edge(&shop());
    let gold = json!([{ "trait_key": "plan", "trait_value": "gold" }]);
    let ask = |body: Value| edge.identify(&body).json();
    let lasting = ask(json!({ "identifier": "ann", "traits": gold }));
    assert_eq!(lasting.0, 200);
    compare([
        ("true", ask(json!({ "identifier": "ann", "traits": gold, "transient": true })), lasting.clone()),
        ("false", ask(json!({ "identifier": "ann", "traits": gold, "transient": false })), lasting.clone()),
        ("null", ask(json!({ "identifier": "ann", "traits": gold, "transient": null })), lasting),
    ]);
}

#[test]
fn a_transient_trait_is_evaluated_and_shown_as_such() {
    let edge = edge(&shop());
    let sent = json!([
        { "trait_key": "plan", "trait_value": "gold", "transient": true },
        { "trait_key": "age", "trait_value": 18, "transient": false },
        { "trait_key": "town", "trait_value": "Ulm", "transient": null },
    ]);
    let answer = edge.identify(&json!({ "identifier": "user-0", "traits": sent }));
    let expected = json!([
        { "trait_key": "plan", "trait_value": "gold", "transient": true },
        { "trait_key": "age", "trait_value": 18 },
        { "trait_key": "town", "trait_value": "Ulm" },
    ]);
    assert_eq!(answer.json().1["traits"], expected);
    assert_eq!(
        [answer.flag("banner"), answer.flag("old search")],
        [json!([true, "gold"]), json!([true, null])]
    );
    let later = edge.get("/api/v1/identities/?identifier=user-0").key(CLIENT).answer();
    assert_eq!((later.json().1["traits"].clone(), later.flag("banner")), (json!([]), json!([true, "blue"])));
}
