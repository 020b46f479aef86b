//! The parts of the check, each with lines of its own to the edge.

use std::collections::{BTreeMap, BTreeSet};
use std::thread;
use std::time::{Duration, Instant};

use flagsmith::flagsmith::models::{Flag, Flags, SDKTrait};
use flagsmith::{Flagsmith, FlagsmithOptions};
use flagsmith_flag_engine::identities::Trait;
use serde_json::{Value, json};

use crate::Options;
use crate::cases::{self, ByName, list};
use crate::checks::Checks;
use crate::tap::Tap;

const FLAGS: &str = "/api/v1/flags/";
const IDENTITIES: &str = "/api/v1/identities/";
const ENVIRONMENT_DOCUMENT: &str = "/api/v1/environment-document/";
const ANALYTICS: &str = "/api/v1/analytics/flags/";

pub fn environment_flags(checks: &mut Checks, options: &Options) {
    let cases = cases::read();
    let ids = list(&cases.document["feature_states"])
        .map(|state| (&state["feature"]["name"], &state["feature"]["id"]));
    let ids: BTreeMap<&str, &Value> = ids.map(|(name, id)| (name.as_str().unwrap_or_default(), id)).collect();
    for (key, expected) in
        [(&options.client_key, cases.public(&cases.defaults)), (&options.server_key, cases.defaults.clone())]
    {
        let tap = Tap::new(&options.edge, None);
        let flags = client(&tap, key, Evaluation::Remote).get_environment_flags();
        checks.equal(&format!("environment flags with {key}"), outcomes(&flags), expected.clone());
        let flags = flags.expect("environment flags");
        for flag in flags.all_flags() {
            checks.equal(
                &format!("id of `{}` with {key}", flag.feature_name),
                flag.feature_id,
                ids[&*flag.feature_name].clone(),
            );
        }
        for name in cases.server_only.iter().filter(|name| !expected.contains_key(*name)) {
            checks.equal(&format!("`{name}` with {key}"), flags.get_flag(name).is_err(), true);
        }
        checks.equal(
            &format!("requests for environment flags with {key}"),
            tap.requests(),
            vec![format!("GET {FLAGS}")],
        );
    }
}

pub fn situations_evaluated_remotely(checks: &mut Checks, options: &Options) {
    let cases = cases::read();
    for key in [&options.client_key, &options.server_key] {
        let tap = Tap::new(&options.edge, None);
        let sdk = client(&tap, key, Evaluation::Remote);
        for case in &cases.situations {
            let expected =
                if key == &options.client_key { cases.public(&case.expected) } else { case.expected.clone() };
            let flags =
                sdk.get_identity_flags(&case.identifier, Some(traits(&case.traits)), Some(case.transient));
            checks.equal(&format!("{}, with {key}", case.name), outcomes(&flags), expected);
        }
        let expected = vec![format!("POST {IDENTITIES}"); cases.situations.len()];
        checks.equal(&format!("requests for identities with {key}"), tap.requests(), expected);
    }
}

/// The tap lets the document through and nothing else: with a document that it cannot read this SDK would go on with
/// remote flags, without a word.
pub fn situations_evaluated_locally(checks: &mut Checks, options: &Options) {
    let cases = cases::read();
    let tap = Tap::new(&options.edge, Some(ENVIRONMENT_DOCUMENT));
    let sdk = client(&tap, &options.server_key, Evaluation::Local);
    checks.equal(
        "environment flags, locally",
        outcomes(&sdk.get_environment_flags()),
        cases.defaults.clone(),
    );
    for case in &cases.situations {
        let flags =
            sdk.get_identity_flags(&case.identifier, Some(traits(&without_nulls(&case.traits))), None);
        checks.equal(&format!("{}, locally", case.name), outcomes(&flags), case.expected.clone());
    }
    let igor = traits(json!({ "referrer": "a friend", "opted_out": null }).as_object().expect("traits"));
    let flags = outcomes(&sdk.get_identity_flags("igor", Some(igor), None));
    checks.equal(
        "a trait that is null is there, locally",
        flags["survey"].clone(),
        cases.defaults["survey"].clone(),
    );
    let expected = vec![format!("GET {ENVIRONMENT_DOCUMENT}")];
    checks.equal("local evaluation asks for the document alone", tap.requests(), expected);

    drop(tap);
    let case = &cases.situations[0];
    let flags = sdk.get_identity_flags(&case.identifier, Some(traits(&case.traits)), None);
    checks.equal("local evaluation goes on without an edge", outcomes(&flags), case.expected.clone());
}

pub fn remote_equals_local(checks: &mut Checks, options: &Options) {
    let cases = cases::read();
    let identities = cases.population();
    let mut seen: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let segments = list(&cases.document["project"]["segments"]);
    let mut members: BTreeMap<String, usize> =
        segments.map(|segment| (segment["name"].as_str().unwrap_or_default().to_owned(), 0)).collect();
    let line = Tap::new(&options.edge, None);
    let local_line = Tap::new(&options.edge, Some(ENVIRONMENT_DOCUMENT));
    let local = client(&local_line, &options.server_key, Evaluation::Local);
    let with_server_key = client(&line, &options.server_key, Evaluation::Remote);
    let with_client_key = client(&line, &options.client_key, Evaluation::Remote);
    for (identifier, all) in &identities {
        let who = format!("{identifier} {}", Value::Object(all.clone()));
        let there = without_nulls(all);
        let expected = outcomes(&local.get_identity_flags(identifier, Some(traits(&there)), None));
        let got = outcomes(&with_server_key.get_identity_flags(identifier, Some(traits(all)), None));
        checks.equal(&format!("remote equals local, server key: {who}"), got, expected.clone());
        let expected = expected.as_object().cloned().unwrap_or_default();
        let got = outcomes(&with_client_key.get_identity_flags(identifier, Some(traits(all)), None));
        checks.equal(&format!("remote equals local, client key: {who}"), got, cases.public(&expected));
        for (name, outcome) in expected {
            seen.entry(name).or_default().insert(outcome.to_string());
        }
        let own: Vec<Trait> = traits(&there).into_iter().map(Into::into).collect();
        for segment in local.get_identity_segments(identifier, Some(own)).expect("segments") {
            *members.entry(segment.name).or_default() += 1;
        }
    }
    let expected = vec![format!("POST {IDENTITIES}"); 2 * identities.len()];
    checks.equal("requests of the remote half", line.requests(), expected);
    let expected = vec![format!("GET {ENVIRONMENT_DOCUMENT}")];
    checks.equal("requests of the local half", local_line.requests(), expected);

    // Else the comparison would be of nothing much: all that the document can give has been given to somebody.
    for (name, possible) in cases.possible_outcomes() {
        checks.equal(
            &format!("outcomes of `{name}` among the identities"),
            json!(seen[&name]),
            json!(possible),
        );
    }
    let shares = members.into_iter().map(|(name, count)| (name, 100 * count / identities.len()));
    for (name, share) in shares {
        checks.equal(
            &format!("segment `{name}` has {share}% of the identities: from 5% to 80%"),
            (5..=80).contains(&share),
            true,
        );
    }
    println!("{} identities; {} outcomes", identities.len(), seen.values().map(BTreeSet::len).sum::<usize>());
}

pub fn disabled_flags_are_hidden(checks: &mut Checks, options: &Options) {
    let Some(key) = &options.hiding_key else { return };
    let cases = cases::read();
    let tap = Tap::new(&options.edge, None);
    let sdk = client(&tap, key, Evaluation::Remote);
    let mut expected = cases.public(&cases.defaults);
    expected.retain(|_, outcome| outcome[0] == true);
    checks.equal("environment flags, disabled ones hidden", outcomes(&sdk.get_environment_flags()), expected);
    let flags = outcomes(&sdk.get_identity_flags("blocked-user", None, None));
    checks.equal("a flag that an override switches off", flags["plain_on"].clone(), Value::Null);
    let traits = traits(json!({ "plan": "silver", "newsletter": true }).as_object().expect("traits"));
    let flags = outcomes(&sdk.get_identity_flags("bert", Some(traits), None));
    checks.equal("a flag that a segment switches on", flags["plain_off"].clone(), json!([true, null]));
}

pub fn wrong_keys(checks: &mut Checks, options: &Options) {
    const REFUSED: &str = r#"Flagsmith API error: HTTP Api error: 403 Forbidden, {"detail":"Invalid or missing Environment Key"}"#;
    for (key, evaluation) in [
        ("no-such-environment", Evaluation::Remote),
        ("ser.no-such-key", Evaluation::Remote),
        // Without a document this SDK asks for remote flags, and tells what came of that.
        ("ser.no-such-key", Evaluation::Local),
    ] {
        let tap = Tap::new(&options.edge, None);
        let sdk = client(&tap, key, evaluation);
        let flags = outcomes(&sdk.get_environment_flags());
        checks.equal(&format!("environment flags with {key}, {evaluation:?}"), flags, REFUSED);
        let flags = outcomes(&sdk.get_identity_flags("anna", None, None));
        checks.equal(&format!("identity flags with {key}, {evaluation:?}"), flags, REFUSED);
    }
    let tap = Tap::new(&options.edge, None);
    let own = |name: &str| Flag { is_default: true, feature_name: name.to_owned(), ..Flag::default() };
    let with_own = FlagsmithOptions { default_flag_handler: Some(own), ..settings(&tap) };
    let flags = Flagsmith::new("no-such-environment".to_owned(), with_own).get_environment_flags();
    let is_default = flags.and_then(|flags| flags.get_flag("plain_on")).map(|flag| flag.is_default);
    checks.equal("an app's own flag", is_default.unwrap_or_default(), true);
}

/// The SDK sends what it counted, and flags stay what they are.
pub fn analytics(checks: &mut Checks, options: &Options) {
    let cases = cases::read();
    let tap = Tap::new(&options.edge, None);
    {
        let counting = FlagsmithOptions { enable_analytics: true, ..settings(&tap) };
        let sdk = Flagsmith::new(options.client_key.clone(), counting);
        let flags = sdk.get_environment_flags();
        checks.equal("flags, counted", outcomes(&flags), cases.public(&cases.defaults));
        let flag = flags.and_then(|flags| flags.get_flag("page_size")).ok();
        checks.equal("a flag, counted", flag.and_then(|flag| flag.value_as_i64()), Some(25));
    }
    // A client that is dropped sends what it counted.
    let deadline = Instant::now() + Duration::from_secs(20);
    while tap.requests().len() < 2 && Instant::now() < deadline {
        thread::sleep(Duration::from_millis(20));
    }
    let expected = vec![format!("GET {FLAGS}"), format!("POST {ANALYTICS}")];
    checks.equal("requests with analytics", tap.requests(), expected);
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Evaluation {
    Remote,
    Local,
}

fn client(tap: &Tap, key: &str, evaluation: Evaluation) -> Flagsmith {
    let options =
        FlagsmithOptions { enable_local_evaluation: evaluation == Evaluation::Local, ..settings(tap) };
    Flagsmith::new(key.to_owned(), options)
}

fn settings(tap: &Tap) -> FlagsmithOptions {
    FlagsmithOptions {
        api_url: format!("{}/api/v1/", tap.url),
        // One hour: a check is over before the document is asked for again.
        environment_refresh_interval_mills: 3_600_000,
        ..FlagsmithOptions::default()
    }
}

/// `[enabled, value]` by name, or what the SDK says went wrong.
fn outcomes(flags: &Result<Flags, flagsmith::error::Error>) -> Value {
    match flags {
        Ok(flags) => flags
            .all_flags()
            .into_iter()
            .map(|flag| (flag.feature_name, json!([flag.enabled, flag.value])))
            .collect(),
        Err(error) => json!(error.to_string()),
    }
}

fn traits(traits: &ByName) -> Vec<SDKTrait> {
    let one = |(key, value): (&String, &Value)| {
        let transient = value["transient"] == true;
        let value = value.get("value").unwrap_or(value).clone();
        let value = serde_json::from_value(value).expect("a trait's value");
        SDKTrait::new_with_transient(key.clone(), value, transient)
    };
    traits.iter().map(one).collect()
}

/// Evaluating locally, this SDK (3.1.2) takes a trait that is null for one that is there; remotely it sends it as null,
/// and it is not there. So for its local half such traits are left out; one check holds on to what it does with them.
fn without_nulls(traits: &ByName) -> ByName {
    traits.clone().into_iter().filter(|(_, value)| !value.is_null()).collect()
}
