//! A real Redis server on a port of its own, which keeps nothing beyond its life, killed on drop.

use std::fs;
use std::io::{BufRead, BufReader, ErrorKind, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;

use crate::eventually;
use crate::not_run::not_run;
use crate::server::free_address;

/// How long Redis may take to start, or to answer.
const PATIENCE: Duration = Duration::from_secs(20);

/// A Redis that comes and goes, always at the same address.
pub struct Redis {
    process: Option<Child>,
    folder: TempDir,
    port: u16,
}

/// Starts a Redis; none where there is no `redis-server`: then the test did not run.
#[track_caller]
pub fn redis() -> Option<Redis> {
    redis_with("")
}

/// Starts a Redis with further lines of its configuration; none where there is no `redis-server`: then the test did not run.
#[track_caller]
pub fn redis_with(configuration: &str) -> Option<Redis> {
    let mut redis = absent_redis(configuration)?;
    redis.start();
    Some(redis)
}

/// An address at which there is no Redis yet; none where there is no `redis-server`: then the test did not run.
#[track_caller]
pub fn absent_redis(configuration: &str) -> Option<Redis> {
    let version = Command::new("redis-server").arg("--version").stdout(Stdio::null()).status();
    match version {
        Err(error) if error.kind() == ErrorKind::NotFound => {
            not_run("there is no redis-server (Debian's package redis-server)");
            return None;
        }
        version => assert!(version.unwrap().success()),
    }
    let folder = tempfile::tempdir().unwrap();
    let port = free_address().port();
    let basics =
        format!("port {port}\nbind 127.0.0.1\nsave \"\"\nappendonly no\ndir {}\n", folder.path().display());
    fs::write(folder.path().join("redis.conf"), basics + configuration).unwrap();
    Some(Redis { process: None, folder, port })
}

impl Redis {
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    pub fn address(&self) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], self.port))
    }

    /// Where it runs, so that its configuration may name files there.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Starts it, empty.
    #[track_caller]
    pub fn start(&mut self) {
        let process = Command::new("redis-server")
            .arg(self.folder.path().join("redis.conf"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn();
        self.process = Some(process.unwrap());
        let ready = || (!self.answer("PING").ok()?.starts_with("-LOADING")).then_some(());
        eventually("Redis answers", PATIENCE, ready);
    }

    /// Ends it at once. What it held is gone.
    pub fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            let _ = process.kill();
            let _ = process.wait();
        }
    }

    /// Stops it from doing anything, with all its connections open.
    #[track_caller]
    pub fn hang(&self) {
        self.signal("-STOP");
    }

    #[track_caller]
    pub fn go_on(&self) {
        self.signal("-CONT");
    }

    #[track_caller]
    fn signal(&self, signal: &str) {
        let id = self.process.as_ref().unwrap().id().to_string();
        assert!(Command::new("kill").args([signal, &id]).status().unwrap().success());
    }

    /// Its answer to a command, the first line.
    #[track_caller]
    pub fn ask(&self, command: &str) -> String {
        self.answer(command).unwrap_or_else(|error| panic!("{command}: {error}"))
    }

    fn answer(&self, command: &str) -> std::io::Result<String> {
        let mut connection = TcpStream::connect(("127.0.0.1", self.port))?;
        connection.set_read_timeout(Some(PATIENCE))?;
        connection.write_all(format!("{command}\r\n").as_bytes())?;
        let mut line = String::new();
        BufReader::new(connection).read_line(&mut line)?;
        Ok(line.trim_end().to_owned())
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        self.kill();
    }
}
