//! All ways to ask for a flag agree: lists, one feature, identities by `GET` and by `POST`, and what a document says that
//! was served. The document has what servers and SDKs have answered differently: identities that are pinned to a variant,
//! flags that depend on flags, segments that need no identity. `tests/quick/agreement.rs` asks the command line.

use engine::Document;
use invariants::{Flags, flags};
use serde_json::{Value, json};

use crate::ask::{DOCUMENT, FLAGS, IDENTITIES};
use crate::compare::compare;
use crate::edge::{CLIENT, Edge, SERVER, edge};

const FIXTURE: &str =
    include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/fixtures/agreement.json"));
const IDENTIFIERS: [&str; 6] = ["blue at 100", "green at 100", "all at 0", "plain", "by hash", "stranger"];

fn flags_of<'a>(list: impl IntoIterator<Item = &'a Value>) -> Flags {
    let flags = list.into_iter().map(|flag| {
        let name = flag["feature"]["name"].as_str().unwrap().to_owned();
        (name, json!([flag["enabled"], flag["feature_state_value"]]))
    });
    flags.collect()
}

/// Each way to ask, and what it says. A feature by its name is asked for in capitals, too.
fn asked(edge: &Edge, key: &str, identifier: Option<&str>, plan: Option<&str>) -> Vec<(String, Flags)> {
    let encoded = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
    let ask = |query: &str| match (identifier, plan) {
        (None, _) => edge.get(&format!("{FLAGS}?{query}")).key(key).json().1,
        (Some(identifier), None) => {
            edge.get(&format!("{IDENTITIES}?identifier={}&{query}", encoded(identifier))).key(key).json().1
        }
        (Some(identifier), Some(plan)) => {
            let traits = json!([{ "trait_key": "plan", "trait_value": plan }]);
            let body = json!({ "identifier": identifier, "traits": traits });
            edge.post(&format!("{IDENTITIES}?{query}"), body.to_string()).key(key).json().1
        }
    };
    let list = ask("");
    let list = list.as_array().or_else(|| list["flags"].as_array()).unwrap();
    let names: Vec<&str> = list.iter().map(|flag| flag["feature"]["name"].as_str().unwrap()).collect();
    let one = |change: fn(&str) -> String| {
        let flags: Vec<Value> =
            names.iter().map(|name| ask(&format!("feature={}", encoded(&change(name))))).collect();
        flags_of(&flags)
    };
    vec![
        ("list".to_owned(), flags_of(list)),
        ("one by one".to_owned(), one(str::to_owned)),
        ("one by one, in capitals".to_owned(), one(str::to_uppercase)),
    ]
}

#[test]
fn routes_and_documents_agree() {
    let document: Value = serde_json::from_str(FIXTURE).unwrap();
    let mut situations = Vec::new();
    for (parent, composite) in [(true, true), (false, true), (true, false)] {
        let mut document = document.clone();
        document["feature_states"][2]["enabled"] = json!(parent);
        document["use_identity_composite_key_for_hashing"] = json!(composite);
        let edge = edge(&document);
        let served = edge.get(DOCUMENT).key(SERVER).answer().text();
        let [document, served] = [&document.to_string(), &served].map(|text| Document::parse(text).unwrap());
        let named = IDENTIFIERS.into_iter().flat_map(|name| [(Some(name), None), (Some(name), Some("gold"))]);
        for (identifier, plan) in named.chain([(None, None)]) {
            let expected = flags(&document, identifier, plan);
            let mut for_clients = expected.clone();
            for_clients.remove("gate");
            let name = format!("parent {parent}, composite {composite}, {identifier:?}, {plan:?}");
            let of_served = flags(&served, identifier, plan);
            situations.push((format!("{name}: the served document"), of_served, expected.clone()));
            for (key, expected) in [(SERVER, expected), (CLIENT, for_clients)] {
                for (way, found) in asked(&edge, key, identifier, plan) {
                    situations.push((format!("{name}, {key}: {way}"), found, expected.clone()));
                }
            }
        }
    }
    compare(situations);
}

/// What they agree on is right.
#[test]
fn pinned_identities_and_segments_that_need_no_identity() {
    let edge = edge(&serde_json::from_str(FIXTURE).unwrap());
    let colour = |identifier: &str| asked(&edge, CLIENT, Some(identifier), None)[0].1["Colour"][1].clone();
    // MD5 of "75,client_by hash" falls on 35.68, of "501,client_stranger" on 80.98.
    compare(
        IDENTIFIERS
            .into_iter()
            .zip(["blue", "green", "grey", "magenta", "b", "blue"])
            .map(|(identifier, expected)| (identifier, colour(identifier), json!(expected))),
    );
    let list = &asked(&edge, CLIENT, None, None)[0].1;
    let on: Vec<&str> =
        list.iter().filter(|(_, flag)| flag[0] == true).map(|(name, _)| name.as_str()).collect();
    assert_eq!(on, ["Colour", "behind", "child", "grandchild", "here", "newcomer", "parent"]);
}
