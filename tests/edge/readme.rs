//! Every command in README.md, run from the text itself.
//!
//! A command stands in an indented block. What stands for a reader's own (`STORE_ID`, an address) is replaced; the rest is
//! run as it is written.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::json;
use tempfile::TempDir;
use tests::flagsmith::flagsmith;
use tests::{Edge, fixture, jackstaff, program, tools, workspace};

use crate::{CLIENT, FLAGS, PATIENCE, SERVER, bare_edge, demo_edge, package, scripts};

/// Runs a command, and panics if it does not do what README.md says.
type Run = fn(&str);

/// What runs a command: the first whose start it has.
const COMMANDS: [(&str, Run); 9] = [
    ("scripts/serve environment.json", scripts::serves_a_file),
    ("scripts/serve", scripts::serves_the_demo),
    ("scripts/test", is_the_command_of_ci),
    ("fastly compute build", package::builds),
    ("fastly compute deploy", package::deploys),
    ("jackstaff serve --store STORE_ID --service SERVICE_ID --flagsmith", publishes_flagsmith),
    ("jackstaff serve --store STORE_ID --service SERVICE_ID environments/", publishes_files),
    ("jackstaff doctor", finds_nothing_wrong),
    ("jackstaff status", shows_the_status),
];

#[test]
fn every_command_of_the_readme_works() {
    let readme = fs::read_to_string(workspace().join("README.md")).unwrap();
    let commands = commands(&readme);
    for (start, _) in COMMANDS {
        assert!(commands.iter().any(|command| command.starts_with(start)), "not in README.md: {start}");
    }
    for command in commands {
        let run = COMMANDS.iter().find(|(start, _)| command.starts_with(start));
        let (_, run) = run.unwrap_or_else(|| panic!("nothing here runs a command of README.md: {command}"));
        println!("{command}");
        run(&command);
    }
}

/// A command in the middle of a sentence is only named there: its options would never be run.
#[test]
fn commands_with_options_stand_in_blocks() {
    let readme = fs::read_to_string(workspace().join("README.md")).unwrap();
    let inline = readme
        .lines()
        .filter(|line| !line.starts_with("    "))
        .flat_map(|line| line.split('`').skip(1).step_by(2));
    let long: Vec<&str> = inline.filter(|code| is_command(code) && code.split(' ').count() > 2).collect();
    assert!(long.is_empty(), "{long:?}");
}

fn is_command(line: &str) -> bool {
    ["scripts/", "fastly ", "jackstaff ", "curl ", "cargo ", "docker "]
        .iter()
        .any(|start| line.starts_with(start))
}

/// The commands of all indented blocks, without their comments. A block of anything else is a drawing.
fn commands(readme: &str) -> Vec<String> {
    let lines = readme.lines().filter(|line| line.starts_with("    ")).map(str::trim_start);
    let commands = lines.filter(|line| is_command(line));
    commands.map(|line| line.split(" #").next().unwrap().trim_end().to_owned()).collect()
}

/// This test is a part of it, so it is not run from here: CI takes the command from README.md.
fn is_the_command_of_ci(command: &str) {
    let help = Command::new(workspace().join(command)).arg("--help").output().unwrap();
    assert!(help.status.success() && help.stdout.starts_with(b"Usage: scripts/test"), "{help:?}");
    let ci = fs::read_to_string(workspace().join(".ci/run")).unwrap();
    assert!(ci.contains("README.md)\n\"$test_command\"\n"), "{ci}");
}

/// A command of `jackstaff`, with `replaced` put in place of what stands for a reader's own.
fn own(command: &str, replaced: &[(&str, &str)], folder: &Path, edge: &Edge) -> Option<Command> {
    let mut words: Vec<String> = command.split(' ').map(str::to_owned).collect();
    let replaced = [&[("STORE_ID", "local"), ("SERVICE_ID", "local")], replaced].concat();
    for (theirs, own) in replaced {
        for word in words.iter_mut().filter(|word| *word == theirs) {
            own.clone_into(word);
        }
    }
    let mut command = Command::new(&tools()?.jackstaff);
    command.args(&words[1..]).args(["--api", &edge.url("")]).current_dir(folder);
    command.env("FASTLY_API_TOKEN", "local-publisher").env("ORIGIN_ADDR", "127.0.0.1:0");
    Some(command)
}

/// The flags of the demo environment arrive at the edge while a command runs.
fn assert_publishes(command: &mut Command, edge: &Edge) {
    let serving = program("jackstaff serve", command);
    tests::eventually("the flags are published", PATIENCE, || {
        (edge.get(FLAGS, CLIENT).status == 200).then_some(())
    });
    assert_eq!(serving.terminate().code(), Some(0));
}

fn publishes_flagsmith(command: &str) {
    let Some(edge) = bare_edge(&json!({})) else { return };
    let (folder, source) = (TempDir::new().unwrap(), flagsmith());
    source.has(&fixture("demo.json"), SERVER);
    fs::write(folder.path().join("keys.json"), source.manifest()).unwrap();
    let replaced = [("https://edge.api.flagsmith.com", source.url())];
    let replaced = replaced.each_ref().map(|(theirs, own)| (*theirs, own.as_str()));
    let mut command = own(command, &replaced, folder.path(), &edge).unwrap();
    assert_publishes(&mut command, &edge);
}

fn publishes_files(command: &str) {
    let Some(edge) = bare_edge(&json!({})) else { return };
    let folder = TempDir::new().unwrap();
    fs::create_dir(folder.path().join("environments")).unwrap();
    fs::write(folder.path().join("environments/demo.json"), fixture("demo.json").to_string()).unwrap();
    assert_publishes(&mut own(command, &[], folder.path(), &edge).unwrap(), &edge);
}

fn finds_nothing_wrong(command: &str) {
    let Some(edge) = demo_edge(&json!({})) else { return };
    let words = command.split(' ').skip(1).map(|word| match word {
        "https://flags.example.com" => edge.url(""),
        "KEY" => CLIENT.to_owned(),
        word => word.to_owned(),
    });
    let words: Vec<String> = words.collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let finished = jackstaff(tools().unwrap().jackstaff, &words, "");
    assert_eq!(finished.code, 0, "{finished:?}");
    assert!(finished.output.contains("nothing is wrong"), "{finished:?}");
}

fn shows_the_status(command: &str) {
    let Some(edge) = demo_edge(&json!({})) else { return };
    let (folder, url) = (TempDir::new().unwrap(), edge.url(""));
    let replaced = [("https://flags.example.com", url.as_str())];
    let output = own(command, &replaced, folder.path(), &edge).unwrap().output().unwrap();
    assert!(output.status.success(), "{output:?}");
    assert!(String::from_utf8_lossy(&output.stdout).contains(CLIENT), "{output:?}");
}
