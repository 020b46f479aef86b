//! The versions of SDKs that read the documents, each by a program of `tests/sdk/matrix`.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::Value;
use tempfile::NamedTempFile;
use tests::{Edge, eventually, folder, installed, workspace};

use crate::sdk::tap::Tap;

/// How long a version may take to read all documents.
const PATIENCE: Duration = Duration::from_secs(300);
const DOCUMENT: &str = "GET /api/v1/environment-document/";

pub(super) struct Version {
    pub(super) name: String,
    command: Vec<String>,
    /// A variable of its environment, and the value.
    variable: Option<(&'static str, String)>,
}

/// The versions that `scripts/setup` installs.
pub(super) fn pinned() -> Option<Vec<Version>> {
    let python = installed("sdk/python/bin/python")?;
    let node = installed("sdk/node")?;
    let rust = installed("sdk/rust/debug/sdk-check")?;
    Some(vec![
        version("Python, pinned", [text(&python), read("python/read.py")]),
        version("Node, pinned", node_reader(&node, "flagsmith-nodejs")),
        version("Rust, pinned", [text(&rust), "--matrix".to_owned()]),
    ])
}

/// The newest Java SDK, with its version. None where `scripts/setup` could not install it.
pub(super) fn java() -> Option<(Version, String)> {
    let jars = workspace().join("target/sdk/java");
    let number = fs::read_to_string(jars.join("installed.txt")).ok()?.trim().to_owned();
    Some((java_reader("Java, pinned", &jars), number))
}

fn java_reader(name: &str, jars: &Path) -> Version {
    let class_path = format!("{}/*", jars.display());
    version(name, ["java".to_owned(), "-cp".to_owned(), class_path, read("java/Read.java")])
}

/// All versions that `scripts/sdk-versions` installed, and those that are missing, each with the reason.
pub(super) fn all() -> (Vec<Version>, Vec<(String, String)>) {
    let root = workspace().join("target/sdk/versions");
    let mut wanted = Vec::new();
    for line in pins("python/versions.txt") {
        let number = line.split_whitespace().next().unwrap().trim_start_matches("flagsmith==").to_owned();
        let packages = root.join("python").join(&number);
        let mut version =
            version(&format!("Python {number}"), ["python3".to_owned(), read("python/read.py")]);
        version.variable = Some(("PYTHONPATH", text(&packages)));
        wanted.push((version, packages));
    }
    let node = root.join("node");
    let manifest: Value = serde_json::from_str(&file("node/package.json")).unwrap();
    for name in manifest["dependencies"].as_object().unwrap().keys() {
        let title = format!("Node {}", name.trim_start_matches("flagsmith-nodejs-"));
        let package = node.join("node_modules").join(name);
        wanted.push((version(&title, node_reader(&node, name)), package));
    }
    for number in pins("java/versions.txt") {
        let packages = root.join("java").join(&number);
        wanted.push((java_reader(&format!("Java {number}"), &packages), packages));
    }
    let rust = root.join("rust/debug/sdk-matrix");
    for name in RUST {
        wanted.push((version(&format!("Rust {name}"), [text(&rust), name.to_owned()]), rust.clone()));
    }
    let (there, missing): (Vec<_>, Vec<_>) = wanted.into_iter().partition(|(_, needed)| needed.exists());
    let mut missing: Vec<(String, String)> = missing
        .into_iter()
        .map(|(version, _)| (version.name, "scripts/sdk-versions could not install it".to_owned()))
        .collect();
    missing.extend(UNAVAILABLE.map(|(name, reason)| (name.to_owned(), reason.to_owned())));
    (there.into_iter().map(|(version, _)| version).collect(), missing)
}

/// As `tests/sdk/matrix/rust` names them.
const RUST: [&str; 8] = [
    "flagsmith 1.5.0",
    "flagsmith 2.1.1",
    "flagsmith 3.1.2",
    "engine 0.3.0",
    "engine 0.4.0",
    "engine 0.5.1",
    "engine 0.6.1",
    "engine 0.7.0",
];
const UNAVAILABLE: [(&str, &str); 2] = [
    ("Go", "the module proxy does not have the modules of flagsmith-go-client"),
    (".NET, Ruby, PHP, Elixir", "their toolchains are no part of the tests"),
];

fn version<const N: usize>(name: &str, command: [String; N]) -> Version {
    Version { name: name.to_owned(), command: command.into(), variable: None }
}

fn node_reader(modules: &Path, package: &str) -> [String; 4] {
    ["node".to_owned(), read("node/read.mjs"), text(modules), package.to_owned()]
}

impl Version {
    /// Runs the reader. Gives what it read, by the names of the documents.
    #[track_caller]
    pub(super) fn read(&self, edge: &Edge, questions: &Path) -> BTreeMap<String, Value> {
        let documents = Tap::only(edge.address, DOCUMENT);
        let output = NamedTempFile::new().unwrap();
        let mut command = Command::new(&self.command[0]);
        command.args(&self.command[1..]).arg(questions);
        command.arg(edge.url("/api/v1/")).arg(format!("{}/api/v1/", documents.url()));
        // Some SDKs heed the environment's proxy, which knows nothing of this machine.
        command.env("NO_PROXY", "127.0.0.1").stdin(Stdio::null()).stderr(Stdio::null());
        command.envs(self.variable.clone()).stdout(File::create(output.path()).unwrap());
        let mut process = command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let deadline = std::time::Instant::now() + PATIENCE;
        eventually(&format!("{} reads all documents", self.name), PATIENCE * 2, || {
            if std::time::Instant::now() > deadline {
                // It may have ended by itself.
                let _ = process.kill();
            }
            process.try_wait().unwrap()
        });
        let lines = fs::read_to_string(output.path()).unwrap();
        lines
            .lines()
            .filter_map(|line| serde_json::from_str::<Value>(line).ok())
            .filter_map(|line| Some((line["document"].as_str()?.to_owned(), line)))
            .collect()
    }

    /// Whether a feature of an answer of local evaluation is not compared, since this version evaluates otherwise.
    pub(super) fn ignores(&self, question: usize, feature: &str) -> bool {
        let is_of = |versions: &[&str]| versions.contains(&self.name.as_str());
        match (question, feature) {
            (0, "count" | "colour") => is_of(&NOBODY_IS_AN_IDENTITY),
            // Where its rules are absent, everybody is in the segment.
            (_, "colour") => is_of(&NO_VARIANTS_IN_SEGMENTS),
            (2, "plain") => is_of(&NO_IDENTITY_OVERRIDES),
            _ => false,
        }
    }

    /// Whether it is known that this version cannot read the documents of a column, or evaluates them otherwise.
    pub(super) fn is_known(&self, column: &str) -> bool {
        let is_known = |(versions, columns): &(&[&str], &[&str])| {
            versions.contains(&self.name.as_str()) && columns.contains(&column)
        };
        KNOWN.iter().any(is_known)
    }
}

/// They read no overrides of identities from documents.
const NO_IDENTITY_OVERRIDES: [&str; 13] = [
    "Python 3.0.1",
    "Python 3.1.0",
    "Python 3.2.2",
    "Python 3.3.0",
    "Python 3.4.0",
    "Python 3.5.0",
    "Node 2.5.2",
    "Node 3.0.1",
    "Node 3.1.1",
    "Node 3.2.0",
    "Java 7.0.1",
    "Java 7.1.1",
    "Java 7.2.0",
];
/// For nobody, they evaluate an identity without a name: it may be in the half of a percentage split, and get a variant.
const NOBODY_IS_AN_IDENTITY: [&str; 4] = ["Python 3.10.1", "Python 4.0.1", "Node 7.0.3", "Node 8.0.0"];
/// They ignore the variants of a segment's override.
const NO_VARIANTS_IN_SEGMENTS: [&str; 4] = ["Python 3.10.1", "Python 4.0.1", "Node 7.0.3", "Node 8.0.0"];
/// What no server can change, except by serving less than Flagsmith does.
const KNOWN: [(&[&str], &[&str]); 3] = [
    // They refuse members that are newer than they are.
    (&["Python 3.0.1", "Python 3.1.0", "Python 3.2.2"], &["every member"]),
    // They refuse the operator IN.
    (
        &["Python 3.0.1", "Python 3.1.0", "Python 3.2.2", "Java 7.0.1"],
        &["a condition's value as a list", "a condition's list as text"],
    ),
    // They do not read `featurestate_uuid`, the seed of variants where there is no `django_id`.
    (
        &["Node 2.5.2", "Node 3.0.1", "Node 3.1.1", "Node 3.2.0"],
        &["environment django_id", "segment django_id", "ids that are 0"],
    ),
];

/// The lines of a list of versions.
fn pins(name: &str) -> Vec<String> {
    file(name).lines().filter(|line| !line.starts_with('#')).map(str::to_owned).collect()
}

fn file(name: &str) -> String {
    let file = folder("sdk/matrix").join(name);
    fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}

fn read(name: &str) -> String {
    text(&folder("sdk/matrix").join(name))
}

fn text(path: &Path) -> String {
    PathBuf::from(path).display().to_string()
}
