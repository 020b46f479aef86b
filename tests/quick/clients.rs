//! `scripts/clients`: the table of clients at the end of a run.

use std::fs;
use std::process::Command;

use tempfile::TempDir;
use tests::clients::clients;
use tests::workspace;

/// Runs the script. Gives whether it succeeded, and what it printed.
fn table(ran: &str, not_run: &str) -> (bool, String) {
    let folder = TempDir::new().unwrap();
    let files = [("ran", ran), ("not-run", not_run)].map(|(name, text)| {
        let file = folder.path().join(name);
        fs::write(&file, text).unwrap();
        file
    });
    let output = Command::new(workspace().join("scripts/clients")).args(files).output().unwrap();
    (output.status.success(), String::from_utf8(output.stdout).unwrap())
}

#[test]
fn a_client_that_neither_ran_nor_is_named_among_what_did_not_run_is_a_failure() {
    let all = clients();
    assert!(all.len() >= 15, "{all:?}");
    let lines: Vec<String> = all
        .iter()
        .map(|client| format!("{}\t{}\t{}\n", client.name, client.version, client.access))
        .collect();
    let (is_success, printed) = table(&lines.concat(), "");
    assert!(is_success && printed.lines().count() == all.len() + 1, "{printed}");
    for (client, line) in all.iter().zip(&lines) {
        let others = lines.concat().replace(line, "");
        let (is_success, printed) = table(&others, "");
        assert!(!is_success, "{printed}");
        let missing: Vec<&str> = printed.lines().filter(|line| line.contains("NOT RUN")).collect();
        assert!(missing.len() == 1 && missing[0].starts_with(&client.name), "{missing:?}");
        // Another version than the table has.
        let (is_success, _) = table(&format!("{others}{}\t0.0.1\t{}\n", client.name, client.access), "");
        assert!(!is_success, "{client:?}");
    }
    let without = lines.concat().replace(&lines[4], "");
    let (is_success, printed) = table(&without, "world::sdk::web_in_real_chromium\tthere is no Chromium\n");
    assert!(is_success && printed.contains("not run: there is no Chromium"), "{printed}");
}
