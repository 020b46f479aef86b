//! `jackstaff status` against a running edge: which environments agree with the store, and which do not.

use serde_json::{Value, json};
use tests::fixtures::one_feature;
use tests::{Edge, Finished, Tools, edge, jackstaff, tools};

const FLAGS: &str = "/api/v1/flags/";
const MARCH: &str = "2026-03-01T00:00:00Z";
const APRIL: &str = "2026-04-01T00:00:00Z";

/// The content of a document changes with its time: a new time alone is not a change.
fn document(key: &str, updated_at: &str) -> String {
    one_feature(key, updated_at, updated_at).to_string()
}

struct Setup {
    tools: Tools,
    edge: Edge,
}

impl Setup {
    fn new() -> Option<Setup> {
        let tools = tools()?;
        Some(Setup { edge: edge(&tools, &json!({})), tools })
    }

    /// Publishes a document, and purges the POP's copy if it is of a service.
    #[track_caller]
    fn publish(&self, key: &str, updated_at: &str, service: &[&str]) {
        let file = self.edge.file(&format!("{key}.json"), &document(key, updated_at)).display().to_string();
        let api = self.edge.url("");
        let base = ["publish", "--api", &api, "--store", "local", &file];
        let finished = jackstaff(&self.tools, &[&base, service].concat(), "");
        assert_eq!(finished.code, 0, "{finished:?}");
    }

    /// The status of what is stored, and of what the edge serves.
    #[track_caller]
    fn status(&self, further: &[&str]) -> Finished {
        let edge = self.edge.url("");
        let base = ["status", "--api", &edge, "--store", "local", "--edge", &edge];
        jackstaff(&self.tools, &[&base, further].concat(), "")
    }

    #[track_caller]
    fn json(&self, further: &[&str], code: i32) -> Value {
        let finished = self.status(&[&["--json"], further].concat());
        assert_eq!(finished.code, code, "{finished:?}");
        serde_json::from_str(&finished.output).unwrap_or_else(|error| panic!("{error}: {finished:?}"))
    }
}

fn environment<'a>(status: &'a Value, key: &str) -> &'a Value {
    let mut environments = status["environments"].as_array().unwrap().iter();
    environments.find(|environment| environment["key"] == key).unwrap_or_else(|| panic!("{status}"))
}

const PURGE: &[&str] = &["--service", "local"];

#[test]
fn environments_that_agree_and_environments_that_do_not() {
    let Some(setup) = Setup::new() else { return };
    let nothing = setup.status(&[]);
    assert_eq!((nothing.code, &*nothing.output), (0, "there is no environment\n"), "{nothing:?}");

    setup.publish("a", MARCH, PURGE);
    setup.publish("b", MARCH, PURGE);
    setup.publish("gone", MARCH, PURGE);
    assert_eq!(setup.edge.run_unpublish(&["gone"]).code, 0);
    let status = setup.json(&[], 0);
    let keys: Vec<&str> =
        status["environments"].as_array().unwrap().iter().map(|e| e["key"].as_str().unwrap()).collect();
    assert_eq!(keys, ["a", "b", "gone"]);
    let a = environment(&status, "a");
    let revision = a["stored"]["revision"].as_u64().unwrap();
    assert_eq!(setup.edge.get(FLAGS, "a").header("jackstaff-revision"), revision.to_string());
    assert_eq!(a["stored"]["source_updated_at"], MARCH);
    assert_eq!(a["edge"]["revision"], revision);
    assert_eq!(a["wrong"], json!([]));
    let value = setup.edge.stored("environment/a").unwrap().body;
    assert_eq!(a["stored"]["bytes"], value.len());
    let flags = setup.edge.get(FLAGS, "a").body.len();
    assert_eq!(a["stored"]["sections"]["flags-client"], flags);
    let gone = environment(&status, "gone");
    assert_eq!((&gone["stored"]["tombstone"], &gone["edge"]), (&json!(true), &json!({ "status": 403 })));

    // The POP's copy is not due yet, and it was not purged.
    setup.publish("a", APRIL, &[]);
    let older = setup.status(&[]);
    assert_eq!(older.code, 1, "{older:?}");
    let said = format!("environment `a`: the edge serves revision {revision}, and revision ");
    assert!(older.output.contains(&said), "{older:?}");
    assert_eq!(setup.json(&["b", "gone"], 0)["environments"].as_array().unwrap().len(), 2);
    setup.edge.soft_purge("environment/a");
    assert_eq!(setup.status(&[]).code, 0);

    setup.edge.store("environment/b", b"no bundle", Some(r#"{"revision": 9999999999, "total": 9}"#));
    let status = setup.json(&[], 1);
    assert_eq!(
        environment(&status, "b")["stored"],
        json!({ "revision": 9_999_999_999_u64, "broken": "not a bundle" })
    );
    assert_eq!(environment(&status, "a")["wrong"], json!([]));

    let unknown = setup.status(&["nobody"]);
    assert_eq!(unknown.code, 1, "{unknown:?}");
    assert!(unknown.output.contains("environment `nobody`: it is not in the store"), "{unknown:?}");
}

/// The local flavour of the edge lists as Fastly does.
#[test]
fn pages_of_the_local_api() {
    let Some(setup) = Setup::new() else { return };
    for key in ["environment/a", "environment/b", "environment/c", "server-key/0"] {
        setup.edge.store(key, b"x", None);
    }
    let list = |query: &str| {
        let path = format!("/resources/stores/kv/local/keys{query}");
        setup.edge.call("GET", &path, &[("fastly-key", "local-publisher")], b"").json()
    };
    assert_eq!(list("")["data"].as_array().unwrap().len(), 4);
    let first = list("?prefix=environment%2F&limit=2");
    assert_eq!(first["data"], json!(["environment/a", "environment/b"]));
    let cursor = first["meta"]["next_cursor"].as_str().unwrap();
    let second = list(&format!("?prefix=environment%2F&limit=2&cursor={}", cursor.replace('=', "%3D")));
    assert_eq!(second["data"], json!(["environment/c"]));
    assert_eq!(second["meta"]["next_cursor"], Value::Null);
    let path = "/resources/stores/kv/local/keys";
    assert_eq!(setup.edge.call("GET", path, &[("fastly-key", "wrong")], b"").status, 401);
}
