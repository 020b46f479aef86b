//! `jackstaff publish --flagsmith`: from a Flagsmith into a store, both stand-ins.

use std::fs;
use std::io::ErrorKind;
use std::net::TcpListener;
use std::process::Command;
use std::time::{Duration, Instant};

use api::{Section, ServerKeyHash, bundle};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use tempfile::TempDir;
use tests::fastly::{FastlyApi, SERVICE, STORE, TOKEN, fastly_api};
use tests::flagsmith::{Fault, Flagsmith, flagsmith};
use tests::{Finished, eventually, not_run, program};

use crate::JACKSTAFF;

fn document(key: &str, id: u64) -> Value {
    json!({
        "id": id,
        "api_key": key,
        "project": { "id": 1, "name": "p", "segments": [] },
        "feature_states": [{
            "feature": { "id": 1, "name": "f", "type": "STANDARD" },
            "enabled": true,
            "feature_state_value": key,
        }],
        "webhook_config": { "url": "https://hooks.example.com", "secret": "s3cret" },
    })
}

/// A Flagsmith, and a store that its environments are published to.
struct Setup {
    flagsmith: Flagsmith,
    api: FastlyApi,
    folder: TempDir,
}

impl Setup {
    fn new() -> Setup {
        let folder = tempfile::tempdir().unwrap();
        Setup { flagsmith: flagsmith(), api: fastly_api(), folder }
    }

    fn file(&self, name: &str, text: &str) -> String {
        let file = self.folder.path().join(name);
        fs::write(&file, text).unwrap();
        file.display().to_string()
    }

    /// Publishes from the Flagsmith, with further arguments, and variables beside the token.
    #[track_caller]
    fn publish(&self, further: &[&str], variables: &[(&str, &str)]) -> Finished {
        self.publish_from(&self.flagsmith.url(), further, variables)
    }

    #[track_caller]
    fn publish_from(&self, flagsmith: &str, further: &[&str], variables: &[(&str, &str)]) -> Finished {
        let mut command = Command::new(JACKSTAFF);
        command.args(["publish", "--api", &self.api.url(), "--store", STORE, "--service", SERVICE]);
        command.args(["--flagsmith", flagsmith]).args(further);
        command.env("FASTLY_API_TOKEN", TOKEN).envs(variables.iter().copied());
        let output = command.output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        let finished = Finished {
            code: output.status.code().unwrap(),
            output: text(output.stdout),
            errors: text(output.stderr),
        };
        assert!(!format!("{finished:?}").contains("ser."), "a key is shown: {finished:?}");
        finished
    }

    /// The document that is stored for an environment.
    fn stored(&self, key: &str) -> Option<Value> {
        let value = self.api.stored(&format!("environment/{key}"))?.value;
        let header = bundle::check(&value).unwrap();
        let document = bundle::section_of(&value, header.span(Section::Document).unwrap());
        Some(serde_json::from_slice(document).unwrap())
    }

    fn has_record(&self, server_key: &str) -> bool {
        self.api.stored(&ServerKeyHash::of(server_key).unwrap().store_key()).is_some()
    }
}

#[test]
fn every_environment_of_the_manifest_on_its_own() {
    let setup = Setup::new();
    for (key, id) in [("a", 1), ("b", 2), ("busy", 3), ("revoked", 4)] {
        setup.flagsmith.has(&document(key, id), &format!("ser.of-{key}"));
    }
    for number in 0..7 {
        setup.flagsmith.override_identity("a", &format!("identity-{number}"), "f", &json!(number));
    }
    setup.flagsmith.page_by(Some(2));
    setup.flagsmith.fail("busy", [Fault::Answer(503), Fault::Cut]);
    let manifest = json!({
        "a": [{ "key": "ser.former", "active": false }, "ser.of-a"],
        "busy": ["ser.of-busy"],
        "mistaken": ["ser.of-b"],
        "revoked": [{ "key": "ser.of-revoked", "active": false }],
        "unknown": ["ser.unknown"],
    });
    let manifest = setup.file("keys.json", &manifest.to_string());
    let finished = setup.publish(&["--server-keys", &manifest], &[]);
    assert_eq!(finished.code, 1, "{finished:?}");

    let base = setup.flagsmith.url();
    let place = |key: &str| format!("{}: environment `{key}`", base.trim_end_matches('/'));
    for key in ["a", "busy"] {
        let said = format!("{}: published environment `{key}` as revision ", place(key));
        assert!(finished.output.contains(&said), "{finished:?}");
    }
    for said in [
        format!(
            "{}: api_key: the server-side key opens environment `b`, and not `mistaken`, for which the manifest \
             lists it",
            place("mistaken")
        ),
        format!(
            "{}: not fetched: no server-side key of the manifest opens it: key 1 is not active",
            place("revoked")
        ),
        format!("{}: fetching the environment document: answered 403 Forbidden", place("unknown")),
    ] {
        assert!(finished.errors.contains(&said), "{said}: {finished:?}");
    }
    assert_eq!(setup.stored("a").unwrap()["identity_overrides"].as_array().unwrap().len(), 7);
    assert!(setup.stored("busy").is_some());
    for key in ["b", "mistaken", "revoked", "unknown"] {
        assert_eq!(setup.stored(key), None, "{key}");
    }
    // A key that was revoked does not wait for a document.
    for key in ["ser.former", "ser.of-a", "ser.of-busy", "ser.of-b", "ser.of-revoked", "ser.unknown"] {
        assert!(setup.has_record(key), "{key}");
    }
    let value = setup.api.stored("environment/a").unwrap().value;
    assert!(!String::from_utf8_lossy(&value).contains("s3cret"));

    let again = setup.publish(&["--server-keys", &manifest], &[]);
    assert!(again.output.contains(&format!("{}: unchanged", place("a"))), "{again:?}");
}

/// A document is the same however it is transferred.
#[test]
fn never_half_a_document() {
    let setup = Setup::new();
    setup.flagsmith.has(&document("a", 1), "ser.a");
    setup.flagsmith.override_identity("a", "anna", "f", &json!("hers"));
    setup.flagsmith.fail("a", [Fault::BreakOff, Fault::Half, Fault::Cut, Fault::Answer(500)]);
    let manifest = setup.flagsmith.manifest();
    let finished = setup.publish(&[], &[("JACKSTAFF_SERVER_KEYS", &manifest)]);
    assert_eq!(finished.code, 0, "{finished:?}");
    assert_eq!(setup.stored("a").unwrap()["identity_overrides"][0]["identifier"], "anna");

    setup.flagsmith.set("a", "f", &json!("later"));
    setup.flagsmith.fail("a", [Fault::Half; 5]);
    let finished = setup.publish(&[], &[("JACKSTAFF_SERVER_KEYS", &manifest)]);
    assert_eq!(finished.code, 1, "{finished:?}");
    assert!(
        finished.errors.contains("fetching the environment document: the answer is labelled gzip"),
        "{finished:?}"
    );
    assert_eq!(setup.stored("a").unwrap()["feature_states"][0]["feature_state_value"], "a");
}

#[test]
fn an_environment_of_a_file_is_not_fetched() {
    let setup = Setup::new();
    setup.flagsmith.has(&document("a", 1), "ser.a");
    let mut other = document("b", 2);
    other["feature_states"][0]["feature_state_value"] = json!("of the file");
    let file = setup.file("b.json", &other.to_string());
    let edge_proxy = json!({
        "environment_key_pairs": [
            { "server_side_key": "ser.a", "client_side_key": "a" },
            { "server_side_key": "ser.b", "client_side_key": "b" },
        ],
        "api_url": setup.flagsmith.url(),
    });
    let manifest = setup.file("config.json", &edge_proxy.to_string());
    let finished = setup.publish(&["--server-keys", &manifest, &file], &[]);
    assert_eq!(finished.code, 0, "{finished:?}");
    assert!(finished.output.contains(&format!("environment `b`: skipped: {file} holds it")));
    assert_eq!(setup.stored("b").unwrap()["feature_states"][0]["feature_state_value"], "of the file");
    assert!(setup.stored("a").is_some() && setup.has_record("ser.a") && setup.has_record("ser.b"));
}

/// Edge-proxy's variable, which it finds in capitals or not, is a manifest. Of two manifests none is chosen in silence.
#[test]
fn the_variable_of_edge_proxy_is_a_manifest() {
    let setup = Setup::new();
    let pairs = r#"[{"server_side_key": "ser.a", "client_side_key": " a "}]"#;
    for (name, value) in [("ENVIRONMENT_KEY_PAIRS", 1), ("environment_key_pairs", 2)] {
        setup.flagsmith.has(&document("a", value), "ser.a");
        let finished = setup.publish(&[], &[(name, pairs)]);
        assert_eq!(finished.code, 0, "{finished:?}");
        assert!(setup.stored("a").is_some() && setup.has_record("ser.a"), "{name}: {finished:?}");
    }
    let manifest = setup.file("keys.json", r#"{"a": ["ser.a"]}"#);
    let together = |arguments: &[&str], variables: &[(&str, &str)]| {
        let finished = setup.publish(arguments, variables);
        assert_eq!(finished.code, 64, "{finished:?}");
        finished.errors
    };
    let given = [("ENVIRONMENT_KEY_PAIRS", pairs), ("JACKSTAFF_SERVER_KEYS", pairs)];
    let errors = together(&["--server-keys", &manifest], &given[..1]);
    assert!(errors.contains("--server-keys and ENVIRONMENT_KEY_PAIRS do not go together"), "{errors}");
    let errors = together(&[], &given);
    assert!(
        errors.contains("JACKSTAFF_SERVER_KEYS and ENVIRONMENT_KEY_PAIRS do not go together"),
        "{errors}"
    );
    let errors = together(&[], &[("ENVIRONMENT_KEY_PAIRS", r#"[{"server_side_key": "ser.secret"}]"#)]);
    let expected = "ENVIRONMENT_KEY_PAIRS: environment_key_pairs[0].client_side_key: missing or empty";
    assert!(errors.contains(expected) && !errors.contains("secret"), "{errors}");
}

#[test]
fn a_watch_of_files_and_flagsmith() {
    let setup = Setup::new();
    setup.flagsmith.has(&document("a", 1), "ser.a");
    let file = setup.file("b.json", &document("b", 2).to_string());
    let manifest = setup.file("keys.json", r#"{"a": ["ser.a"], "b": ["ser.b"]}"#);
    let mut command = Command::new(JACKSTAFF);
    command.args(["watch", "--api", &setup.api.url(), "--store", STORE, "--service", SERVICE]);
    command.args(["--flagsmith", &setup.flagsmith.url(), "--server-keys", &manifest, "--poll", "1", &file]);
    let watch = program("watch", command.env("FASTLY_API_TOKEN", TOKEN));
    watch.says("watching 2 environments");
    setup.flagsmith.set("a", "f", &json!("later"));
    eventually("the change is stored", Duration::from_secs(20), || {
        let stored = setup.stored("a")?;
        (stored["feature_states"][0]["feature_state_value"] == "later").then_some(())
    });
    assert!(setup.stored("b").is_some() && setup.has_record("ser.b"));
    assert_eq!(setup.flagsmith.counts().refused, 0, "{:?}", watch.said());
}

/// A publisher goes on with the next key when one expires, and when one is deleted at Flagsmith.
#[test]
fn the_next_key_is_asked_with_when_one_opens_nothing_any_more() {
    let setup = Setup::new();
    for key in ["ser.expires", "ser.deleted", "ser.stays"] {
        setup.flagsmith.has(&document("a", 1), key);
    }
    let expires_at = Timestamp::now() + SignedDuration::from_secs(4);
    let keys = json!({ "a": [{ "key": "ser.expires", "expires_at": expires_at.to_string() }, "ser.deleted", "ser.stays"] });
    let manifest = setup.file("keys.json", &keys.to_string());
    let mut command = Command::new(JACKSTAFF);
    command.args(["watch", "--api", &setup.api.url(), "--store", STORE, "--service", SERVICE]);
    command.args(["--flagsmith", &setup.flagsmith.url(), "--server-keys", &manifest, "--poll", "1"]);
    let watch = program("watch", command.env("FASTLY_API_TOKEN", TOKEN));
    watch.says("watching 1 environment");
    let stores = |value: &str| {
        setup.flagsmith.set("a", "f", &json!(value));
        eventually(&format!("{value} is stored"), Duration::from_secs(20), || {
            let stored = setup.stored("a")?;
            (stored["feature_states"][0]["feature_state_value"] == value).then_some(())
        });
    };
    stores("with the first");
    std::thread::sleep(Duration::try_from(Timestamp::now().duration_until(expires_at)).unwrap_or_default());
    setup.flagsmith.delete_key("ser.expires");
    stores("with the second");
    assert_eq!((watch.count("refused"), setup.flagsmith.counts().refused), (0, 0), "{:?}", watch.said());
    setup.flagsmith.delete_key("ser.deleted");
    stores("with the third");
    watch.says(
        "server-side key 2 of the manifest was refused (403 Forbidden), so key 3 is asked with from now on",
    );
    assert_eq!((watch.count("refused"), setup.flagsmith.counts().refused), (1, 1), "{:?}", watch.said());

    setup.flagsmith.set("a", "f", &json!("published"));
    let finished = setup.publish(&["--server-keys", &manifest], &[]);
    assert_eq!(finished.code, 0, "{finished:?}");
    let line = "server-side key 2 of the manifest was refused (403 Forbidden), so key 3 is asked with";
    assert!(finished.errors.contains(line), "{finished:?}");
    assert_eq!(setup.stored("a").unwrap()["feature_states"][0]["feature_state_value"], "published");

    setup.flagsmith.delete_key("ser.stays");
    watch.says("answered 403 Forbidden");
    let finished = setup.publish(&["--server-keys", &manifest], &[]);
    assert_eq!(finished.code, 1, "{finished:?}");
    assert!(finished.errors.contains("was the key deleted in Flagsmith?"), "{finished:?}");
}

/// Answers every request with a document, by TLS, and gives its address.
const BY_TLS: &str = r#"
import http.server, json, ssl, sys
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(sys.argv[1].encode())
server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain("server.pem", "server.key")
server.socket = context.wrap_socket(server.socket, server_side=True)
print("listening on https://127.0.0.1:%d" % server.server_port, flush=True)
server.serve_forever()
"#;

#[test]
fn by_tls_only_a_flagsmith_with_a_trusted_certificate_is_asked() {
    let setup = Setup::new();
    let folder = setup.folder.path();
    let made = Command::new("openssl")
        .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"])
        .args([
            "-keyout",
            "server.key",
            "-out",
            "server.pem",
            "-days",
            "2",
            "-subj",
            "/CN=a Flagsmith of a test",
        ])
        .args(["-addext", "subjectAltName=IP:127.0.0.1", "-addext", "basicConstraints=critical,CA:FALSE"])
        .current_dir(folder)
        .output();
    match made {
        Err(error) if error.kind() == ErrorKind::NotFound => {
            return not_run("there is no openssl to make a certificate with");
        }
        made => assert!(made.as_ref().unwrap().status.success(), "{made:?}"),
    }
    let mut python = Command::new("python3");
    let text = document("a", 1).to_string();
    let server = program("python3", python.args(["-c", BY_TLS, &text]).current_dir(folder));
    let url = server.says("listening on ").replace("listening on ", "");
    let file = |name: &str| folder.join(name).display().to_string();
    let publish = |variables: &[(&str, &str)]| {
        let manifest = ("JACKSTAFF_SERVER_KEYS", r#"{"a": ["ser.a"]}"#);
        setup.publish_from(&url, &[], &[&[manifest], variables].concat())
    };
    let refused = publish(&[]);
    assert_eq!(refused.code, 1, "{refused:?}");
    assert!(refused.errors.contains("certificate"), "{refused:?}");
    assert_eq!(publish(&[("SSL_CERT_FILE", &file("server.pem"))]).code, 0);
    for (name, expected) in [("server.key", "there is no certificate in it"), ("none", "No such file")] {
        let finished = publish(&[("SSL_CERT_FILE", &file(name))]);
        assert_eq!(finished.code, 64, "{finished:?}");
        assert!(finished.errors.contains(expected), "{finished:?}");
    }
}

#[test]
fn a_flagsmith_that_is_down_and_wrong_arguments() {
    let setup = Setup::new();
    let closed = {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        format!("http://{}", listener.local_addr().unwrap())
    };
    let keys: Value = (0..50)
        .map(|n| (format!("e{n}"), json!([format!("ser.{n}")])))
        .collect::<serde_json::Map<_, _>>()
        .into();
    let manifest = setup.file("keys.json", &keys.to_string());
    let began = Instant::now();
    let finished = setup.publish_from(&closed, &["--server-keys", &manifest, "--dry-run"], &[]);
    assert_eq!(finished.code, 1, "{finished:?}");
    assert_eq!(finished.errors.matches("fetching the environment document").count(), 50, "{finished:?}");
    assert!(began.elapsed() < Duration::from_secs(60), "one waits for it, and not each");
    assert_eq!(setup.api.writes(), 0);

    for (url, further, variable, expected) in [
        (&*closed, vec![], "", "--flagsmith needs a manifest"),
        (&closed, vec!["--server-keys", &manifest], "{}", "do not go together"),
        (&closed, vec![], "[", "JACKSTAFF_SERVER_KEYS: not a manifest of server-side keys: line 1, column 1"),
        ("http://me:s3cret@flagsmith", vec![], "{}", "--flagsmith: a user name, a password"),
        ("flagsmith:8000", vec![], "{}", "--flagsmith: not a URL of http or https"),
    ] {
        let finished = setup.publish_from(url, &further, &[("JACKSTAFF_SERVER_KEYS", variable)]);
        assert_eq!(finished.code, 64, "{finished:?}");
        assert!(finished.errors.contains(expected), "{expected}: {finished:?}");
        assert!(!finished.errors.contains("s3cret"), "{finished:?}");
    }
}
