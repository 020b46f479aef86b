//! The collector: takes lines of the edge's analytics log, and forwards what they counted to Flagsmith.
//!
//! An input is acknowledged (a request answered, a position in a file kept) once it is in a spool on disk. It leaves the spool once
//! Flagsmith accepted it. So nothing is lost, whenever the process is killed, and what may count twice is the one request whose
//! answer was under way.
//!
//! What this crate never does: know a secret of Flagsmith (client-side keys are enough), or drop anything without a line of the
//! log and a count in the metrics.

mod app;
mod batch;
mod files;
mod forward;
mod intake;
mod line;
mod metrics;
mod request_error;
mod send;
mod serve;
mod spool;

use std::fmt;
use std::future::Future;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use api::Secret;
use thiserror::Error;
use tokio::net::TcpListener;
use ureq::tls::RootCerts;

pub use app::BODY_LIMIT;
pub use batch::Kind;
pub use files::{FileError, Reading};
pub use forward::Pauses;
pub use send::{CertificatesError, ServerUrlError};
pub use spool::SpoolError;

use app::Shared;
use forward::Forwarder;
use intake::Intake;
use metrics::Metrics;
use send::Servers;
use spool::Spool;

/// How long requests to Flagsmith may take that are under way at the end. One that is cut off may be counted twice.
const LAST: Duration = Duration::from_secs(10);

/// How a collector is set up.
pub struct Settings {
    /// The directory of the spool, which is made if it is not there.
    pub spool: PathBuf,
    /// Bytes that it may hold.
    pub spool_bytes: u64,
    /// Flagsmith's API: `https://host` or `https://host/api/v1`.
    pub flagsmith: String,
    /// The server for events. Without one they are dropped.
    pub events: Option<String>,
    /// The only certificates (PEM) that servers are trusted by, in place of the usual ones.
    pub certificates: Option<Vec<u8>>,
    /// For how long what an environment counts is added up.
    pub interval: Duration,
    /// What requests with lines must carry. Without it anybody may send them.
    pub token: Option<Secret>,
    /// Identifiers of the Fastly services whose logs are welcome; if there are none, all are.
    pub services: Vec<String>,
    pub pauses: Pauses,
    /// Takes lines for people.
    pub log: Arc<dyn Fn(&str) + Send + Sync>,
}

/// Why a collector could not start.
#[derive(Debug, Error)]
pub enum StartError {
    #[error("the URL of Flagsmith or of the events: {0}")]
    Url(#[from] ServerUrlError),
    #[error(transparent)]
    Certificates(#[from] CertificatesError),
    #[error(transparent)]
    Spool(#[from] SpoolError),
}

/// A collector that runs. It forwards what is in the spool until it [`end`](Collector::end)s.
pub struct Collector {
    intake: Arc<Intake>,
    shared: Arc<Shared>,
    /// Closed once all threads have ended.
    ended: Mutex<Receiver<()>>,
}

/// What is left when a collector ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Left {
    /// Bytes of the spool. What waits there is forwarded by the next collector of this spool.
    pub bytes: u64,
    /// Whether lines or batches wait there.
    pub waits: bool,
    /// How many batches were refused and are kept.
    pub set_aside: usize,
}

impl Collector {
    /// Opens the spool, and begins to forward what is in it.
    ///
    /// # Errors
    /// What is wrong with the settings or the spool.
    pub fn start(settings: Settings) -> Result<Collector, StartError> {
        let trusted = match &settings.certificates {
            Some(pem) => send::certificates(pem)?,
            None => RootCerts::WebPki,
        };
        let servers = Servers::new(&settings.flagsmith, settings.events.as_deref(), trusted)?;
        let (spool, complaints) = Spool::open(&settings.spool, settings.spool_bytes)?;
        complaints.iter().for_each(|complaint| (settings.log)(complaint));
        let (spool, metrics) = (Arc::new(spool), Arc::new(Metrics::new()));
        let intake = Intake::new(Arc::clone(&spool), Arc::clone(&metrics), Arc::clone(&settings.log));
        let intake = Arc::new(intake);
        let shared = Shared::new(Arc::clone(&intake), settings.token, &settings.services);
        let forwarder = Arc::new(Forwarder {
            spool: Arc::clone(&spool),
            servers,
            metrics,
            pauses: settings.pauses,
            refused_limit: settings.spool_bytes / 4,
            log: settings.log,
        });
        let (alive, ended) = channel();
        for kind in Kind::ALL {
            let forwarder = Arc::clone(&forwarder);
            run(&alive, move || forwarder.run(kind));
        }
        run(&alive, move || forwarder.run_refused());
        let interval = settings.interval;
        run(&alive, move || seal(&spool, interval));
        Ok(Collector { intake, shared: Arc::new(shared), ended: Mutex::new(ended) })
    }

    /// Takes lines over HTTP until `shutdown` completes.
    pub async fn serve(&self, listener: TcpListener, shutdown: impl Future<Output = ()>) {
        serve::serve(listener, app::app(Arc::clone(&self.shared)), shutdown).await;
    }

    /// Takes the lines of a file, from where it was read up to on.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn read_file(&self, path: &Path, reading: Reading) -> Result<(), FileError> {
        files::read_file(&self.intake, path, reading)
    }

    /// Takes the lines of an input, to its end.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn read_input(&self, input: impl Read) -> Result<(), FileError> {
        files::read_input(&self.intake, input)
    }

    /// Waits until all that was taken is forwarded or set aside, or until [`hurry`](Collector::hurry).
    pub fn wait_until_forwarded(&self) {
        self.intake.spool.wait_until_empty();
    }

    /// Ends all waits, so that [`end`](Collector::end) soon returns. Nothing is taken any more.
    pub fn hurry(&self) {
        self.intake.spool.end();
    }

    /// Ends it. Requests to Flagsmith that are under way are finished, for ten seconds at most.
    pub fn end(&self) -> Left {
        self.hurry();
        let until = Instant::now() + LAST;
        // Nobody sends: it fails once all have ended.
        let ended = self.ended.lock().unwrap_or_else(PoisonError::into_inner);
        let _ = ended.recv_timeout(until.saturating_duration_since(Instant::now()));
        let spool = &self.intake.spool;
        Left {
            bytes: spool.held(),
            waits: spool.waits().is_some(),
            set_aside: spool.refused().map_or(0, |refused| refused.len()),
        }
    }
}

impl fmt::Debug for Collector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Collector")
    }
}

fn run(alive: &Sender<()>, work: impl FnOnce() + Send + 'static) {
    let alive = alive.clone();
    thread::spawn(move || {
        work();
        drop(alive);
    });
}

fn seal(spool: &Spool, interval: Duration) {
    let look = (interval / 4).clamp(Duration::from_millis(10), Duration::from_secs(1));
    while spool.pause(look) {
        spool.seal_if_older(interval);
    }
}
