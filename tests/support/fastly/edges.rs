//! The KV stores and caches of running edges: writes and purges are copied to them in order.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use ureq::Agent;
use ureq::http::Request;
use ureq::http::request::Builder;

use super::store::Stored;
use crate::agent::agent;

/// A call to an edge that does not run yet, or is busy, is made again.
const PAUSE: Duration = Duration::from_millis(50);
const TRIES: usize = 100;

/// A write or a purge that is copied to edges.
#[derive(Clone)]
pub(crate) enum Copied {
    Write(Stored),
    Purge { key: String, soft: bool },
}

#[derive(Default)]
pub(crate) struct Edges {
    edges: Vec<Edge>,
    is_over: Arc<AtomicBool>,
}

struct Edge {
    /// Writes and purges for it, each with its time; closed at the end.
    copies: Option<mpsc::Sender<(Instant, Copied)>>,
    worker: Option<JoinHandle<()>>,
}

impl Edges {
    /// Edges, and how long after it was made something reaches each.
    pub(crate) fn of(edges: impl IntoIterator<Item = (String, Duration)>) -> Edges {
        let is_over = Arc::<AtomicBool>::default();
        let edge = |(url, delay): (String, Duration)| {
            let (copies, made) = mpsc::channel::<(Instant, Copied)>();
            let is_over = Arc::clone(&is_over);
            let worker = thread::spawn(move || {
                let agent = agent();
                for (at, copied) in made {
                    thread::sleep((at + delay).saturating_duration_since(Instant::now()));
                    copy_to(&agent, url.trim_end_matches('/'), &copied, &is_over);
                }
            });
            Edge { copies: Some(copies), worker: Some(worker) }
        };
        let edges = edges.into_iter().map(edge).collect();
        Edges { edges, is_over }
    }

    pub(crate) fn copy(&self, copied: &Copied) {
        for edge in &self.edges {
            if let Some(copies) = &edge.copies {
                // A worker that has ended has printed the reason.
                let _ = copies.send((Instant::now(), copied.clone()));
            }
        }
    }
}

impl Drop for Edges {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
        for edge in &mut self.edges {
            drop(edge.copies.take());
            let _ = edge.worker.take().map(JoinHandle::join);
        }
    }
}

#[track_caller]
fn copy_to(agent: &Agent, edge: &str, copied: &Copied, is_over: &AtomicBool) {
    let (request, value) = match copied {
        Copied::Write(Stored { key, value, metadata, .. }) => {
            let request = Request::put(format!("{edge}/resources/stores/kv/local/keys/{}", encoded(key)));
            let metadata = metadata.iter();
            (metadata.fold(request, |request, metadata| request.header("metadata", metadata)), value.as_ref())
        }
        Copied::Purge { key, soft } => {
            let request = Request::post(format!("{edge}/service/local/purge/{}", encoded(key)));
            let request = if *soft { request.header("fastly-soft-purge", "1") } else { request };
            (request, &b""[..])
        }
    };
    call(agent, request, value, is_over);
}

#[track_caller]
fn call(agent: &Agent, request: Builder, body: &[u8], is_over: &AtomicBool) {
    let request = request.header("fastly-key", "local-publisher").body(body).unwrap();
    let mut came_to = String::new();
    for _ in 0..TRIES {
        if is_over.load(Ordering::Relaxed) {
            return;
        }
        match agent.run(request.clone()) {
            Ok(response) if response.status() == 200 => return,
            Ok(response) => came_to = response.status().to_string(),
            Err(error) => came_to = error.to_string(),
        }
        thread::sleep(PAUSE);
    }
    panic!("{} {}: {came_to}", request.method(), request.uri());
}

fn encoded(key: &str) -> String {
    utf8_percent_encode(key, NON_ALPHANUMERIC).to_string()
}
