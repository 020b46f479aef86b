//! What README tells people to try: `scripts/serve`, and the very commands that it prints.

use std::net::{SocketAddr, TcpStream};
use std::process::Command;
use std::time::Duration;
use std::{env, fs};

use serde_json::{Value, json};
use tempfile::TempDir;
use tests::{Program, eventually, fixture, free_address, jackstaff, not_run, program, tools, workspace};

/// It looks whether everything is built first.
const READY: Duration = Duration::from_secs(180);

/// A `scripts/serve` that runs, ended with all that it started.
struct Serving {
    script: Program,
    addresses: [SocketAddr; 2],
    folder: TempDir,
}

/// Starts it by a command of README.md, and waits until it is ready. Nothing if it cannot run here.
fn serving(command: &str, folder: TempDir) -> Option<Serving> {
    tools()?;
    if Command::new("curl").arg("--version").output().is_err() {
        not_run("there is no curl");
        return None;
    }
    let addresses = [free_address(), free_address()];
    let (script, arguments) = command.split_once(' ').unwrap_or((command, ""));
    let mut command = Command::new(workspace().join(script));
    command
        .args(arguments.split(' ').filter(|argument| !argument.is_empty()))
        .current_dir(folder.path())
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
    let serving = Serving { script: program("scripts/serve", &mut command), addresses, folder };
    eventually("scripts/serve is ready", READY, || (serving.script.count("ready") > 0).then_some(()));
    Some(serving)
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

    /// `jackstaff doctor` finds nothing at it.
    fn has_nothing_wrong(&self) {
        let key = |of: &str| {
            let said = self.script.said();
            let line = said.iter().find_map(|line| line.trim().strip_prefix(of).map(str::trim)).unwrap();
            line.to_owned()
        };
        let file = self.folder.path().join("server-key");
        fs::write(&file, key("server-side key")).unwrap();
        let [edge, serve] = self.addresses.map(|address| format!("http://{address}"));
        let arguments =
            ["doctor", "--json", "--edge", &edge, "--serve", &serve, "--key", &key("client-side key")];
        let more = ["--server-key-file", file.to_str().unwrap()];
        let finished = jackstaff(tools().unwrap().jackstaff, &[&arguments[..], &more].concat(), "");
        let report: Value = serde_json::from_str(&finished.output).unwrap();
        assert_eq!((finished.code, &report["wrong"]), (0, &json!(0)), "{finished:?}");
        assert!(report["findings"].as_array().unwrap().len() >= 18, "{report:#}");
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

/// Edits the demo: an event arrives, and the flag is the new one then.
pub(crate) fn serves_the_demo(command: &str) {
    let Some(serving) = serving(command, TempDir::new().unwrap()) else { return };
    serving.has_nothing_wrong();
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

/// Serves a document of another environment.
pub(crate) fn serves_a_file(command: &str) {
    let folder = TempDir::new().unwrap();
    let document = fixture("sdk.json");
    fs::write(folder.path().join("environment.json"), document.to_string()).unwrap();
    let Some(serving) = serving(command, folder) else { return };
    let state = &document["feature_states"][0];
    let served = serving.flag(state["feature"]["name"].as_str().unwrap());
    assert_eq!(served, state["feature_state_value"]);
}
