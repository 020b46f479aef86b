//! `jackstaff keys`, and what `jackstaff status` says of server-side keys that no manifest names.

use std::net::TcpListener;

use api::ServerKeyHash;
use serde_json::{Value, json};
use tempfile::TempDir;
use tests::fastly::{FastlyApi, Fault, Kind, SERVICE, STORE, fastly_api};
use tests::fixtures::one_feature;
use tests::{Finished, jackstaff};

use crate::JACKSTAFF;

/// A stand-in for Fastly's API with an environment `a` and its server-side keys, and files.
struct World {
    api: FastlyApi,
    url: String,
    folder: TempDir,
}

fn id(key: &str) -> String {
    ServerKeyHash::of(key).unwrap().hex().to_owned()
}

/// As it is shown.
fn short(key: &str) -> String {
    id(key)[..12].to_owned()
}

impl World {
    fn new(manifest: &Value) -> World {
        let api = fastly_api();
        let world = World { url: api.url(), api, folder: tempfile::tempdir().unwrap() };
        let document = world.file("a.json", &one_feature("a", "2026-03-01T00:00:00Z", "one").to_string());
        let manifest = world.manifest(manifest);
        let published =
            world.run(&["publish"], &["--service", SERVICE, "--server-keys", &manifest, &document]);
        assert_eq!(published.code, 0, "{published:?}");
        world
    }

    /// With two keys that are named, and others that are not any more.
    fn with_orphans() -> World {
        World::new(&json!({ "a": [
            "ser.named",
            { "key": "ser.named-revoked", "active": false },
            "ser.orphan",
            { "key": "ser.orphan-soon", "expires_at": "2126-01-01T00:00:00Z" },
            { "key": "ser.orphan-expired", "expires_at": "2026-01-01T00:00:00Z" },
            { "key": "ser.orphan-revoked", "active": false },
        ]}))
    }

    fn file(&self, name: &str, text: &str) -> String {
        let path = self.folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    }

    fn manifest(&self, manifest: &Value) -> String {
        self.file("keys.json", &manifest.to_string())
    }

    /// The manifest as it is by now.
    fn rest(&self) -> String {
        self.manifest(&json!({ "a": ["ser.named", { "key": "ser.named-revoked", "active": false }] }))
    }

    fn run(&self, command: &[&str], further: &[&str]) -> Finished {
        let target = ["--api", &*self.url, "--store", STORE];
        let finished = jackstaff(JACKSTAFF, &[command, &target, further].concat(), "");
        let said = [&*finished.output, &finished.errors].concat();
        assert!(!said.contains("ser."), "a key is shown: {said}");
        finished
    }

    fn revoke(&self, further: &[&str]) -> Finished {
        self.run(&["keys", "revoke", "--service", SERVICE], further)
    }

    fn record(&self, key: &str) -> Value {
        let stored = self.api.stored(&format!("server-key/{}", id(key)));
        stored.map_or(Value::Null, |stored| serde_json::from_slice(&stored.value).unwrap())
    }

    fn is_active(&self, key: &str) -> bool {
        self.record(key)["active"] == true
    }

    /// What was stored and purged since.
    fn done(&self) -> Vec<String> {
        let is_done = |line: &String| line.starts_with("stored ") || line.contains("purged ");
        self.api.story().into_iter().filter(is_done).collect()
    }
}

/// The keys and the state of each line of a table.
fn lines(output: &str) -> Vec<Vec<&str>> {
    let mut lines: Vec<Vec<&str>> =
        output.lines().skip(1).map(|line| line.split_whitespace().collect()).collect();
    lines.sort();
    lines
}

#[test]
fn the_list_shows_every_key_of_the_store_and_whether_the_manifest_names_it() {
    let world = World::with_orphans();
    world.api.write(&format!("server-key/{}", id("ser.broken")), b"?", None);
    let manifest = world.rest();
    let rows = |named: [&'static str; 3]| {
        let [yes, no, other] = named;
        let mut rows: Vec<Vec<String>> = [
            ("ser.named", ["a", "open", "-", yes]),
            ("ser.named-revoked", ["a", "revoked", "-", yes]),
            ("ser.orphan", ["a", "open", "-", other]),
            ("ser.orphan-soon", ["a", "open", "2126-01-01T00:00:00Z", no]),
            ("ser.orphan-expired", ["a", "expired", "2026-01-01T00:00:00Z", no]),
            ("ser.orphan-revoked", ["a", "revoked", "-", no]),
            ("ser.broken", ["-", "broken", "-", no]),
        ]
        .into_iter()
        .map(|(key, cells)| {
            let cells = cells.into_iter().flat_map(str::split_whitespace).map(str::to_owned);
            [short(key)].into_iter().chain(cells).collect()
        })
        .collect();
        rows.sort();
        rows
    };
    let listed = world.run(&["keys", "list"], &["--server-keys", &manifest]);
    assert_eq!((listed.code, lines(&listed.output)), (0, as_texts(&rows(["yes", "no", "no"]))));
    let listed = world.run(&["keys", "list"], &[]);
    assert_eq!((listed.code, lines(&listed.output)), (0, as_texts(&rows(["-", "-", "-"]))));
    let of_another = world.manifest(&json!({ "a": ["ser.named", "ser.named-revoked"], "b": ["ser.orphan"] }));
    let listed = world.run(&["keys", "list"], &["--server-keys", &of_another]);
    assert_eq!(lines(&listed.output), as_texts(&rows(["yes", "no", "for b"])));

    let manifest = world.rest();
    let listed = world.run(&["keys", "list"], &["--server-keys", &manifest, "--json"]);
    let json: Value = serde_json::from_str(&listed.output).unwrap();
    let key = |key: &str| {
        let mut keys = json["keys"].as_array().unwrap().iter();
        keys.find(|found| found["id"] == id(key)).unwrap().clone()
    };
    assert_eq!(json["keys"].as_array().unwrap().len(), 7);
    let expected = json!({ "id": id("ser.named"), "environment": "a", "active": true, "expires_at": null,
        "state": "open", "named_for": "a" });
    assert_eq!(key("ser.named"), expected);
    let expected = json!({ "id": id("ser.orphan-expired"), "environment": "a", "active": true,
        "expires_at": "2026-01-01T00:00:00Z", "state": "expired", "named_for": null });
    assert_eq!(key("ser.orphan-expired"), expected);
    world.done();
    world.run(&["keys", "list"], &["--server-keys", &manifest]);
    assert_eq!(world.done(), Vec::<String>::new(), "nothing is written");
    let empty = fastly_api();
    let url = empty.url();
    let listed = jackstaff(JACKSTAFF, &["keys", "list", "--api", &url, "--store", STORE], "");
    assert_eq!((listed.code, &*listed.output), (0, "there is no server-side key\n"));
}

fn as_texts(rows: &[Vec<String>]) -> Vec<Vec<&str>> {
    rows.iter().map(|row| row.iter().map(String::as_str).collect()).collect()
}

/// Keys that had left the manifest stayed valid, and nothing showed them.
#[test]
fn the_status_warns_of_keys_that_the_manifest_does_not_name() {
    let world = World::with_orphans();
    let manifest = world.rest();
    let status = |further: &[&str]| world.run(&["status"], further);
    let finished = status(&["--server-keys", &manifest]);
    assert_eq!(finished.code, 0, "a warning: {finished:?}");
    for key in ["ser.orphan", "ser.orphan-soon"] {
        let line = format!(
            "warning: server-side key {} opens environment `a`, and the manifest does not name it",
            short(key)
        );
        assert!(finished.output.lines().any(|said| said == line), "{line}: {finished:?}");
    }
    let counted = "warning: 2 server-side keys that the manifest does not name can be used; `jackstaff keys revoke` revokes \
                   them, by their ids or with --unnamed";
    assert!(finished.output.lines().any(|said| said == counted), "{finished:?}");
    assert_eq!(finished.output.matches("server-side key").count(), 3, "{finished:?}");

    let finished = status(&["--server-keys", &manifest, "--json"]);
    let json: Value = serde_json::from_str(&finished.output).unwrap();
    let unnamed = &json["unnamed_keys"];
    let states = |state: &str| {
        unnamed["records"].as_array().unwrap().iter().filter(|record| record["state"] == state).count()
    };
    assert_eq!([states("open"), states("expired"), states("revoked")], [2, 1, 1], "{unnamed}");
    assert_eq!(unnamed["warnings"].as_array().unwrap().len(), 3);

    // Of other environments nothing was asked.
    let finished = status(&["--server-keys", &manifest, "b"]);
    assert!(!finished.output.contains("server-side"), "{finished:?}");
    // Without a manifest none is known, and no key is looked at.
    world.api.story();
    let finished = status(&[]);
    assert_eq!((finished.code, finished.output.contains("server-side")), (0, false), "{finished:?}");
    assert!(!world.api.story().iter().any(|call| call.contains("server-key")));

    assert_eq!(world.revoke(&["--server-keys", &manifest, "--unnamed"]).code, 0);
    let finished = status(&["--server-keys", &manifest]);
    assert_eq!((finished.code, finished.output.contains("server-side")), (0, false), "{finished:?}");

    world.api.fail(Kind::List, "server-key/", [Fault::Answer(403)]);
    let finished = status(&["--server-keys", &manifest]);
    assert_eq!(finished.code, 2, "{finished:?}");
    assert!(finished.output.contains("\na  "), "the rest is shown: {finished:?}");
}

#[test]
fn keys_are_revoked_by_id_and_their_copies_are_purged() {
    let world = World::with_orphans();
    world.done();
    let name = |key: &str| format!("server-key/{}", id(key));
    let planned = world.revoke(&["--dry-run", &short("ser.orphan")]);
    assert_eq!(planned.code, 0, "{planned:?}");
    let of_orphan = format!("server-side key {} of environment `a`", short("ser.orphan"));
    assert_eq!(planned.output, format!("would revoke {of_orphan}\n"));
    assert_eq!((world.done(), world.is_active("ser.orphan")), (vec![], true));

    let revoked = world.revoke(&[&id("ser.orphan").to_uppercase(), &id("ser.orphan-soon")[..8]]);
    assert_eq!(revoked.code, 0, "{revoked:?}");
    assert!(revoked.output.starts_with(&format!("revoked {of_orphan}\n")), "{revoked:?}");
    let expected = ["ser.orphan", "ser.orphan-soon"]
        .map(|key| [format!("stored {}", name(key)), format!("softly purged {}", name(key))])
        .concat();
    assert_eq!(world.done(), expected);
    let record = json!({ "environment": "a", "active": false, "expires_at": "2126-01-01T00:00:00Z" });
    assert_eq!(world.record("ser.orphan-soon"), record, "the rest of it stays");
    assert!(world.is_active("ser.named"), "the others stay");

    let again = world.revoke(&[&short("ser.orphan")]);
    assert_eq!((again.code, &*again.output), (0, &*format!("unchanged: {of_orphan} was revoked before\n")));
    assert_eq!(world.done(), [format!("softly purged {}", name("ser.orphan"))], "in case a purge failed");

    // One whose record cannot be read opens nothing, but a POP may have an older copy.
    world.api.write(&name("ser.broken"), b"?", None);
    assert_eq!(world.revoke(&[&short("ser.broken")]).code, 0);
    assert_eq!(world.record("ser.broken")["active"], false);
}

#[test]
fn keys_that_the_manifest_names_are_revoked_by_force_alone() {
    let world = World::with_orphans();
    let manifest = world.rest();
    let named = ["--server-keys", &*manifest, &*short("ser.named")];
    let refused = world.revoke(&[&named[..], &[&short("ser.orphan")]].concat());
    assert_eq!(refused.code, 1, "{refused:?}");
    let expected = format!(
        "server-side key {} is not revoked: the manifest names it for environment `a`, so publishing makes it active again; \
         --force revokes it until then\n",
        short("ser.named")
    );
    assert_eq!(refused.errors, expected);
    assert!(world.is_active("ser.named") && !world.is_active("ser.orphan"), "the other is revoked");
    let forced = world.revoke(&[&named[..], &["--force"]].concat());
    assert_eq!(forced.code, 0, "{forced:?}");
    assert!(forced.errors.contains("publishing makes it active again"), "{forced:?}");
    assert!(!world.is_active("ser.named"));
    // One that the manifest revokes as well.
    assert_eq!(world.revoke(&["--server-keys", &manifest, &short("ser.named-revoked")]).code, 0);
}

#[test]
fn all_keys_that_the_manifest_does_not_name_are_revoked_at_once() {
    let world = World::with_orphans();
    world.api.write(&format!("server-key/{}", id("ser.broken")), b"?", None);
    let manifest = world.rest();
    let unnamed = ["--server-keys", &*manifest, "--unnamed"];
    let planned = world.revoke(&[&unnamed[..], &["--dry-run"]].concat());
    assert_eq!((planned.code, planned.output.lines().count()), (0, 3), "{planned:?}");
    assert!(world.is_active("ser.orphan"));
    let revoked = world.revoke(&unnamed);
    assert_eq!((revoked.code, revoked.output.lines().count()), (0, 3), "{revoked:?}");
    let left =
        format!("server-side key {}: its record cannot be read, so it is left as it is", short("ser.broken"));
    assert!(revoked.errors.contains(&left), "{revoked:?}");
    for (key, expected) in [
        ("ser.named", true),
        ("ser.orphan", false),
        ("ser.orphan-soon", false),
        ("ser.orphan-expired", false),
        ("ser.orphan-revoked", false),
    ] {
        assert_eq!(world.is_active(key), expected, "{key}");
    }
    let again = world.revoke(&unnamed);
    let nothing = "there is no key to revoke that the manifest does not name\n";
    assert_eq!((again.code, &*again.output), (0, nothing));

    // A manifest that is empty by mistake.
    let empty = world.manifest(&json!({}));
    let unnamed = ["--server-keys", &*empty, "--unnamed"];
    let refused = world.revoke(&unnamed);
    assert_eq!(refused.code, 64, "{refused:?}");
    assert!(
        refused.errors.contains("the manifest names no key, so every key would be revoked"),
        "{refused:?}"
    );
    assert!(world.is_active("ser.named"));
    assert_eq!(world.revoke(&[&unnamed[..], &["--force"]].concat()).code, 0);
    assert!(!world.is_active("ser.named"));
}

#[test]
fn mistakes_and_failures_have_their_exit_codes() {
    let world = World::with_orphans();
    let orphan = short("ser.orphan");
    world.done();
    for (arguments, code, expected) in [
        (&["0123456789ab"][..], 1, "server-side key 0123456789ab is not in the store\n"),
        (&["0123"], 1, "ID 1 is not an id: 8 hexadecimal digits or more\n"),
        (&[&orphan[..9], "staging-environment"], 1, "ID 2 is not an id: 8 hexadecimal digits or more\n"),
        (&["ser.orphan"], 1, "ID 1 is a server-side key and not the id of one; `keys list` shows ids\n"),
        (&[], 64, "<ID"),
        (&["--unnamed"], 64, "--unnamed needs a manifest"),
        (&["--unnamed", &orphan], 64, "cannot be used with"),
        (&["--server-keys", "nowhere.json", &orphan], 64, "nowhere.json could not be read"),
    ] {
        let finished = world.run(&["keys", "revoke", "--dry-run", "--service", SERVICE], arguments);
        assert_eq!(finished.code, code, "{arguments:?}: {finished:?}");
        assert!(finished.errors.contains(expected), "{arguments:?}: {finished:?}");
    }
    assert_eq!(world.done(), Vec::<String>::new());

    let name = format!("server-key/{}", id("ser.orphan"));
    world.api.fail(Kind::Purge, &name, [Fault::Answer(403)]);
    let unpurged = world.revoke(&[&orphan]);
    assert_eq!((unpurged.code, world.is_active("ser.orphan")), (3, false), "{unpurged:?}");
    let soon = short("ser.orphan-soon");
    let name = format!("server-key/{}", id("ser.orphan-soon"));
    world.api.fail(Kind::Write, &name, [Fault::Answer(403)]);
    assert_eq!(world.revoke(&[&soon]).code, 2);
    // Written by another publisher at the same moment: it is decided again.
    world.api.fail(Kind::Write, &name, [Fault::Overtaken]);
    assert_eq!(world.revoke(&[&soon]).code, 0);
    assert!(!world.is_active("ser.orphan-soon"));

    let closed = {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        format!("http://{}", listener.local_addr().unwrap())
    };
    for command in [&["keys", "list"][..], &["keys", "revoke", &orphan]] {
        let finished = jackstaff(JACKSTAFF, &[command, &["--api", &closed, "--store", STORE]].concat(), "");
        assert_eq!(finished.code, 2, "{finished:?}");
        assert!(finished.errors.contains("listing the KV store: "), "{finished:?}");
    }
}
