//! The check programs of real SDKs (`tests/sdk`). Each runs once, for all tests that ask what it found.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::OnceLock;
use std::time::Instant;

use serde_json::json;
use tests::clients::{Access, ran_client};
use tests::{Tools, folder, installed, not_run, say, tools};

use super::{NO_CHROMIUM, SERVER, addresses, checked_edge, chromium, copy, script};

/// The client-side keys of copies of the environment: one hides disabled flags, the traits of the other are stored.
const HIDING: &str = "sdk-hiding-key";
const STORING: &str = "sdk-storing-key";

/// An SDK with a check program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sdk {
    Python,
    Node,
    Rust,
    Jsdom,
    Chromium,
}

/// What a check program found: the counts of its parts, passed and failed.
#[derive(Debug)]
pub(crate) struct Ran {
    text: String,
    is_success: bool,
    parts: BTreeMap<String, (u32, u32)>,
}

static RAN: [OnceLock<Ran>; 5] = [const { OnceLock::new() }; 5];

impl Sdk {
    /// What its check program found. None if it cannot run here: then the test did not run.
    #[track_caller]
    pub(crate) fn ran(self) -> Option<&'static Ran> {
        let (tools, mut check) = (tools()?, self.program()?);
        Some(RAN[self as usize].get_or_init(|| self.run(&tools, &mut check)))
    }

    /// Its name in the table of clients.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Sdk::Python => "Python",
            Sdk::Node => "Node",
            Sdk::Rust => "Rust",
            Sdk::Jsdom => "JavaScript in jsdom",
            Sdk::Chromium => "JavaScript in Chromium",
        }
    }

    /// The version that `scripts/setup` installs.
    fn version(self) -> String {
        match self {
            Sdk::Python => pinned("python/requirements.txt", "flagsmith=="),
            Sdk::Node => pinned("node/package.json", "\"flagsmith-nodejs\": \""),
            Sdk::Rust => pinned("rust/Cargo.toml", "flagsmith = \"="),
            Sdk::Jsdom | Sdk::Chromium => pinned("browser/package.json", "\"@flagsmith/flagsmith\": \""),
        }
    }

    #[track_caller]
    fn program(self) -> Option<Command> {
        let browser = |browser: &Path| {
            let mut check = script(Path::new("node"), "sdk/browser/check.mjs");
            check.arg("--browser").arg(browser).arg("--modules").arg(installed("sdk/browser")?);
            Some(check)
        };
        match self {
            Sdk::Python => Some(script(&installed("sdk/python/bin/python")?, "sdk/python/check.py")),
            Sdk::Node => {
                let mut check = script(Path::new("node"), "sdk/node/check.mjs");
                check.arg("--modules").arg(installed("sdk/node")?);
                Some(check)
            }
            Sdk::Rust => Some(Command::new(installed("sdk/rust/debug/sdk-check")?)),
            Sdk::Jsdom => browser(Path::new("jsdom")),
            // Chromium is a package of the operating system, so `scripts/setup` does not install it.
            Sdk::Chromium => match chromium() {
                Some(program) => browser(&program),
                None => {
                    not_run(NO_CHROMIUM);
                    None
                }
            },
        }
    }

    /// Runs a check, and prints how many of its comparisons passed. All failed ones are shown.
    fn run(self, tools: &Tools, check: &mut Command) -> Ran {
        let edge = checked_edge(tools, &json!({ "environments": { STORING: { "traits": "stored" } } }));
        let storing = ["--storing-key", &copy(&edge, STORING, false)];
        let restricted;
        check.args(addresses(&edge));
        match self {
            Sdk::Python | Sdk::Node => check.args(["--server-key", SERVER]).args(storing),
            Sdk::Rust => check.args(["--server-key", SERVER, "--hiding-key", &copy(&edge, HIDING, true)]),
            Sdk::Jsdom | Sdk::Chromium => {
                restricted = checked_edge(tools, &json!({ "allowed_origins": ["http://app.example"] }));
                check
                    .args([
                        "--hiding-key",
                        &copy(&edge, HIDING, true),
                        "--restricted-edge",
                        &restricted.url(""),
                    ])
                    .args(storing)
            }
        };
        Ran::of(check, self.name(), &self.version())
    }
}

/// The version in a file of `tests/sdk`, behind this text.
pub(super) fn pinned(file: &str, before: &str) -> String {
    let text = fs::read_to_string(folder("sdk").join(file)).unwrap();
    let (_, version) = text.split_once(before).unwrap_or_else(|| panic!("{file}: no {before}"));
    version.chars().take_while(|c| c.is_ascii_digit() || *c == '.').collect()
}

impl Ran {
    /// Runs a check program, and records the client if all comparisons passed.
    #[track_caller]
    pub(super) fn of(check: &mut Command, client: &str, version: &str) -> Ran {
        let start = Instant::now();
        // Some SDKs heed the environment's proxy, which knows nothing of this machine.
        let output =
            check.env("NO_PROXY", "127.0.0.1").output().unwrap_or_else(|error| panic!("{check:?}: {error}"));
        let text = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
        let counts = text.lines().rfind(|line| line.ends_with(" failed")).unwrap_or("no counts");
        say(&format!("SDK, {client}: {counts}, in {:.1} s", start.elapsed().as_secs_f64()));
        if output.status.success() {
            ran_client(client, version, Access::Unmodified);
        }
        Ran { parts: parts(&text), is_success: output.status.success(), text: text.into_owned() }
    }

    /// Checks that all comparisons passed.
    #[track_caller]
    pub(crate) fn assert_passed(&self) {
        println!("{}", self.text);
        assert!(self.is_success && !self.parts.is_empty(), "a check failed");
    }

    /// Checks that a part made comparisons, and that all of them passed.
    #[track_caller]
    pub(crate) fn assert_part(&self, part: &str) {
        println!("{}", self.text);
        let counts = self.parts.get(part);
        assert!(counts.is_some_and(|(passed, failed)| *passed > 0 && *failed == 0), "{part}: {counts:?}");
    }
}

/// The lines `PART name: 12 passed, 0 failed`.
fn parts(text: &str) -> BTreeMap<String, (u32, u32)> {
    let part = |line: &str| {
        let (name, counts) = line.strip_prefix("PART ")?.split_once(": ")?;
        let (passed, failed) = counts.strip_suffix(" failed")?.split_once(" passed, ")?;
        Some((name.to_owned(), (passed.parse().ok()?, failed.parse().ok()?)))
    };
    text.lines().filter_map(part).collect()
}
