//! Documents by which a request costs much.

use engine::{Cost, Document, Options};
use publisher::cost::{CostLevel, sentence};
use publisher::{Client, PublishOptions, Published, publish};
use serde_json::{Value, json};
use tests::fixtures;

use super::world::{World, document, source, target};

const MARCH: &str = "2026-03-01T00:00:00Z";

/// Numbers of percentage splits that are far from the two limits.
pub(crate) const GREEN: usize = 10;
pub(crate) const DEAR: usize = 1_500;
pub(crate) const TOO_DEAR: usize = 20_000;

/// A document with so many percentage splits, which hash each identity anew.
pub(crate) fn with_splits(value: &str, splits: usize) -> Value {
    let split = json!({ "operator": "PERCENTAGE_SPLIT", "property_": "", "value": "1" });
    let mut document = document(value, MARCH);
    document["project"]["segments"] =
        json!([{ "id": 1, "name": "many", "rules": [{ "type": "ANY", "conditions": vec![split; splits] }] }]);
    document
}

fn cost_of(document: &Value) -> Cost {
    let document = Document::parse(&document.to_string()).unwrap();
    let options = Options { omit_metadata: true, ..Options::default() };
    let (environment, _) = document.compile(options, api::flag_json).unwrap();
    environment.cost(environment.encode().unwrap().len())
}

fn published(world: &World, document: &Value, options: &PublishOptions) -> Result<Published, String> {
    let client = Client::new(target(&world.api), &world.clock);
    let report = publish(&client, &source(document), &[], options);
    report.environment.map_err(|refusal| refusal.to_string())
}

fn warnings(published: &Published) -> Vec<String> {
    published.plan_warnings.iter().map(ToString::to_string).collect()
}

#[test]
fn a_document_is_green_or_warned_of_or_refused_by_what_a_request_may_cost() {
    let world = World::new();
    let options = PublishOptions::default();
    let green = with_splits("green", GREEN);
    assert_eq!(warnings(&published(&world, &green, &options).unwrap()), Vec::<String>::new());
    assert_eq!(world.header().steps, Some(cost_of(&green).steps()));

    let dear = with_splits("dear", DEAR);
    let warning = sentence(&cost_of(&dear));
    assert_eq!(warnings(&published(&world, &dear, &options).unwrap()), std::slice::from_ref(&warning));
    assert!(warning.contains("; most of it: percentage splits "), "{warning}");
    assert!(warning.contains("; the dearest: segment `many` "), "{warning}");

    let too_dear = with_splits("too dear", TOO_DEAR);
    let refusal = format!(
        "{}, so it is held back: requests could be cut off; `--dear publish` publishes it all the same",
        sentence(&cost_of(&too_dear))
    );
    let revision = world.header().revision;
    assert_eq!(published(&world, &too_dear, &options).unwrap_err(), refusal);
    assert_eq!(world.header().revision, revision);
}

#[test]
fn a_dry_run_says_the_cost_and_refuses_what_is_too_dear() {
    let world = World::new();
    let options = PublishOptions { dry_run: true, ..PublishOptions::default() };
    let dear = with_splits("dear", DEAR);
    let planned = published(&world, &dear, &options).unwrap();
    assert_eq!(planned.cost.as_deref(), Some(&cost_of(&dear)));
    assert_eq!(warnings(&planned).len(), 1);
    published(&world, &with_splits("too dear", TOO_DEAR), &options).unwrap_err();
}

#[test]
fn what_is_too_dear_is_published_if_the_publisher_insists() {
    let world = World::new();
    let options = PublishOptions { accept_dear: true, ..PublishOptions::default() };
    let too_dear = with_splits("too dear", TOO_DEAR);
    let warnings = warnings(&published(&world, &too_dear, &options).unwrap());
    assert_eq!(warnings, [sentence(&cost_of(&too_dear))]);
}

/// Otherwise an upgrade, after which more is known to be dear, would stop an environment from being served as it is.
#[test]
fn what_is_stored_already_is_not_held_back() {
    let world = World::new();
    let insist = PublishOptions { accept_dear: true, ..PublishOptions::default() };
    let too_dear = with_splits("too dear", TOO_DEAR);
    published(&world, &too_dear, &insist).unwrap();
    let options = PublishOptions::default();
    let unchanged = published(&world, &too_dear, &options).unwrap();
    assert_eq!(warnings(&unchanged), [sentence(&cost_of(&too_dear))]);
    // Another way of regular expressions makes another bundle of it, as an upgrade may.
    let upgraded = PublishOptions { anchoring: engine::Anchoring::Search, ..options };
    published(&world, &too_dear, &upgraded).unwrap();
    // Another change of it is held back.
    published(&world, &with_splits("other", TOO_DEAR), &options).unwrap_err();
}

#[test]
fn the_reference_environments_are_green() {
    let environments =
        [("small", fixtures::small()), ("heavy", fixtures::heavy()), ("large", fixtures::large())];
    for (name, document) in environments {
        let cost = cost_of(&document);
        assert_eq!(CostLevel::of(cost.steps()), CostLevel::Green, "{name}: {}", sentence(&cost));
    }
}
