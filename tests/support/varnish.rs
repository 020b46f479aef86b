//! A running Varnish with the twin of the project's VCL, on a port of its own, ended on drop.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;

use crate::eventually;
use crate::files::workspace;
use crate::not_run::not_run;

/// A Varnish that listens.
pub struct Varnish {
    process: Child,
    address: String,
    /// Its work folder, with its secret and its log.
    folder: TempDir,
}

/// Its own folder, within ours.
const WORK: &str = "varnish";

/// Starts a Varnish in front of `http://host:port`, with room for so many clients at once; none if there is
/// none on this machine: then the test did not run. It compiles its VCL with gcc.
#[track_caller]
pub fn varnish(origin: &str, clients: usize) -> Option<Varnish> {
    varnish_with_token(origin, clients, None)
}

/// As [`varnish`], with this edge token in the file of its backend.
#[track_caller]
pub fn varnish_with_token(origin: &str, clients: usize, edge_token: Option<&str>) -> Option<Varnish> {
    let Some(program) = program("varnishd", "-V").filter(|_| program("gcc", "--version").is_some()) else {
        not_run("there is no varnishd with gcc (Debian's packages varnish and gcc)");
        return None;
    };
    let folder = tempfile::tempdir().unwrap();
    let vcl = folder.path().join("origin.vcl");
    fs::write(&vcl, backend(origin, edge_token)).unwrap();
    let log = folder.path().join("log");
    let work = folder.path().join(WORK);
    let mut process = Command::new(program)
        .args(["-F", "-j", "none", "-a", "127.0.0.1:0", "-s", "malloc,64m"])
        .arg("-n")
        .arg(&work)
        .arg("-f")
        .arg(&vcl)
        // Optimised, a few lines of VCL take a second and more.
        .args(["-p", "cc_command=exec gcc -O0 -w -pthread -fpic -shared -Wl,-x -o %o %s"])
        // Each client that listens takes a thread, and a rush is not to wait until there are enough.
        .args(["-p", "thread_pools=1", "-p", &format!("thread_pool_min={}", clients + 100)])
        .stdin(Stdio::null())
        .stdout(File::create(&log).unwrap())
        .stderr(File::options().append(true).open(&log).unwrap())
        .spawn()
        .unwrap();
    let address = eventually("Varnish listens", Duration::from_secs(60), || {
        let ended = process.try_wait().unwrap();
        assert!(ended.is_none(), "Varnish ended: {}", fs::read_to_string(&log).unwrap_or_default());
        listens_at(&work)
    });
    Some(Varnish { process, address, folder })
}

/// The program, if it starts: Debian keeps it where only the system's administrator looks.
fn program(name: &str, version: &str) -> Option<PathBuf> {
    let mut places = [PathBuf::from(name), Path::new("/usr/sbin").join(name)].into_iter();
    places.find(|place| {
        let started = Command::new(place).arg(version).stdout(Stdio::null()).stderr(Stdio::null()).status();
        started.is_ok_and(|status| status.success())
    })
}

fn backend(origin: &str, edge_token: Option<&str>) -> String {
    let authority = origin.trim_start_matches("http://").trim_end_matches('/');
    let (host, port) = authority.split_once(':').unwrap();
    let main = workspace().join("vcl/varnish/main.vcl").canonicalize().unwrap();
    let token =
        |token| format!("sub vcl_backend_fetch {{ set bereq.http.Authorization = \"Token {token}\"; }}\n");
    let token = edge_token.map(token).unwrap_or_default();
    format!(
        "vcl 4.1;\nbackend origin {{ .host = \"{host}\"; .port = \"{port}\"; }}\n{token}include \"{}\";\n",
        main.display()
    )
}

/// Where it listens, once it does: a line such as `a0 127.0.0.1 40311`.
fn listens_at(work: &Path) -> Option<String> {
    let asked = Command::new("varnishadm").arg("-n").arg(work).arg("debug.listen_address").output().ok()?;
    let text = String::from_utf8_lossy(&asked.stdout).into_owned();
    let mut words = text.split_whitespace().skip(1);
    Some(format!("{}:{}", words.next()?, words.next()?)).filter(|_| asked.status.success())
}

impl Varnish {
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// How many requests it has taken.
    #[track_caller]
    pub fn requests(&self) -> u64 {
        let work = self.folder.path().join(WORK);
        let mut asked = Command::new("varnishstat");
        asked.arg("-n").arg(work).args(["-1", "-f", "MAIN.client_req"]);
        let text = String::from_utf8(asked.output().unwrap().stdout).unwrap();
        let count = text.split_whitespace().nth(1).and_then(|count| count.parse().ok());
        count.unwrap_or_else(|| panic!("varnishstat says {text:?}"))
    }
}

impl Drop for Varnish {
    fn drop(&mut self) {
        // Killed, it would leave its work folder locked, and its child to find out by itself.
        let asked = Command::new("kill").args(["-TERM", &self.process.id().to_string()]).status();
        if !asked.is_ok_and(|status| status.success()) {
            let _ = self.process.kill();
        }
        let _ = self.process.wait();
    }
}
