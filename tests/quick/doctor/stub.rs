//! A deployment that answers as a sound one does. Each test changes some of its answers.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, SystemTime};

use serde_json::json;

pub(crate) const REVISION: u64 = 1_772_450_553;
const NO_KEY: &str = r#"{"detail":"Invalid or missing Environment key"}"#;
const UNKNOWN_KEY: &str = r#"{"detail":"Invalid or missing Environment Key"}"#;

/// A request, as it came.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) headers: Vec<(String, String)>,
}

impl Asked {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.iter().find(|(header, _)| header == name).map_or("", |(_, value)| value)
    }

    pub(crate) fn is(&self, method: &str, path: &str) -> bool {
        self.method == method && self.path.replace("//", "/").trim_end_matches('/') == path
    }
}

/// An answer.
#[derive(Debug, Clone)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: Vec<u8>,
    /// Frames of a stream, each after a pause. It stays open, if there are any; an empty frame is its end.
    pub(crate) frames: Vec<(u64, String)>,
}

impl Reply {
    pub(crate) fn of(status: u16, body: impl Into<Vec<u8>>) -> Reply {
        let date = httpdate::fmt_http_date(SystemTime::now());
        Reply { status, headers: vec![("date", date)], body: body.into(), frames: Vec::new() }
    }

    pub(crate) fn with(mut self, name: &'static str, value: impl Into<String>) -> Reply {
        self.headers.retain(|(header, _)| *header != name);
        self.headers.push((name, value.into()));
        self
    }

    pub(crate) fn without(mut self, name: &str) -> Reply {
        self.headers.retain(|(header, _)| *header != name);
        self
    }

    pub(crate) fn stream(frames: &[(u64, &str)]) -> Reply {
        let frames = frames.iter().map(|(pause, frame)| (*pause, (*frame).to_owned())).collect();
        Reply { frames, ..Reply::of(200, "").with("content-type", "text/event-stream; charset=utf-8") }
    }
}

/// The event of a revision.
pub(crate) fn event(revision: u64) -> String {
    format!("event: environment_updated\ndata: {{\"updated_at\": {revision}.0}}\n\n")
}

/// What a sound edge answers.
pub(crate) fn edge(asked: &Asked) -> Reply {
    let of_pages = |reply: Reply| {
        reply
            .with("access-control-allow-origin", "*")
            .with("access-control-expose-headers", "x-flagsmith-document-updated-at, retry-after")
    };
    if asked.is("GET", "/health") {
        return Reply::of(200, r#"{"status":"ok"}"#);
    }
    if asked.is("GET", "/sse/environments/client/stream") {
        let pings = [(8_000, ": ping\n\n"), (9_000, ": ping\n\n")];
        return Reply::stream(&[&[(0, ": stream\n\n"), (10, &event(REVISION))], &pings[..]].concat());
    }
    if asked.method == "OPTIONS" {
        let allowed = Reply::of(200, "").with("access-control-allow-methods", "GET, HEAD, OPTIONS");
        return of_pages(allowed.with("access-control-allow-headers", "x-environment-key"));
    }
    let key = [asked.header("x-environment-key"), asked.header("x-api-key")].concat();
    let flags = Reply::of(200, "[]")
        .with("cache-control", "no-store")
        .with("jackstaff-revision", REVISION.to_string())
        .with("jackstaff-source", "pop")
        .with("age", "3");
    of_pages(match key.as_str() {
        "" => Reply::of(403, NO_KEY),
        "client" if asked.is("GET", "/api/v1/flags") => {
            let is_coded = asked.header("accept-encoding").contains("gzip");
            if is_coded { flags.with("content-encoding", "gzip") } else { flags }
        }
        "client" if asked.is("POST", "/api/v1/identities") => {
            Reply { body: br#"{"identifier":"a","traits":[],"flags":[]}"#.to_vec(), ..flags }
        }
        "client" if asked.is("POST", "/ofrep/v1/evaluate/flags") => {
            Reply { body: br#"{"flags":[],"eventStreams":[]}"#.to_vec(), ..flags }
        }
        "ser.good" if asked.is("GET", "/api/v1/environment-document") => {
            Reply { body: br#"{"api_key":"client"}"#.to_vec(), ..flags }
        }
        _ => Reply::of(403, UNKNOWN_KEY),
    })
}

/// What a sound `jackstaff serve` answers.
pub(crate) fn serve(asked: &Asked) -> Reply {
    if asked.is("GET", "/status") {
        if asked.header("authorization") != "Token right" {
            return Reply::of(401, r#"{"detail":"Invalid token"}"#);
        }
        return Reply::of(200, progress(&json!({})).to_string());
    }
    let comment = ": origin\n\n";
    Reply::stream(&[
        (0, &event(REVISION)),
        (2_000, comment),
        (2_000, comment),
        (2_000, comment),
        (2_000, comment),
    ])
}

/// How far publishing is, with some members of the one environment as they are given.
pub(crate) fn progress(environment: &serde_json::Value) -> serde_json::Value {
    let mut all =
        json!({ "key": "client", "place": "client.json", "revision": REVISION, "behind_seconds": null });
    for (name, value) in environment.as_object().unwrap() {
        all[name] = value.clone();
    }
    json!({ "bus": "none", "api_calls": 1, "environments": [all], "troubles": [] })
}

type Answers = Arc<dyn Fn(&Asked) -> Reply + Send + Sync>;

/// Answers so, until the test ends.
pub(crate) fn start(answers: impl Fn(&Asked) -> Reply + Send + Sync + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let answers: Answers = Arc::new(answers);
    thread::spawn(move || {
        for client in listener.incoming().flatten() {
            let answers = Arc::clone(&answers);
            // A client that goes away, in the middle of a stream as well, ends its thread.
            thread::spawn(move || drop(converse(client, &answers)));
        }
    });
    address
}

fn converse(mut client: TcpStream, answers: &Answers) -> std::io::Result<()> {
    let mut reader = BufReader::new(client.try_clone()?);
    // The first byte of TLS, to which servers of plain http answer so.
    if reader.fill_buf()?.first() == Some(&0x16) {
        return client.write_all(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n");
    }
    loop {
        let mut head = Vec::new();
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line)? == 0 {
                return Ok(());
            }
            match line.trim_end() {
                "" => break,
                line => head.push(line.to_owned()),
            }
        }
        let mut words = head[0].split(' ');
        let mut word = || words.next().unwrap_or_default().to_owned();
        let (method, path) = (word(), word());
        let headers = head[1..].iter().filter_map(|line| line.split_once(": "));
        let headers = headers.map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned())).collect();
        let asked = Asked { method, path, headers };
        let length: u64 = asked.header("content-length").parse().unwrap_or(0);
        std::io::copy(&mut (&mut reader).take(length), &mut std::io::sink())?;
        let reply = answers(&asked);
        let mut text = format!("HTTP/1.1 {} X\r\n", reply.status);
        for (name, value) in &reply.headers {
            text.push_str(&format!("{name}: {value}\r\n"));
        }
        if reply.frames.is_empty() {
            text.push_str(&format!("content-length: {}\r\n\r\n", reply.body.len()));
            client.write_all(text.as_bytes())?;
            client.write_all(&reply.body)?;
            continue;
        }
        client.write_all(format!("{text}transfer-encoding: chunked\r\n\r\n").as_bytes())?;
        for (pause, frame) in &reply.frames {
            thread::sleep(Duration::from_millis(*pause));
            client.write_all(format!("{:x}\r\n{frame}\r\n", frame.len()).as_bytes())?;
            if frame.is_empty() {
                return Ok(());
            }
        }
        thread::sleep(Duration::from_secs(60));
        return Ok(());
    }
}
