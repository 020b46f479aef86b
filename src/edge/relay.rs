//! Streams of change signals: carries out what `api::relay` decides.
//!
//! Nobody is ever sent away with an answer that ends at once, whatever fails.

use std::convert::Infallible;
use std::io::{Read as _, Write as _};
use std::thread::sleep;
use std::time::{Duration, Instant};

use api::relay::{self, Channel, Company, FIRST, Heard, Held, Role, Seen, Segments, Stage};
use api::{EnvironmentKey, Revision, Store as _};
use fastly::cache::core::{Found, Transaction};
use fastly::compute_runtime::elapsed_vcpu_ms;
use fastly::http::body::StreamingBody;
use fastly::{Body, Response};

use crate::origin;
use crate::pop::cache_key;
use crate::sandbox::Sandbox;

/// How long a client waits for somebody else to begin a segment, a matter of milliseconds.
const PATIENCE: Duration = Duration::from_secs(2);

/// More than the origin sends at once.
const READ: usize = 4 * 1024;

/// Answers a client with a stream. If it falls to this client to lead, the rest of the segment's time is spent here.
pub(crate) fn answer(mut head: http::Response<()>, channel: &Channel, sandbox: &mut Sandbox) {
    let began = Began::now();
    let role = relay::join(channel, &mut Objects { sandbox });
    relay::label(&mut head, channel, &role);
    let prefix = relay::prefix(chance(sandbox));
    match role {
        Role::Follower(_, segment) => {
            send(head, prefix, segment);
        }
        Role::Leader(n, obligation) => {
            let name = channel.segment(n);
            match begin(obligation, &name, sandbox) {
                Ok((body, segment)) => {
                    send(head, prefix, segment);
                    Segment { sandbox, began, body, origin: None, noted: None, channel }
                        .run(&name, Company::Shared);
                }
                Err(error) => {
                    eprintln!("jackstaff: {name} could not be begun: {error}");
                    relay::label(&mut head, channel, &Role::<Infallible, Infallible>::Alone);
                    alone(head, prefix, began, channel, sandbox);
                }
            }
        }
        Role::Alone => alone(head, prefix, began, channel, sandbox),
    }
}

/// Inserts the object of a segment, with its first frame, which followers wait for.
fn begin(
    obligation: Transaction,
    name: &str,
    sandbox: &Sandbox,
) -> Result<(StreamingBody, Body), fastly::Error> {
    let join = sandbox.settings().join;
    let (mut body, found) = obligation.insert(join).surrogate_keys([name]).execute_and_stream_back()?;
    body.write_all(FIRST.as_bytes())?;
    body.flush()?;
    Ok((body, found.to_stream()?))
}

fn send(head: http::Response<()>, prefix: String, segment: Body) {
    let mut body = Body::from(prefix);
    body.append(segment);
    Response::from(head.map(|()| body)).send_to_client();
}

/// Serves a client for which there is no segment.
fn alone(head: http::Response<()>, prefix: String, began: Began, channel: &Channel, sandbox: &mut Sandbox) {
    let mut body = Response::from(head.map(|()| Body::new())).stream_to_client();
    let begun = body.write_all((prefix + FIRST).as_bytes()).and_then(|()| body.flush());
    if begun.is_ok() {
        Segment { sandbox, began, body, origin: None, noted: None, channel }
            .run("a stream alone", Company::Alone);
    }
}

fn chance(sandbox: &mut Sandbox) -> u64 {
    u64::try_from(sandbox.random() >> 64).unwrap_or_default()
}

/// When a segment began, by the clock and in the execution's own time.
#[derive(Clone, Copy)]
struct Began {
    at: Instant,
    vcpu: u64,
}

impl Began {
    fn now() -> Began {
        Began { at: Instant::now(), vcpu: elapsed_vcpu_ms().unwrap_or_default() }
    }

    fn vcpu_since(self) -> Duration {
        Duration::from_millis(elapsed_vcpu_ms().unwrap_or_default().saturating_sub(self.vcpu))
    }
}

/// The cache objects of segments.
struct Objects<'a> {
    #[cfg_attr(not(feature = "local-api"), expect(dead_code, reason = "faults are in its settings"))]
    sandbox: &'a Sandbox,
}

impl Segments for Objects<'_> {
    type Obligation = Transaction;
    type Segment = Body;

    fn look_up(&mut self, name: &str) -> Result<Seen<Transaction, Body>, String> {
        #[cfg(feature = "local-api")]
        if self.sandbox.settings().fault.segment_error {
            return Err("fault on demand".to_owned());
        }
        look_up(name).inspect_err(|error| eprintln!("jackstaff: {name} could not be looked up: {error}"))
    }

    fn is_readable(&mut self, segment: &mut Body) -> bool {
        segment.try_get_prefix_mut(FIRST.len()).is_ok_and(|first| first.as_slice() == FIRST.as_bytes())
    }
}

fn look_up(name: &str) -> Result<Seen<Transaction, Body>, String> {
    let transaction = Transaction::lookup(cache_key(name)).timeout(PATIENCE).execute();
    let transaction = transaction.map_err(|error| error.to_string())?;
    if transaction.must_insert_or_update() {
        return Ok(Seen::Vacant(transaction));
    }
    let found: Found = transaction.found().ok_or("neither there nor to be inserted")?;
    let over = found.known_length().is_some();
    let segment = found.to_stream().map_err(|error| error.to_string())?;
    Ok(Seen::Taken { segment, over })
}

/// A segment that is being written.
struct Segment<'a> {
    sandbox: &'a mut Sandbox,
    began: Began,
    body: StreamingBody,
    /// The origin's stream.
    origin: Option<Body>,
    /// The revision that was noted as told when it was brought.
    noted: Option<Revision>,
    channel: &'a Channel,
}

impl<'a> Segment<'a> {
    /// Writes it to its end.
    fn run(mut self, name: &str, company: Company) {
        let settings = self.sandbox.settings();
        #[cfg(feature = "local-api")]
        let length = settings.fault.leader_dies.unwrap_or(settings.segment);
        #[cfg(not(feature = "local-api"))]
        let length = settings.segment;
        let led = match self.channel {
            Channel::Environment(_) => relay::lead(&mut self, length, company),
            Channel::Silent => relay::hold(&mut self, length),
        };
        #[cfg(feature = "local-api")]
        {
            self.tell_how_it_went(name, led.as_ref().ok());
            if settings.fault.leader_dies.is_some() {
                return;
            }
        }
        // Without a clean end it counts as broken off, and is joined by nobody.
        if let Err(error) = led.and_then(|_| self.body.finish().map_err(|error| error.to_string())) {
            eprintln!("jackstaff: {name} broke off: {error}");
        }
    }

    #[cfg(feature = "local-api")]
    fn tell_how_it_went(&mut self, name: &str, report: Option<&relay::Report>) {
        let (elapsed, vcpu) = (self.elapsed().as_millis(), self.began.vcpu_since().as_millis());
        let relay::Report { events, looks, requests } = report.copied().unwrap_or_default();
        eprintln!(
            "jackstaff: segment {name} ended after {elapsed} ms: {vcpu} ms of vCPU, {events} events, {looks} looks at the \
             KV store, {requests} requests to the origin"
        );
    }

    fn environment(&self) -> Option<&'a EnvironmentKey> {
        match self.channel {
            Channel::Environment(key) => Some(key),
            Channel::Silent => None,
        }
    }
}

impl Stage for Segment<'_> {
    fn elapsed(&mut self) -> Duration {
        self.began.at.elapsed()
    }

    fn vcpu(&mut self) -> Duration {
        #[cfg(feature = "local-api")]
        if self.sandbox.settings().fault.tireless {
            return Duration::ZERO;
        }
        self.began.vcpu_since()
    }

    fn sleep(&mut self, time: Duration) {
        sleep(time);
    }

    fn chance(&mut self) -> u64 {
        chance(self.sandbox)
    }

    fn write(&mut self, frame: &str) -> Result<(), String> {
        self.body
            .write_all(frame.as_bytes())
            .and_then(|()| self.body.flush())
            .map_err(|error| error.to_string())
    }

    fn copy(&mut self) -> Option<Held> {
        let key = self.environment()?;
        self.sandbox.held(key)
    }

    fn look(&mut self, copy: Option<Held>) -> Option<Held> {
        let key = self.environment()?;
        let held = self.sandbox.bring(key, copy)?;
        self.noted = Some(held.revision).filter(|_| !held.removed);
        Some(held)
    }

    fn note(&mut self, revision: Revision) {
        let Some(key) = self.environment() else { return };
        if self.noted != Some(revision) {
            self.sandbox.note_told(key, revision);
        }
    }

    fn keep_noted(&mut self, revision: Revision) {
        let Some(key) = self.environment() else { return };
        self.sandbox.keep_told_noted(key, revision);
    }

    fn connect(&mut self) -> bool {
        let Some(key) = self.environment() else { return false };
        match origin::connect(key) {
            Ok(stream) => {
                self.origin = Some(stream);
                true
            }
            Err(error) => {
                eprintln!("jackstaff: the origin gives no stream of {key}: {error}");
                false
            }
        }
    }

    fn hear(&mut self) -> Heard {
        let mut bytes = vec![0; READ];
        match self.origin.as_mut().map(|stream| stream.read(&mut bytes)) {
            Some(Ok(length)) if length > 0 => {
                bytes.truncate(length);
                Heard::Bytes(bytes)
            }
            ended => {
                if let Some(Err(error)) = ended {
                    eprintln!("jackstaff: the origin's stream broke off: {error}");
                }
                self.origin = None;
                Heard::Lost
            }
        }
    }
}
