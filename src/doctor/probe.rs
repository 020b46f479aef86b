//! A client that measures: it listens to an environment's stream at an edge, and reads the flags at each event.

use std::convert::Infallible;
use std::io::Read;
use std::thread::sleep;
use std::time::{Duration, Instant};

use api::Revision;
use api::signal::Reader;
use jiff::Timestamp;
use ureq::http::Request;

use crate::asking::{Asking, agent};

/// An edge ends each stream within 90 seconds, whatever its settings. After this time the connection is taken to be dead.
const STREAM: Duration = Duration::from_secs(120);
/// For how long a stream may be silent before its first byte. An edge writes at once.
const HEAD: Duration = Duration::from_secs(30);
/// For how long flags are read that are older than the event.
const OLDER: Duration = Duration::from_secs(10);
/// Between two of these reads.
const BETWEEN: Duration = Duration::from_millis(20);
/// Before the next stream, where one could not be had.
const AGAIN: Duration = Duration::from_secs(1);

/// What a client saw of a change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Observed {
    /// The revision that the event named.
    pub revision: Revision,
    /// When the event came.
    pub signalled: Timestamp,
    /// When flags of this revision, or of a newer one, were read.
    pub read: Timestamp,
    /// Answers with older flags that came before. An edge gives none.
    pub older: u64,
}

/// Something that a client met.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Met {
    /// It listens, for the first time or after a trouble, and has flags of this revision.
    Ready(Revision),
    Change(Observed),
    /// There is no stream, or there are no flags: why, in words. It tries again.
    Trouble(String),
}

struct Client<'a> {
    asking: Asking,
    flags: String,
    stream: String,
    key: &'a str,
    now: &'a dyn Fn() -> Timestamp,
}

/// Listens at an edge, and tells what it meets, without an end. The first revision that it reads is no change.
pub fn probe(edge: &str, key: &str, now: &dyn Fn() -> Timestamp, tell: &mut dyn FnMut(Met)) -> Infallible {
    let edge = edge.trim_end_matches('/');
    let client = Client {
        asking: Asking::new(),
        flags: format!("{edge}/api/v1/flags/"),
        stream: format!("{edge}/sse/environments/{key}/stream"),
        key,
        now,
    };
    let (mut known, mut is_ready) = (None, false);
    loop {
        let began = Instant::now();
        if let Err(why) = client.listen(&mut known, &mut is_ready, tell) {
            is_ready = false;
            tell(Met::Trouble(why));
        }
        // If every stream ends at once, the probe must not ask hundreds of times a second.
        if !is_ready || began.elapsed() < AGAIN {
            sleep(AGAIN);
        }
    }
}

impl Client<'_> {
    /// Listens to one stream to its end.
    fn listen(
        &self,
        known: &mut Option<Revision>,
        is_ready: &mut bool,
        tell: &mut dyn FnMut(Met),
    ) -> Result<(), String> {
        let agent = agent(|config| config.timeout_recv_response(Some(HEAD)).timeout_recv_body(Some(STREAM)));
        let request = Request::get(&self.stream).header("accept", "text/event-stream");
        let request = request.body(()).map_err(|error| error.to_string())?;
        let answer = agent.run(request).map_err(|error| error.to_string())?;
        if answer.status() != 200 {
            return Err(format!("GET {}: {}", self.stream, answer.status()));
        }
        if !*is_ready {
            let revision = self.read()?;
            // A change during a trouble is reported by the stream's first event.
            known.get_or_insert(revision);
            *is_ready = true;
            tell(Met::Ready(revision));
        }
        let (mut reader, mut signals) = (answer.into_body().into_reader(), Reader::default());
        let mut bytes = [0; 4_096];
        loop {
            let length = reader.read(&mut bytes).map_err(|error| error.to_string())?;
            if length == 0 {
                return Ok(());
            }
            let signalled = (self.now)();
            // Several events at once are one change for a client: it reads the flags once.
            let Some(revision) = signals.read(&bytes[..length]).iter().map(|signal| signal.revision).max()
            else {
                continue;
            };
            if known.is_none_or(|known| known < revision) {
                let observed = self.observe(revision, signalled)?;
                *known = Some(revision);
                tell(Met::Change(observed));
            }
        }
    }

    fn observe(&self, revision: Revision, signalled: Timestamp) -> Result<Observed, String> {
        let began = Instant::now();
        let mut older = 0;
        loop {
            let found = self.read()?;
            if found >= revision {
                return Ok(Observed { revision, signalled, read: (self.now)(), older });
            }
            older += 1;
            if began.elapsed() > OLDER {
                return Err(format!(
                    "flags of revision {found}, {} s after an event of {revision}",
                    OLDER.as_secs()
                ));
            }
            sleep(BETWEEN);
        }
    }

    /// The revision of the flags.
    fn read(&self) -> Result<Revision, String> {
        let answer = self
            .asking
            .get(&self.flags, &[("x-environment-key", self.key)])
            .map_err(|(asked, error)| format!("{asked}: {error}"))?;
        let revision = answer.header("jackstaff-revision").parse().ok().map(Revision);
        revision
            .filter(|_| answer.status == 200)
            .ok_or_else(|| format!("{}: {}", answer.asked, answer.shown()))
    }
}
