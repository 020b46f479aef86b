//! Flags of an identity: which override wins, and what is hashed (`PROTOCOL.md`, 8).

use serde_json::{Value, json};

use crate::ask::IDENTITIES;
use crate::compare::compare;
use crate::documents::{With, shop};
use crate::edge::{CLIENT, edge};

fn identity(identifier: &str, traits: &[(&str, Value)]) -> Value {
    let traits = traits.iter().map(|(key, value)| json!({ "trait_key": key, "trait_value": value }));
    json!({ "identifier": identifier, "traits": traits.collect::<Vec<Value>>() })
}

#[test]
fn the_strongest_override_wins() {
    let edge = edge(&shop());
    let gold = || ("plan", json!("gold"));
    let situations = [
        ("default", identity("user-0", &[]), json!([true, "blue"])),
        ("segment", identity("user-0", &[gold()]), json!([true, "gold"])),
        ("a segment of identifiers", identity("vip", &[]), json!([true, "vip"])),
        ("the lower priority number", identity("vip", &[gold()]), json!([true, "vip"])),
        (
            "the lowest, which disables",
            identity("vip", &[gold(), ("left", json!(1))]),
            json!([false, "gone"]),
        ),
        ("the identity's own", identity("ann", &[]), json!([true, "ann"])),
        ("the identity's own over all", identity("ann", &[gold(), ("left", json!(1))]), json!([true, "ann"])),
        ("identifiers that are numbers", identity("007", &[gold()]), json!([true, "007"])),
        ("other case", identity("ANN", &[]), json!([true, "blue"])),
    ];
    compare(
        situations.map(|(situation, body, banner)| (situation, edge.identify(&body).flag("banner"), banner)),
    );
}

#[test]
fn an_override_leaves_other_features_alone() {
    let edge = edge(&shop());
    let answer = edge.identify(&identity("ann", &[("plan", json!("gold"))]));
    assert_eq!([answer.flag("banner"), answer.flag("limit")], [json!([true, "ann"]), json!([true, 100])]);
}

#[test]
fn numeric_texts_are_compared_as_numbers() {
    let edge = edge(&shop());
    let ages = [
        (json!(18), true),
        (json!(17), false),
        (json!(18.5), true),
        (json!(17.9), false),
        (json!("18"), true),
        (json!("17"), false),
        (json!("018"), true),
        (json!("18.0"), true),
        (json!("old"), true),
        (json!(""), false),
        (Value::Null, false),
    ];
    compare(ages.map(|(age, grown)| {
        let answer = edge.identify(&identity("user-0", &[("age", age.clone())]));
        (age, answer.flag("old search"), json!([grown, null]))
    }));
}

/// The expected colours and halves were computed by another program, from the description of hashing in
/// `src/engine/SEMANTICS.md`, 6.1.
#[test]
fn the_switch_decides_which_key_is_hashed() {
    let composite = edge(&shop());
    let bare = edge(&shop().with("/use_identity_composite_key_for_hashing", json!(false)));
    // Colour and half, with the composite key and with the identifier alone.
    let situations = [
        ("user-0", ["white", "white"], [true, false]),
        ("user-1", ["white", "green"], [true, false]),
        ("user-2", ["green", "green"], [false, true]),
        ("user-4", ["red", "red"], [false, false]),
        ("user-7", ["green", "red"], [true, true]),
        ("user-12", ["white", "red"], [true, true]),
        ("user-14", ["green", "red"], [true, true]),
        ("user-17", ["red", "white"], [false, false]),
        ("user-22", ["green", "red"], [true, true]),
        ("user-29", ["green", "white"], [true, true]),
        ("user-34", ["white", "red"], [false, true]),
        ("schön", ["white", "white"], [true, false]),
        ("a+b", ["red", "red"], [false, false]),
        ("007", ["red", "green"], [false, true]),
    ];
    compare(situations.into_iter().flat_map(|(identifier, [colour, colour_bare], [half, half_bare])| {
        let paths = [("composite", &composite, colour, half), ("bare", &bare, colour_bare, half_bare)];
        paths.into_iter().flat_map(move |(name, edge, colour, half)| {
            let get = edge
                .get(&format!(
                    "{IDENTITIES}?identifier={}",
                    identifier.replace('+', "%2B").replace('ö', "%C3%B6")
                ))
                .key(CLIENT)
                .answer();
            let post = edge.identify(&json!({ "identifier": identifier }));
            [get, post].map(|answer| {
                let found = (answer.flag("Colour"), answer.flag("beta"));
                (format!("{identifier}, {name}"), found, (json!([true, colour]), json!([half, "on trial"])))
            })
        })
    }));
}
