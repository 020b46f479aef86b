//! A running origin of change signals, on a port of its own, ended on drop.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use crate::eventually;

/// An origin that listens.
pub struct Origin {
    process: Child,
    url: String,
}

/// Starts an origin.
#[track_caller]
pub fn origin(program: impl AsRef<Path>) -> Origin {
    start(program, "127.0.0.1:0", &[])
}

/// Starts an origin with further arguments.
#[track_caller]
pub fn origin_with(program: impl AsRef<Path>, arguments: &[&str]) -> Origin {
    start(program, "127.0.0.1:0", arguments)
}

/// Starts an origin at an address, where there may have been one before.
#[track_caller]
pub fn origin_at(program: impl AsRef<Path>, address: &str) -> Origin {
    start(program, address, &[])
}

#[track_caller]
fn start(program: impl AsRef<Path>, address: &str, arguments: &[&str]) -> Origin {
    let mut process = Command::new(program.as_ref())
        .args(["origin", "--listen", address])
        .args(arguments)
        .env_remove("JACKSTAFF_ORIGIN_TOKEN")
        .env_remove("JACKSTAFF_EDGE_TOKEN")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let url = line.split_whitespace().next_back().unwrap_or_default().to_owned();
    assert!(url.starts_with("http://"), "{line:?}");
    Origin { process, url }
}

impl Origin {
    pub fn url(&self) -> String {
        self.url.clone()
    }

    /// For what the system tells of a process.
    pub fn process_id(&self) -> u32 {
        self.process.id()
    }

    /// Asks it to end, as a service manager does, and waits until it has.
    #[track_caller]
    pub fn terminate(&mut self) -> ExitStatus {
        let sent = Command::new("kill").args(["-TERM", &self.process_id().to_string()]).status().unwrap();
        assert!(sent.success());
        eventually("the origin ended", Duration::from_secs(10), || self.process.try_wait().unwrap())
    }

    /// The Prometheus text of its metrics.
    pub fn metrics(&self) -> String {
        let mut response = ureq::get(format!("{}/metrics", self.url)).call().unwrap();
        response.body_mut().read_to_string().unwrap()
    }
}

impl Drop for Origin {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
