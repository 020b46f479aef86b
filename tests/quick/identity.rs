//! `jackstaff identity`: what is stored of somebody, and its deletion.

use api::identity::{IdentityKey, IdentityRecord};
use api::{EnvironmentKey, Secret};
use serde_json::{Value, json};
use tempfile::TempDir;
use tests::fastly::{FastlyApi, Fault, Kind, SERVICE, STORE, fastly_api};
use tests::{Finished, jackstaff};

use crate::JACKSTAFF;

const SECRET: &str = "marked-identity-key-0123456789abcdef";
const ANN: &str = "ann@example.com";

struct World {
    api: FastlyApi,
    url: String,
    folder: TempDir,
}

fn name(identifier: &str) -> String {
    let key = IdentityKey::new(Secret::parse(SECRET).unwrap()).unwrap();
    key.name(&EnvironmentKey::parse("a").unwrap(), identifier).to_string()
}

impl World {
    fn new() -> World {
        let api = fastly_api();
        let world = World { url: api.url(), api, folder: tempfile::tempdir().unwrap() };
        std::fs::write(world.key_file(), SECRET).unwrap();
        world
    }

    fn key_file(&self) -> String {
        self.folder.path().join("identity-key").display().to_string()
    }

    /// Stores traits, as an edge does.
    fn store(&self, identifier: &str, traits: &Value) {
        let one = |(key, value): (&String, &Value)| json!({ "trait_key": key, "trait_value": value });
        let traits: Vec<Value> = traits.as_object().unwrap().iter().map(one).collect();
        let record = json!({ "counter": 1_772_450_553_000_u64, "traits": traits });
        let item = serde_json::from_value::<IdentityRecord>(record).unwrap().item(1);
        self.api.write(&name(identifier), &item.body, Some(&item.metadata));
    }

    fn stored(&self, identifier: &str) -> Option<Value> {
        let stored = self.api.stored(&name(identifier))?;
        Some(serde_json::from_slice(&stored.value).unwrap())
    }

    fn run_with(&self, action: &str, further: &[&str], input: &str) -> Finished {
        let target = ["identity", action, "--api", &*self.url, "--store", STORE];
        let finished = jackstaff(JACKSTAFF, &[&target, further].concat(), input);
        let said = [&*finished.output, &finished.errors].concat();
        assert!(!said.contains("marked-"), "a secret is shown: {said}");
        finished
    }

    /// With the identity key, where one is needed.
    fn run(&self, action: &str, further: &[&str]) -> Finished {
        let key_file = self.key_file();
        let key = if action == "list" { vec![] } else { vec!["--identity-key-file", &*key_file] };
        let service = if action == "delete" { vec!["--service", SERVICE] } else { vec![] };
        self.run_with(action, &[&key, &service, further].concat(), "")
    }
}

#[test]
fn what_is_stored_of_somebody_is_shown() {
    let world = World::new();
    world.store(ANN, &json!({ "plan": "gold", "age": 7 }));
    let id = name(ANN).rsplit_once('/').unwrap().1.to_owned();
    let expected = json!({
        "id": id,
        "bytes": world.api.stored(&name(ANN)).unwrap().value.len(),
        "written_at": "2026-03-02T11:22:33Z",
        "deleted_at": null,
        "traits": { "age": 7, "plan": "gold" },
        "system_traits": {},
    });
    for (identifier, input) in
        [(ANN, ""), ("-", ANN), ("-", "ann@example.com\n"), ("-", "ann@example.com\r\n")]
    {
        let key_file = world.key_file();
        let shown = world.run_with("show", &["--identity-key-file", &key_file, "a", identifier], input);
        assert_eq!(shown.code, 0, "{shown:?}");
        assert_eq!(serde_json::from_str::<Value>(&shown.output).unwrap(), expected);
    }
    let nobody = world.run("show", &["a", "bob"]);
    assert_eq!((nobody.code, &*nobody.errors), (1, "nothing is stored of this identity\n"));
    assert_eq!(world.run("show", &["b", ANN]).code, 1, "another environment");
}

#[test]
fn identities_are_listed_by_their_hashes_as_far_as_the_limit_goes() {
    let world = World::new();
    assert_eq!(world.run("list", &["a"]).output, "no identity is stored\n");
    for identifier in ["a", "b", "c"] {
        world.store(identifier, &json!({ "plan": "gold" }));
    }
    world.api.write(&name("d"), b"?", None);
    assert_eq!(world.run("delete", &["a", "c"]).code, 0);
    let all = world.run("list", &["a"]);
    let mut states: Vec<&str> =
        all.output.lines().skip(1).map(|line| line.split_whitespace().last().unwrap()).collect();
    states.sort_unstable();
    assert_eq!((all.code, states), (0, vec!["1", "1", "broken", "deleted"]), "{all:?}");
    let some = world.run("list", &["a", "--limit", "3"]);
    assert!(some.output.ends_with("3 of 4 are shown; --limit shows more\n"), "{some:?}");
    assert_eq!(some.output.lines().count(), 5);
    let json: Value = serde_json::from_str(&world.run("list", &["a", "--json"]).output).unwrap();
    assert_eq!((json["all"].as_u64(), json["identities"].as_array().unwrap().len()), (Some(4), 4));
    assert_eq!(world.run("list", &["b"]).output, "no identity is stored\n");
}

#[test]
fn a_deletion_leaves_a_marker_without_traits_and_purges() {
    let world = World::new();
    world.store(ANN, &json!({ "plan": "gold" }));
    let planned = world.run("delete", &["a", ANN, "--dry-run"]);
    assert_eq!((planned.code, world.api.writes()), (0, 1), "{planned:?}");
    let deleted = world.run("delete", &["a", ANN]);
    let id = name(ANN).rsplit_once('/').unwrap().1.to_owned();
    assert_eq!((deleted.code, &*deleted.output), (0, &*format!("deleted the traits of {id}\n")));
    let marker = world.stored(ANN).unwrap();
    assert_eq!(marker["traits"], json!([]));
    assert!(marker["deleted_at"].as_u64() > Some(1_772_450_553_000), "{marker}");
    assert!(marker["counter"].as_u64() > Some(1_772_450_553_000), "{marker}");
    assert!(world.api.story().contains(&format!("softly purged {}", name(ANN))), "{:?}", world.api.story());
    // Somebody unknown is marked, too: a write may be under way.
    let unknown = world.run("delete", &["a", "bob"]);
    assert_eq!(unknown.code, 0);
    assert!(unknown.output.contains("had no traits; it is marked as deleted"), "{unknown:?}");
    assert_eq!(world.stored("bob").unwrap()["traits"], json!([]));
    assert_eq!(world.api.wrong_calls(), Vec::<String>::new());
}

#[test]
fn an_edge_that_writes_meanwhile_does_not_keep_what_is_deleted() {
    let world = World::new();
    world.store(ANN, &json!({ "plan": "gold" }));
    world.api.fail(Kind::Write, &name(ANN), [Fault::Overtaken]);
    assert_eq!(world.run("delete", &["a", ANN]).code, 0);
    assert_eq!(world.stored(ANN).unwrap()["traits"], json!([]));
}

#[test]
fn mistakes_and_failures_have_their_exit_codes() {
    let world = World::new();
    let short = world.folder.path().join("short").display().to_string();
    std::fs::write(&short, "marked-short").unwrap();
    for (arguments, said) in [
        (&["a", ANN][..], "no identity key: set JACKSTAFF_IDENTITY_KEY"),
        (&["--identity-key-file", &short, "a", ANN][..], "fewer than 32 characters"),
        (&["--identity-key-file", &world.key_file(), "ser.marked-key", ANN][..], "not a client-side key"),
        (&["--identity-key-file", &world.key_file(), "a", ""][..], "the identifier is empty"),
    ] {
        for action in ["show", "delete"] {
            let finished = world.run_with(action, arguments, "");
            assert_eq!(finished.code, 64, "{finished:?}");
            assert!(finished.errors.contains(said), "{finished:?}");
        }
    }
    world.store(ANN, &json!({ "plan": "gold" }));
    for (kind, code) in [(Kind::Read, 2), (Kind::Write, 2), (Kind::Purge, 3)] {
        world.api.fail(kind, &name(ANN), [Fault::Answer(403)]);
        let deleted = world.run("delete", &["a", ANN]);
        assert_eq!(deleted.code, code, "{deleted:?}");
    }
    world.api.fail(Kind::Read, &name(ANN), [Fault::Answer(403)]);
    assert_eq!(world.run("show", &["a", ANN]).code, 2);
}
