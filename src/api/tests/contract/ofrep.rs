//! OpenFeature's remote evaluation protocol (`ofrep/README.md`).

use api::Source;
use serde_json::{Value, json};

use crate::ask::{Answer, Ask};
use crate::compare::compare;
use crate::documents::{With, shop};
use crate::edge::{Broken, CLIENT, Edge, Read, SERVER, edge};
use crate::not_run::not_run;
use crate::ofrep_schema;

const BULK: &str = "/ofrep/v1/evaluate/flags";

fn one(edge: &Edge, name: &str, context: &Value) -> Answer {
    ask(edge, &format!("{BULK}/{name}"), context).header("x-api-key", CLIENT).answer()
}

fn ask<'e>(edge: &'e Edge, path: &str, context: &Value) -> Ask<'e> {
    edge.post(path, json!({ "context": context }).to_string())
}

fn bulk(edge: &Edge, key: &str, context: &Value) -> Answer {
    ask(edge, BULK, context).header("x-api-key", key).answer()
}

/// A flag of an answer to all flags.
fn flag(answer: &Answer, name: &str) -> Value {
    let (status, body) = answer.json();
    assert_eq!(status, 200, "{body}");
    body["flags"].as_array().unwrap().iter().find(|flag| flag["key"] == name).cloned().unwrap_or_default()
}

/// A document with one feature more.
fn with_feature(name: &str, enabled: bool, value: &Value) -> Value {
    let mut document = shop();
    let mut state = document["feature_states"][0].clone();
    state["feature"] = json!({ "id": 99, "name": name, "type": "STANDARD" });
    (state["enabled"], state["feature_state_value"]) = (enabled.into(), value.clone());
    document["feature_states"].as_array_mut().unwrap().push(state);
    document
}

/// Every answer that a test gets is held against the schema ([`crate::ask`]), where it is present.
#[test]
fn answers_are_valid_by_the_published_schema() {
    if !ofrep_schema::is_present() {
        return not_run(&format!("there is no {}", ofrep_schema::schema_file().display()));
    }
    let refuses = |path: &str, status, body: &Value| {
        let body = body.to_string();
        std::panic::catch_unwind(|| ofrep_schema::assert_valid(path, status, body.as_bytes())).is_err()
    };
    let one = format!("{BULK}/f");
    let value = |value: Value| json!({ "key": "f", "reason": "STATIC", "value": value });
    compare([
        ("a whole number", refuses(&one, 200, &value(json!(1))), false),
        ("an object", refuses(&one, 200, &value(json!({ "a": 1 }))), false),
        ("no value", refuses(&one, 200, &json!({ "key": "f", "reason": "DISABLED" })), false),
        ("a list", refuses(&one, 200, &value(json!([1]))), true),
        ("null", refuses(&one, 200, &value(Value::Null)), true),
        ("another reason", refuses(&one, 200, &json!({ "key": "f", "reason": "DEFAULT", "value": 1 })), true),
        ("no key", refuses(&one, 200, &json!({ "reason": "STATIC", "value": 1 })), true),
        ("no list of flags", refuses(BULK, 200, &json!({})), true),
        ("a flag of the list", refuses(BULK, 200, &json!({ "flags": [value(json!([1]))] })), true),
        ("an error without its code", refuses(BULK, 400, &json!({ "errorDetails": "x" })), true),
        ("an error without its flag", refuses(&one, 400, &json!({ "errorCode": "PARSE_ERROR" })), true),
        ("details that are no text", refuses(BULK, 503, &json!({ "errorDetails": 1 })), true),
        (
            "a flag that is not found, in a 400",
            refuses(&one, 400, &json!({ "key": "f", "errorCode": "FLAG_NOT_FOUND" })),
            true,
        ),
    ]);
}

#[test]
fn a_flag_with_its_value_reason_and_variant() {
    let edge = edge(&shop());
    let of = |name: &str, context: &Value| one(&edge, name, context).json();
    let nobody = json!({});
    let flag = |key: &str, value: Value, reason: &str| {
        let id = if key == "banner" { 1 } else { 2 };
        (
            200,
            json!({ "key": key, "value": value, "reason": reason, "variant": "", "metadata": { "enabled": true, "id": id } }),
        )
    };
    compare([
        ("nobody", of("banner", &nobody), flag("banner", json!("blue"), "UNKNOWN")),
        ("an integer", of("limit", &nobody), flag("limit", json!(10), "UNKNOWN")),
        (
            "a segment",
            of("banner", &json!({ "targetingKey": "bob", "plan": "gold" })),
            flag("banner", json!("gold"), "TARGETING_MATCH"),
        ),
        (
            "an override",
            of("banner", &json!({ "targetingKey": "ann" })),
            flag("banner", json!("ann"), "TARGETING_MATCH"),
        ),
        (
            "encoded",
            of("old%20search", &json!({ "targetingKey": "bob", "age": 18 })),
            (
                200,
                json!({ "key": "old search", "value": true, "reason": "TARGETING_MATCH", "variant": "", "metadata": { "enabled": true, "id": 3 } }),
            ),
        ),
        (
            "off, without a value",
            of("old%20search", &json!({ "targetingKey": "bob" })),
            (
                200,
                json!({ "key": "old search", "value": false, "reason": "UNKNOWN", "variant": "", "metadata": { "enabled": false, "id": 3 } }),
            ),
        ),
        (
            "off, with a value",
            of("banner", &json!({ "targetingKey": "bob", "left": 1 })),
            (
                200,
                json!({ "key": "banner", "reason": "DISABLED", "variant": "", "metadata": { "enabled": false, "id": 1 } }),
            ),
        ),
    ]);
    let split = of("Colour", &json!({ "targetingKey": "bob" })).1;
    assert!(["SPLIT", "UNKNOWN", "STATIC"].contains(&split["reason"].as_str().unwrap()), "{split}");
}

#[test]
fn values_of_every_kind() {
    let of = |value: &Value, enabled: bool, texts: bool| {
        let mut edge = edge(&with_feature("f", enabled, value));
        if texts {
            edge.settings.ofrep_json_values = api::JsonValues::String;
        }
        let (status, flag) = one(&edge, "f", &json!({})).json();
        assert_eq!(status, 200);
        (flag.get("value").cloned(), flag["reason"].clone())
    };
    let object = json!(r#"{"a": [1]}"#);
    compare([
        ("null", of(&Value::Null, true, false), (Some(json!(true)), json!("STATIC"))),
        ("null, off", of(&Value::Null, false, false), (Some(json!(false)), json!("STATIC"))),
        ("an empty text", of(&json!(""), true, false), (Some(json!(true)), json!("STATIC"))),
        ("false is a value", of(&json!(false), true, false), (Some(json!(false)), json!("STATIC"))),
        ("false, off", of(&json!(false), false, false), (None, json!("DISABLED"))),
        ("zero is a value", of(&json!(0), true, false), (Some(json!(0)), json!("STATIC"))),
        ("a float", of(&json!(1.5), true, false), (Some(json!(1.5)), json!("STATIC"))),
        ("a text", of(&json!("x"), true, false), (Some(json!("x")), json!("STATIC"))),
        ("an object in a text", of(&object, true, false), (Some(json!({ "a": [1] })), json!("STATIC"))),
        ("an object in a text, as it is", of(&object, true, true), (Some(object.clone()), json!("STATIC"))),
        ("a list in a text", of(&json!("[1]"), true, false), (Some(json!("[1]")), json!("STATIC"))),
        (
            "an object behind spaces",
            of(&json!(" \n{\"a\": 1} "), true, false),
            (Some(json!({ "a": 1 })), json!("STATIC")),
        ),
        ("an object and more", of(&json!("{} {}"), true, false), (Some(json!("{} {}")), json!("STATIC"))),
        (
            "an object of a number beyond all",
            of(&json!("{\"a\": 1e999}"), true, false),
            (Some(json!("{\"a\": 1e999}")), json!("STATIC")),
        ),
        ("a list", of(&json!([1, "a"]), true, false), (Some(json!("[1,\"a\"]")), json!("STATIC"))),
        ("an object", of(&json!({ "a": 1 }), true, false), (Some(json!({ "a": 1 })), json!("STATIC"))),
        (
            "a text of quotes",
            of(&json!("a\"\\b\u{1}"), true, false),
            (Some(json!("a\"\\b\u{1}")), json!("STATIC")),
        ),
        ("no object in a text", of(&json!("{a}"), true, false), (Some(json!("{a}")), json!("STATIC"))),
    ]);
}

/// Python's provider takes an answer without the member for an error.
#[test]
fn every_flag_has_a_variant() {
    let edge = edge(&shop());
    for context in [json!({}), json!({ "targetingKey": "bob", "left": 1 }), json!({ "targetingKey": "ann" })]
    {
        let (_, all) = bulk(&edge, SERVER, &context).json();
        for flag in all["flags"].as_array().unwrap() {
            assert!(flag["variant"].is_string(), "{flag}");
        }
    }
}

/// Some providers put names into the path as they are, others encode them.
#[test]
fn names_of_flags_encoded_and_as_they_are() {
    for (name, as_it_is) in [
        ("plain", Some("plain")),
        ("a/b", Some("a/b")),
        ("a//b/c", Some("a//b/c")),
        ("/a/", None),
        ("a b", None),
        ("a+b", Some("a+b")),
        ("100%", Some("100%")),
        ("%41", None),
        ("é", Some("é")),
        ("a\"b\\c", None),
        ("a?b#c", None),
        ("line\nbreak", None),
        ("..", None),
    ] {
        let edge = edge(&with_feature(name, true, &json!("x")));
        let encoded: String = name.bytes().map(|byte| format!("%{byte:02X}")).collect();
        for path in [Some(&*encoded), as_it_is].into_iter().flatten() {
            let (status, flag) = one(&edge, path, &json!({})).json();
            assert_eq!((status, &flag["key"], &flag["value"]), (200, &json!(name), &json!("x")), "{path}");
        }
        assert_eq!(flag(&bulk(&edge, CLIENT, &json!({})), name)["value"], "x");
        let missing = one(&edge, &format!("{encoded}%00"), &json!({})).json();
        assert_eq!((missing.0, &missing.1["key"]), (404, &json!(format!("{name}\0"))));
    }
}

#[test]
fn keys_open_what_they_open_for_flagsmith() {
    let blocked = shop().with("/project/organisation/stop_serving_flags", true.into());
    let blocked = blocked.with("/api_key", "blocked".into());
    let removed = shop().with("/api_key", "removed".into());
    let up = edge(&shop()).publish(&blocked).unpublish(&removed);
    let down = edge(&shop()).without(Broken::Environments);
    let asked = |edge: &Edge, header: &str, value: &str| {
        let answers = [BULK.to_owned(), format!("{BULK}/banner")]
            .map(|path| ask(edge, &path, &json!({})).header(header, value).status());
        assert_eq!(answers[0], answers[1], "{header}: {value}");
        answers[0]
    };
    let bearer = format!("Bearer {SERVER}");
    compare([
        ("x-api-key", asked(&up, "x-api-key", CLIENT), 200),
        ("server-side", asked(&up, "x-api-key", SERVER), 200),
        ("bearer", asked(&up, "authorization", &bearer), 200),
        ("bearer in another case", asked(&up, "authorization", &format!("bEARER  {CLIENT}")), 200),
        ("x-environment-key", asked(&up, "x-environment-key", CLIENT), 200),
        ("another scheme", asked(&up, "authorization", "Basic Zm9v"), 401),
        ("none", asked(&up, "x-other", CLIENT), 401),
        ("empty", asked(&up, "x-api-key", ""), 401),
        ("unknown", asked(&up, "x-api-key", "unknown"), 401),
        ("blocked", asked(&up, "x-api-key", "blocked"), 403),
        ("removed", asked(&up, "x-api-key", "removed"), 403),
        ("no store", asked(&down, "x-api-key", CLIENT), 503),
    ]);
    let answer = down.post(BULK, "{}").header("x-api-key", CLIENT).answer();
    assert_eq!(
        (answer.header("retry-after").as_str(), answer.json().1),
        ("1", json!({ "errorDetails": "flags are not available at the moment" }))
    );
}

#[test]
fn client_side_keys_never_see_what_is_for_servers() {
    let edge = edge(&shop());
    let names = |key: &str| -> Vec<String> {
        let (_, body) = bulk(&edge, key, &json!({ "targetingKey": "ann" })).json();
        body["flags"]
            .as_array()
            .unwrap()
            .iter()
            .map(|flag| flag["key"].as_str().unwrap().to_owned())
            .collect()
    };
    assert!(names(SERVER).contains(&"admin".to_owned()));
    assert!(!names(CLIENT).iter().any(|name| name.starts_with("admin")));
    let hidden = one(&edge, "admin", &json!({})).json();
    let mut unknown = one(&edge, "unknown", &json!({})).json();
    assert_eq!(unknown.1["errorCode"], "FLAG_NOT_FOUND");
    unknown.1["key"] = "admin".into();
    assert_eq!(hidden, unknown);
    assert_eq!(hidden.0, 404);
    assert_eq!(ask(&edge, &format!("{BULK}/admin"), &json!({})).header("x-api-key", SERVER).status(), 200);
}

#[test]
fn contexts_that_are_refused() {
    let edge = edge(&shop());
    let long = "x".repeat(2_001);
    let many: Value = (0..1_002).map(|n| (format!("k{n}"), json!(n))).collect();
    for (body, code) in [
        (String::new(), "PARSE_ERROR"),
        ("{".to_owned(), "PARSE_ERROR"),
        ("[]".to_owned(), "PARSE_ERROR"),
        ("{}".to_owned(), "INVALID_CONTEXT"),
        (json!({ "context": [] }).to_string(), "INVALID_CONTEXT"),
        (json!({ "context": { "targetingKey": 7 } }).to_string(), "INVALID_CONTEXT"),
        (json!({ "context": { "targetingKey": long } }).to_string(), "INVALID_CONTEXT"),
        (json!({ "context": { "a": long } }).to_string(), "INVALID_CONTEXT"),
        (json!({ "context": many }).to_string(), "INVALID_CONTEXT"),
    ] {
        for path in [BULK.to_owned(), format!("{BULK}/banner")] {
            let (status, answer) = edge.post(&path, body.as_str()).header("x-api-key", CLIENT).json();
            assert_eq!((status, &answer["errorCode"]), (400, &json!(code)), "{path} {body:.60}: {answer}");
            assert_eq!(answer["key"], if path == BULK { Value::Null } else { json!("banner") });
        }
    }
    for context in [
        json!({ "targetingKey": null }),
        json!({ "targetingKey": "" }),
        json!({ "targetingKey": "a", "user": { "name": "a" }, "list": [1, "a"], "none": null, "flag": true, "f": 1.5 }),
    ] {
        assert_eq!(bulk(&edge, CLIENT, &context).status, 200, "{context}");
    }
    let large = vec![b' '; api::BODY_LIMIT + 1];
    assert_eq!(edge.post(BULK, large).header("x-api-key", CLIENT).status(), 413);
}

#[test]
fn traits_of_a_client_side_key_that_are_not_allowed_do_not_count() {
    let edge = edge(&shop().with("/allow_client_traits", false.into()));
    let gold = json!({ "targetingKey": "bob", "plan": "gold" });
    assert_eq!(flag(&bulk(&edge, CLIENT, &gold), "banner")["value"], "blue");
    assert_eq!(flag(&bulk(&edge, SERVER, &gold), "banner")["value"], "gold");
}

#[test]
fn stored_traits_count_and_a_context_is_not_stored() {
    let edge = edge(&shop()).storing_traits();
    let body = json!({ "identifier": "bob", "traits": [{ "trait_key": "plan", "trait_value": "gold" }] });
    edge.post("/api/v1/identities/", body.to_string()).key(CLIENT).settled();
    let bob = json!({ "targetingKey": "bob" });
    let before = bulk(&edge, CLIENT, &bob);
    assert_eq!(flag(&before, "banner")["value"], "gold");
    let answer = bulk(&edge, CLIENT, &json!({ "targetingKey": "bob", "plan": "silver" }));
    assert_eq!((flag(&answer, "banner")["value"].clone(), answer.after.len()), (json!("blue"), 0));
    assert_eq!(edge.stored("bob"), Some(json!({ "plan": "gold" })));
    // The tag is that of what is stored.
    edge.post("/api/v1/identities/", body.to_string().replace("gold", "x")).key(CLIENT).settled();
    let asked =
        ask(&edge, BULK, &bob).header("x-api-key", CLIENT).header("if-none-match", before.header("etag"));
    assert_eq!(asked.status(), 200);
}

#[test]
fn two_contexts_never_share_a_304() {
    let edge = edge(&shop());
    let contexts = [
        json!({}),
        json!({ "targetingKey": "a" }),
        json!({ "targetingKey": "b" }),
        json!({ "targetingKey": "a", "plan": "gold" }),
        json!({ "targetingKey": "a", "plan": "gold2" }),
        json!({ "targetingKey": "a", "nobody reads it": 1 }),
        json!({ "targetingKey": "a", "nobody reads it": "1" }),
        json!({ "targetingKey": "a", "nested": { "a": 1 } }),
        json!({ "targetingKey": "a", "nested": { "a": 2 } }),
        json!({ "plan": "gold" }),
    ];
    let asks: Vec<(&str, &Value)> =
        contexts.iter().flat_map(|context| [CLIENT, SERVER].map(|key| (key, context))).collect();
    for (key, context) in &asks {
        let tag = bulk(&edge, key, context).header("etag");
        for (other_key, other) in &asks {
            let ask = ask(&edge, BULK, other).header("x-api-key", other_key).header("if-none-match", &tag);
            let answer = ask.answer();
            let expected = if (key, context) == (other_key, other) { 304 } else { 200 };
            assert_eq!(answer.status, expected, "{key} {context} and {other_key} {other}");
            if answer.status == 304 {
                assert!(answer.body.is_empty() && answer.header("etag") == tag);
                assert!(!answer.read.contains(&Read::Compiled), "evaluated for nothing");
            }
        }
    }
    let later = crate::edge::edge(&shop().with("/feature_states/0/enabled", false.into()));
    let tag = bulk(&edge, CLIENT, &json!({})).header("etag");
    let stale = crate::edge::edge(&shop()).serving_from(Source::Stale, 100);
    let asked = ask(&stale, BULK, &json!({})).header("x-api-key", CLIENT).header("if-none-match", &tag);
    assert_eq!(asked.status(), 200, "a stale answer says so");
    assert_eq!(later.get("/health").status(), 200);
}

#[test]
fn what_every_answer_says() {
    let edge = edge(&shop()).serving_from(Source::Stale, 100);
    let answer = bulk(&edge, CLIENT, &json!({}));
    assert_eq!(answer.json().1["metadata"], json!({ "revision": crate::edge::REVISION, "stale": true }));
    assert_eq!(
        one(&edge, "banner", &json!({})).json().1["metadata"],
        json!({ "enabled": true, "id": 1, "stale": true })
    );
    let headers = answer.all_headers();
    assert_eq!(headers["vary"], "x-api-key, authorization, x-environment-key, accept-encoding");
    assert_eq!((&*headers["cache-control"], &*headers["jackstaff-source"]), ("no-store", "stale"));
    assert!(headers["access-control-expose-headers"].contains("etag"));
    let preflight = edge
        .ask("OPTIONS", BULK)
        .header("access-control-request-headers", "authorization,x-api-key,if-none-match");
    let preflight = preflight.answer().all_headers();
    assert_eq!(preflight["access-control-allow-headers"], "authorization,x-api-key,if-none-match");
    assert_eq!(preflight["access-control-allow-methods"], "POST, OPTIONS");
    assert_eq!(edge.get(BULK).header("x-api-key", CLIENT).status(), 405);
}

/// The web provider connects anew whenever an answer names another address.
#[test]
fn every_answer_with_all_flags_names_the_same_stream() {
    let edge = edge(&shop());
    let expected = json!([{
        "type": "sse",
        "endpoint": { "requestUri": "/ofrep/v1/environments/client/stream" },
        "inactivityDelaySec": 120,
    }]);
    for context in [json!({}), json!({ "targetingKey": "ann" })] {
        for key in [CLIENT, SERVER] {
            let (_, all) = bulk(&edge, key, &context).json();
            assert_eq!(all["eventStreams"], expected, "{key} {context}");
            assert!(!all.to_string().contains("ser."), "{all}");
        }
        assert_eq!(one(&edge, "banner", &context).json().1.get("eventStreams"), None);
    }
    let refused = edge.post(BULK, "{}").header("x-api-key", CLIENT).json();
    assert_eq!((refused.0, refused.1.get("eventStreams")), (400, None));
    let path = expected[0]["endpoint"]["requestUri"].as_str().unwrap();
    assert!(edge.get(path).answer().subscription.is_some());
    assert_eq!(edge.post(path, "").status(), 405);
    let preflight = edge.ask("OPTIONS", path).header("access-control-request-headers", "last-event-id");
    let preflight = preflight.answer().all_headers();
    assert_eq!(preflight["access-control-allow-methods"], "GET, OPTIONS");
    assert_eq!(preflight["access-control-allow-headers"], "last-event-id");
}

#[test]
fn who_heard_of_a_revision_is_not_told_that_an_older_one_is_still_true() {
    let edge = edge(&shop());
    let revision = crate::edge::REVISION;
    let tag = bulk(&edge, CLIENT, &json!({})).header("etag");
    let asked = |query: String| {
        let ask = ask(&edge, &format!("{BULK}?{query}"), &json!({}));
        let answer = ask.header("x-api-key", CLIENT).header("if-none-match", &tag).answer();
        let stale = (answer.status == 200).then(|| answer.json().1["metadata"]["stale"].clone());
        (answer.status, answer.header("jackstaff-source"), stale)
    };
    let (known, late) = ((304, "pop".to_owned(), None), (200, "stale".to_owned(), Some(json!(true))));
    let both = |named: u64| format!("flagConfigEtag={named}&flagConfigLastModified={named}");
    // The clock shows 12:00:00.
    let now = 1_772_452_800;
    compare([
        ("no event", asked(String::new()), known.clone()),
        ("an earlier one", asked(both(revision - 1)), known.clone()),
        ("this one", asked(both(revision)), known.clone()),
        ("a later one", asked(both(revision + 1)), late.clone()),
        ("by its tag alone", asked(format!("flagConfigEtag={}", revision + 1)), late.clone()),
        ("a date", asked("flagConfigLastModified=2026-03-02T11:22:34Z".to_owned()), late.clone()),
        ("as far ahead as clocks may be", asked(both(now + 60)), late),
        ("made up", asked(both(now + 61)), known.clone()),
        ("unreadable", asked("flagConfigEtag=x&flagConfigLastModified=y".to_owned()), known),
    ]);
    // Single flags are asked for without an event.
    let path = format!("{BULK}/banner?{}", both(revision + 1));
    let single = ask(&edge, &path, &json!({})).header("x-api-key", CLIENT).answer();
    assert_eq!(single.header("jackstaff-source"), "pop");
}
