//! Races that were mended once, and belts of the protocol that are taken out, one at a time: schedules of the POP's protocol
//! find each of them, and print the seed.
//!
//! Without `look_afterwards`, which is the second look, a write between the read and the insertion is missed: the two are one
//! patch. A race is a patch beside those tests (`src/api/tests/pop/races`). It is applied to a copy of the tree, never to the code
//! that is shipped. The copy is built in a target directory of its own, so the first run takes a minute more.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use tempfile::TempDir;
use tests::{say, workspace};

fn run(command: &mut Command) -> Output {
    command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"))
}

/// All of the tree that git knows.
fn copy_of_the_tree() -> TempDir {
    let copy = TempDir::new().unwrap();
    let listed = run(Command::new("git").arg("ls-files").current_dir(workspace()));
    for path in String::from_utf8(listed.stdout).unwrap().lines() {
        let (from, to) = (workspace().join(path), copy.path().join(path));
        if from.is_file() {
            fs::create_dir_all(to.parent().unwrap()).unwrap();
            fs::copy(from, to).unwrap();
        }
    }
    copy
}

fn apply(copy: &Path, patch: &Path, reverse: bool) {
    let mut command = Command::new("git");
    command.arg("apply").args(reverse.then_some("--reverse")).arg(patch).current_dir(copy);
    let applied = run(&mut command);
    assert!(applied.status.success(), "{}: make the patch anew: {applied:?}", patch.display());
}

/// What the tests of the POP's protocol print.
fn test(copy: &Path) -> (bool, String) {
    let tested = run(Command::new(env!("CARGO"))
        .args(["test", "--locked", "-p", "api", "--test", "pop"])
        .env("CARGO_TARGET_DIR", workspace().join("target/races"))
        .env("RUST_BACKTRACE", "0")
        .current_dir(copy));
    let printed =
        [tested.stdout, tested.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
    assert!(printed.contains("test result: "), "the tests were not built: {printed}");
    (tested.status.success(), printed)
}

#[test]
fn each_race_that_is_put_back_is_found() {
    let folder = workspace().join("src/api/tests/pop/races");
    let mut patches: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    patches.sort();
    assert!(patches.len() >= 5, "{patches:?}");
    let copy = copy_of_the_tree();
    let mut missed = Vec::new();
    for patch in &patches {
        apply(copy.path(), patch, false);
        let (passed, printed) = test(copy.path());
        apply(copy.path(), patch, true);
        let name = patch.file_stem().unwrap().to_string_lossy();
        // Such a line is printed where a schedule fails: `readers: seed 26 fails, in schedule 211 of this run`.
        let seeds: Vec<&str> = printed.lines().filter(|line| is_about_a_seed(line)).collect();
        say(&format!("{name}: {}", seeds.join("; ")));
        if passed || seeds.is_empty() {
            missed.push(name);
        }
    }
    assert!(missed.is_empty(), "no seed finds: {missed:?}");
}

fn is_about_a_seed(line: &str) -> bool {
    line.split_once(": seed ").is_some_and(|(_, rest)| rest.contains(" fails, in schedule "))
}
