//! `jackstaff collect`: lines of the edge's analytics log to a stand-in for Flagsmith.

mod files;
mod listen;
mod losses;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;
use tests::flagsmith::{Flagsmith, flagsmith};
use tests::{Finished, Program, program};

use crate::JACKSTAFF;

const PATIENCE: Duration = Duration::from_secs(30);

/// A Flagsmith with the environments `a` and `b`, which have the features `f` and `g`, and a folder for files.
struct Setup {
    flagsmith: Flagsmith,
    folder: TempDir,
}

impl Setup {
    fn new() -> Setup {
        let setup = Setup { flagsmith: flagsmith(), folder: tempfile::tempdir().unwrap() };
        setup.has("a");
        setup.has("b");
        setup
    }

    fn has(&self, key: &str) {
        let state =
            |name: &str| json!({ "feature": { "id": 1, "name": name, "type": "STANDARD" }, "enabled": true });
        let document = json!({
            "id": 1, "api_key": key, "project": { "id": 1, "name": "p", "segments": [] },
            "feature_states": [state("f"), state("g")],
        });
        self.flagsmith.has(&document, &format!("ser.{key}"));
    }

    fn file(&self, name: &str, lines: &[String]) -> String {
        let file = self.folder.path().join(name);
        let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
        fs::write(&file, text).unwrap();
        file.display().to_string()
    }

    fn spool(&self) -> String {
        self.folder.path().join("spool").display().to_string()
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(JACKSTAFF);
        command
            .args(["collect", "--flagsmith", &self.flagsmith.url(), "--spool", &self.spool()])
            .args(arguments)
            .env_remove("JACKSTAFF_COLLECT_TOKEN");
        command
    }

    /// Runs it to its end.
    #[track_caller]
    fn collect(&self, arguments: &[&str]) -> Finished {
        let output = self.command(arguments).output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        Finished {
            code: output.status.code().unwrap_or(-1),
            output: text(output.stdout),
            errors: text(output.stderr),
        }
    }

    /// Starts it to listen on a port of its own.
    #[track_caller]
    fn listen(&self, arguments: &[&str]) -> Program {
        let arguments = [&["--listen", "127.0.0.1:0", "--interval", "0.1"], arguments].concat();
        program("collect", &mut self.command(&arguments))
    }

    /// What Flagsmith counted of an environment.
    fn counted(&self, key: &str) -> BTreeMap<String, u64> {
        self.flagsmith.analytics().counts.get(key).cloned().unwrap_or_default()
    }

    fn counted_f(&self, key: &str) -> u64 {
        self.counted(key).get("f").copied().unwrap_or_default()
    }
}

/// A line of the log, as the edge writes it.
fn line(id: u64, environment: &str, content: &str) -> String {
    format!(r#"{{"id":"{id:016x}","environment":"{environment}","time":1772450553,{content}}}"#)
}

fn counts(id: u64, environment: &str, counts: &Value) -> String {
    line(id, environment, &format!(r#""counts":{counts}"#))
}

/// The files of a spool that hold what waits.
fn waiting(spool: &str) -> Vec<String> {
    let names = |path: &Path| -> Vec<String> {
        let entries =
            fs::read_dir(path).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
        entries.collect()
    };
    let mut all = names(Path::new(spool));
    all.retain(|name| name.starts_with("segment"));
    all.extend(names(&Path::new(spool).join("refused")));
    all
}
