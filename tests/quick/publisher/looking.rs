//! Looking at files: what is reported of them as they come, change and go.

use std::fs::{self, File};
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use publisher::Place;
use publisher::watch::{Files, PlaceState};
use tempfile::TempDir;

const TICK: Duration = Duration::from_millis(250);

/// A folder, what looks at it, and how late it is.
struct Looking {
    folder: TempDir,
    files: Files,
    now: Duration,
}

impl Looking {
    /// At paths in a folder; one that is empty is the folder.
    fn at(paths: &[&str]) -> Looking {
        let folder = TempDir::new().unwrap();
        let paths: Vec<PathBuf> = paths.iter().map(|path| folder.path().join(path)).collect();
        let files = Files::new(paths, Some(&folder.path().join("keys.json")));
        Looking { folder, files, now: Duration::ZERO }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, content: &str) {
        fs::write(self.path(name), content).unwrap();
    }

    /// What is reported after so much time.
    fn after(&mut self, time: Duration) -> Vec<String> {
        self.now += time;
        let folder = format!("{}/", self.folder.path().display());
        let name = |place: &Place| place.to_string().strip_prefix(&folder).unwrap().to_owned();
        let reported = self.files.look(self.now).into_iter().map(|seen| {
            let name = name(&seen.place);
            match seen.state {
                PlaceState::Content(text) => format!("{name}: {text}"),
                PlaceState::Unreadable(why) => format!("{name} cannot be read: {why}"),
                PlaceState::Missing => format!("{name} is missing"),
                PlaceState::Gone => format!("{name} is gone"),
                PlaceState::Document(_) | PlaceState::Unusable(_) => panic!("files are not understood here"),
            }
        });
        reported.collect()
    }

    fn soon(&mut self) -> Vec<String> {
        self.after(TICK)
    }
}

const NOTHING: [&str; 0] = [];

#[test]
fn files_of_a_directory_come_change_and_go() {
    let mut looking = Looking::at(&[""]);
    assert_eq!(looking.soon(), NOTHING);
    looking.write("b.json", "1");
    looking.write("a.json", "1");
    assert_eq!(looking.soon(), ["a.json: 1", "b.json: 1"]);
    assert_eq!(looking.soon(), NOTHING);
    looking.write("a.json", "2");
    assert_eq!(looking.soon(), ["a.json: 2"]);
    fs::rename(looking.path("a.json"), looking.path("c.json")).unwrap();
    let mut reported = looking.soon();
    reported.sort();
    assert_eq!(reported, ["a.json is missing", "c.json: 2"]);
    assert_eq!(looking.soon(), NOTHING);
    assert_eq!(looking.after(Duration::from_secs(2)), ["a.json is gone"]);
    assert_eq!(looking.soon(), NOTHING);
    looking.write("a.json", "2");
    assert_eq!(looking.soon(), ["a.json: 2"]);
}

#[test]
fn files_that_are_not_documents_are_ignored() {
    let mut looking = Looking::at(&[""]);
    for name in [
        ".a.json",
        ".a.json.swp",
        "#a.json#",
        ".#a.json",
        "a.json~",
        "a.json.tmp",
        "4913",
        "notes.txt",
        "keys.json",
    ] {
        looking.write(name, "1");
    }
    fs::create_dir(looking.path("deeper.json")).unwrap();
    looking.write("deeper.json/a.json", "1");
    assert_eq!(looking.soon(), NOTHING);
}

#[test]
fn a_file_that_an_editor_replaces_is_followed() {
    let mut looking = Looking::at(&["a.json"]);
    looking.write("a.json", "1");
    assert_eq!(looking.soon(), ["a.json: 1"]);
    // As vim does it, looked at between its two steps.
    fs::rename(looking.path("a.json"), looking.path("a.json~")).unwrap();
    assert_eq!(looking.soon(), ["a.json is missing"]);
    looking.write("a.json", "2");
    assert_eq!(looking.soon(), ["a.json: 2"]);
    // As most others do.
    looking.write("a.json.new", "3");
    fs::rename(looking.path("a.json.new"), looking.path("a.json")).unwrap();
    assert_eq!(looking.soon(), ["a.json: 3"]);
}

#[test]
fn a_change_is_seen_even_if_the_time_of_the_file_is_the_same() {
    let mut looking = Looking::at(&["a.json"]);
    looking.write("a.json", "{");
    let then = SystemTime::now();
    let set = |looking: &Looking| {
        let file = File::options().append(true).open(looking.path("a.json")).unwrap();
        file.set_modified(then).unwrap();
    };
    set(&looking);
    assert_eq!(looking.soon(), ["a.json: {"]);
    for _ in 0..100 {
        assert_eq!(looking.soon(), NOTHING);
    }
    looking.write("a.json", "}");
    set(&looking);
    assert_eq!(looking.soon(), ["a.json: }"]);
    looking.write("a.json", "}");
    assert_eq!(looking.soon(), NOTHING, "written again as it was");
}

#[test]
fn unreadable_files_are_reported_once() {
    let mut looking = Looking::at(&["a.json", "missing.json"]);
    fs::write(looking.path("a.json"), b"\xff").unwrap();
    let reported = looking.soon();
    assert_eq!(reported[0], "a.json cannot be read: not UTF-8");
    assert!(reported[1].starts_with("missing.json cannot be read: "), "{reported:?}");
    for _ in 0..50 {
        assert_eq!(looking.soon(), NOTHING);
    }
    fs::write(looking.path("a.json"), "1").unwrap();
    looking.write("missing.json", "2");
    assert_eq!(looking.soon(), ["a.json: 1", "missing.json: 2"]);
    fs::write(looking.path("a.json"), b"\xfe").unwrap();
    assert_eq!(looking.soon(), ["a.json cannot be read: not UTF-8"]);
    fs::remove_file(looking.path("a.json")).unwrap();
    assert_eq!(looking.soon(), ["a.json is missing"]);
    assert_eq!(looking.after(Duration::from_secs(3)), ["a.json is gone"]);
    looking.write("a.json", "1");
    assert_eq!(looking.soon(), ["a.json: 1"]);
}

#[test]
fn a_file_that_is_named_twice_is_one() {
    let mut looking = Looking::at(&["a.json", "./a.json", ""]);
    looking.write("a.json", "1");
    assert_eq!(looking.soon(), ["a.json: 1"]);
}

#[test]
fn a_directory_may_go_and_come_back() {
    let mut looking = Looking::at(&["d"]);
    let reported = looking.soon();
    assert!(reported.len() == 1 && reported[0].starts_with("d cannot be read: "), "{reported:?}");
    fs::create_dir(looking.path("d")).unwrap();
    looking.write("d/a.json", "1");
    assert_eq!(looking.soon(), ["d/a.json: 1"]);
    fs::rename(looking.path("d"), looking.path("e")).unwrap();
    let reported = looking.soon();
    assert!(
        reported[0].starts_with("d cannot be read: ") && reported[1..] == ["d/a.json is missing"],
        "{reported:?}"
    );
    fs::rename(looking.path("e"), looking.path("d")).unwrap();
    assert_eq!(looking.soon(), ["d/a.json: 1"]);
}
