//! `jackstaff evaluate`, as other programs and people call it.

use serde_json::{Value, json};
use tests::{folder, jackstaff};

use crate::JACKSTAFF;

#[test]
fn a_line_in_a_line_out() {
    let good = json!({
        "environment": { "key": "e", "name": "E" },
        "features": { "f": { "key": "1", "name": "f", "enabled": true, "value": "x" } },
    });
    let rules = format!("{}{}", r#"{"type":"ALL","rules":["#.repeat(5000), "]}".repeat(5000));
    let nested = format!(
        r#"{{"environment":{{"key":"e","name":"E"}},"segments":{{"1":{{"key":"1","name":"s","rules":[{rules}]}}}}}}"#
    );
    let input = format!("\u{feff}{good}\nnot json\n{{}}\n{nested}\n\n{good}");
    let finished = jackstaff(JACKSTAFF, &["evaluate"], &input);
    assert_eq!(finished.code, 0, "{finished:?}");
    let lines: Vec<Value> = finished.output.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let result = json!({
        "flags": { "f": { "name": "f", "enabled": true, "value": "x", "reason": "STATIC", "variant": null } },
        "segments": [],
    });
    assert_eq!(lines.len(), 6, "{lines:?}");
    assert_eq!((&lines[0], &lines[5]), (&result, &result));
    for (line, expected) in
        [(1, "invalid JSON"), (2, "missing field `environment`"), (3, "recursion"), (4, "")]
    {
        let error = lines[line]["error"].as_str().unwrap_or_default();
        assert!(!error.is_empty() && error.contains(expected), "line {line}: {error:?}");
    }
}

#[test]
fn a_document_for_a_person() {
    let demo = folder("fixtures/demo.json").display().to_string();
    let base = ["evaluate", "--document", &demo];
    let table =
        jackstaff(JACKSTAFF, &[&base[..], &["--identifier", "user-7", "--trait", "plan=gold"]].concat(), "");
    assert_eq!(table.code, 0, "{table:?}");
    assert!(table.output.contains("TARGETING_MATCH; segment=gold_customers"), "{}", table.output);
    assert!(table.output.contains("segments: gold_customers"), "{}", table.output);
    assert!(!table.output.contains('\u{1b}'), "no colour but on a terminal");

    let anchored = jackstaff(JACKSTAFF, &[&base[..], &["--json"]].concat(), "");
    let result: Value = serde_json::from_str(&anchored.output).unwrap();
    assert_eq!(result["flags"]["free_shipping"]["reason"], "DEFAULT");

    let text = std::fs::read_to_string(&demo).unwrap().replace("\"enabled\"", "\"enabld\"");
    let directory = tempfile::tempdir().unwrap();
    let misspelt = directory.path().join("misspelt.json");
    std::fs::write(&misspelt, text).unwrap();
    let misspelt = jackstaff(JACKSTAFF, &["evaluate", "--document", misspelt.to_str().unwrap()], "");
    assert_eq!(misspelt.code, 1);
    assert!(misspelt.errors.contains("enabld: unknown; did you mean \"enabled\"?"), "{misspelt:?}");

    let missing = jackstaff(JACKSTAFF, &["evaluate", "--document", "/nowhere.json"], "");
    assert_eq!(missing.code, 1);
    assert!(missing.errors.contains("/nowhere.json could not be read"), "{missing:?}");
    assert_eq!(jackstaff(JACKSTAFF, &["evaluate", "--identifier", "x"], "").code, 64);
}
