//! Routes that change stored traits, and answer once that is done (`PROTOCOL.md`, 12).

use api::identity::{ChangeError, RefusedChange};
use serde_json::{Value, json};

use crate::ask::{Answer, detail};
use crate::compare::compare;
use crate::documents::{With, shop};
use crate::edge::{Broken, CLIENT, Edge, OVER_LIMIT, SERVER, edge};

const TRAIT: &str = "/api/v1/traits/";
const BULK: &str = "/api/v1/traits/bulk/";
const INCREMENT: &str = "/api/v1/traits/increment-value/";
const IDENTITIES: &str = "/api/v1/bulk-identities/";

fn storing() -> Edge {
    edge(&shop()).storing_traits()
}

fn one(identifier: &str, key: &str, value: impl Into<Value>) -> Value {
    json!({ "identity": { "identifier": identifier }, "trait_key": key, "trait_value": value.into() })
}

fn increment(identifier: &str, key: &str, by: impl Into<Value>) -> Value {
    json!({ "identifier": identifier, "trait_key": key, "increment_by": by.into() })
}

fn identity(identifier: &str, traits: &[(&str, Value)]) -> Value {
    let one = |(key, value): &(&str, Value)| json!({ "trait_key": key, "trait_value": value });
    json!({ "identifier": identifier, "traits": traits.iter().map(one).collect::<Vec<Value>>() })
}

impl Edge {
    fn change(&self, method: &str, path: &str, body: &Value) -> Answer {
        self.post(path, body.to_string()).method(method).key(CLIENT).answer()
    }
}

/// Whole requests that are right, one for each route and method.
fn sound() -> [(&'static str, &'static str, Value, u16); 5] {
    [
        ("POST", TRAIT, one("bob", "plan", "gold"), 200),
        ("PUT", BULK, json!([one("bob", "plan", "gold")]), 200),
        ("POST", INCREMENT, increment("bob", "n", 1), 200),
        ("POST", IDENTITIES, json!({ "data": [identity("bob", &[("plan", json!("gold"))])] }), 202),
        ("PUT", IDENTITIES, json!({ "data": [identity("bob", &[("plan", json!("gold"))])] }), 202),
    ]
}

#[test]
fn with_and_without_slashes_and_with_either_key() {
    for (method, path, body, status) in sound() {
        for path in [path, path.trim_end_matches('/'), &path.replace("/api", "//api/")] {
            for key in [CLIENT, SERVER] {
                let edge = storing();
                let answer = edge.post(path, body.to_string()).method(method).key(key).answer();
                assert_eq!(answer.status, status, "{method} {path}: {}", answer.text());
                assert!(edge.stored("bob").is_some(), "{method} {path}");
            }
        }
    }
}

#[test]
fn one_trait() {
    let edge = storing();
    let answers = [
        one("bob", "plan", "gold"),
        one("bob", "plan", 7),
        one(" bob ", " age ", 1.5),
        one("bob", "list", json!([1, "a"])),
    ]
    .map(|body| edge.change("POST", TRAIT, &body).json());
    let expected = [
        one("bob", "plan", "gold"),
        one("bob", "plan", 7),
        one("bob", "age", 1.5),
        one("bob", "list", "[1, 'a']"),
    ];
    assert_eq!(answers, expected.map(|body| (200, body)));
    assert_eq!(edge.stored("bob"), Some(json!({ "plan": 7, "age": 1.5, "list": "[1, 'a']" })));

    let required = json!(["This field is required."]);
    compare(
        [
            (
                "nothing",
                json!({}),
                json!({ "identity": required, "trait_key": required, "trait_value": required }),
            ),
            (
                "null",
                one("bob", "plan", Value::Null),
                json!({ "trait_value": ["This field may not be null."] }),
            ),
            (
                "no identifier",
                one("bob", "plan", 1).with("/identity", json!({})),
                json!({ "identity": { "identifier": required } }),
            ),
            (
                "a blank one",
                one(" ", "plan", 1),
                json!({ "identity": { "identifier": ["This field may not be blank."] } }),
            ),
            (
                "a long text",
                one("bob", "plan", "x".repeat(2_001)),
                json!({ "trait_value": ["Value string is too long. Must be less than 2000 character"] }),
            ),
            (
                "a list",
                json!([]),
                json!({ "non_field_errors": ["Invalid data. Expected a dictionary, but got list."] }),
            ),
        ]
        .map(|(situation, body, errors)| {
            (situation, edge.change("POST", TRAIT, &body).json(), (400, errors))
        }),
    );
}

#[test]
fn traits_of_several_identities() {
    let edge = storing();
    edge.change("POST", TRAIT, &one("bob", "old", 1));
    let body = json!([one("bob", "old", null()), one("eve", "a", 1), one("bob", "b", 2), one("eve", "a", 3)]);
    let answer = edge.change("PUT", BULK, &body);
    assert_eq!(answer.json(), (200, json!([one("eve", "a", 1), one("bob", "b", 2), one("eve", "a", 3)])));
    assert_eq!((edge.stored("bob"), edge.stored("eve")), (Some(json!({ "b": 2 })), Some(json!({ "a": 3 }))));

    let many = |count: usize| -> Value { (0..count).map(|n| one(&format!("user{n}"), "a", 1)).collect() };
    assert_eq!(edge.change("PUT", BULK, &many(100)).status, 200);
    for (body, expected) in [
        (json!({}), (400, detail("Invalid request data"))),
        (json!(["a"]), (400, detail("Invalid request data"))),
        (
            json!([{}]),
            (
                400,
                json!([{ "identity": ["This field is required."], "trait_key": ["This field is required."], "trait_value": ["This field is required."] }]),
            ),
        ),
    ] {
        assert_eq!(edge.change("PUT", BULK, &body).json(), expected, "{body}");
    }
    assert_eq!(edge.change("PUT", BULK, &many(101)).status, 400);
}

fn null() -> Value {
    Value::Null
}

#[test]
fn incrementing() {
    let edge = storing();
    let answers = [("n", json!(3)), ("n", json!(-1)), ("n", json!("5"))]
        .map(|(key, by)| edge.change("POST", INCREMENT, &increment("bob", key, by)).json());
    let expected =
        [3, 2, 7].map(|n| (200, json!({ "identifier": "bob", "trait_key": "n", "trait_value": n })));
    assert_eq!(answers, expected);
    edge.change("POST", TRAIT, &one("bob", "text", "7"));
    compare([
        ("a text", increment("bob", "text", 1), json!(["Trait is not an integer."])),
        ("by no integer", increment("bob", "n", 1.5), json!({ "increment_by": ["A valid integer is required."] })),
        (
            "nothing",
            json!({}),
            json!({ "identifier": ["This field is required."], "trait_key": ["This field is required."], "increment_by": ["This field is required."] }),
        ),
    ]
    .map(|(situation, body, errors)| (situation, edge.change("POST", INCREMENT, &body).json(), (400, errors))));
}

#[test]
fn several_identities_are_replaced_or_merged() {
    let set = |edge: &Edge| {
        edge.change("POST", TRAIT, &one("bob", "old", 1));
        edge.change("POST", TRAIT, &one("bob", "kept", 1));
    };
    let body = json!({ "data": [identity("bob", &[("old", null()), ("new", json!(true))]), identity("eve", &[("a", json!(1))])] });
    for (method, expected) in [("POST", json!({ "new": true })), ("PUT", json!({ "kept": 1, "new": true }))] {
        let edge = storing();
        set(&edge);
        let answer = edge.change(method, IDENTITIES, &body);
        assert_eq!((answer.status, answer.text().as_str()), (202, ""), "{method}");
        assert_eq!(
            (edge.stored("bob"), edge.stored("eve")),
            (Some(expected), Some(json!({ "a": 1 }))),
            "{method}"
        );
    }
    let edge = storing();
    let many = |count: usize| -> Value {
        json!({ "data": (0..count).map(|n| identity(&format!("user{n}"), &[("a", json!(1))])).collect::<Vec<Value>>() })
    };
    assert_eq!(edge.change("POST", IDENTITIES, &many(100)).status, 202);
    let answer = edge.change("PUT", IDENTITIES, &many(101));
    let found = (answer.status, answer.text(), answer.header("content-type"));
    let text = "Number of identities must not be more than 100".to_owned();
    assert_eq!(found, (400, text, "text/plain; charset=utf-8".to_owned()));
    for (body, expected) in [
        (json!({}), json!({ "data": ["This field is required."] })),
        (
            json!({ "data": [{ "traits": [] }] }),
            json!({ "data": [{ "identifier": ["This field is required."] }] }),
        ),
        (
            json!({ "data": [identity("bob", &[]), { "identifier": "eve", "traits": [{ "trait_key": "a" }] }] }),
            json!({ "data": [{}, { "traits": [{ "trait_value": ["This field is required."] }] }] }),
        ),
    ] {
        assert_eq!(edge.change("POST", IDENTITIES, &body).json(), (400, expected), "{body}");
    }
}

/// Each change reads and writes its whole record.
#[test]
fn identities_with_too_many_bytes_in_all_are_to_be_sent_in_parts() {
    let edge = storing();
    let text = "x".repeat(1_990);
    for user in 0..5 {
        let traits: Vec<(String, Value)> = (0..190).map(|n| (format!("t{n}"), json!(text))).collect();
        let traits: Vec<(&str, Value)> = traits.iter().map(|(key, value)| (&**key, value.clone())).collect();
        let body = json!({ "data": [identity(&format!("user{user}"), &traits)] });
        assert_eq!(edge.change("PUT", IDENTITIES, &body).status, 202);
    }
    let some = |count: usize| -> Value {
        (0..count).map(|n| identity(&format!("user{n}"), &[("new", json!(count))])).collect()
    };
    assert_eq!(edge.change("PUT", IDENTITIES, &json!({ "data": some(3) })).status, 202);
    let answer = edge.change("PUT", IDENTITIES, &json!({ "data": some(5) }));
    let text = "Identities with more than 1048576 bytes of traits in all. Send fewer of them.";
    assert_eq!(answer.json(), (413, detail(text)));
}

#[test]
fn where_nothing_is_stored() {
    let mut document = shop();
    document["project"]["organisation"]["persist_trait_data"] = false.into();
    for edge in [edge(&shop()), edge(&document).storing_traits()] {
        compare(sound().map(|(method, path, body, _)| {
            let expected = if path == IDENTITIES {
                (404, detail("Not Found"))
            } else {
                (403, detail("Organisation is not authorised to store traits."))
            };
            (path, edge.change(method, path, &body).json(), expected)
        }));
    }
}

#[test]
fn where_a_client_side_key_may_set_no_traits() {
    let edge = edge(&shop().with("/allow_client_traits", false.into())).storing_traits();
    let refused = json!({ "non_field_errors": ["Setting traits not allowed with client key."] });
    compare(sound().map(|(method, path, body, _)| {
        let expected =
            if path == BULK { detail("Unable to set traits with client key.") } else { refused.clone() };
        (path, edge.change(method, path, &body).json(), (400, expected))
    }));
    assert!(edge.identities.borrow().is_empty());
    for (method, path, body, status) in sound() {
        assert_eq!(edge.post(path, body.to_string()).method(method).key(SERVER).status(), status, "{path}");
    }
}

#[test]
fn what_is_not_stored_is_not_acknowledged() {
    let busy = (429, detail("Request was throttled: others are changing the identity."), "1");
    let failed = (503, detail("Traits cannot be stored at the moment."), "1");
    for (error, (status, body, retry_after)) in [
        (ChangeError::NoTurn, busy.clone()),
        (ChangeError::Busy, busy),
        (ChangeError::Failed, failed.clone()),
        (ChangeError::Deleted, failed),
        (
            ChangeError::Refused(RefusedChange::TooManyTraits),
            (400, json!(["An identity has 1000 traits at most."]), ""),
        ),
    ] {
        let edge = storing().refusing_changes(error);
        compare(sound().map(|(method, path, sent, _)| {
            let answer = edge.change(method, path, &sent);
            (
                path,
                (answer.json(), answer.header("retry-after")),
                ((status, body.clone()), retry_after.to_owned()),
            )
        }));
    }
    let edge = storing().without(Broken::IdentityKey);
    for (method, path, sent, _) in sound() {
        assert_eq!(edge.change(method, path, &sent).status, 503, "{path}");
    }
}

#[test]
fn a_client_with_too_many_writes() {
    let edge = storing();
    for (method, path, body, status) in sound() {
        let ask = |key| edge.post(path, body.to_string()).method(method).key(key).from(OVER_LIMIT).answer();
        let answer = ask(CLIENT);
        assert_eq!((answer.status, answer.header("retry-after").as_str()), (429, "60"), "{path}");
        assert_eq!(ask(SERVER).status, status, "{path}");
    }
}

/// Wrong requests of every kind change nothing, and no identifier or value comes back.
#[test]
fn refused_requests_store_nothing() {
    let edge = storing();
    for (method, path, body, _) in sound() {
        let body = body.to_string();
        for wrong in ["", "{", "null", "[]", "7", "\"bob\"", &body[..body.len() - 1], &format!("{body}x")] {
            let answer = edge.post(path, wrong).method(method).key(CLIENT).answer();
            let is_empty_list = path == BULK && wrong == "[]";
            assert_eq!(
                answer.status,
                if is_empty_list { 200 } else { 400 },
                "{method} {path} {wrong}: {}",
                answer.text()
            );
        }
        let large = vec![b' '; api::BODY_LIMIT + 1];
        assert_eq!(edge.post(path, large).method(method).key(CLIENT).status(), 413, "{path}");
        let plain = edge.post(path, body).method(method).key(CLIENT).without_header("content-type");
        assert_eq!(plain.header("content-type", "text/plain").status(), 415, "{path}");
    }
    assert!(edge.identities.borrow().is_empty());
}
