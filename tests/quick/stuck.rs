//! `jackstaff serve` beside what takes nothing, or answers nothing: a log, a disk, a mount. None of it may stop what goes on
//! elsewhere, and who asks is told what is wrong.

use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;
use tests::fastly::{FastlyApi, STORE, TOKEN, fastly_api};
use tests::fixtures::one_feature;
use tests::{HANGS, Program, SlowMount, eventually, not_run, program};

use crate::JACKSTAFF;
use crate::serve::serve;

/// How soon a change elsewhere is published, and what is wrong is said: within two seconds, and later on a machine that does
/// much else. The times are printed. What is stuck takes longer by far.
const SOON: Duration = Duration::from_secs(5);
/// Files on the mount.
const FILES: usize = 30;

/// Ends a process that is not read from.
struct Unread(Child);

impl Drop for Unread {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A pipe that nobody reads stopped all publications when it was full, while health said that all was well.
#[test]
fn a_log_that_nobody_reads_stops_nothing() {
    let api = fastly_api();
    let folder = TempDir::new().unwrap();
    let write = |number: usize, value: &str| {
        let key = format!("environment-with-a-long-name-{number}");
        let document = one_feature(&key, "2026-03-01T00:00:00Z", value);
        fs::write(folder.path().join(format!("{key}.json")), document.to_string()).unwrap();
    };
    // Each makes a line of more than a hundred bytes; a pipe takes 64 KB.
    (0..1_000).for_each(|number| write(number, "one"));
    let mut command = serve(&api, &folder);
    let process = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut serve = Unread(process);
    let mut first = String::new();
    let mut output = BufReader::new(serve.0.stdout.take().unwrap());
    output.read_line(&mut first).unwrap();
    let url = first.split_whitespace().find(|word| word.starts_with("http://")).unwrap();
    let value = |number: usize| stored(&api, &format!("environment-with-a-long-name-{number}"));
    eventually("all are stored", Duration::from_secs(120), || {
        (0..1_000).all(|number| value(number).is_some()).then_some(())
    });
    write(999, "two");
    eventually("a change is stored", Duration::from_secs(10), || (value(999)? == "two").then_some(()));
    let health = ureq::get(format!("{url}/health")).call().unwrap().body_mut().read_to_string().unwrap();
    assert!(health.contains(r#""status":"ok""#), "{health}");
    assert!(serve.0.try_wait().unwrap().is_none(), "it has ended");
}

/// The first line that does not fit ended the program once, as its address is printed.
#[test]
fn a_full_disk_under_the_log_stops_nothing() {
    let full = Path::new("/dev/full");
    if !full.exists() {
        return not_run("needs /dev/full");
    }
    let api = fastly_api();
    let folder = TempDir::new().unwrap();
    let write = |value: &str| {
        let document = one_feature("shop", "2026-03-01T00:00:00Z", value).to_string();
        fs::write(folder.path().join("shop.json"), document).unwrap();
    };
    write("one");
    let output = || File::options().write(true).open(full).unwrap();
    let mut serve = Unread(serve(&api, &folder).stdout(output()).stderr(output()).spawn().unwrap());
    let is_stored = |value| (stored(&api, "shop")? == value).then_some(());
    eventually("the environment is stored", Duration::from_secs(10), || is_stored("one"));
    write("two");
    eventually("a change is stored", SOON, || is_stored("two"));
    assert!(serve.0.try_wait().unwrap().is_none(), "it has ended");
}

/// A `serve` that looks at a folder, and at a mount with many files.
struct Mounted {
    api: FastlyApi,
    folder: TempDir,
    mount: SlowMount,
    changes: u32,
}

impl Mounted {
    fn new() -> Option<Mounted> {
        let Some(mount) = SlowMount::new() else {
            not_run("needs Linux and a C compiler");
            return None;
        };
        let mounted = Mounted { api: fastly_api(), folder: TempDir::new().unwrap(), mount, changes: 0 };
        mounted.write(mounted.folder.path(), "elsewhere", "first");
        (0..FILES)
            .for_each(|number| mounted.write(&mounted.mount.path(), &format!("mounted-{number}"), "first"));
        Some(mounted)
    }

    fn write(&self, folder: &Path, key: &str, value: &str) {
        let document = one_feature(key, "2026-03-01T00:00:00Z", value).to_string();
        fs::write(folder.join(format!("{key}.json")), document).unwrap();
    }

    fn serve(&self) -> Program {
        let mut command = serve(&self.api, &self.folder);
        command.arg(self.mount.path()).env("JACKSTAFF_ORIGIN_TOKEN", TOKEN);
        program("serve", self.mount.mount(&mut command))
    }

    /// Changes an environment in a folder, and measures how long it takes until the change is stored.
    #[track_caller]
    fn change(&mut self, folder: &Path, key: &str, within: Duration) -> Duration {
        self.changes += 1;
        let value = format!("change {}", self.changes);
        let begun = Instant::now();
        self.write(folder, key, &value);
        eventually(&format!("{value} of {key} is stored"), within, || {
            (stored(&self.api, key)? == value).then_some(())
        });
        begun.elapsed()
    }

    #[track_caller]
    fn change_elsewhere(&mut self) -> Duration {
        let folder = self.folder.path().to_owned();
        self.change(&folder, "elsewhere", SOON)
    }
}

/// The value of the feature of an environment that is stored.
fn stored(api: &FastlyApi, key: &str) -> Option<String> {
    let stored = api.stored(&format!("environment/{key}"))?;
    let text = String::from_utf8_lossy(&stored.value).into_owned();
    Some(text.split("\"feature_state_value\":\"").nth(1)?.split('"').next()?.to_owned())
}

fn health(serve: &str) -> Value {
    let body = ureq::get(format!("{serve}/health")).header("Authorization", format!("Token {TOKEN}")).call();
    serde_json::from_str(&body.unwrap().body_mut().read_to_string().unwrap()).unwrap()
}

/// How long it takes until health says that there are so many environments of the mount that nothing is known of.
#[track_caller]
fn says_late(serve: &str, environments: usize) -> Duration {
    let begun = Instant::now();
    eventually("health says what is wrong", SOON, || {
        let said = health(serve);
        let behind = said["behind"].as_array()?;
        let late =
            behind.iter().filter(|one| one["why"].as_str().is_some_and(|why| why.contains("takes long")));
        (late.count() == environments && said["troubles"] == 1).then_some(())
    });
    begun.elapsed()
}

/// What `status` prints, and its exit code.
fn status(api: &FastlyApi, serve: &str) -> (Option<i32>, String) {
    let mut command = Command::new(JACKSTAFF);
    command.args(["status", "--api", &api.url(), "--store", STORE, "--serve", serve]);
    let token = TempDir::new().unwrap();
    fs::write(token.path().join("token"), TOKEN).unwrap();
    command.arg("--serve-token-file").arg(token.path().join("token")).env("FASTLY_API_TOKEN", TOKEN);
    let output = command.output().unwrap();
    (output.status.code(), String::from_utf8(output.stdout).unwrap())
}

/// One mount that hung stopped other folders and Flagsmith, and health said that all was well.
#[test]
fn a_mount_that_hangs_stops_what_is_on_it_alone() {
    let Some(mut mounted) = Mounted::new() else { return };
    let serve = mounted.serve();
    let url = serve.url();
    serve.says("watching 31 environments");
    mounted.mount.pause(HANGS);
    let said = says_late(&url, FILES);
    let elsewhere = mounted.change_elsewhere();
    println!("a mount hangs: said after {said:.1?}, and a change elsewhere is stored after {elsewhere:.1?}");
    serve.says("a look at it takes more than a second");
    let (code, output) = status(&mounted.api, &url);
    let mount = mounted.mount.path().display().to_string();
    assert_eq!(code, Some(1), "{output}");
    assert!(output.contains(&format!("{mount}: a look at it takes long")), "{output}");
    // What changed meanwhile is published once it answers again.
    mounted.write(&mounted.mount.path(), "mounted-7", "meanwhile");
    mounted.mount.pause(Duration::ZERO);
    eventually("the change on the mount is stored", Duration::from_secs(10), || {
        (stored(&mounted.api, "mounted-7")? == "meanwhile").then_some(())
    });
    serve.says("is looked at within a second again");
    eventually("health says that all is well", SOON, || {
        let said = health(&url);
        (said["behind"].as_array()?.is_empty() && said["troubles"].is_null()).then_some(())
    });
    assert_eq!(serve.count("takes more than a second"), 1, "{:?}", serve.said());
}

#[test]
fn a_mount_that_hangs_at_the_start_delays_the_rest_by_a_second() {
    let Some(mut mounted) = Mounted::new() else { return };
    mounted.mount.pause(HANGS);
    let begun = Instant::now();
    let serve = mounted.serve();
    let url = serve.url();
    eventually("the environment elsewhere is stored", Duration::from_secs(5), || {
        stored(&mounted.api, "elsewhere")
    });
    println!("a mount hangs at the start: the rest is stored after {:.1?}", begun.elapsed());
    serve.says("watching 1 environment");
    let elsewhere = mounted.change_elsewhere();
    println!("a change elsewhere is stored after {elsewhere:.1?}");
    assert_eq!(health(&url)["troubles"], 1);
    let (code, output) = status(&mounted.api, &url);
    assert!(code == Some(1) && output.contains("nothing is known of it yet"), "{code:?}: {output}");
    mounted.mount.pause(Duration::ZERO);
    eventually("all on the mount are stored", Duration::from_secs(20), || {
        (0..FILES).all(|number| stored(&mounted.api, &format!("mounted-{number}")).is_some()).then_some(())
    });
}

/// A look at thirty files takes half a minute there.
#[test]
fn a_slow_mount_delays_what_is_on_it_alone() {
    let Some(mut mounted) = Mounted::new() else { return };
    let serve = mounted.serve();
    let url = serve.url();
    serve.says("watching 31 environments");
    mounted.mount.pause(Duration::from_millis(250));
    let said = says_late(&url, FILES);
    let elsewhere: Vec<Duration> = (0..3).map(|_| mounted.change_elsewhere()).collect();
    println!("a slow mount: said after {said:.1?}, and changes elsewhere are stored after {elsewhere:.1?}");
    let mount = mounted.mount.path();
    let there = mounted.change(&mount, "mounted-29", Duration::from_secs(120));
    println!("a change on it is stored after {there:.1?}");
    says_late(&url, FILES);
}

/// A manifest that cannot be looked at is as bad as a document, and stops none.
#[test]
fn a_manifest_on_a_mount_that_hangs_stops_no_document() {
    let Some(mut mounted) = Mounted::new() else { return };
    let manifest = mounted.mount.path().join("keys.json");
    fs::write(&manifest, "{}").unwrap();
    let mut command = serve(&mounted.api, &mounted.folder);
    command.arg("--server-keys").arg(&manifest);
    let serve = program("serve", mounted.mount.mount(&mut command));
    let url = serve.url();
    serve.says("watching 1 environment");
    mounted.mount.pause(HANGS);
    serve.says(&format!("{}: a look at it takes more than a second", manifest.display()));
    mounted.change_elsewhere();
    assert_eq!(health(&url)["troubles"], 1);
}
