//! Identities whose traits are stored (`PROTOCOL.md`, 12).

use serde_json::{Value, json};

use crate::ask::{Answer, IDENTITIES};
use crate::compare::compare;
use crate::documents::{With, shop};
use crate::edge::{Broken, CLIENT, Edge, OVER_LIMIT, SERVER, edge};

fn storing() -> Edge {
    edge(&shop()).storing_traits()
}

fn traits(traits: &Value) -> Vec<Value> {
    let one = |(key, value): (&String, &Value)| json!({ "trait_key": key, "trait_value": value });
    traits.as_object().unwrap().iter().map(one).collect()
}

impl Edge {
    /// `POST` of an identity with these traits; afterwards they are stored.
    fn set(&self, identifier: &str, sent: &Value) -> Answer {
        let body = json!({ "identifier": identifier, "traits": traits(sent) });
        self.post(IDENTITIES, body.to_string()).key(CLIENT).settled()
    }

    fn see(&self, identifier: &str) -> Answer {
        self.get(&format!("{IDENTITIES}?identifier={identifier}")).key(CLIENT).settled()
    }
}

/// What an answer says of traits, and what the trait `plan` makes of the flag `banner`.
fn outline(answer: &Answer) -> (String, Value, Value) {
    let (_, body) = answer.json();
    (answer.header("jackstaff-traits"), body["traits"].clone(), answer.flag("banner")[1].clone())
}

fn outlined(state: &str, sent: &Value, banner: &str) -> (String, Value, Value) {
    (state.to_owned(), traits(sent).into(), banner.into())
}

#[test]
fn the_life_of_a_trait() {
    let edge = storing();
    let steps = [
        ("nobody yet", edge.see("bob"), outlined("unchanged", &json!({}), "blue")),
        (
            "set",
            edge.set("bob", &json!({ "age": 7, "plan": "gold" })),
            outlined("pending", &json!({ "age": 7, "plan": "gold" }), "gold"),
        ),
        ("remembered", edge.see("bob"), outlined("unchanged", &json!({ "age": 7, "plan": "gold" }), "gold")),
        (
            "sent again",
            edge.set("bob", &json!({ "plan": "gold" })),
            outlined("unchanged", &json!({ "age": 7, "plan": "gold" }), "gold"),
        ),
        (
            "merged",
            edge.set("bob", &json!({ "age": 8.5, "ok": true })),
            outlined("pending", &json!({ "age": 8.5, "plan": "gold" , "ok": true }), "gold"),
        ),
        (
            "deleted",
            edge.set("bob", &json!({ "ok": null, "plan": null })),
            outlined("pending", &json!({ "age": 8.5 }), "blue"),
        ),
        ("gone", edge.see("bob"), outlined("unchanged", &json!({ "age": 8.5 }), "blue")),
        ("nobody else has any", edge.see("eve"), outlined("unchanged", &json!({}), "blue")),
    ];
    compare(steps.map(|(step, answer, mut expected)| {
        let mut found = outline(&answer);
        // In whatever order.
        for list in [&mut found.1, &mut expected.1] {
            list.as_array_mut().unwrap().sort_by_key(|one| one["trait_key"].to_string());
        }
        (step, found, expected)
    }));
    assert_eq!(edge.stored("bob"), Some(json!({ "age": 8.5 })));
}

/// The JavaScript SDK replaces its traits by those of the answer, and takes them in this order.
#[test]
fn stored_traits_come_in_the_order_in_which_they_were_set_first() {
    let edge = storing();
    edge.set("bob", &json!({ "b": 1 }));
    edge.set("bob", &json!({ "a": 1, "c": 1 }));
    let answer = edge.set("bob", &json!({ "b": 2, "d": 1 }));
    let keys = |answer: &Answer| -> Vec<Value> {
        answer.json().1["traits"].as_array().unwrap().iter().map(|one| one["trait_key"].clone()).collect()
    };
    assert_eq!(keys(&answer), ["b", "a", "c", "d"]);
    assert_eq!(keys(&edge.see("bob")), ["b", "a", "c", "d"]);
}

#[test]
fn what_is_transient_counts_once_and_is_not_stored() {
    let edge = storing();
    edge.set("bob", &json!({ "age": 7, "plan": "silver" }));
    let post = |body: &Value| edge.post(IDENTITIES, body.to_string()).key(CLIENT).settled();
    let transient = json!({ "trait_key": "plan", "trait_value": "gold", "transient": true });
    let gone = json!({ "trait_key": "plan", "trait_value": null, "transient": true });
    let set = json!({ "trait_key": "plan", "trait_value": "gold" });
    let age = json!({ "trait_key": "age", "trait_value": 7 });
    let silver = json!({ "trait_key": "plan", "trait_value": "silver" });
    let of = |one: &Value| json!({ "identifier": "bob", "traits": [one] });
    let situations = [
        ("a trait", post(&of(&transient)), ("unchanged".into(), json!([age, transient]), json!("gold"))),
        ("a trait that is left out", post(&of(&gone)), ("unchanged".into(), json!([age]), json!("blue"))),
        (
            "an identity",
            post(&json!({ "identifier": "bob", "transient": true, "traits": [set] })),
            ("off".into(), json!([age, transient]), json!("gold")),
        ),
        (
            "a GET",
            edge.get(&format!("{IDENTITIES}?identifier=bob&transient=true")).key(CLIENT).settled(),
            ("off".into(), json!([]), json!("blue")),
        ),
        ("afterwards", edge.see("bob"), ("unchanged".into(), json!([age, silver]), json!("blue"))),
    ];
    compare(situations.map(|(situation, answer, expected)| (situation, outline(&answer), expected)));
    assert_eq!(edge.identities.borrow().len(), 1);
}

#[test]
fn who_has_no_traits_to_be_stored_is_not_stored() {
    let edge = storing();
    let transient = json!({ "trait_key": "plan", "trait_value": "gold", "transient": true });
    edge.see("a");
    edge.set("b", &json!({}));
    edge.set("c", &json!({ "plan": null }));
    for body in [
        json!({ "identifier": "d", "traits": [transient] }),
        json!({ "identifier": "e", "transient": true, "traits": traits(&json!({ "plan": "gold" })) }),
        json!({ "traits": traits(&json!({ "plan": "gold" })) }),
        json!({ "identifier": null, "traits": traits(&json!({ "plan": "gold" })) }),
        json!({ "identifier": " ", "traits": traits(&json!({ "plan": "gold" })) }),
    ] {
        edge.post(IDENTITIES, body.to_string()).key(CLIENT).settled();
    }
    assert!(edge.identities.borrow().is_empty());
}

#[test]
fn environments_and_organisations_that_store_nothing() {
    let no_persistence = |on: bool| {
        let organisation = "/project/organisation";
        let mut document = shop();
        document.pointer_mut(organisation).unwrap()["persist_trait_data"] = on.into();
        document
    };
    for (situation, edge, expected) in [
        ("not set", edge(&shop()), "off"),
        ("not allowed", edge(&no_persistence(false)).storing_traits(), "off"),
        ("allowed", edge(&no_persistence(true)).storing_traits(), "pending"),
    ] {
        let answer = edge.set("bob", &json!({ "plan": "gold" }));
        assert_eq!(outline(&answer), outlined(expected, &json!({ "plan": "gold" }), "gold"), "{situation}");
        let is_stored = edge.stored("bob").is_some();
        assert_eq!(is_stored, expected == "pending", "{situation}");
        let reads = answer.read.iter().filter(|read| **read == crate::edge::Read::Identity).count();
        assert_eq!(reads, usize::from(is_stored), "{situation}");
    }
}

/// As in Flagsmith: ignored for evaluation and for storage, and stored traits are still answered.
#[test]
fn traits_of_a_client_side_key_that_are_not_allowed() {
    let edge = edge(&shop().with("/allow_client_traits", false.into())).storing_traits();
    let body = json!({ "identifier": "bob", "traits": traits(&json!({ "plan": "gold" })) }).to_string();
    let post = |key: &str| edge.post(IDENTITIES, body.as_str()).key(key).settled();
    assert_eq!(outline(&post(CLIENT)), outlined("unchanged", &json!({}), "blue"));
    assert_eq!(outline(&post(SERVER)), outlined("pending", &json!({ "plan": "gold" }), "gold"));
    assert_eq!(
        outline(&edge.set("bob", &json!({ "plan": "x" }))),
        outlined("unchanged", &json!({ "plan": "gold" }), "gold")
    );
}

#[test]
fn sensitive_data_is_stored_and_not_answered() {
    let edge = edge(&shop().with("/hide_sensitive_data", true.into())).storing_traits();
    edge.set("bob", &json!({ "plan": "gold" }));
    assert_eq!(outline(&edge.see("bob")), outlined("unchanged", &json!({}), "gold"));
}

#[test]
fn system_traits_count_and_are_not_shown() {
    let edge = storing();
    edge.set("bob", &json!({ "plan": "silver" }));
    let list = serde_json::from_value(traits(&json!({ "plan": "gold" })).into()).unwrap();
    edge.identities.borrow_mut().values_mut().next().unwrap().system_traits = list;
    assert_eq!(outline(&edge.see("bob")), outlined("unchanged", &json!({ "plan": "silver" }), "gold"));
    edge.set("bob", &json!({ "plan": "x" }));
    assert_eq!(outline(&edge.see("bob")), outlined("unchanged", &json!({ "plan": "x" }), "gold"));
}

/// Errors never cost a flag: what the request says counts.
#[test]
fn a_store_that_fails_costs_no_flag() {
    for broken in [Broken::Identities, Broken::IdentityKey] {
        let edge = storing().without(broken);
        assert_eq!(outline(&edge.see("bob")), outlined("unavailable", &json!({}), "blue"));
        let answer = edge.set("bob", &json!({ "plan": "gold" }));
        let (state, stored) = (answer.header("jackstaff-traits"), edge.stored("bob").is_some());
        // Without the key nothing can be stored.
        assert_eq!((state.as_str(), stored), ("pending", broken == Broken::Identities));
        assert_eq!(answer.flag("banner"), json!([true, "gold"]));
    }
}

#[test]
fn traits_are_stored_whatever_becomes_of_the_flags() {
    let body = json!({ "identifier": "bob", "traits": traits(&json!({ "plan": "gold" })) }).to_string();
    for (edge, path, status) in [
        (storing(), "/api/v1/identities/?feature=banner", 200),
        (storing(), "/api/v1/identities/?feature=unknown", 404),
        (storing().without(Broken::Sections), IDENTITIES, 503),
    ] {
        let answer = edge.post(path, body.as_str()).key(CLIENT).settled();
        assert_eq!(
            (answer.status, answer.header("jackstaff-traits").as_str()),
            (status, "pending"),
            "{path}"
        );
        assert_eq!(edge.stored("bob"), Some(json!({ "plan": "gold" })), "{path}");
    }
}

/// The coming switch of Flagsmith: they count, and are not stored.
#[test]
fn traits_of_a_client_side_key_that_count_and_may_not_be_stored() {
    let mut document = shop().with("/allow_client_traits", false.into());
    document["allow_client_traits_in_evaluation"] = true.into();
    let edge = edge(&document).storing_traits();
    assert_eq!(
        outline(&edge.set("bob", &json!({ "plan": "gold" }))),
        outlined("unchanged", &json!({ "plan": "gold" }), "gold")
    );
    assert_eq!(edge.stored("bob"), None);
}

#[test]
fn more_than_an_identity_may_have_counts_and_is_not_stored() {
    let edge = storing();
    let many = |from: usize| -> Value { (from..from + 600).map(|n| (format!("t{n}"), json!(n))).collect() };
    assert_eq!(edge.set("bob", &many(0)).header("jackstaff-traits"), "pending");
    let answer = edge.set("bob", &many(600));
    assert_eq!((answer.status, answer.header("jackstaff-traits").as_str()), (200, "refused"));
    assert_eq!(answer.json().1["traits"].as_array().unwrap().len(), 1_200);
    assert_eq!(edge.stored("bob").unwrap().as_object().unwrap().len(), 600);
}

#[test]
fn a_client_with_too_many_writes_has_its_flags_and_nothing_stored() {
    let edge = storing();
    let body = json!({ "identifier": "bob", "traits": traits(&json!({ "plan": "gold" })) }).to_string();
    let answer = edge.post(IDENTITIES, body.as_str()).key(CLIENT).from(OVER_LIMIT).settled();
    assert_eq!(outline(&answer), outlined("pending", &json!({ "plan": "gold" }), "gold"));
    assert_eq!(edge.stored("bob"), None);
    // The requests of a server all come from one address.
    edge.post(IDENTITIES, body.as_str()).key(SERVER).from(OVER_LIMIT).settled();
    assert_eq!(edge.stored("bob"), Some(json!({ "plan": "gold" })));
}
