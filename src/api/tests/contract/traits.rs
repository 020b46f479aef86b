//! Traits that are posted: what is echoed, and what is refused, in which words (`PROTOCOL.md`, 5.1, 5.2 and 5.4).

use serde_json::{Value, json};

use crate::ask::IDENTITIES;
use crate::compare::compare;
use crate::documents::{With, shop};
use crate::edge::{CLIENT, edge};

fn post(body: &str) -> crate::ask::Answer {
    edge(&shop()).post(IDENTITIES, body).key(CLIENT).answer()
}

/// The echo of a list of traits, as text: types must survive, and a parser would forgive too much.
fn echo(traits: &str) -> String {
    let text = post(&format!(r#"{{"identifier":"user-0","traits":{traits}}}"#)).text();
    let list = text
        .strip_prefix(r#"{"identifier":"user-0","traits":"#)
        .and_then(|rest| rest.split_once(r#","flags":"#));
    list.map_or(text.clone(), |(traits, _)| traits.to_owned())
}

#[test]
fn values_are_echoed_as_they_were_sent() {
    let long = format!("\"{}\"", "x".repeat(2000));
    let wide = format!("\"{}\"", "ö".repeat(2000));
    let values = [
        "\"gold\"",
        "\"\"",
        "1",
        "1.0",
        "\"1\"",
        "\"1.5\"",
        "\"1e3\"",
        "\"007\"",
        "\"NaN\"",
        "true",
        "false",
        "\"true\"",
        "0",
        "-0",
        "-0.0",
        "1.50",
        "1e3",
        "1E+20",
        "2147483647",
        "2147483648",
        "9007199254740993",
        "9223372036854775807",
        "-9223372036854775808",
        "9223372036854775808",
        "123456789012345678901234567890",
        "\"schön\"",
        "\"\\u00f6\"",
        "\"a\\\"b\\\\c\\n\"",
        "\"\u{1F6A9}\"",
        &long,
        &wide,
    ];
    compare(values.map(|value| {
        let expected = format!(r#"[{{"trait_key":"t","trait_value":{value}}}]"#);
        let spaced = format!(r#"[ {{ "trait_value" : {value} , "trait_key" : "t" }} ]"#);
        (
            value.chars().take(40).collect::<String>(),
            [echo(&expected), echo(&spaced)],
            [expected.clone(), expected],
        )
    }));
}

#[test]
fn a_list_of_traits_is_merged_by_key() {
    let sent = |pairs: &[(&str, &str)]| {
        let items =
            pairs.iter().map(|(key, value)| format!(r#"{{"trait_key":"{key}","trait_value":{value}}}"#));
        format!("[{}]", items.collect::<Vec<String>>().join(","))
    };
    let key = "k".repeat(200);
    let situations = [
        ("none", sent(&[]), sent(&[])),
        ("null", "null".to_owned(), sent(&[])),
        ("in the order of sending", sent(&[("b", "1"), ("a", "2")]), sent(&[("b", "1"), ("a", "2")])),
        ("null deletes", sent(&[("a", "null"), ("b", "1")]), sent(&[("b", "1")])),
        ("only nulls", sent(&[("a", "null")]), sent(&[])),
        (
            "the last of a key counts",
            sent(&[("a", "1"), ("b", "2"), ("a", "\"3\"")]),
            sent(&[("a", "\"3\""), ("b", "2")]),
        ),
        ("a null that is last", sent(&[("a", "1"), ("a", "null")]), sent(&[])),
        ("a null that is not", sent(&[("a", "null"), ("a", "1")]), sent(&[("a", "1")])),
        ("keys differ by case", sent(&[("a", "1"), ("A", "2")]), sent(&[("a", "1"), ("A", "2")])),
        ("a key that is a number", r#"[{"trait_key":5,"trait_value":1}]"#.to_owned(), sent(&[("5", "1")])),
        ("a long key", sent(&[(&key, "1")]), sent(&[(&key, "1")])),
        ("blanks around a key", sent(&[(" a ", "\" x \"")]), sent(&[("a", "\" x \"")])),
        ("blanks make no other key", sent(&[("a", "1"), (" a", "2")]), sent(&[("a", "2")])),
        (
            "a key that is a float",
            r#"[{"trait_key":7.50,"trait_value":1}]"#.to_owned(),
            sent(&[("7.5", "1")]),
        ),
        ("a list, as text", sent(&[("a", "[1, \"b\", true]")]), sent(&[("a", "\"[1, 'b', True]\"")])),
        ("an object, as text", sent(&[("a", "{\"b\": null}")]), sent(&[("a", "\"{'b': None}\"")])),
        ("unknown members", r#"[{"trait_key":"a","trait_value":1,"id":7}]"#.to_owned(), sent(&[("a", "1")])),
        (
            "an escaped key",
            r#"[{"trait_key":"\u0061\"","trait_value":1}]"#.to_owned(),
            r#"[{"trait_key":"a\"","trait_value":1}]"#.to_owned(),
        ),
    ];
    compare(situations.map(|(situation, sent, expected)| (situation, echo(&sent), expected)));
}

#[test]
fn the_last_of_a_key_is_evaluated() {
    let traits = |values: &[Value]| -> Value {
        let list = values.iter().map(|value| json!({ "trait_key": "plan", "trait_value": value }));
        json!({ "identifier": "user-0", "traits": list.collect::<Vec<Value>>() })
    };
    let edge = edge(&shop());
    let banner = |values: &[Value]| edge.identify(&traits(values)).flag("banner");
    compare([
        ("gold last", banner(&[json!("free"), json!("gold")]), json!([true, "gold"])),
        ("gold first", banner(&[json!("gold"), json!("free")]), json!([true, "blue"])),
        ("gold, then null", banner(&[json!("gold"), Value::Null]), json!([true, "blue"])),
    ]);
}

/// As in Flagsmith's API: around the identifier of a body blanks do not count, and in a query they do.
#[test]
fn identifiers_of_a_body() {
    let edge = edge(&shop());
    let situations = [
        (json!(" ann\n"), json!("ann"), json!([true, "ann"])),
        (json!("\u{a0}ann\u{3000}"), json!("ann"), json!([true, "ann"])),
        (json!("a b"), json!("a b"), json!([true, "a b"])),
        (json!(7.5), json!("7.5"), json!([true, "blue"])),
        (json!(1e3), json!("1000.0"), json!([true, "blue"])),
        (json!("  "), json!(format!("{:032x}", crate::edge::RANDOM)), json!([true, "blue"])),
    ];
    compare(situations.map(|(identifier, expected, banner)| {
        let answer = edge.identify(&json!({ "identifier": identifier }));
        let found = (answer.json().1["identifier"].clone(), answer.flag("banner"));
        (identifier, found, (expected, banner))
    }));
    let query = edge.get("/api/v1/identities/?identifier=%20ann").key(CLIENT).answer();
    assert_eq!(
        (query.json().1["identifier"].clone(), query.flag("banner")),
        (json!(" ann"), json!([true, "blue"]))
    );
}

/// An app that sets one has flags all the same, and conditions see its text.
#[test]
fn a_list_is_evaluated_as_its_text() {
    let segment = json!({ "id": 9, "name": "tagged", "rules": [{ "type": "ALL", "rules": [], "conditions": [
        { "operator": "CONTAINS", "property_": "tags", "value": "'beta'" }] }],
        "feature_states": [{ "feature": { "id": 1, "name": "banner" }, "enabled": true, "feature_state_value": "tagged",
            "feature_segment": { "priority": -1 } }] });
    let edge = edge(&shop().with("/project/segments", json!([segment])));
    let body = json!({ "identifier": "user-0", "traits": [{ "trait_key": "tags", "trait_value": ["alpha", "beta"] }] });
    let answer = edge.identify(&body);
    assert_eq!((answer.status, answer.flag("banner")), (200, json!([true, "tagged"])));
}

#[test]
fn bodies_that_are_refused() {
    let dictionary = |found: &str| format!("Invalid data. Expected a dictionary, but got {found}.");
    let list = |found: &str| json!({ "traits": { "non_field_errors": [format!("Expected a list of items but got type \"{found}\".")] } });
    let identifier = json!({ "identifier": ["Not a valid string."] });
    let situations = [
        ("[]", json!({ "non_field_errors": [dictionary("list")] })),
        ("\"ann\"", json!({ "non_field_errors": [dictionary("str")] })),
        ("null", json!({ "non_field_errors": [dictionary("NoneType")] })),
        ("7", json!({ "non_field_errors": [dictionary("int")] })),
        ("7.5", json!({ "non_field_errors": [dictionary("float")] })),
        ("true", json!({ "non_field_errors": [dictionary("bool")] })),
        (r#"{"identifier": true}"#, identifier.clone()),
        (r#"{"identifier": ["ann"]}"#, identifier.clone()),
        (r#"{"identifier": {"a": 1}}"#, identifier.clone()),
        (r#"{"identifier": "\ud800"}"#, identifier),
        (r#"{"identifier": "a\u0000b"}"#, json!({ "identifier": ["Null characters are not allowed."] })),
        (r#"{"traits": {}}"#, list("dict")),
        (r#"{"traits": {"plan": "gold"}}"#, list("dict")),
        (r#"{"traits": "gold"}"#, list("str")),
        (r#"{"traits": 7}"#, list("int")),
        (r#"{"traits": -1e3}"#, list("float")),
        (r#"{"traits": true}"#, list("bool")),
    ];
    compare(situations.map(|(body, expected)| (body, post(body).json(), (400, expected))));
}

#[test]
fn traits_that_are_refused() {
    let required = json!(["This field is required."]);
    let string = json!({ "trait_key": ["Not a valid string."] });
    let long_key = json!({ "trait_key": "k".repeat(201), "trait_value": 1 }).to_string();
    let wide_key = json!({ "trait_key": "ö".repeat(201), "trait_value": 1 }).to_string();
    let long_value = json!({ "trait_key": "a", "trait_value": "x".repeat(2001) }).to_string();
    let wide_value = json!({ "trait_key": "a", "trait_value": "ö".repeat(2001) }).to_string();
    let long_list = json!({ "trait_key": "a", "trait_value": ["x".repeat(1997)] }).to_string();
    let long_text = json!({ "trait_value": ["Value string is too long. Must be less than 2000 character"] });
    let long_name = json!({ "trait_key": ["Ensure this field has no more than 200 characters."] });
    let not_a_dictionary =
        json!({ "non_field_errors": ["Invalid data. Expected a dictionary, but got str."] });
    let situations = [
        (r#"{"trait_value": 1}"#, json!({ "trait_key": required })),
        (r#"{"trait_key": "a"}"#, json!({ "trait_value": required })),
        (r#"{"trait_key": "", "trait_value": 1}"#, json!({ "trait_key": ["This field may not be blank."] })),
        (r#"{"trait_key": null, "trait_value": 1}"#, json!({ "trait_key": ["This field may not be null."] })),
        (
            r#"{"trait_key": "a\u0000", "trait_value": 1}"#,
            json!({ "trait_key": ["Null characters are not allowed."] }),
        ),
        (r#"{"trait_key": true, "trait_value": 1}"#, string.clone()),
        (r#"{"trait_key": ["a"], "trait_value": 1}"#, string.clone()),
        (r#"{"trait_key": "\ud800", "trait_value": 1}"#, string),
        (&long_key, long_name.clone()),
        (&wide_key, long_name),
        (&long_value, long_text.clone()),
        (&wide_value, long_text.clone()),
        (&long_list, long_text.clone()),
        (
            r#"{"trait_key": "a", "trait_value": ["\ud800"]}"#,
            json!({ "trait_value": ["Not a valid string."] }),
        ),
        (
            r#"{"trait_key": " \t", "trait_value": 1}"#,
            json!({ "trait_key": ["This field may not be blank."] }),
        ),
        (r#"{"trait_key": "a", "trait_value": "\ud800"}"#, json!({ "trait_value": ["Not a valid string."] })),
        (
            r#"{"trait_key": "a", "trait_value": 1e400}"#,
            json!({ "trait_value": ["The number is too large."] }),
        ),
        (
            r#"{"trait_key": "a", "trait_value": 1, "transient": "yes"}"#,
            json!({ "transient": ["Must be a valid boolean."] }),
        ),
        (r#""plan""#, not_a_dictionary),
        ("null", json!({ "non_field_errors": ["Invalid data. Expected a dictionary, but got NoneType."] })),
    ];
    compare(situations.into_iter().flat_map(|(item, error)| {
        let alone = post(&format!(r#"{{"identifier":"ann","traits":[{item}]}}"#)).json();
        let sound = r#"{"trait_key":"s","trait_value":1}"#;
        let second = post(&format!(r#"{{"identifier":"ann","traits":[{sound},{item},{sound}]}}"#)).json();
        let short: String = item.chars().take(60).collect();
        [
            (short.clone(), alone, (400, json!({ "traits": [error] }))),
            (format!("{short}, among sound ones"), second, (400, json!({ "traits": [{}, error, {}] }))),
        ]
    }));
}
