//! No request costs more than a stated amount, however it is made: how many traits are read, how many errors are told, how
//! long a text may be, how much memory a body takes, how much an answer repeats (`README.md`, "Limits").

use serde_json::{Value, json};

use crate::ask::{FLAGS, IDENTITIES, detail};
use crate::compare::compare;
use crate::documents::shop;
use crate::edge::{CLIENT, edge};
use crate::memory::most_held;

/// Bytes of an answer that is an error, at most.
const ERROR: usize = 16 << 10;
/// Bytes that the traits of an answer take, at most.
const ECHO: usize = 4 << 20;
/// Bytes that a request holds, at most, its body and its answer among them, where the environment is small.
const MEMORY: usize = 12 << 20;

fn post(body: impl Into<Vec<u8>>) -> (u16, Value) {
    edge(&shop()).post(IDENTITIES, body).key(CLIENT).json()
}

/// What is wrong with a body; none if it is accepted. (No parser reads integers of 2,000 digits in an answer.)
fn refusal(body: String) -> Option<Value> {
    let answer = edge(&shop()).post(IDENTITIES, body).key(CLIENT).answer();
    (answer.status != 200).then(|| answer.json().1)
}

/// A trait in JSON, its key and value as JSON.
fn one(key: &str, value: &str) -> String {
    format!(r#"{{"trait_key":{key},"trait_value":{value}}}"#)
}

#[test]
fn a_thousand_traits_are_accepted_and_no_more() {
    let body = |items: Vec<String>| format!(r#"{{"identifier":"ann","traits":[{}]}}"#, items.join(","));
    let distinct =
        |count: usize| body((0..count).map(|number| one(&format!("\"k{number}\""), "1")).collect());
    let equal = |count: usize| body(vec![one("\"k\"", "1"); count]);
    let count = |(status, answer): (u16, Value)| {
        let echoed = answer["traits"].as_array().map(Vec::len);
        (status, echoed.map_or(answer, |count| json!(count)))
    };
    let refused =
        json!({ "traits": { "non_field_errors": ["Ensure this field has no more than 1000 elements."] } });
    compare([
        ("a thousand", count(post(distinct(1_000))), (200, json!(1_000))),
        ("one more", count(post(distinct(1_001))), (400, refused.clone())),
        ("a thousand of one key", count(post(equal(1_000))), (200, json!(1))),
        ("one more of one key", count(post(equal(1_001))), (400, refused.clone())),
        ("too many, and wrong", count(post(body(vec!["0".into(); 1_001]))), (400, refused)),
    ]);
}

#[test]
fn a_hundred_errors_are_told_and_no_more() {
    let answers = |items: Vec<String>| {
        let (status, answer) = post(format!(r#"{{"traits":[{}]}}"#, items.join(",")));
        let list = answer["traits"].as_array().unwrap_or_else(|| panic!("{answer}")).clone();
        let errors = list.iter().filter(|item| **item != json!({})).count();
        (status, list.len(), errors)
    };
    let sound = || one("\"k\"", "1");
    let wrong = || one("\"k\"", "\"\\ud800\"");
    let mixed = |count: usize| (0..count).flat_map(|_| [sound(), wrong()]).collect::<Vec<String>>();
    compare([
        ("one", answers([vec![sound(); 998], vec![wrong(), sound()]].concat()), (400, 1_000, 1)),
        ("ninety-nine", answers(mixed(99)), (400, 198, 99)),
        ("a hundred", answers([mixed(100), vec![sound()]].concat()), (400, 200, 100)),
        ("five hundred", answers(mixed(500)), (400, 200, 100)),
        ("nothing but errors", answers(vec!["0".into(); 1_000]), (400, 100, 100)),
    ]);
}

/// Flagsmith counts the characters of a text, and so the digits of a number.
#[test]
fn one_limit_for_whatever_has_a_text() {
    let named = |limit: usize| format!("Ensure this field has no more than {limit} characters.");
    let value_error = "Value string is too long. Must be less than 2000 character";
    // Numbers are as long as they are sent. Lists are as long as Python writes them.
    type Shape = fn(usize) -> String;
    let shapes: [(&str, Shape); 7] = [
        ("string", |length| format!("\"{}\"", "é".repeat(length))),
        ("escapes", |length| format!("\"{}\"", r"\ud83d\ude00".repeat(length))),
        ("integer", |length| "9".repeat(length)),
        ("negative integer", |length| format!("-{}", "9".repeat(length - 1))),
        ("float", |length| format!("1.{}", "0".repeat(length - 2))),
        ("exponent", |length| format!("1e{}1", "0".repeat(length - 3))),
        ("negative exponent", |length| format!("1e-{}", "9".repeat(length - 3))),
    ];
    let lists: [(&str, Shape); 3] = [
        ("list", |length| format!("[\"{}\"]", "é".repeat(length - 4))),
        ("list of an integer", |length| format!("[{}]", "9".repeat(length - 2))),
        ("object", |length| format!("{{\"a\":\"{}\"}}", "é".repeat(length - 9))),
    ];
    let mut situations = Vec::new();
    for length in [199, 200, 201, 1_999, 2_000, 2_001, 100_000, 1_000_000] {
        // A body has room for that many.
        let fits = |text: &str| text.len() < (1 << 20) - 100;
        for (shape, text) in
            shapes.iter().map(|(shape, of)| (shape, of(length))).filter(|(_, text)| fits(text))
        {
            let identifier = refusal(format!(r#"{{"identifier":{text}}}"#));
            let expected = (length > 2_000).then(|| json!({ "identifier": [named(2_000)] }));
            situations.push((format!("identifier, {shape} of {length}"), identifier, expected));
            let key = refusal(format!(r#"{{"traits":[{}]}}"#, one(&text, "1")));
            let expected = (length > 200).then(|| json!({ "traits": [{ "trait_key": [named(200)] }] }));
            situations.push((format!("key, {shape} of {length}"), key, expected));
        }
        for (shape, text) in
            shapes.iter().chain(&lists).map(|(shape, of)| (shape, of(length))).filter(|(_, text)| fits(text))
        {
            let value = refusal(format!(r#"{{"traits":[{}]}}"#, one("\"k\"", &text)));
            let expected = (length > 2_000).then(|| json!({ "traits": [{ "trait_value": [value_error] }] }));
            situations.push((format!("value, {shape} of {length}"), value, expected));
        }
    }
    compare(situations);
}

/// Parts of a head have no limit but that of the platform. They are not repeated in full.
#[test]
fn an_answer_repeats_little_of_a_head() {
    let edge = edge(&shop());
    let long = "x".repeat(60_000);
    let short = format!("{}…", &long[..200]);
    let other = |name: &str, value: &str| {
        let ask = edge.post(IDENTITIES, "{}").key(CLIENT).without_header(name);
        ask.header(name, value).json()
    };
    let media_type = |found: &str| detail(&format!("Unsupported media type \"{found}\" in request."));
    let origin = edge.get(FLAGS).key(CLIENT).header("origin", &long).answer();
    let one_origin = crate::edge::edge(&shop()).allow(&["https://shop.example"]);
    let preflight = one_origin.ask("OPTIONS", FLAGS).header("origin", &long).answer();
    compare([
        ("method", edge.ask(&long, FLAGS).json(), (405, detail(&format!("Method \"{short}\" not allowed.")))),
        ("media type", other("content-type", &long), (415, media_type(&short))),
        (
            "coding",
            other("content-encoding", &long),
            (415, media_type(&format!("content-encoding: {}…", &long[..182]))),
        ),
        ("key", edge.get(FLAGS).key(&long).json(), (403, detail("Invalid or missing Environment Key"))),
        (
            "server-side key",
            edge.get(FLAGS).key(&format!("ser.{long}")).json(),
            (403, detail("Invalid or missing Environment Key")),
        ),
        ("path", edge.get(&format!("/{long}")).json(), (404, detail("Not Found"))),
        ("origin", (origin.status, json!(origin.header("access-control-allow-origin"))), (200, json!("*"))),
        (
            "origin, where some are listed",
            (preflight.status, json!(preflight.header("access-control-allow-origin"))),
            (200, json!("")),
        ),
    ]);
}

/// A body of a mebibyte: as many repetitions of a part as fit.
fn filled(start: &str, part: &str, end: &str) -> Vec<u8> {
    let count = (api::BODY_LIMIT - start.len() - end.len()) / part.len();
    [start, &part.repeat(count), end].concat().into_bytes()
}

/// A body of a thousand traits, each with the same value: as many repetitions of a part as fit.
fn thousand(start: &str, part: &str, end: &str, most: usize) -> Vec<u8> {
    let frame = one("\"k000\"", "").len() + 1 + start.len() + end.len();
    let count = ((api::BODY_LIMIT - 100) / 1_000 - frame) / part.len();
    let value = [start, &part.repeat(count.min(most)), end].concat();
    let items: Vec<String> = (0..1_000).map(|number| one(&format!("\"k{number:03}\""), &value)).collect();
    format!(r#"{{"traits":[{}]}}"#, items.join(",")).into_bytes()
}

/// A body of a mebibyte that nests as deep as it can.
fn nested(start: &str, open: &str, close: &str, end: &str) -> Vec<u8> {
    let depth = (api::BODY_LIMIT - start.len() - end.len()) / (open.len() + close.len());
    [start, &open.repeat(depth), &close.repeat(depth), end].concat().into_bytes()
}

fn hostile() -> Vec<(&'static str, Vec<u8>)> {
    let list = r#"{"traits":[0"#;
    let value = r#"{"traits":[{"trait_key":"k","trait_value":"#;
    vec![
        ("traits of numbers", filled(list, ",0", "]}")),
        ("traits of nulls", filled(list, ",null", "]}")),
        ("traits of texts", filled(list, r#","""#, "]}")),
        ("traits of lists", filled(list, ",[]", "]}")),
        ("traits of objects", filled(list, ",{}", "]}")),
        ("traits with long errors", filled(list, r#",{"trait_key":0,"trait_key":0}"#, "]}")),
        (
            "sound traits",
            filled(
                r#"{"traits":[{"trait_key":1,"trait_value":1}"#,
                r#",{"trait_key":1,"trait_value":1}"#,
                "]}",
            ),
        ),
        ("a list of numbers", filled("[0", ",0", "]")),
        ("a list of objects", filled("[0", ",{}", "]")),
        ("traits as an object", filled(r#"{"traits":{"a":0"#, r#","b":0"#, "}}")),
        ("unknown members", filled(r#"{"a":0"#, r#","b":0"#, "}")),
        ("unknown members with escapes", filled(r#"{"a":0"#, r#","\u0062":0"#, "}")),
        ("one member many times", filled(r#"{"traits":[]"#, r#","traits":[]"#, "}")),
        ("one trait's member many times", filled(r#"{"traits":[{"trait_key":0"#, r#","trait_key":0"#, "}]}")),
        (
            "unknown members of a trait",
            filled(r#"{"traits":[{"trait_key":0,"trait_value":0"#, r#","b":0"#, "}]}"),
        ),
        ("a huge member", filled("{\"", "x", "\":0}")),
        ("a huge member with escapes", filled("{\"", "\\u0001", "\":0}")),
        ("a huge value that nobody reads", filled(r#"{"other":""#, "\\n", "\"}")),
        ("a huge member of a trait", filled(r#"{"traits":[{""#, "\\u0001", "\":0}]}")),
        ("an identifier of digits", filled(r#"{"identifier":"#, "9", "}")),
        ("an identifier with a huge fraction", filled(r#"{"identifier":0."#, "9", "}")),
        ("an identifier with a huge exponent", filled(r#"{"identifier":1e"#, "9", "}")),
        ("an identifier of letters", filled(r#"{"identifier":""#, "x", "\"}")),
        ("an identifier of escapes", filled(r#"{"identifier":""#, "\\u0001", "\"}")),
        ("an identifier of blanks", filled(r#"{"identifier":""#, " ", "\"}")),
        ("an identifier of line breaks", filled(r#"{"identifier":""#, "\\n", "\"}")),
        ("an identifier that is a list", filled(r#"{"identifier":[0"#, ",0", "]}")),
        ("a key of digits", filled(r#"{"traits":[{"trait_value":0,"trait_key":"#, "9", "}]}")),
        ("a key of escapes", filled(r#"{"traits":[{"trait_value":0,"trait_key":""#, "\\u0001", "\"}]}")),
        ("a key of blanks", filled(r#"{"traits":[{"trait_value":0,"trait_key":""#, "\\t", "\"}]}")),
        ("a value of digits", filled(value, "9", "}]}")),
        ("a value with a huge fraction", filled(&format!("{value}0."), "9", "}]}")),
        ("a value of escapes", filled(&format!("{value}\""), "\\u0001", "\"}]}")),
        ("a value that is a list of numbers", filled(&format!("{value}[0"), ",0", "]}]}")),
        ("a value that is a list of digits", filled(&format!("{value}["), "9", "]}]}")),
        ("a value that is a list of a long text", filled(&format!("{value}[\""), "\u{7f}", "\"]}]}")),
        ("a value that is a list of escapes", filled(&format!("{value}[\""), "\\u2028", "\"]}]}")),
        ("a value that is a list of blanks", filled(&format!("{value}["), " ", "]}]}")),
        ("a value that is an object", filled(&format!("{value}{{\"a\":0"), r#","a":0"#, "}}]}")),
        ("a transient that is a list", filled(&format!("{value}0,\"transient\":[0"), ",0", "]}]}")),
        ("lists in lists", nested("", "[", "]", "")),
        ("lists in lists, open", filled("", "[", "")),
        ("objects in objects", nested("", "{\"a\":", "}", "")),
        ("objects in objects, open", filled("", "{\"a\":", "")),
        ("lists in a member", nested(r#"{"other":"#, "[", "]", "}")),
        ("lists in an identifier", nested(r#"{"identifier":"#, "[", "]", "}")),
        ("lists in traits", nested(r#"{"traits":"#, "[", "]", "}")),
        ("lists in a trait", nested(r#"{"traits":["#, "[", "]", "]}")),
        ("lists in a value", nested(value, "[", "]", "}]}")),
        ("objects in a value", nested(&format!("{value}[0,"), "[{\"a\":", "}]", "]}]}")),
        ("a thousand texts", thousand("\"", "x", "\"", 2_000)),
        ("a thousand texts of escapes", thousand("\"", "\\u0001", "\"", 2_000)),
        ("a thousand integers", thousand("1", "0", "", 1_999)),
        ("a thousand lists of floats", thousand("[0", ",1e15", "]", 95)),
        ("a thousand lists of control characters", thousand("[\"", "\u{7f}", "\"]", 499)),
        ("a thousand lists of soft hyphens", thousand("[\"", "\u{ad}", "\"]", 499)),
        ("a thousand lists of line separators", thousand("[\"", "\u{2028}", "\"]", 332)),
        ("a thousand lists of backslashes", thousand("[\"", "\\\\", "\"]", 998)),
        ("a thousand lists of commas", thousand("[\"", ",", "\"]", 1_996)),
        ("a thousand lists of lists", thousand("[[]", ",[]", "]", 498)),
        ("a thousand that are too long", thousand("[\"", "\u{7f}", "\"]", 2_000)),
        ("blanks", filled("", " ", "")),
        ("no JSON", filled("", "x", "")),
        ("no UTF-8", [filled("", "x", "").as_slice(), b"\xff"].concat()[1..].to_vec()),
    ]
}

#[test]
fn a_mebibyte_of_any_shape_is_bounded() {
    let edge = edge(&shop());
    let mut wrong = Vec::new();
    let (mut longest, mut largest) = (0, 0);
    for (shape, body) in hostile() {
        assert!(body.len() <= api::BODY_LIMIT && body.len() > api::BODY_LIMIT / 4, "{shape}: {}", body.len());
        let ask = edge.post(IDENTITIES, "").key(CLIENT);
        let (answer, memory) = most_held(|| ask.answer_with(&mut body.as_slice()));
        let limit = if answer.status == 200 { ECHO } else { ERROR };
        let bounded = answer.body.len() <= limit && memory <= MEMORY;
        if !matches!(answer.status, 200 | 400) || !bounded {
            wrong.push(format!("{shape}: {}, {} bytes, {memory} held", answer.status, answer.body.len()));
        }
        println!("{:7} {:8} {memory:9} {shape}", answer.status, answer.body.len());
        (longest, largest) = (longest.max(answer.body.len()), largest.max(memory));
    }
    println!("at most {longest} bytes of answer, {largest} held");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// What is stored counts beside what is sent, and all of it is written.
#[test]
fn a_mebibyte_over_the_largest_stored_identity_is_bounded() {
    let (mut longest, mut largest) = (0, 0);
    for (shape, body) in hostile().into_iter().filter(|(shape, _)| shape.starts_with("a thousand")) {
        let edge = edge(&shop()).storing_traits();
        let traits: Vec<Value> = (0..190)
            .map(|n| json!({ "trait_key": format!("s{n}"), "trait_value": "x".repeat(2_000) }))
            .collect();
        let first = json!({ "identifier": "big", "traits": traits });
        edge.post(IDENTITIES, first.to_string()).key(CLIENT).settled();
        let body = [&br#"{"identifier":"big","#[..], &body[1..]].concat();
        let (answer, memory) = most_held(|| edge.post(IDENTITIES, body).key(CLIENT).settled());
        println!("{:7} {:8} {memory:9} {shape}", answer.status, answer.body.len());
        assert!(matches!(answer.status, 200 | 400 | 413), "{shape}: {}", answer.status);
        (longest, largest) = (longest.max(answer.body.len()), largest.max(memory));
    }
    println!("at most {longest} bytes of answer, {largest} held");
    let record = api::identity::IdentityRecord::LIMIT;
    assert!(longest <= ECHO + 2 * record && largest <= MEMORY + 8 * record, "{longest}, {largest}");
}

/// Texts of JSON that stand for a value, an item or a member, drawn by chance and put into each other.
fn any_json(rng: &mut fastrand::Rng, depth: usize) -> String {
    let pieces = |rng: &mut fastrand::Rng, of: &[&str]| {
        let piece = of[rng.usize(..of.len())];
        piece.repeat(1 << rng.usize(..12))
    };
    match rng.u8(..if depth == 0 { 3 } else { 6 }) {
        0 => ["", "-", "1.", "1e"][rng.usize(..4)].to_owned() + &pieces(rng, &["1", "9"]),
        1 => format!(
            "\"{}\"",
            pieces(rng, &["x", "é", "\\u0001", "\\ud83d\\ude00", "\\\\", " ", "\u{7f}", "\u{2028}"])
        ),
        2 => ["null", "true", "false", "-0", "1e400", "\"\\ud800\"", "\"a\"", "7"][rng.usize(..8)].to_owned(),
        3 => {
            let item = any_json(rng, depth - 1);
            let count = if item.len() < 100 { 1 << rng.usize(..11) } else { 1 + rng.usize(..3) };
            format!("[{}]", vec![item; count].join(","))
        }
        _ => {
            let names = ["identifier", "traits", "trait_key", "trait_value", "transient", "x", "\\u0061"];
            let mut members = Vec::new();
            for name in names {
                if rng.bool() {
                    members.push(format!("\"{name}\":{}", any_json(rng, depth - 1)));
                }
            }
            format!("{{{}}}", members.join(","))
        }
    }
}

#[test]
fn memory_and_answers_are_in_proportion_to_any_body() {
    let edge = edge(&shop());
    let ask = edge.post(IDENTITIES, "").key(CLIENT);
    let mut statuses = std::collections::BTreeMap::new();
    for seed in 0..1_000 {
        let mut rng = fastrand::Rng::with_seed(seed);
        let (identifier, traits) = (any_json(&mut rng, 1), any_json(&mut rng, 3));
        let sound = r#"{"trait_key":"k","trait_value":1}"#;
        let body = match rng.u8(..3) {
            0 => any_json(&mut rng, 4),
            1 => format!(r#"{{"identifier":{identifier},"traits":{traits}}}"#),
            _ => format!(r#"{{"traits":[{sound},{{"trait_key":{identifier},"trait_value":{traits}}}]}}"#),
        };
        let (answer, memory) = most_held(|| ask.answer_with(&mut body.as_bytes()));
        *statuses.entry(answer.status).or_insert(0) += 1;
        let most = if answer.status == 200 { 4_096 + 5 * body.len() } else { ERROR };
        let shape: String = body.chars().take(200).collect();
        assert!(answer.body.len() <= most, "{seed}: {} bytes: {shape}", answer.body.len());
        // The rest is what a request of this environment takes, and the errors.
        assert!(memory <= (256 << 10) + 12 * body.len(), "{seed}: {memory} bytes held: {shape}");
    }
    println!("{statuses:?}");
    assert!(statuses.keys().eq(&[200, 400, 413]) || statuses.keys().eq(&[200, 400]), "{statuses:?}");
}
