//! Strangers who take from an origin what they can, and the times in which it answers others meanwhile.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::runtime::Runtime;
use tokio::time::{interval, sleep, timeout};

/// How long an answer is waited for.
const PATIENCE: Duration = Duration::from_secs(20);

/// How many connections the crowd opens in a second.
const OPENED: usize = 5_000;

/// How many of those that were closed it opens again in a second.
const OPENED_AGAIN: usize = 1_000;

/// A crowd that keeps on until it is dropped.
pub struct Strangers {
    opened: Arc<AtomicUsize>,
    _runtime: Runtime,
}

impl Strangers {
    /// How many connections it has opened so far.
    pub fn opened(&self) -> usize {
        self.opened.load(Ordering::Relaxed)
    }
}

/// What a connection of the crowd does.
#[derive(Clone, Copy)]
enum Conduct {
    Idle,
    /// A byte of the head of a request now and then.
    SlowHead,
    /// A byte of a body without a token now and then: an announcement, and a webhook.
    SlowBody(&'static str),
    /// A stream of an environment that nobody else asks for.
    Stream,
}

const CONDUCTS: [Conduct; 6] = [
    Conduct::Idle,
    Conduct::SlowHead,
    Conduct::SlowBody("/sse/environments/demo/queue-change"),
    Conduct::Idle,
    Conduct::SlowBody("/webhooks/flagsmith"),
    Conduct::Stream,
];

/// So many connections, from 250 addresses of this machine; and so many announcements without the token a second. Those that the
/// origin closes are opened again.
pub fn strangers(origin: &str, connections: usize, announcements: usize) -> Strangers {
    let origin = address(origin);
    let runtime = Runtime::new().unwrap();
    let seconds = |count: usize, rate: usize| Duration::from_secs_f64(count as f64 / rate as f64);
    let pause = seconds(connections, OPENED_AGAIN).max(Duration::from_secs(1));
    let opened = Arc::new(AtomicUsize::new(0));
    for number in 0..connections {
        let opened = Arc::clone(&opened);
        runtime.spawn(async move {
            sleep(seconds(number, OPENED)).await;
            loop {
                // It is refused, or closed; or all is well, which does not end.
                let _ = conduct(origin, number, &opened).await;
                sleep(pause).await;
            }
        });
    }
    for number in 0..announcements.div_ceil(20) {
        runtime.spawn(async move {
            let mut due = interval(Duration::from_millis(50));
            loop {
                due.tick().await;
                tokio::spawn(timeout(PATIENCE, announce(origin, number, "Token wrong")));
            }
        });
    }
    Strangers { opened, _runtime: runtime }
}

async fn conduct(origin: SocketAddr, number: usize, opened: &AtomicUsize) -> io::Result<()> {
    let mut stream = connect(origin, number).await?;
    opened.fetch_add(1, Ordering::Relaxed);
    let conduct = CONDUCTS[number % CONDUCTS.len()];
    let begun = match conduct {
        Conduct::Idle => String::new(),
        Conduct::SlowHead => "GET /health HTTP/1.1\r\nhost: origin\r\nx-slow: ".to_owned(),
        Conduct::SlowBody(path) => format!(
            "POST {path} HTTP/1.1\r\nhost: origin\r\nx-flagsmith-signature: {}\r\ncontent-length: 9999\r\n\r\n",
            "0".repeat(64)
        ),
        Conduct::Stream => {
            format!("GET /sse/environments/stranger-{number}/stream HTTP/1.1\r\nhost: origin\r\n\r\n")
        }
    };
    stream.write_all(begun.as_bytes()).await?;
    let mut read = [0; 1_024];
    loop {
        match timeout(Duration::from_millis(500), stream.read(&mut read)).await {
            Ok(length) => {
                if length? == 0 {
                    return Ok(());
                }
            }
            Err(_) if matches!(conduct, Conduct::SlowHead | Conduct::SlowBody(_)) => {
                stream.write_all(b"a").await?;
            }
            Err(_) => {}
        }
    }
}

/// From one of 250 addresses of this machine.
async fn connect(origin: SocketAddr, number: usize) -> io::Result<TcpStream> {
    let last = u8::try_from(number % 250).unwrap() + 1;
    let socket = TcpSocket::new_v4()?;
    socket.bind((Ipv4Addr::new(127, 0, 1, last), 0).into())?;
    socket.connect(origin).await
}

async fn announce(origin: SocketAddr, number: usize, authorization: &str) -> io::Result<String> {
    let mut stream = connect(origin, number).await?;
    let body = r#"{"updated_at":"2026-03-02T11:22:33Z"}"#;
    let request = format!(
        "POST /sse/environments/demo/queue-change HTTP/1.1\r\nhost: origin\r\nconnection: close\r\n\
         authorization: {authorization}\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    Ok(answer)
}

/// Opens a stream, and reads until its first comment.
async fn open(origin: SocketAddr, authorization: &str) -> io::Result<(TcpStream, String)> {
    let mut stream = connect(origin, 0).await?;
    let request = format!(
        "GET /sse/environments/demo/stream HTTP/1.1\r\nhost: origin\r\nauthorization: {authorization}\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await?;
    let mut answer = Vec::new();
    while !String::from_utf8_lossy(&answer).contains(": jackstaff\n\n")
        && stream.read_buf(&mut answer).await? > 0
    {}
    Ok((stream, String::from_utf8_lossy(&answer).into_owned()))
}

/// How long answers took, or what was wrong with them.
#[derive(Default)]
pub struct Answers {
    pub times: Vec<Duration>,
    pub wrong: Vec<String>,
}

impl Answers {
    fn take(&mut self, begun: Instant, answer: Result<io::Result<String>, tokio::time::error::Elapsed>) {
        match answer {
            Ok(Ok(answer)) if answer.starts_with("HTTP/1.1 200 OK\r\n") => self.times.push(begun.elapsed()),
            Ok(Ok(answer)) => self.wrong.push(answer),
            Ok(Err(error)) => self.wrong.push(error.to_string()),
            Err(_) => self.wrong.push(format!("no answer within {PATIENCE:?}")),
        }
    }

    /// How many there are, their middle and the longest.
    pub fn figures(&self) -> String {
        let mut times = self.times.clone();
        times.sort();
        let middle = times.get(times.len() / 2).copied().unwrap_or_default();
        let longest = times.last().copied().unwrap_or_default();
        format!("{} answers, p50 {middle:.1?}, max {longest:.1?}, {} wrong", times.len(), self.wrong.len())
    }

    #[track_caller]
    pub fn are_within(&self, limit: Duration) {
        assert!(
            self.wrong.is_empty(),
            "{} answers are wrong, the first: {:?}",
            self.wrong.len(),
            self.wrong[0]
        );
        assert!(self.times.iter().all(|time| *time < limit), "{}", self.figures());
    }
}

/// Announcements and streams with their tokens for a while, each on a connection of its own, 20 announcements and 20 streams a
/// second.
pub fn answers(origin: &str, token: &str, edge_token: &str, duration: Duration) -> [Answers; 2] {
    let origin = address(origin);
    let [authorization, of_stream]: [Arc<str>; 2] =
        [token, edge_token].map(|token| format!("Token {token}").into());
    let both: [Arc<Mutex<Answers>>; 2] = Default::default();
    Runtime::new().unwrap().block_on(async {
        let mut due = interval(Duration::from_millis(50));
        let end = Instant::now() + duration;
        let mut asked = Vec::new();
        while Instant::now() < end {
            due.tick().await;
            let [announced, streamed] = both.clone();
            let of_stream = Arc::clone(&of_stream);
            asked.push(tokio::spawn(async move {
                let begun = Instant::now();
                let opened = timeout(PATIENCE, open(origin, &of_stream)).await;
                let answer = opened.map(|opened| opened.map(|(_, answer)| answer));
                streamed.lock().unwrap().take(begun, answer);
            }));
            let authorization = Arc::clone(&authorization);
            asked.push(tokio::spawn(async move {
                let begun = Instant::now();
                let answer = timeout(PATIENCE, announce(origin, 0, &authorization)).await;
                announced.lock().unwrap().take(begun, answer);
            }));
        }
        for task in asked {
            task.await.unwrap();
        }
    });
    both.map(|answers| std::mem::take(&mut *answers.lock().unwrap()))
}

fn address(origin: &str) -> SocketAddr {
    origin.trim_start_matches("http://").parse().unwrap()
}
