//! From files and from the standard input.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::process::Stdio;

use serde_json::json;
use tests::flagsmith::Trouble;
use tests::{eventually, program};

use super::{PATIENCE, Setup, counts, line, waiting};

#[test]
fn what_files_hold_is_counted_once_however_often_they_are_read() {
    let setup = Setup::new();
    let evaluation = r#""evaluations":[{"feature_name":"f","identity_identifier":null,"enabled_when_evaluated":true,"count":2}]"#;
    let first = setup.file(
        "1.log",
        &[
            counts(1, "a", &json!({ "f": 3, "g": 1 })),
            counts(2, "b", &json!({ "f": 5 })),
            "GET / 200".to_owned(),
            line(3, "a", evaluation),
            line(4, "a", r#""sdk":"flagsmith-js-sdk/12.4.0","events":[{"event":"e","timestamp":1}]"#),
        ],
    );
    let second = setup.file("2.log", &[counts(5, "a", &json!({ "f": 4, "unknown": 1 }))]);
    let events = setup.flagsmith.url().replace("/api/v1/", "/");
    for _ in 0..2 {
        let finished = setup.collect(&["--events-url", &events, &first, &second]);
        assert_eq!(finished.code, 0, "{finished:?}");
        assert!(waiting(&setup.spool()).is_empty());
    }
    let analytics = setup.flagsmith.analytics();
    assert_eq!(json!(analytics.counts), json!({ "a": { "f": 7, "g": 1 }, "b": { "f": 5 } }));
    assert_eq!(analytics.evaluations["a"][&("f".to_owned(), None, true)], 2);
    let event = ("flagsmith-js-sdk/12.4.0".to_owned(), json!({ "event": "e", "timestamp": 1 }));
    assert_eq!(analytics.events["a"], [event]);
    // One that grew, under another name.
    let mut file = OpenOptions::new().append(true).open(&second).unwrap();
    writeln!(file, "{}", counts(6, "a", &json!({ "g": 2 }))).unwrap();
    let renamed = format!("{second}.1");
    fs::rename(&second, &renamed).unwrap();
    assert_eq!(setup.collect(&[&renamed]).code, 0);
    assert_eq!(json!(setup.counted("a")), json!({ "f": 7, "g": 3 }));
}

#[test]
fn the_standard_input_is_read_to_its_end() {
    let setup = Setup::new();
    let text: String = (0..50_000).map(|id| format!("{}\n", counts(id, "a", &json!({ "f": 1 })))).collect();
    let mut child = setup.command(&["-"]).stdin(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(text.trim_end().as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(setup.counted_f("a"), 50_000);
    let requests = setup.flagsmith.analytics().requests;
    assert!(requests < 10, "{requests} requests");
}

/// Its writer renames a full file, goes on for a moment, and begins another one.
#[test]
fn a_file_that_is_followed_is_read_as_it_grows_and_as_another_takes_its_name() {
    let setup = Setup::new();
    let file = setup.folder.path().join("usage.log");
    let name = file.display().to_string();
    let following = || program("collect", &mut setup.command(&["--follow", "--interval", "0.1", &name]));
    let append = |path: &std::path::Path, text: &str| {
        let mut file = OpenOptions::new().create(true).append(true).open(path).unwrap();
        file.write_all(text.as_bytes()).unwrap();
    };
    let one = |id: u64| counts(id, "a", &json!({ "f": 1 })) + "\n";
    let counted = |count: u64| {
        eventually(&format!("{count} counted"), PATIENCE, || (setup.counted_f("a") == count).then_some(()));
    };
    let collect = following();
    append(&file, &one(1));
    counted(1);
    let (half, rest) = (&one(2)[..40], &one(2)[40..]);
    append(&file, half);
    append(&file, rest);
    counted(2);
    let old = setup.folder.path().join("usage.log.1");
    fs::rename(&file, &old).unwrap();
    append(&old, &one(3));
    append(&file, &one(4));
    counted(4);
    // An orderly end: one that is killed may not have recorded yet what was counted.
    assert!(collect.terminate().success());
    append(&file, &one(5));
    let collect = following();
    counted(5);
    assert!(collect.terminate().success());
    assert_eq!(setup.counted_f("a"), 5);
}

#[test]
fn what_is_refused_is_named_and_kept_and_holds_up_nothing() {
    let setup = Setup::new();
    let file =
        setup.file("1.log", &[counts(1, "unknown", &json!({ "f": 3 })), counts(2, "b", &json!({ "f": 5 }))]);
    let finished = setup.collect(&[&file]);
    assert_eq!(finished.code, 1, "{finished:?}");
    let expected = "counts of unknown: answered 403 Forbidden: {\"detail\":\"Invalid or missing Environment Key\"}; kept";
    assert!(finished.errors.contains(expected), "{finished:?}");
    assert_eq!((setup.counted_f("b"), waiting(&setup.spool()).len()), (5, 1));
    setup.has("unknown");
    let finished = setup.collect(&[&file]);
    assert_eq!(finished.code, 0, "{finished:?}");
    assert_eq!((setup.counted_f("b"), setup.counted_f("unknown")), (5, 3));
}

#[test]
fn a_flagsmith_that_is_away_is_waited_for() {
    let setup = Setup::new();
    let file = setup.file("1.log", &[counts(1, "a", &json!({ "f": 3 }))]);
    for trouble in
        [Trouble::Answer(503), Trouble::Answer(429), Trouble::Answer(301), Trouble::Answer(500), Trouble::Cut]
    {
        setup.flagsmith.trouble(Some(trouble));
        let before = setup.flagsmith.analytics().requests;
        let collect = program("collect", &mut setup.command(&[&file]));
        eventually("two tries", PATIENCE, || {
            (setup.flagsmith.analytics().requests > before + 1).then_some(())
        });
        assert!(!collect.terminate().success(), "{trouble:?}");
        // What it said last may still be on its way.
        collect.says("are left in the spool, for the next time");
        assert_eq!(collect.count("kept in the spool, and tried again"), 1, "{:?}", collect.said());
    }
    assert_eq!(setup.counted_f("a"), 0);
    setup.flagsmith.trouble(None);
    assert_eq!(setup.collect(&[&file]).code, 0);
    assert_eq!(setup.counted_f("a"), 3);
}

#[test]
fn wrong_usage_and_what_cannot_be_read() {
    let setup = Setup::new();
    let file = setup.file("1.log", &[]);
    for arguments in [
        &[][..],
        &["--interval", "0", &file],
        &["--token-file", &file, &file],
        &["--listen", "0.0.0.0:0"],
        &["--flagsmith", "flagsmith:8000", &file],
        &["--events-url", "http://me:secret@host", &file],
    ] {
        let finished = setup.collect(arguments);
        // The first --flagsmith is there twice then.
        assert_eq!(finished.code, 64, "{arguments:?}: {finished:?}");
        assert!(!finished.errors.contains("secret"), "{finished:?}");
    }
    let finished = setup.collect(&["no such file"]);
    assert!(finished.code == 1 && finished.errors.contains("no such file"), "{finished:?}");
    let running = setup.listen(&[]);
    running.url();
    let finished = setup.collect(&[&file]);
    assert!(
        finished.code == 1 && finished.errors.contains("another process uses this spool"),
        "{finished:?}"
    );
}
