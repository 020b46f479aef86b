//! What README tells people to try: `scripts/serve`, and the very commands that it prints.

use std::net::{SocketAddr, TcpStream};
use std::process::Command;
use std::time::Duration;
use std::{env, fs};

use serde_json::{Value, json};
use tempfile::TempDir;
use tests::{Program, eventually, free_address, not_run, program, tools, workspace};

/// It looks whether everything is built first.
const READY: Duration = Duration::from_secs(180);

/// A `scripts/serve` that runs, ended with all that it started.
struct Serving {
    script: Program,
    addresses: [SocketAddr; 2],
    folder: TempDir,
}

fn serving() -> Serving {
    let folder = TempDir::new().unwrap();
    let addresses = [free_address(), free_address()];
    let mut command = Command::new(workspace().join("scripts/serve"));
    command
        .env("EDGE_ADDR", addresses[0].to_string())
        .env("ORIGIN_ADDR", addresses[1].to_string())
        .env("JACKSTAFF_STACK", folder.path());
    // What cargo tells tests of their package would be news for what the script has built.
    for (name, _) in env::vars_os() {
        if name.to_string_lossy().starts_with("CARGO_PKG_")
            || name.to_string_lossy().starts_with("CARGO_MANIFEST_")
        {
            command.env_remove(name);
        }
    }
    Serving { script: program("scripts/serve", &mut command), addresses, folder }
}

impl Serving {
    /// The command with this in it that was printed.
    fn command(&self, with: &str) -> Command {
        let printed =
            self.script.said().into_iter().find(|line| line.starts_with("  curl ") && line.contains(with));
        // It becomes curl: who ends one, ends the other.
        let text = format!("exec {} --silent", printed.unwrap().trim());
        let mut command = Command::new("bash");
        command.args(["-c", &text]);
        command
    }

    fn flag(&self, name: &str) -> Value {
        let flags = self.command("/flags/").output().unwrap().stdout;
        let flags: Value = serde_json::from_slice(&flags).unwrap();
        let flag = flags.as_array().unwrap().iter().find(|flag| flag["feature"]["name"] == name);
        flag.unwrap()["feature_state_value"].clone()
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        self.script.terminate();
    }
}

#[test]
fn who_edits_the_demo_sees_an_event_and_has_the_new_flag_then() {
    if tools().is_none() {
        return;
    }
    if Command::new("curl").arg("--version").output().is_err() {
        return not_run("there is no curl");
    }
    let serving = serving();
    eventually("scripts/serve is ready", READY, || (serving.script.count("ready") > 0).then_some(()));
    let stream = program("curl -N", &mut serving.command("curl -N"));
    stream.says("data: ");

    let file = serving.folder.path().join("demo.json");
    let mut demo: Value = serde_json::from_str(&fs::read_to_string(&file).unwrap()).unwrap();
    let state = &mut demo["feature_states"][0];
    let name = state["feature"]["name"].as_str().unwrap().to_owned();
    state["feature_state_value"] = json!("edited");
    assert_ne!(serving.flag(&name), "edited");
    fs::write(&file, demo.to_string()).unwrap();
    eventually("an event", Duration::from_secs(20), || (stream.count("data: ") > 1).then_some(()));
    assert_eq!(serving.flag(&name), "edited");
    drop(stream);

    let addresses = serving.addresses;
    assert_eq!(serving.script.terminate().code(), Some(143));
    for address in addresses {
        assert!(TcpStream::connect(address).is_err(), "{address} is still listened on");
    }
}
