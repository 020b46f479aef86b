//! One client of an event stream: connects, listens, connects again.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use api::relay::Protocol;
use api::{Revision, signal};
use bytes::Bytes;
use http_body_util::{BodyExt, Empty};
use hyper::Request;
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

use super::clients::{Reconnect, lock};
use super::history::{Connection, End, Heard, History};
use super::ofrep;
use super::refetch::{Job, Pool};

/// How long a client waits for the head of an answer.
const PATIENCE: Duration = Duration::from_secs(30);
/// What a browser waits if the stream says nothing about it.
const RETRY: Duration = Duration::from_secs(3);
/// What the Python SDK waits after a failure; it waits for nothing after an answer that ended.
const PAUSE: Duration = Duration::from_secs(1);

pub(super) struct Client {
    pub(super) authority: String,
    pub(super) path: String,
    pub(super) protocol: Protocol,
    pub(super) reconnect: Reconnect,
    pub(super) history: Arc<Mutex<History>>,
    pub(super) refetch: Option<Pool>,
}

impl Client {
    /// Listens until it is dropped, or may not connect again.
    pub(super) async fn listen(self) {
        let mut retry = RETRY;
        loop {
            let tried = Instant::now();
            let connection = Connection { tried, opened: None, part: None, heard: Vec::new(), ended: None };
            lock(&self.history).connections.push(connection);
            let end = match timeout(PATIENCE, self.connect()).await {
                Ok(Ok(body)) => self.read(body, &mut retry).await,
                Ok(Err(end)) => end,
                Err(_) => End::Unreached,
            };
            self.record(|connection| connection.ended = Some((Instant::now(), end.clone())));
            match (self.reconnect, end) {
                (Reconnect::Never, _) => return,
                // Whatever its status, to Python an answer that ended is a stream that ended.
                (Reconnect::AtOnce, End::Clean | End::Refused(_)) => tokio::task::yield_now().await,
                (Reconnect::AtOnce, End::Broken | End::Unreached) => sleep(PAUSE).await,
                (Reconnect::AfterRetry, _) => sleep(retry).await,
            }
        }
    }

    async fn connect(&self) -> Result<Incoming, End> {
        let stream = TcpStream::connect(&self.authority).await.map_err(|_| End::Unreached)?;
        let handshake = http1::Builder::new().max_buf_size(8 * 1024).handshake(TokioIo::new(stream)).await;
        let (mut sender, driver) = handshake.map_err(|_| End::Unreached)?;
        tokio::spawn(driver);
        let mut request = Request::get(&self.path)
            .header("host", &self.authority)
            .header("accept", "text/event-stream")
            .header("cache-control", "no-cache");
        // As browsers do where events have an `id`.
        if let (Protocol::Ofrep, Some(last)) = (self.protocol, lock(&self.history).last()) {
            request = request.header("last-event-id", last);
        }
        let request = request.body(Empty::<Bytes>::new()).unwrap();
        let response = sender.send_request(request).await.map_err(|_| End::Unreached)?;
        if response.status() != 200 {
            return Err(End::Refused(response.status().as_u16()));
        }
        let part = response.headers().get("jackstaff-stream");
        let part = part.and_then(|part| part.to_str().ok()).map(str::to_owned);
        self.record(|connection| {
            connection.opened = Some(Instant::now());
            connection.part = part;
        });
        Ok(response.into_body())
    }

    async fn read(&self, mut body: Incoming, retry: &mut Duration) -> End {
        let (mut signals, mut events) = (signal::Reader::default(), ofrep::Reader::default());
        while let Some(frame) = body.frame().await {
            let at = Instant::now();
            let Ok(frame) = frame else { return End::Broken };
            let Ok(data) = frame.into_data() else { continue };
            if let Some(pause) = retry_of(&data) {
                *retry = pause;
            }
            let revisions: Vec<Revision> = match self.protocol {
                Protocol::Flagsmith => {
                    signals.read(&data).into_iter().map(|signal| signal.revision).collect()
                }
                Protocol::Ofrep => events.read(&data),
            };
            for revision in revisions {
                self.hear(Heard { at, revision: revision.0 });
            }
        }
        End::Clean
    }

    fn hear(&self, heard: Heard) {
        let before = lock(&self.history).latest();
        self.record(|connection| connection.heard.push(heard));
        // As Flagsmith's SDKs do: they fetch nothing for a revision that they know.
        let is_known = before.is_some_and(|before| heard.revision <= before);
        if (self.protocol == Protocol::Ofrep || !is_known)
            && let Some(pool) = &self.refetch
        {
            pool.ask(Job { signalled: heard.revision, history: Arc::clone(&self.history) });
        }
    }

    fn record(&self, what: impl FnOnce(&mut Connection)) {
        if let Some(connection) = lock(&self.history).connections.last_mut() {
            what(connection);
        }
    }
}

/// The pause that a stream asks for. It is written in one piece, so nothing has to be put together.
fn retry_of(data: &[u8]) -> Option<Duration> {
    let text = std::str::from_utf8(data).ok()?;
    let value = text.lines().find_map(|line| line.strip_prefix("retry:"))?;
    Some(Duration::from_millis(value.trim().parse().ok()?))
}

#[cfg(test)]
mod tests;
