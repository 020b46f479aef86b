//! Asking for the flags again, over connections that all clients share, as their browsers and servers would have them
//! open already.

use std::sync::{Arc, Mutex};
use std::time::Instant;

use api::relay::Protocol;
use http_body_util::BodyExt;
use hyper::client::conn::http1::{self, SendRequest};
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::sync::{mpsc, watch};

use super::clients::{Listening, lock};
use super::history::{Found, History, Refetch};
use super::ofrep;

/// A request for flags, and the history that its answer belongs to.
pub(super) struct Job {
    pub(super) signalled: u64,
    pub(super) history: Arc<Mutex<History>>,
}

/// Takes jobs, and does as many at once as it has connections.
#[derive(Clone)]
pub(super) struct Pool {
    jobs: mpsc::UnboundedSender<Job>,
    /// Jobs that are not done yet.
    pending: watch::Sender<usize>,
}

type Sender = SendRequest<String>;

impl Pool {
    /// Within a runtime.
    pub(super) fn start(authority: &str, listening: &Listening, pending: watch::Sender<usize>) -> Pool {
        let (jobs, queue) = mpsc::unbounded_channel();
        let queue = Arc::new(tokio::sync::Mutex::new(queue));
        for _ in 0..listening.connections {
            let server = Asked {
                authority: authority.to_owned(),
                key: listening.key.clone(),
                protocol: listening.protocol,
            };
            tokio::spawn(work(server, Arc::clone(&queue), pending.clone()));
        }
        Pool { jobs, pending }
    }

    pub(super) fn ask(&self, job: Job) {
        self.pending.send_modify(|pending| *pending += 1);
        // Without a worker, the test is over.
        let _ = self.jobs.send(job);
    }
}

/// The server that is asked, and how.
struct Asked {
    authority: String,
    key: String,
    protocol: Protocol,
}

async fn work(
    server: Asked,
    queue: Arc<tokio::sync::Mutex<mpsc::UnboundedReceiver<Job>>>,
    pending: watch::Sender<usize>,
) {
    let mut kept = None;
    loop {
        let next = queue.lock().await.recv().await;
        let Some(job) = next else { return };
        let at = Instant::now();
        let found = ask(&mut kept, &server, &job).await;
        lock(&job.history).refetches.push(Refetch {
            signalled: job.signalled,
            at,
            answered: Instant::now(),
            found,
        });
        pending.send_modify(|pending| *pending -= 1);
    }
}

/// Asks over the connection that was kept; once more, over a new one, if that was closed meanwhile.
async fn ask(kept: &mut Option<Sender>, server: &Asked, job: &Job) -> Result<Found, String> {
    if let Some(sender) = kept
        && let Ok(answer) = ask_over(sender, server, job).await
    {
        return answer;
    }
    *kept = None;
    let mut sender = connect(&server.authority).await.map_err(|error| format!("connecting: {error}"))?;
    let answer = ask_over(&mut sender, server, job).await.map_err(|error| error.to_string())?;
    *kept = Some(sender);
    answer
}

async fn connect(authority: &str) -> Result<Sender, Box<dyn std::error::Error + Send + Sync>> {
    let stream = TcpStream::connect(authority).await?;
    stream.set_nodelay(true)?;
    let (sender, driver) = http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(driver);
    Ok(sender)
}

async fn ask_over(sender: &mut Sender, server: &Asked, job: &Job) -> hyper::Result<Result<Found, String>> {
    sender.ready().await?;
    let kept = lock(&job.history).kept.clone();
    let response = sender.send_request(request(server, job, kept.as_ref())).await?;
    let found = match (server.protocol, response.status().as_u16(), kept) {
        (Protocol::Ofrep, 304, Some((_, revision))) => Ok(Found { revision, source: "kept".to_owned() }),
        _ => found(&response),
    };
    let tag = response.headers().get("etag").and_then(|tag| tag.to_str().ok()).map(str::to_owned);
    if let (Protocol::Ofrep, Ok(found), Some(tag)) = (server.protocol, &found, tag) {
        lock(&job.history).kept = Some((tag, found.revision));
    }
    // The connection is free again only when all was read.
    response.into_body().collect().await?;
    Ok(found)
}

fn request(server: &Asked, job: &Job, kept: Option<&(String, u64)>) -> Request<String> {
    let Asked { authority, key, protocol } = server;
    match protocol {
        Protocol::Flagsmith => Request::get("/api/v1/flags/")
            .header("host", authority)
            .header("x-environment-key", key)
            .body(String::new())
            .unwrap(),
        Protocol::Ofrep => ofrep::refetch(authority, key, job.signalled, kept.map(|(tag, _)| tag.as_str())),
    }
}

fn found<T>(response: &Response<T>) -> Result<Found, String> {
    if response.status() != 200 {
        return Err(format!("answered {}", response.status().as_u16()));
    }
    let header =
        |name| response.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let revision = header("jackstaff-revision").parse::<u64>();
    let updated_at = header("x-flagsmith-document-updated-at");
    let updated_at = updated_at.strip_suffix(".0").unwrap_or(updated_at).parse::<u64>();
    match (revision, updated_at) {
        (Ok(revision), Ok(updated_at)) => {
            Ok(Found { revision: revision.min(updated_at), source: header("jackstaff-source").to_owned() })
        }
        _ => Err("answered without a revision".to_owned()),
    }
}
