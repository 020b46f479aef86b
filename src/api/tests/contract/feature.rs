//! `?feature=` (`PROTOCOL.md`, 3): the same name gives the same feature, or none, on all routes.

use serde_json::{Value, json};

use crate::ask::{Answer, FLAGS, IDENTITIES, detail};
use crate::compare::compare;
use crate::edge::{CLIENT, Edge, Read, SERVER, edge};

/// An environment with features of these names; the ids count from 1, and these are for servers only.
fn features(names: &[&str], server_only: &[u32]) -> Value {
    let states = names.iter().zip(1..);
    let states = states.map(|(name, id)| json!({ "feature": { "id": id, "name": name }, "enabled": true }));
    json!({
        "api_key": "client",
        "project": { "segments": [], "server_key_only_feature_ids": server_only },
        "feature_states": states.collect::<Vec<Value>>(),
    })
}

/// The three ways to ask for one feature.
fn ask(edge: &Edge, key: &str, name: &str) -> [Answer; 3] {
    let query: String = form_urlencoded::byte_serialize(name.as_bytes()).collect();
    [
        edge.get(&format!("{FLAGS}?feature={query}")).key(key).answer(),
        edge.get(&format!("{IDENTITIES}?identifier=ann&feature={query}")).key(key).answer(),
        edge.post(&format!("{IDENTITIES}?feature={query}"), r#"{"identifier":"ann"}"#).key(key).answer(),
    ]
}

/// The name of the feature that is answered, or the error.
fn found(edge: &Edge, key: &str, name: &str) -> [(u16, Value); 3] {
    ask(edge, key, name).map(|answer| {
        let (status, body) = answer.json();
        (status, body.pointer("/feature/name").unwrap_or(&body).clone())
    })
}

#[test]
fn the_exact_name_counts_first_and_then_any_case() {
    let names = ["Banner", "BANNER", "banner", "Straße", "İ", "ſmall", "\u{212a}ELVIN", "a\"b\\c", " x "];
    let edge = edge(&features(&names, &[]));
    let situations = [
        ("banner", Some("banner")),
        ("BANNER", Some("BANNER")),
        ("Banner", Some("Banner")),
        ("bAnNeR", Some("Banner")),
        ("STRAßE", Some("Straße")),
        ("STRASSE", None),
        ("İ", Some("İ")),
        ("i", None),
        ("i\u{307}", None),
        ("SMALL", Some("ſmall")),
        ("kelvin", Some("\u{212a}ELVIN")),
        ("A\"B\\C", Some("a\"b\\c")),
        (" X ", Some(" x ")),
        ("x", None),
        ("bann", None),
        ("banner\0", None),
    ];
    compare(situations.map(|(name, expected)| {
        let expected = match expected {
            Some(name) => (200, json!(name)),
            None => (404, detail("Given feature not found")),
        };
        (name, found(&edge, CLIENT, name), [expected.clone(), expected.clone(), expected])
    }));
}

#[test]
fn hidden_features_do_not_stand_before_visible_ones() {
    let mut document = features(&["Gate", "gate", "GATE", "admin"], &[1, 4]);
    document["feature_states"][1]["enabled"] = json!(false);
    let [all, enabled] = [false, true].map(|hide| {
        let mut document = document.clone();
        document["hide_disabled_flags"] = json!(hide);
        edge(&document)
    });
    let of = |status: u16, name: &str| {
        let found = if status == 200 { json!(name) } else { detail("Given feature not found") };
        std::array::from_fn(|_| (status, found.clone()))
    };
    compare([
        ("exact, hidden from clients", found(&all, CLIENT, "Gate"), of(200, "gate")),
        ("exact, for servers", found(&all, SERVER, "Gate"), of(200, "Gate")),
        ("another case", found(&all, CLIENT, "gATE"), of(200, "gate")),
        ("exact, hidden because it is off", found(&enabled, CLIENT, "gate"), of(200, "GATE")),
        ("the same for servers", found(&enabled, SERVER, "gate"), of(200, "Gate")),
        ("hidden in every case", found(&all, CLIENT, "ADMIN"), of(404, "")),
        ("shown to servers", found(&all, SERVER, "ADMIN"), of(200, "admin")),
    ]);
}

#[test]
fn empty_and_repeated_parameters() {
    let edge = edge(&features(&["a", "b"], &[]));
    let names = |query: &str| {
        let answers = [format!("{FLAGS}?{query}"), format!("{IDENTITIES}?identifier=ann&{query}")];
        answers.map(|path| {
            let (_, body) = edge.get(&path).key(CLIENT).json();
            body.pointer("/feature/name").map_or_else(|| json!("all"), Clone::clone)
        })
    };
    compare(
        [
            ("feature=", "all"),
            ("feature", "all"),
            ("feature=a&feature=", "all"),
            ("feature=&feature=b", "b"),
            ("feature=a&feature=b", "b"),
            ("Feature=a", "all"),
            ("feature%3Da", "all"),
            ("%66eature=a", "a"),
        ]
        .map(|(query, expected)| (query, names(query), [json!(expected), json!(expected)])),
    );
}

/// A name is compared with 20,000 features. One that is too long for all of them is compared with none.
#[test]
fn a_name_that_no_feature_can_have_is_answered_at_once() {
    let long = "İ".repeat(2_000);
    let edge = edge(&features(&["a", &long], &[]));
    compare([(long.clone(), 200, true), (long + "İ", 404, false)].map(|(name, status, looks)| {
        let outline = ask(&edge, CLIENT, &name).map(|answer| {
            let looked = answer.read.iter().any(|read| matches!(read, Read::Section(_) | Read::Compiled));
            (answer.status, looked)
        });
        (name.chars().count(), outline, [(status, looks); 3])
    }));
}
