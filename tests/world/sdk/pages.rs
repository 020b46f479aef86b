//! The Node SDK reads the document in pages: the second half of check 19.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};
use tests::{Edge, folder, installed};

const DOCUMENT: &str = "/api/v1/environment-document/";
const PATIENCE: Duration = Duration::from_secs(60);

/// The program, which waits for a line after each request.
struct Reader {
    process: Child,
    input: ChildStdin,
    lines: Receiver<Value>,
}

impl Reader {
    fn start(edge: &Edge, server_key: &str, identifier: &str) -> Option<Reader> {
        let modules = installed("sdk/node")?;
        let mut command = Command::new("node");
        command.arg(folder("sdk/node/pages.mjs")).args([&edge.url(""), server_key, identifier]).arg(modules);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).env("NO_PROXY", "127.0.0.1");
        let mut process = command.spawn().unwrap();
        let (sender, lines) = channel();
        let output = BufReader::new(process.stdout.take().unwrap());
        thread::spawn(move || {
            for line in output.lines().map_while(Result::ok) {
                let _ = sender.send(serde_json::from_str(&line).unwrap_or(Value::String(line)));
            }
        });
        let input = process.stdin.take().unwrap();
        Some(Reader { process, input, lines })
    }

    /// Lets a fetch of all pages happen; `before` is called before the answer to the request of this number is passed on.
    /// Gives the paths that were asked for, with the statuses, and what came of it.
    fn fetch(&mut self, mut before: impl FnMut(usize)) -> (Vec<(String, u64)>, Value) {
        let mut asked = Vec::new();
        loop {
            let line = self.lines.recv_timeout(PATIENCE).expect("a line of the reader");
            let Some(path) = line["asked"].as_str() else { return (asked, line) };
            asked.push((path.to_owned(), line["status"].as_u64().unwrap()));
            before(asked.len());
            self.input.write_all(b"\n").unwrap();
        }
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Reads all pages; then the environment changes between two pages, and the fetch fails; then all pages are read again. `change`
/// publishes, and gives what the edge answers about the identity from then on, as `flags` of its name and value.
#[track_caller]
pub(crate) fn pages_of_two_revisions_are_never_put_together(
    edge: &Edge,
    server_key: &str,
    identifier: &str,
    flags: impl Fn() -> Value,
    mut change: impl FnMut(),
) {
    let Some(mut reader) = Reader::start(edge, server_key, identifier) else { return };
    let (asked, first) = reader.fetch(|_| {});
    assert!(asked.len() > 3, "{asked:?}");
    assert_eq!(asked[0].0, DOCUMENT);
    let pages: Vec<bool> =
        asked[1..].iter().map(|(path, status)| path.contains("?page_id=") && *status == 200).collect();
    assert!(pages.iter().all(|page| *page), "{asked:?}");
    assert_eq!(first, json!({ "flags": flags() }));

    let (asked, second) = reader.fetch(|number| {
        if number == 2 {
            change();
        }
    });
    let statuses: Vec<u64> = asked.iter().map(|(_, status)| *status).collect();
    assert_eq!(statuses, [200, 200, 410], "{asked:?}");
    assert!(second["failed"].is_string(), "{second}");

    let (again, third) = reader.fetch(|_| {});
    assert!(again.len() > 3 && again.iter().all(|(_, status)| *status == 200), "{again:?}");
    assert_eq!(third, json!({ "flags": flags() }));
    assert_ne!(third, first);
}
