//! The origin alone: memory for each of 20,000 open streams, and how long a change takes to reach the last of them.

use std::cell::RefCell;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use api::signal::Reader;
use api::{EnvironmentKey, Revision};
use serde_json::json;
use tests::{Origin, Tools, resident, say};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::oneshot;
use tokio::task::{LocalSet, spawn_local};

use crate::engine::median;
use crate::figure;

const STREAMS: usize = 20_000;
/// Files that are no streams, of the origin or of this process. The origin keeps 1,600 for other connections and the rest.
const OTHER_FILES: u64 = 1_700;
/// How many connect at a time; a listener's queue is not endless.
const BATCH: usize = 250;
const ROUNDS: usize = 7;
/// The revision of the first announcement, that each stream begins with.
const FIRST: u64 = 1_772_450_553;
/// Within which all clients have read an event, or are open, however busy the machine is.
const DEADLINE: Duration = Duration::from_secs(30);
const ENVIRONMENT: &str = "bench";

#[expect(clippy::cast_precision_loss, reason = "counts and sizes of this order are exact")]
pub(crate) fn streams(tools: &Tools) {
    if !cfg!(target_os = "linux") {
        tests::not_run("the bench needs /proc, and more than one loopback address");
        return;
    }
    let count = possible();
    // The clients have few addresses, and no token.
    let origin = tests::origin_with(tools, &["--max-per-address", &STREAMS.to_string()]);
    let publisher = Publisher::new(&origin);
    publisher.announce(0);
    // Memory that is allocated once, with the first stream, does not count.
    drop(Clients::open(&origin, 100));
    let before = resident(origin.process_id());
    let clients = Clients::open(&origin, count);
    let after = resident(origin.process_id());
    let round = |round| {
        let start = Instant::now();
        publisher.announce(round);
        let answered = start.elapsed();
        (milliseconds(clients.all_have_read() - start), milliseconds(answered))
    };
    let rounds: Vec<(f64, f64)> = (1..=ROUNDS).map(round).collect();
    let (last, answered): (Vec<f64>, Vec<f64>) = rounds.into_iter().unzip();

    let details = |measured: &str| json!({ "streams": count, "environments": 1, "measured": measured });
    figure(
        "origin_memory_per_stream",
        (after - before) / count as f64,
        "bytes",
        &details(
            "growth of the origin's resident memory, by stream; without what the kernel keeps for a socket",
        ),
    );
    let broadcast = "from the call of queue-change until the last client has read the event; clients are on the same \
                     cores as the origin";
    figure("origin_broadcast_last_median", median(last.clone()), "ms", &details(broadcast));
    figure("origin_broadcast_last_max", last.into_iter().fold(0.0, f64::max), "ms", &details(broadcast));
    figure(
        "origin_announcement",
        median(answered),
        "ms",
        &details("a call of queue-change, until its answer; median"),
    );
    figure(
        "origin_fan_out",
        fan_out(&origin.metrics()),
        "ms",
        &details(
            "from an announcement until the last stream has taken it, as the origin itself measures; mean",
        ),
    );
}

/// As many streams as there can be open files, here and at the origin, which inherits the limit.
fn possible() -> usize {
    let wanted = STREAMS as u64 + OTHER_FILES;
    let files = rlimit::increase_nofile_limit(wanted).unwrap_or(wanted);
    let count = STREAMS.min(usize::try_from(files.saturating_sub(OTHER_FILES)).unwrap_or(STREAMS));
    if count < STREAMS {
        say(&format!("only {files} files may be open (ulimit -Hn): {count} streams instead of {STREAMS}"));
    }
    count
}

struct Publisher(String);

impl Publisher {
    fn new(origin: &Origin) -> Publisher {
        let key = EnvironmentKey::parse(ENVIRONMENT).expect("an environment key");
        Publisher(format!("{}/sse/environments/{key}/queue-change", origin.url()))
    }

    fn announce(&self, round: usize) {
        let body = json!({ "updated_at": Revision(FIRST + round as u64).iso() }).to_string();
        ureq::post(&self.0).send(body).expect("the origin takes an announcement");
    }
}

/// Clients in a thread of their own, which read until they are dropped.
struct Clients {
    /// The moments at which the last one had read the event of a round, in order.
    rounds: mpsc::Receiver<Instant>,
    _end: oneshot::Sender<()>,
}

impl Clients {
    /// Returns when all have read their first event.
    fn open(origin: &Origin, count: usize) -> Clients {
        let address = origin.url().trim_start_matches("http://").parse().expect("an address");
        let (finished, rounds) = mpsc::channel();
        let (_end, ended) = oneshot::channel();
        thread::spawn(move || {
            let runtime =
                tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            LocalSet::new().block_on(&runtime, async {
                read_all(address, count, finished).await;
                // Its sender sends nothing, and is dropped.
                let _ = ended.await;
            });
        });
        let clients = Clients { rounds, _end };
        clients.all_have_read();
        clients
    }

    fn all_have_read(&self) -> Instant {
        self.rounds.recv_timeout(DEADLINE).expect("all clients read the event")
    }
}

async fn read_all(address: SocketAddr, count: usize, finished: mpsc::Sender<Instant>) {
    let tally = Rc::new(Tally { count, rounds: RefCell::new(vec![0; ROUNDS + 1]), finished });
    for first in (0..count).step_by(BATCH) {
        let batch =
            (first..count.min(first + BATCH)).map(|number| spawn_local(Client::connect(address, number)));
        for connected in batch.collect::<Vec<_>>() {
            let client = connected.await.expect("a client");
            tally.add(0);
            spawn_local(client.read(Rc::clone(&tally)));
        }
    }
}

/// How many clients have read the event of each round, or of a later one.
struct Tally {
    count: usize,
    rounds: RefCell<Vec<usize>>,
    finished: mpsc::Sender<Instant>,
}

impl Tally {
    fn add(&self, round: usize) {
        let mut rounds = self.rounds.borrow_mut();
        rounds[round] += 1;
        if rounds[round] == self.count {
            // If the bench failed, nothing waits for it any more.
            let _ = self.finished.send(Instant::now());
        }
    }
}

struct Client {
    stream: TcpStream,
    /// To its parser, the lines of chunk sizes are unknown fields.
    reader: Reader,
}

impl Client {
    /// Has read the first event.
    async fn connect(address: SocketAddr, number: usize) -> Client {
        // Several addresses to connect from: of one, the last ports are found very slowly.
        let source = 2 + u8::try_from(number % 8).expect("a small number");
        let socket = TcpSocket::new_v4().expect("a socket");
        socket.bind(([127, 0, 0, source], 0).into()).expect("a loopback address");
        let mut stream = socket.connect(address).await.expect("the origin takes connections");
        let request =
            format!("GET /sse/environments/{ENVIRONMENT}/stream HTTP/1.1\r\nhost: {address}\r\n\r\n");
        stream.write_all(request.as_bytes()).await.expect("the origin reads");
        let mut client = Client { stream, reader: Reader::default() };
        while client.revisions().await.is_empty() {}
        client
    }

    async fn read(mut self, tally: Rc<Tally>) {
        let mut next = 1;
        while next <= ROUNDS {
            for revision in self.revisions().await {
                while FIRST + next as u64 <= revision.0 {
                    tally.add(next);
                    next += 1;
                }
            }
        }
    }

    async fn revisions(&mut self) -> Vec<Revision> {
        let mut bytes = [0; 512];
        let read = self.stream.read(&mut bytes).await.expect("a stream");
        assert!(read > 0, "the origin ended a stream");
        self.reader.read(&bytes[..read]).into_iter().map(|signal| signal.revision).collect()
    }
}

/// The mean of what the origin measured so far.
fn fan_out(metrics: &str) -> f64 {
    let value = |name: &str| -> f64 {
        let line = metrics.lines().find_map(|line| line.strip_prefix(name)).expect("a metric");
        line.trim().parse().expect("a number")
    };
    1_000.0 * value("jackstaff_origin_fan_out_seconds_sum ")
        / value("jackstaff_origin_fan_out_seconds_count ")
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1_000.0
}
