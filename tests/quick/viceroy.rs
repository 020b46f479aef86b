//! `scripts/viceroy`: where it takes Viceroy from, with stand-ins for Viceroy, for its release archive and for cargo.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock};
use std::thread;

use tempfile::TempDir;
use tests::workspace;

/// The version that the scripts ask for.
static VERSION: LazyLock<String> = LazyLock::new(|| {
    let scripts = fs::read_to_string(workspace().join("scripts/common.sh")).unwrap();
    let version = scripts.lines().find_map(|line| line.strip_prefix("viceroy_version="));
    version.unwrap().to_owned()
});

/// A machine with an empty home, on whose path cargo is a stand-in that says so when it is called.
struct Machine {
    home: TempDir,
}

/// What the script printed, and whether cargo was called.
struct Found {
    path: String,
    lines: Vec<String>,
    is_built: bool,
}

impl Machine {
    fn new() -> Machine {
        let machine = Machine { home: TempDir::new().unwrap() };
        machine.program("bin/cargo", "touch \"$HOME/built\"");
        machine
    }

    fn path(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    fn program(&self, name: &str, script: &str) {
        write_program(&self.path(name), script);
    }

    /// A Viceroy of this version.
    fn viceroy(&self, name: &str, version: &str) {
        self.program(name, &format!("echo viceroy {version}"));
    }

    /// An archive with one file, packed.
    fn archive(&self, name: &str, script: &str) -> Vec<u8> {
        let folder = self.path("archive");
        write_program(&folder.join(name), script);
        let mut tar = Command::new("tar");
        let output = tar.args(["-czf", "-", "-C"]).arg(folder).arg(name).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        output.stdout
    }

    fn find(&self, url: &str) -> Found {
        let path = std::env::var("PATH").unwrap();
        // Without this machine's own Viceroy. The stand-in for cargo comes first.
        let elsewhere: Vec<&str> =
            path.split(':').filter(|folder| !Path::new(folder).join("viceroy").exists()).collect();
        let path = format!("{}:{}", self.path("bin").display(), elsewhere.join(":"));
        let output = Command::new(workspace().join("scripts/viceroy"))
            .env("HOME", self.home.path())
            .env("PATH", path)
            .env("JACKSTAFF_VICEROY_URL", url)
            .env("NO_PROXY", "127.0.0.1")
            .env_remove("XDG_CACHE_HOME")
            .env_remove("XDG_CONFIG_HOME")
            .output()
            .unwrap();
        assert!(output.status.success(), "{output:?}");
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        Found {
            path: text(output.stdout).trim_end().replace(&self.home.path().display().to_string(), "~"),
            lines: text(output.stderr).lines().map(str::to_owned).collect(),
            is_built: self.path("built").exists(),
        }
    }
}

fn write_program(file: &Path, script: &str) {
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    fs::write(file, format!("#!/bin/sh\n{script}\n")).unwrap();
    fs::set_permissions(file, fs::Permissions::from_mode(0o755)).unwrap();
}

/// A server on loopback that answers everything with this, until the test program ends. Counts what it answered.
fn serve(status: &'static str, body: Vec<u8>) -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/viceroy.tar.gz", listener.local_addr().unwrap());
    let count = Arc::new(AtomicUsize::new(0));
    let answered = Arc::clone(&count);
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            answer(stream, status, &body);
            answered.fetch_add(1, Ordering::Relaxed);
        }
    });
    (url, count)
}

fn answer(mut stream: TcpStream, status: &str, body: &[u8]) {
    let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
    while lines.next().is_some_and(|line| line.is_ok_and(|line| !line.is_empty())) {}
    let head = format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", body.len());
    let _ = stream.write_all(&[head.as_bytes(), body].concat());
}

/// An address that refuses connections.
fn refusing() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    format!("http://{}/viceroy.tar.gz", listener.local_addr().unwrap())
}

fn cached() -> String {
    format!("~/.cache/jackstaff/viceroy-{}/bin/viceroy", *VERSION)
}

#[test]
fn the_path_comes_first_then_the_fastly_cli_then_the_cache() {
    let machine = Machine::new();
    // The three places, the last first: each found while those before it have another version.
    let of_cli = if cfg!(target_os = "macos") { "Library/Application Support" } else { ".config" };
    let of_cli = format!("{of_cli}/fastly/viceroy");
    for place in [&cached()[2..], &of_cli, "bin/viceroy"] {
        machine.viceroy(place, &VERSION);
        let found = machine.find(&refusing());
        assert_eq!(found.path, format!("~/{place}"));
        assert_eq!(found.lines, Vec::<String>::new());
    }
    for place in ["bin/viceroy", &of_cli, &cached()[2..]] {
        machine.viceroy(place, "0.1.0");
    }
    let found = machine.find(&refusing());
    assert!(found.is_built, "no place had the right version: {:?}", found.lines);
}

#[test]
fn a_release_archive_is_downloaded_once_and_kept() {
    let machine = Machine::new();
    let (url, count) = serve("200 OK", machine.archive("viceroy", &format!("echo viceroy {}", *VERSION)));
    for _ in 0..2 {
        let found = machine.find(&url);
        assert_eq!((found.path, found.is_built), (cached(), false), "{:?}", found.lines);
    }
    assert_eq!(count.load(Ordering::Relaxed), 1);
}

/// Each leaves one line that says what failed, nothing in the cache, and cargo builds.
#[test]
fn a_download_that_fails_is_one_line_and_cargo_builds() {
    for (what, says, url) in [
        (
            "a refused connection",
            "curl: (7)",
            Box::new(|_: &Machine| refusing()) as Box<dyn Fn(&Machine) -> String>,
        ),
        (
            "an answer that is no archive",
            "curl: (22)",
            Box::new(|_| serve("404 Not Found", b"no".to_vec()).0),
        ),
        ("a broken archive", "gzip", Box::new(|_| serve("200 OK", b"no archive at all".to_vec()).0)),
        (
            "half of an archive",
            "tar",
            Box::new(|machine| {
                let whole = machine.archive("viceroy", &"echo viceroy\n".repeat(10_000));
                serve("200 OK", whole[..whole.len() / 2].to_vec()).0
            }),
        ),
        (
            "an archive of something else",
            "viceroy",
            Box::new(|machine| serve("200 OK", machine.archive("readme", "")).0),
        ),
        (
            "another version",
            "not Viceroy",
            Box::new(|machine| serve("200 OK", machine.archive("viceroy", "echo viceroy 0.1.0")).0),
        ),
        (
            "a program that does not run",
            "does not run here",
            Box::new(|machine| serve("200 OK", machine.archive("viceroy", "exit 1")).0),
        ),
    ] {
        let machine = Machine::new();
        let found = machine.find(&url(&machine));
        assert_eq!((found.path, found.is_built), (cached(), true), "{what}: {:?}", found.lines);
        let failures: Vec<&String> =
            found.lines.iter().filter(|line| line.contains("the download failed")).collect();
        assert_eq!((failures.len(), found.lines.len()), (1, 3), "{what}: {:?}", found.lines);
        assert!(failures[0].contains(says), "{what}: {failures:?}");
        let left: Vec<_> = fs::read_dir(machine.path(".cache/jackstaff")).unwrap().collect();
        assert_eq!(left.len(), 0, "{what}: {left:?}");
    }
}
