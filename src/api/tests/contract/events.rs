//! Events of users, for experiments (`PROTOCOL.md`, 10.2).

use std::io::Write;

use api::After;
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};

use crate::ask::{Answer, Ask, detail};
use crate::compare::compare;
use crate::documents::shop;
use crate::edge::{CLIENT, SERVER, edge};
use crate::memory::most_held;

const EVENTS: &str = "/v1/events";
/// 2026-03-02T12:00:00Z, as the edge has it, in milliseconds.
const NOW: i64 = 1_772_452_800_000;
const DAY: i64 = 86_400_000;

/// The events in the lines of the log, whose other members are checked.
fn recorded(answer: &Answer) -> Vec<Value> {
    let mut events = Vec::new();
    for after in &answer.after {
        let After::Record(line) = after else { continue };
        assert!(!line.contains('\n') && line.len() < 16_500, "{line:.200}");
        let mut line: Value = serde_json::from_str(line).unwrap();
        assert_eq!((&line["environment"], line["id"].as_str().unwrap().len()), (&json!("client"), 16));
        assert!(line["time"].is_u64(), "{line}");
        events.append(line["events"].as_array_mut().unwrap());
    }
    events
}

fn purchase() -> Value {
    json!({ "event": "purchase", "timestamp": NOW })
}

/// An event with one other member.
fn with(member: &str, value: Value) -> Value {
    let mut event = purchase();
    event[member] = value;
    event
}

fn post(events: &[Value]) -> Answer {
    let body = json!({ "events": events }).to_string();
    edge(&shop()).post(EVENTS, body).key(CLIENT).answer()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// The bodies of Python 6.3 and JavaScript 12.4, with their headers.
#[test]
fn events_of_the_sdks_are_accepted_and_recorded() {
    let exposure = json!({
        "event": "$flag_exposure", "feature_name": "colour", "identifier": "ann", "value": "control",
        "traits": { "plan": "gold", "visits": 3 }, "metadata": { "experiment_id": 7, "sdk_version": "12.4.0" },
        "timestamp": NOW,
    });
    let custom = json!({
        "event": "purchase", "feature_name": null, "identifier": null, "value": null, "traits": null,
        "metadata": { "sdk_version": "6.3.0" }, "timestamp": NOW + DAY,
    });
    for (sdk, key) in [("flagsmith-js-sdk/12.4.0", CLIENT), ("flagsmith-python-sdk/6.3.0", SERVER)] {
        let edge = edge(&shop());
        let ask = edge.post(EVENTS, json!({ "events": [exposure, custom] }).to_string()).key(key);
        let ask =
            ask.without_header("content-type").header("content-type", "application/json; charset=utf-8");
        let answer = ask.header("flagsmith-sdk-user-agent", sdk).answer();
        assert_eq!(answer.json(), (202, json!({ "accepted": 2, "rejected": [] })));
        assert_eq!(answer.header("access-control-allow-origin"), "*");
        let bare =
            json!({ "event": "purchase", "metadata": { "sdk_version": "6.3.0" }, "timestamp": NOW + DAY });
        assert_eq!(recorded(&answer), [exposure.clone(), bare]);
        let After::Record(line) = &answer.after[0] else { panic!("{:?}", answer.after) };
        assert_eq!(serde_json::from_str::<Value>(line).unwrap()["sdk"], sdk);
    }
}

/// One that is wrong costs no other.
#[test]
fn each_event_has_a_verdict_of_its_own() {
    let answer = post(&[purchase(), json!({ "event": "purchase" }), with("value", json!("b"))]);
    let expected = json!({ "accepted": 2, "rejected": [
        { "index": 1, "error": "events[1].timestamp must be an epoch-millis value after 2020-01-01" },
    ] });
    assert_eq!(answer.json(), (202, expected));
    assert_eq!(recorded(&answer), [purchase(), with("value", json!("b"))]);
    let nothing = json!({ "accepted": 0, "rejected": [], "error": "events must be non-empty" });
    assert_eq!(post(&[]).json(), (400, nothing));
}

#[test]
fn what_is_beyond_a_limit_is_rejected() {
    let text = |length: usize| json!("é".repeat(length));
    let exposure =
        |feature: Value| json!({ "event": "$flag_exposure", "feature_name": feature, "timestamp": NOW });
    let traits = |key: usize, value: usize| with("traits", json!({ "k".repeat(key): text(value) }));
    let deep = |levels: usize| {
        let deep = (1..levels).fold(json!([]), |inner, _| json!([inner]));
        with("metadata", deep)
    };
    let bytes = |length: usize| json!("x".repeat(length - 2));
    let sound: Vec<Value> = vec![
        with("event", text(256)),
        with("feature_name", text(2_000)),
        with("identifier", text(2_000)),
        with("value", bytes(15_900)),
        with("metadata", bytes(8 << 10)),
        traits(200, 2_000),
        exposure(json!("made up")),
        with("timestamp", json!(NOW + DAY)),
        with("timestamp", json!(1_577_836_800_001_i64)),
        deep(64),
        with("more", json!({ "unknown": true })),
    ];
    let answer = post(&sound);
    assert_eq!(answer.json(), (202, json!({ "accepted": sound.len(), "rejected": [] })));
    assert_eq!(recorded(&answer).len(), sound.len());
    compare(
        [
            (json!({ "timestamp": NOW }), "event must be non-empty"),
            (with("event", json!(" \t")), "event must be non-empty"),
            (with("event", text(257)), "event must be at most 256 characters"),
            (
                with("event", json!("$made_up")),
                "event begins with `$`, which is reserved, and is not a known system event",
            ),
            (exposure(Value::Null), "feature_name is required for $flag_exposure events"),
            (with("feature_name", text(2_001)), "feature_name must be at most 2000 characters"),
            (with("identifier", text(2_001)), "identifier must be at most 2000 characters"),
            (with("timestamp", json!(0)), "timestamp must be an epoch-millis value after 2020-01-01"),
            (
                with("timestamp", json!(1_577_836_800_000_i64)),
                "timestamp must be an epoch-millis value after 2020-01-01",
            ),
            (
                with("timestamp", json!(NOW / 1_000)),
                "timestamp must be an epoch-millis value after 2020-01-01",
            ),
            (with("timestamp", json!(NOW + DAY + 1)), "timestamp must not be more than 24h in the future"),
            (with("value", bytes((128 << 10) + 1)), "value must serialize to at most 131072 bytes"),
            (
                with("value", bytes(128 << 10)),
                "event must have at most 16000 bytes as JSON, since a line of the log holds it",
            ),
            (with("traits", bytes((32 << 10) + 1)), "traits must serialize to at most 32768 bytes"),
            (with("metadata", bytes((8 << 10) + 1)), "metadata must serialize to at most 8192 bytes"),
            (with("traits", json!([])), "traits must be a JSON object"),
            (traits(201, 1), "traits: keys must be at most 200 characters"),
            (traits(1, 2_001), "traits: string values must be at most 2000 characters"),
            (deep(65), "metadata must have at most 64 levels of lists and objects"),
        ]
        .map(|(event, expected)| {
            let shown = event.to_string().chars().take(80).collect::<String>();
            let expected =
                json!({ "accepted": 0, "rejected": [{ "index": 0, "error": format!("events[0].{expected}") }] });
            let answer = post(&[event]);
            assert!(answer.after.is_empty(), "{shown}");
            (shown, answer.json(), (400, expected))
        }),
    );
}

/// A line break in a line of the log would end it, and what a parser refuses would cost the events that it is forwarded with.
#[test]
fn what_is_recorded_is_one_line_and_sound() {
    let edge = edge(&shop());
    let head = format!("{{\"events\":\n[{{\"event\":\"a\\nb\",\n\"timestamp\":{NOW},");
    let ask = |member: &str| edge.post(EVENTS, format!("{head}\n{member}}}]}}")).key(CLIENT).answer();
    let answer = ask("\"value\":\r\n{\"a\" :\n [1.0,\n\"\\u2028\"]}");
    assert_eq!(answer.status, 202);
    assert_eq!(
        recorded(&answer),
        [json!({ "event": "a\nb", "timestamp": NOW, "value": { "a": [1.0, "\u{2028}"] } })]
    );
    for (member, expected) in [
        (r#""value":"\ud800""#, "value holds a text or a number that cannot be read"),
        (r#""metadata":[1e999]"#, "metadata holds a text or a number that cannot be read"),
        (r#""identifier":"\udc00""#, "identifier holds a text that cannot be read"),
    ] {
        let (status, json) = ask(member).json();
        assert_eq!((status, &json["rejected"][0]["error"]), (400, &json!(format!("events[0].{expected}"))));
    }
}

#[test]
fn bodies_that_are_no_events_are_refused() {
    let edge = edge(&shop());
    let events = |item: &str| format!(r#"{{"events":[{item}]}}"#);
    compare(
        [
            ("[]".to_owned(), "expected an object, but got list".to_owned()),
            ("null".to_owned(), "expected an object, but got NoneType".to_owned()),
            ("{}".to_owned(), "events: missing".to_owned()),
            (r#"{"events":{}}"#.to_owned(), "events: expected a list, but got dict".to_owned()),
            (events("7"), "events[0]: expected an object, but got int".to_owned()),
            (events("[1]"), "events[0]: expected an object, but got list".to_owned()),
            (events(r#"{"event":null}"#), "events[0].event: expected a string, but got NoneType".to_owned()),
            (events(r#"{"event":7}"#), "events[0].event: expected a string, but got int".to_owned()),
            (
                events(r#"{},{"identifier":7}"#),
                "events[1].identifier: expected a string, but got int".to_owned(),
            ),
            (events(r#"{"timestamp":1.5}"#), "events[0].timestamp: expected an integer".to_owned()),
            (events(r#"{"timestamp":null}"#), "events[0].timestamp: expected an integer".to_owned()),
            (
                events(r#"{"timestamp":9223372036854775808}"#),
                "events[0].timestamp: expected an integer".to_owned(),
            ),
        ]
        .map(|(body, expected)| {
            let answer = edge.post(EVENTS, body.clone()).key(CLIENT).answer();
            assert!(answer.after.is_empty(), "{body}");
            (body, answer.json(), (422, detail(&expected)))
        }),
    );
    for body in ["", "{", r#"{"events":[}"#, r#"{"events":[]} {}"#, "events=1"] {
        let (status, json) = edge.post(EVENTS, body).key(CLIENT).json();
        let text = json["detail"].as_str().unwrap_or_default();
        assert!(status == 400 && text.starts_with("JSON parse error"), "{body}: {status} {json}");
    }
}

/// The limit counts what comes out, and no more is taken out.
#[test]
fn compressed_bodies_are_read_within_the_same_limits() {
    let edge = edge(&shop());
    let ask = |body: Vec<u8>| edge.post(EVENTS, body).key(CLIENT).header("content-encoding", "gzip").answer();
    let sound = json!({ "events": vec![purchase(); 1_000] }).to_string();
    let answer = ask(gzip(sound.as_bytes()));
    assert_eq!(answer.json(), (202, json!({ "accepted": 1_000, "rejected": [] })));
    assert_eq!(recorded(&answer).len(), 1_000);
    let padded = |length: usize| format!("{}{}", " ".repeat(length - 13), r#"{"events":[]}"#);
    assert_eq!(ask(gzip(padded(1 << 20).as_bytes())).status, 400);
    let too_large = |limit: usize| detail(&format!("Request body of more than {limit} bytes."));
    assert_eq!(ask(gzip(padded((1 << 20) + 1).as_bytes())).json(), (413, too_large(1 << 20)));
    let bomb = gzip(&vec![b' '; 45 << 20]);
    assert!(bomb.len() > 45_000, "{}", bomb.len());
    let (answer, most) = most_held(|| ask(bomb));
    assert_eq!(answer.json(), (413, too_large(1 << 20)));
    assert!(most < 4 << 20, "{most} bytes");
    assert_eq!(ask(vec![0; (48 << 10) + 1]).json(), (413, too_large(48 << 10)));
    for broken in [&b"{}"[..], b"", &gzip(sound.as_bytes())[..40]] {
        assert_eq!(ask(broken.to_vec()).json(), (400, detail("The body is not gzip, or breaks off.")));
    }
    for coding in ["br", "deflate", "gzip, gzip", "zstd"] {
        let ask = edge.post(EVENTS, sound.clone()).key(CLIENT).header("content-encoding", coding);
        assert_eq!(ask.status(), 415, "{coding}");
    }
}

#[test]
fn the_number_of_events_is_bounded_and_so_is_what_they_cost() {
    let answer = post(&vec![purchase(); 5_000]);
    assert_eq!((answer.status, recorded(&answer).len()), (202, 5_000));
    assert_eq!(post(&vec![purchase(); 5_001]).json(), (400, detail("events: more than 5000")));
    let edge = edge(&shop());
    let value = |open: &str, item: &str, close: &str| {
        let value = format!("{open}{}{close}", vec![item; 15_000 / (item.len() + 1)].join(","));
        let event = format!(r#"{{"event":"e","timestamp":{NOW},"value":{value}}}"#);
        format!(r#"{{"events":[{}]}}"#, vec![event; (1 << 20) / 15_200].join(","))
    };
    let mut bodies = vec![
        format!(r#"{{"events":[{}]}}"#, vec!["{}"; 5_000].join(",")),
        format!(r#"{{"events":[{}]}}"#, vec!["0"; 500_000].join(",")),
        value("[", "0", "]"),
        value("[", "[]", "]"),
        value("{", r#""":0"#, "}"),
        format!(r#"{{"events":[{{"value":{}{}}}]}}"#, "[".repeat(500_000), "]".repeat(500_000)),
        format!(r#"{{"events":[{{"event":"{}"}}]}}"#, r"\u00e9".repeat(170_000)),
    ];
    bodies
        .push(json!({ "events": vec![with("traits", json!({ "k".repeat(190): "x" })); 3_000] }).to_string());
    for body in bodies {
        let shown = body[..100].to_owned();
        let ask = edge.post(EVENTS, body).key(CLIENT);
        let (answer, most) = most_held(|| ask.answer());
        assert!(most < 12 << 20, "{most} bytes for {shown}");
        assert!(answer.body.len() < 600 << 10, "{} bytes for {shown}", answer.body.len());
    }
}

#[test]
fn a_key_that_opens_nothing_records_nothing() {
    let edge = edge(&shop());
    let body = json!({ "events": [purchase()] }).to_string();
    for (key, expected) in [
        (None, "Invalid or missing Environment key"),
        (Some("unknown"), "Invalid or missing Environment Key"),
        (Some("ser.unknown"), "Invalid or missing Environment Key"),
    ] {
        let ask = edge.post(EVENTS, body.clone());
        let ask = key.into_iter().fold(ask, Ask::key);
        let answer = ask.answer();
        assert_eq!(answer.json(), (403, detail(expected)), "{key:?}");
        assert!(answer.after.is_empty());
    }
    let text = edge.post(EVENTS, body).key(CLIENT).without_header("content-type");
    assert_eq!(text.header("content-type", "text/plain").status(), 415);
    assert_eq!(edge.get(EVENTS).key(CLIENT).status(), 405);
    let preflight = edge.ask("OPTIONS", "/v1/events/").answer();
    assert_eq!((preflight.status, preflight.header("allow").as_str()), (200, "POST, OPTIONS"));
    assert_eq!(preflight.header("access-control-allow-origin"), "*");
}
