//! Documents that break.

use std::time::Duration;

use serde_json::{Value, json};
use tests::flagsmith::Fault;
use tests::stack::{FEATURE, Served, Stack, StackOptions, key, stack};
use tests::{eventually, tools};

use tests::machine::beside_others;

const SOON: Duration = Duration::from_secs(30);

/// How a document breaks: its text then, and the expected message.
type Break = (fn(Value) -> String, &'static str);

const BREAKS: [Break; 6] = [
    (|document| document.to_string()[..100].to_owned(), "not a JSON object"),
    (|_| "<html>Bad Gateway</html>".into(), "not a JSON object"),
    (|document| with_operator(document, &json!(7)).to_string(), "operator"),
    (|document| with_operator(document, &json!("RESEMBLES")).to_string(), "unknown operator \"RESEMBLES\""),
    (
        |mut document| {
            let state = document["feature_states"][0].take();
            let feature = |n: usize| {
                let mut state = state.clone();
                state["feature"] = json!({ "id": n, "name": format!("feature-{n}"), "type": "STANDARD" });
                state
            };
            document["feature_states"] = (0..20_001).map(feature).collect();
            document.to_string()
        },
        "20001 features",
    ),
    (
        |mut document| {
            document["feature_states"][1]["feature_state_value"] = json!("x".repeat(26_000_000));
            document.to_string()
        },
        "25000000 bytes",
    ),
];

fn with_operator(mut document: Value, operator: &Value) -> Value {
    let condition = json!({ "operator": operator, "property_": "plan", "value": "gold" });
    let rule = json!({ "type": "ALL", "rules": [], "conditions": [condition] });
    let segments = json!([{ "id": 1, "name": "odd", "rules": [rule], "feature_states": [] }]);
    document["project"]["segments"] = segments;
    document["feature_states"][0]["feature_state_value"] = json!("odd");
    document
}

#[test]
fn a_broken_document_is_reported_and_its_last_good_version_stays_served() {
    let Some(tools) = tools() else { return };
    let _machine = beside_others();
    let whole = BREAKS.len();
    let stack = stack(
        &tools,
        &StackOptions { environments: whole + 1, edges: 1, poll: 1, ..StackOptions::default() },
    );
    for (environment, (breaks, _)) in BREAKS.iter().enumerate() {
        stack.edit(environment, &json!("good"));
        stack.wait_until_served(environment, &json!("good"), SOON);
        let text = breaks(stack.flagsmith.document(&key(environment)));
        stack.flagsmith.serve_instead(&key(environment), Some(text));
    }
    for (environment, (_, why)) in BREAKS.iter().enumerate() {
        let key = key(environment);
        eventually(&format!("{key} is said to be broken: {why}"), SOON, || {
            let lines = stack.serve().said();
            let is_said = lines.iter().any(|line| line.contains(&format!("`{key}`")) && line.contains(why));
            let trouble = trouble(&stack, &key)?;
            (is_said && trouble.contains(why)).then_some(())
        });
    }
    for n in 1..=3 {
        stack.edit(whole, &json!(n));
        stack.wait_until_served(whole, &json!(n), Duration::from_secs(5));
    }
    let status = stack.status();
    for environment in 0..whole {
        assert_eq!(stack.served(0, environment).unwrap().value, "good");
        let of_this = of(&status, &key(environment));
        assert!(of_this["behind_seconds"].as_f64().is_some() && of_this["why"].is_string(), "{of_this}");
    }
    assert_eq!(of(&status, &key(whole))["behind_seconds"], Value::Null, "{status}");

    for environment in 0..whole {
        stack.flagsmith.serve_instead(&key(environment), None);
        stack.edit(environment, &json!("repaired"));
        stack.wait_until_served(environment, &json!("repaired"), SOON);
    }
    eventually("nothing is broken any more", SOON, || {
        (stack.status()["troubles"] == json!([])).then_some(())
    });
}

/// A condition with an unknown operator never matches; the rest of the document is sound.
#[test]
fn a_document_with_an_unknown_operator_is_published_if_that_is_allowed() {
    let Some(tools) = tools() else { return };
    let _machine = beside_others();
    let arguments = &["--unknown-operators", "publish"];
    let stack = stack(&tools, &StackOptions { edges: 1, poll: 1, arguments, ..StackOptions::default() });
    stack.flagsmith.edit(&key(0), |document| *document = with_operator(document.take(), &json!("RESEMBLES")));
    stack.wait_until_served(0, &json!("odd"), SOON);
    let line = stack.serve().says("RESEMBLES");
    assert!(line.contains(&key(0)) && line.contains("odd"), "{line}");
    let trouble = eventually("it is in the status", SOON, || trouble(&stack, &key(0)));
    assert!(trouble.contains("RESEMBLES"), "{trouble}");
    stack.flagsmith.set(&key(0), FEATURE, &json!("published"));
    stack.wait_until_served(0, &json!("published"), SOON);
}

/// The error that the status shows for an environment.
fn trouble(stack: &Stack, key: &str) -> Option<String> {
    let status = stack.status();
    let troubles = status["troubles"].as_array()?;
    let of_this =
        |trouble: &&Value| trouble["place"].as_str().is_some_and(|place| place.contains(&format!("`{key}`")));
    troubles.iter().find(of_this)?["why"].as_str().map(str::to_owned)
}

/// The status of an environment.
fn of<'a>(status: &'a Value, key: &str) -> &'a Value {
    let environments = status["environments"].as_array().unwrap();
    environments.iter().find(|environment| environment["key"] == key).unwrap()
}

/// A replica of Flagsmith's database may lag. A document that is older than the published one is not published until it
/// was received several times.
#[test]
fn a_document_from_before_the_last_edit_is_not_published() {
    let Some(tools) = tools() else { return };
    let _machine = beside_others();
    let stack = stack(&tools, &StackOptions { edges: 1, poll: 1, ..StackOptions::default() });
    for n in [1, 2] {
        stack.edit(0, &json!(n));
        stack.wait_until_served(0, &json!(n), SOON);
    }
    let revision = stack.served(0, 0).unwrap().revision;
    stack.flagsmith.fail(&key(0), [Fault::Stale; 3]);
    eventually("it was asked three times", SOON, || (stack.flagsmith.counts().struck == 3).then_some(()));
    assert_eq!(stack.served(0, 0), Some(Served { revision, value: json!(2) }));
    eventually("the replica has come round", SOON, || {
        (of(&stack.status(), &key(0))["behind_seconds"] == Value::Null).then_some(())
    });
    assert_eq!(stack.served(0, 0), Some(Served { revision, value: json!(2) }));
}
