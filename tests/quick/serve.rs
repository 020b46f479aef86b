//! `jackstaff serve`, the program, in surroundings that mean it no good.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::Duration;

use tempfile::TempDir;
use tests::fastly::{FastlyApi, SERVICE, STORE, TOKEN, fastly_api};
use tests::{not_run, program, resident};

use crate::JACKSTAFF;

/// Bytes of a body: its signature is computed within a second or so, also without optimisation.
const BODY: usize = 256 << 10;

/// `serve` over a folder, with the stand-in of Fastly's API.
pub(crate) fn serve(api: &FastlyApi, folder: &TempDir) -> Command {
    let mut command = Command::new(JACKSTAFF);
    command.args(["serve", "--listen", "127.0.0.1:0", "--api", &api.url()]);
    command.args(["--store", STORE, "--service", SERVICE]).arg(folder.path());
    command.env("FASTLY_API_TOKEN", TOKEN);
    command
}

/// Anybody may send a body to the route of webhooks. Each of 300 held a megabyte once.
#[test]
fn bodies_of_unsigned_webhooks_take_little_memory() {
    if !Path::new("/proc/self/status").exists() {
        return not_run("needs /proc");
    }
    let api = fastly_api();
    let folder = TempDir::new().unwrap();
    let serve = program("serve", serve(&api, &folder).env("JACKSTAFF_WEBHOOK_SECRET", "s3cret"));
    let url = serve.url();
    serve.says("watching");
    let head = format!(
        "POST /webhooks/flagsmith HTTP/1.1\r\nhost: origin\r\nx-flagsmith-signature: {}\r\ncontent-length: {BODY}\r\n\r\n",
        "0".repeat(64)
    );
    let body = vec![b' '; BODY - 1];
    // The first requests make room for what any request needs.
    let warm = send(&url, &head, &body);
    let before = resident(serve.process_id());
    let open: Vec<TcpStream> = (0..300).map(|_| send(&url, &head, &body)).collect();
    // What the system still holds of them is taken meanwhile.
    let most = (0..20).map(|_| {
        thread::sleep(Duration::from_millis(100));
        resident(serve.process_id())
    });
    let more = most.fold(0.0, f64::max) - before;
    println!("300 bodies that are coming: {:.1} MB more", more / 1e6);
    assert!(more < 20e6, "{:.1} MB more", more / 1e6);
    drop(warm);
    // The last byte comes, and the signature is wrong.
    for mut stream in open {
        stream.write_all(b" ").unwrap();
        let mut answer = [0; 12];
        stream.read_exact(&mut answer).unwrap();
        assert_eq!(answer, *b"HTTP/1.1 401");
    }
}

/// Sends a body but for its last byte, and waits until it has been taken.
fn send(url: &str, head: &str, body: &[u8]) -> TcpStream {
    let mut stream = TcpStream::connect(url.trim_start_matches("http://")).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    stream.write_all(head.as_bytes()).unwrap();
    stream.write_all(body).unwrap();
    stream
}
