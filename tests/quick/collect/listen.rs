//! Over HTTP, as Fastly's log streaming posts lines.

use std::fs;
use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};
use tests::eventually;
use tests::flagsmith::Trouble;

use super::{PATIENCE, Setup, counts};

/// Status and body of a request.
fn call(method: &str, url: &str, headers: &[(&str, &str)], body: &[u8]) -> (u16, String) {
    let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
    let request = ureq::http::Request::builder().method(method).uri(url);
    let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
    let answer = match method {
        "GET" => agent.run(request.body(()).unwrap()),
        _ => agent.run(request.body(body).unwrap()),
    };
    let mut answer = answer.unwrap();
    (answer.status().as_u16(), answer.body_mut().read_to_string().unwrap())
}

fn get(url: &str) -> (u16, String) {
    call("GET", url, &[], b"")
}

fn gzip(text: &str) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(text.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn lines_that_are_posted_count_once_however_often_they_are_delivered() {
    let setup = Setup::new();
    let collect = setup.listen(&[]);
    let url = collect.url();
    let lines: Vec<String> = (0..4).map(|id| counts(id, "a", &json!({ "f": 1 }))).collect();
    let taken =
        |lines: u64, duplicates: u64| (200, format!(r#"{{"lines":{lines},"duplicates":{duplicates}}}"#));
    assert_eq!(call("POST", &url, &[], lines[..2].join("\n").as_bytes()), taken(2, 0));
    assert_eq!(call("POST", &url, &[], lines[..3].join("\r\n").as_bytes()), taken(1, 2));
    let compressed = [gzip(&(lines[3].clone() + "\n")), gzip(&lines[0])].concat();
    assert_eq!(call("POST", &url, &[("content-encoding", "gzip")], &compressed), taken(1, 1));
    assert_eq!(call("PUT", &url, &[], format!("[{}]", lines.join(",")).as_bytes()), taken(0, 4));
    assert_eq!(call("POST", &url, &[], b""), taken(0, 0));
    eventually("all counted", PATIENCE, || (setup.counted_f("a") == 4).then_some(()));
    // What was forwarded is known, also after a restart.
    assert!(collect.terminate().success());
    let collect = setup.listen(&[]);
    assert_eq!(call("POST", &collect.url(), &[], lines.join("\n").as_bytes()), taken(0, 4));
    assert!(collect.terminate().success());
    assert_eq!(setup.counted_f("a"), 4);
}

#[test]
fn routes_and_refusals() {
    let setup = Setup::new();
    let token = setup.file("token", &["s3cret".to_owned()]);
    let collect = setup.listen(&["--token-file", &token, "--service", "abc", "--service", "other"]);
    let url = collect.url();
    let line = counts(1, "a", &json!({ "f": 1 }));
    for wrong in [None, Some("Token s3cre"), Some("Token"), Some("s3cret"), Some("Basic s3cret")] {
        let headers: Vec<(&str, &str)> = wrong.map(|wrong| ("authorization", wrong)).into_iter().collect();
        assert_eq!(call("POST", &url, &headers, line.as_bytes()).0, 401, "{wrong:?}");
    }
    for right in ["Token s3cret", "Bearer s3cret"] {
        assert_eq!(call("POST", &url, &[("authorization", right)], line.as_bytes()).0, 200, "{right}");
    }
    let with = |header: (&str, &str), body: &[u8]| {
        call("POST", &url, &[("authorization", "Token s3cret"), header], body)
    };
    assert_eq!(with(("content-encoding", "br"), b"").0, 415);
    assert_eq!(with(("content-encoding", "gzip"), b"no gzip").0, 400);
    let large = " ".repeat((16 << 20) + 1);
    assert_eq!(with(("a", "b"), large.as_bytes()).0, 413);
    assert_eq!(with(("content-encoding", "gzip"), &gzip(&large)).0, 413);
    // printf %s abc | sha256sum
    let (status, challenge) = get(&format!("{url}/.well-known/fastly/logging/challenge"));
    let lines: Vec<&str> = challenge.lines().collect();
    assert_eq!((status, lines.len()), (200, 2));
    assert_eq!(lines[0], "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    for path in ["/health", "/health/liveness", "/health/readiness"] {
        let (status, health) = get(&format!("{url}{path}"));
        let health: Value = serde_json::from_str(&health).unwrap();
        assert_eq!((status, &health["status"]), (200, &json!("ok")), "{path}");
    }
    eventually("all counted", PATIENCE, || (setup.counted_f("a") == 1).then_some(()));
    let (_, metrics) = get(&format!("{url}/metrics"));
    for expected in [
        "jackstaff_collector_lines_total 1\n",
        "jackstaff_collector_lines_duplicate_total 1\n",
        "jackstaff_collector_requests_refused_total 9\n",
        "jackstaff_collector_forwarded_total{kind=\"counts\"} 1\n",
    ] {
        assert!(metrics.contains(expected), "{expected}{metrics}");
    }
    assert_eq!(get(&format!("{url}/nothing")).0, 404);
    assert_eq!(get(&url).0, 405);
    let open = Setup::new();
    let collect = open.listen(&[]);
    assert_eq!(
        get(&format!("{}/.well-known/fastly/logging/challenge", collect.url())),
        (200, "*\n".to_owned())
    );
}

/// Nothing is dropped: log streaming sends it again, and a file waits.
#[test]
fn a_spool_that_is_full_takes_nothing_until_there_is_room() {
    let setup = Setup::new();
    setup.flagsmith.trouble(Some(Trouble::Answer(503)));
    let line = |id: u64| counts(id, "a", &json!({ "f": 1 }));
    let many: Vec<String> = (0..20_000).map(line).collect();
    let file = setup.file("1.log", &many);
    let collect = setup.listen(&["--spool-bytes", "1500000", &file]);
    let url = collect.url();
    collect.says("nothing is taken at the moment: the spool is full: it holds ");
    // The rest of the file is more than fits; a single line may.
    let body = many[..8_000].iter().map(|line| line.replace("\"id\":\"0", "\"id\":\"f")).collect::<Vec<_>>();
    let (status, answer) = call("POST", &url, &[], body.join("\n").as_bytes());
    assert_eq!((status, answer.as_str()), (503, r#"{"detail":"the spool is full"}"#));
    assert_eq!(setup.counted_f("a"), 0);
    setup.flagsmith.trouble(None);
    eventually("the file is counted", PATIENCE, || (setup.counted_f("a") == 20_000).then_some(()));
    eventually("there is room", PATIENCE, || {
        (call("POST", &url, &[], body.join("\n").as_bytes()).0 == 200).then_some(())
    });
    eventually("all counted", PATIENCE, || (setup.counted_f("a") == 28_000).then_some(()));
    assert!(collect.terminate().success());
    let held: u64 =
        fs::read_dir(setup.spool()).unwrap().map(|entry| entry.unwrap().metadata().unwrap().len()).sum();
    assert!(held < 1_500_000, "{held}");
}
