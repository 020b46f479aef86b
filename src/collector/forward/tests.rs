use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::sync::Mutex;
use std::thread;

use ureq::tls::RootCerts;

use super::*;
use crate::spool::Input;

type Log = Arc<Mutex<Vec<String>>>;

/// A server that answers each body with a status, and the bodies that it got.
fn server(answer: impl Fn(&str) -> u16 + Send + 'static) -> (String, Log) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let bodies = Log::default();
    let heard = Arc::clone(&bodies);
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut reader = BufReader::new(stream.try_clone().unwrap());
            let mut length = 0;
            let mut line = String::new();
            while reader.read_line(&mut line).is_ok_and(|read| read > 2) {
                let header = line.to_ascii_lowercase();
                if let Some(text) = header.strip_prefix("content-length:") {
                    length = text.trim().parse().unwrap();
                }
                line.clear();
            }
            let mut body = vec![0; length];
            reader.read_exact(&mut body).unwrap();
            let body = String::from_utf8(body).unwrap();
            let status = answer(&body);
            heard.lock().unwrap().push(body);
            let _ = write!(stream, "HTTP/1.1 {status} X\r\nconnection: close\r\ncontent-length: 0\r\n\r\n");
        }
    });
    (url, bodies)
}

struct Running {
    forwarder: Arc<Forwarder>,
    log: Log,
    _folder: tempfile::TempDir,
}

const QUICK: Pauses = Pauses {
    first: Duration::from_millis(5),
    longest: Duration::from_millis(20),
    failure: Duration::from_millis(200),
    refused: Duration::from_secs(600),
    refused_age: Duration::from_secs(600),
};

/// A forwarder of counts that runs.
fn start(url: &str, pauses: Pauses, refused_limit: u64) -> Running {
    let folder = tempfile::tempdir().unwrap();
    let (spool, _) = Spool::open(folder.path(), 1 << 20).unwrap();
    let log = Log::default();
    let lines = Arc::clone(&log);
    let forwarder = Arc::new(Forwarder {
        spool: Arc::new(spool),
        servers: Servers::new(url, None, RootCerts::WebPki).unwrap(),
        metrics: Arc::new(Metrics::new()),
        pauses,
        refused_limit,
        log: Arc::new(move |line| lines.lock().unwrap().push(line.to_owned())),
    });
    for kind in Kind::ALL {
        let forwarder = Arc::clone(&forwarder);
        thread::spawn(move || forwarder.run(kind));
    }
    Running { forwarder, log, _folder: folder }
}

impl Running {
    fn count(&self, counts: &[(&str, u64)]) {
        let lines = counts.iter().map(|(environment, count)| {
            (None, format!(r#"{{"environment":"{environment}","counts":{{"f":{count}}}}}"#))
        });
        self.forwarder.spool.take(Input { lines: lines.collect(), position: None }).unwrap();
        self.forwarder.spool.seal_if_older(Duration::ZERO);
    }

    fn aside(&self) -> usize {
        self.forwarder.spool.refused().unwrap().len()
    }

    fn says(&self, text: &str) -> bool {
        self.log.lock().unwrap().iter().any(|line| line.contains(text))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.forwarder.spool.end();
    }
}

#[track_caller]
fn eventually(what: &str, is_so: impl Fn() -> bool) {
    let until = Instant::now() + Duration::from_secs(20);
    while !is_so() {
        assert!(Instant::now() < until, "waited in vain: {what}");
        thread::sleep(Duration::from_millis(5));
    }
}

fn empty(running: &Running) -> bool {
    running.forwarder.spool.waits().is_none()
}

/// A server that fails because of one request would otherwise get nothing any more.
#[test]
fn a_batch_that_a_server_keeps_failing_at_holds_up_no_other() {
    let (url, bodies) = server(|body| if body.contains(":13}") { 500 } else { 200 });
    let sent = |body: &str| bodies.lock().unwrap().iter().filter(|sent| *sent == body).count();
    let patient = start(&url, Pauses { failure: Duration::from_secs(600), ..QUICK }, 1 << 20);
    patient.count(&[("a", 13), ("b", 1)]);
    eventually("the other batch is accepted", || sent(r#"{"f":1}"#) == 1);
    eventually("the batch is tried on", || sent(r#"{"f":13}"#) > 3);
    drop(patient);
    let running = start(&url, QUICK, 1 << 20);
    running.count(&[("a", 13), ("b", 2)]);
    eventually("all is settled", || empty(&running));
    assert_eq!((running.aside(), sent(r#"{"f":2}"#)), (1, 1));
    assert!(running.says("counts of a: answered 500"));
}

#[test]
fn a_server_that_is_away_is_tried_until_it_is_there() {
    for away in [502, 503, 429, 302] {
        let begun = Instant::now();
        // Longer than a failure may last.
        let (url, bodies) =
            server(move |_| if begun.elapsed() < Duration::from_millis(400) { away } else { 204 });
        let running = start(&url, QUICK, 1 << 20);
        running.count(&[("a", 1), ("b", 2)]);
        eventually("all is settled", || empty(&running));
        assert_eq!(running.aside(), 0, "{away}");
        let accepted: Vec<String> = bodies.lock().unwrap().iter().rev().take(2).cloned().collect();
        assert_eq!(accepted, [r#"{"f":2}"#, r#"{"f":1}"#], "{away}");
        assert!(running.says("tried again") && running.says("forwarded again"), "{:?}", running.log);
    }
}

#[test]
fn what_was_refused_is_tried_again_and_dropped_in_the_end() {
    let is_known = Arc::new(Mutex::new(false));
    let known = Arc::clone(&is_known);
    let (url, bodies) = server(move |_| if *known.lock().unwrap() { 200 } else { 403 });
    let running = start(&url, QUICK, 1 << 20);
    running.count(&[("a", 1), ("b", 2)]);
    eventually("both are refused", || empty(&running) && running.aside() == 2);
    running.forwarder.refused().unwrap();
    assert_eq!((running.aside(), bodies.lock().unwrap().len()), (2, 4));
    *is_known.lock().unwrap() = true;
    running.forwarder.refused().unwrap();
    assert_eq!((running.aside(), running.forwarder.metrics.forwarded(Kind::Counts).get()), (0, 3));
    *is_known.lock().unwrap() = false;

    for (pauses, limit) in [(Pauses { refused_age: Duration::ZERO, ..QUICK }, 1 << 20), (QUICK, 0)] {
        let running = start(&url, pauses, limit);
        running.count(&[("a", 7)]);
        eventually("it is refused", || empty(&running) && running.aside() == 1);
        running.forwarder.refused().unwrap();
        assert_eq!((running.aside(), running.forwarder.metrics.dropped.get()), (0, 1));
        assert!(running.says("counts of a: dropped, 0 hours after it was refused first: it counted 7"));
        assert_eq!(running.forwarder.spool.held(), 0);
    }
}

/// An environment that Flagsmith does not know has more of them every ten seconds.
#[test]
fn of_many_that_were_refused_few_are_tried_until_one_is_accepted() {
    let is_known = Arc::new(Mutex::new(false));
    let known = Arc::clone(&is_known);
    let (url, bodies) = server(move |_| if *known.lock().unwrap() { 200 } else { 403 });
    let running = start(&url, QUICK, 1 << 20);
    for count in 1..=20 {
        running.count(&[("a", count)]);
    }
    eventually("all are refused", || empty(&running) && running.aside() == 20);
    running.forwarder.refused().unwrap();
    assert_eq!((running.aside(), bodies.lock().unwrap().len()), (20, 20 + 3));
    *is_known.lock().unwrap() = true;
    running.forwarder.refused().unwrap();
    assert_eq!((running.aside(), running.forwarder.metrics.forwarded(Kind::Counts).get()), (0, 210));
}

/// The server refused it, and accepted it after the process was killed: what was set aside must not be sent.
#[test]
fn what_is_accepted_is_no_longer_set_aside() {
    let (url, bodies) = server(|_| 200);
    let running = start(&url, QUICK, 1 << 20);
    let lines = [Line::parse(r#"{"environment":"a","counts":{"f":7}}"#).unwrap()];
    let batch = batches(Kind::Counts, lines.into_iter()).remove(0);
    running.forwarder.spool.set_aside(1, &batch).unwrap();
    running.count(&[("a", 7)]);
    eventually("it is accepted", || empty(&running));
    running.forwarder.refused().unwrap();
    assert_eq!((running.aside(), bodies.lock().unwrap().len()), (0, 1));
}

#[test]
fn events_without_a_server_are_dropped_and_counted() {
    let (url, bodies) = server(|_| 200);
    let running = start(&url, QUICK, 1 << 20);
    let line = (None, r#"{"environment":"a","events":[{},{}]}"#.to_owned());
    running.forwarder.spool.take(Input { lines: vec![line], position: None }).unwrap();
    running.forwarder.spool.seal_if_older(Duration::ZERO);
    eventually("all is settled", || empty(&running));
    assert_eq!(running.forwarder.metrics.events_without_server.get(), 2);
    assert!(
        running.says("events are dropped, since no --events-url says where they go")
            && bodies.lock().unwrap().is_empty()
    );
}
