//! Some editors begin a file with a byte order mark, and a variable that is set from such a file begins with it, too. It does not
//! count anywhere.

use std::fmt::Write;
use std::process::Command;

use api::ServerKeyHash;
use serde_json::json;
use tests::fastly::{ORIGIN_TOKEN, SERVICE, STORE, TOKEN, fastly_api};
use tests::fixtures::one_feature;
use tests::program;

use crate::JACKSTAFF;

fn marked(text: &str) -> String {
    format!("\u{feff}{text}")
}

#[test]
fn a_byte_order_mark_does_not_count_in_documents_manifests_secrets_and_variables() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, marked(text)).unwrap();
        path.display().to_string()
    };
    let document = file("a.json", &one_feature("a", "2026-03-01T00:00:00Z", "one").to_string());
    let own = json!({ "a": ["ser.own"] }).to_string();
    let pairs = json!([{ "server_side_key": "ser.pair", "client_side_key": "a" }]).to_string();
    let config =
        json!({ "environment_key_pairs": [{ "server_side_key": "ser.config", "client_side_key": "a" }] });
    let (manifest, config) = (file("keys.json", &own), file("config.json", &config.to_string()));
    let (token, origin_token) = (file("token", &format!("{TOKEN}\r\n")), file("origin-token", ORIGIN_TOKEN));
    let mut faults = String::new();
    for (situation, arguments, variables, key) in [
        (
            "all in files",
            vec!["--token-file", &token, "--origin-token-file", &origin_token, "--server-keys", &manifest],
            vec![],
            "ser.own",
        ),
        (
            "edge-proxy's file",
            vec!["--token-file", &token, "--origin-token-file", &origin_token, "--server-keys", &config],
            vec![],
            "ser.config",
        ),
        (
            "all in variables",
            vec![],
            vec![
                ("FASTLY_API_TOKEN", TOKEN),
                ("JACKSTAFF_ORIGIN_TOKEN", ORIGIN_TOKEN),
                ("JACKSTAFF_SERVER_KEYS", &*own),
            ],
            "ser.own",
        ),
        (
            "edge-proxy's variable",
            vec![],
            vec![
                ("FASTLY_API_TOKEN", TOKEN),
                ("JACKSTAFF_ORIGIN_TOKEN", ORIGIN_TOKEN),
                ("ENVIRONMENT_KEY_PAIRS", &*pairs),
            ],
            "ser.pair",
        ),
    ] {
        let api = fastly_api();
        let url = api.url();
        let mut command = Command::new(JACKSTAFF);
        command.args(["publish", "--api", &url, "--origin", &url, "--store", STORE, "--service", SERVICE]);
        command.args(arguments).arg(&document);
        command.envs(variables.into_iter().map(|(name, value)| (name, marked(value))));
        let output = command.output().unwrap();
        let record = api.stored(&ServerKeyHash::of(key).unwrap().store_key());
        if output.status.code() != Some(0) || record.is_none() {
            let _ = writeln!(faults, "{situation}: {}", String::from_utf8_lossy(&output.stderr));
        }
    }
    assert_eq!(faults, "");

    for command in [&["lint", &document][..], &["evaluate", "--document", &document]] {
        let output = Command::new(JACKSTAFF).args(command).output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{command:?}: {output:?}");
    }
}

/// What those send who have it without the mark has to pass.
#[test]
fn an_origin_takes_a_token_whose_variable_begins_with_a_byte_order_mark() {
    let mut command = Command::new(JACKSTAFF);
    command.args(["origin", "--listen", "127.0.0.1:0"]).env("JACKSTAFF_ORIGIN_TOKEN", marked("s3cret"));
    let origin = program("origin", &mut command);
    let url = format!("{}/sse/environments/demo/queue-change", origin.url());
    let request = ureq::post(&url).header("authorization", "Token s3cret");
    let answer = request.send(r#"{"updated_at": "2026-03-02T11:22:33Z"}"#).unwrap();
    assert_eq!(answer.status(), 200);
}
