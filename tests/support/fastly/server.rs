//! The server of the stand-in.

use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use hyper::{Request, Response};
use serde_json::json;
use tokio::net::TcpListener;

use super::call::{Call, Expected, Wrong};
use super::edges::Copied;
use super::fault::Fault;
use super::store::Stored;
use super::{Event, State, TooEarly};
use crate::server::{Cut, serve};

pub(crate) async fn accept(listener: TcpListener, expected: Expected, state: Arc<Mutex<State>>) {
    while let Ok((stream, _)) = listener.accept().await {
        let state = Arc::clone(&state);
        tokio::spawn(serve(stream, move |request| answer(request, expected, Arc::clone(&state))));
    }
}

async fn answer(
    request: Request<Incoming>,
    expected: Expected,
    state: Arc<Mutex<State>>,
) -> Result<Response<Reply>, Cut> {
    let (parts, body) = request.into_parts();
    let body = body.collect().await.map_err(|_| Cut)?.to_bytes();
    let (method, target) = (parts.method.to_string(), parts.uri.to_string());
    let call = expected.understand(&parts, body);
    let fault = call.as_ref().ok().and_then(|call| lock(&state).next(call));
    if let Some(Fault::Delay(milliseconds)) = fault {
        tokio::time::sleep(Duration::from_millis(milliseconds)).await;
    }
    let result = match call {
        Ok(call) if call.is_of_the_api() && lock(&state).quota.is_used_up() => {
            Ok(lock(&state).quota.label(problem(429, "the limit of calls is reached")))
        }
        Ok(call) => match fault {
            Some(Fault::DoneLate(milliseconds)) => {
                tokio::spawn(late(milliseconds, call, method.clone(), target.clone(), Arc::clone(&state)));
                Err(Cut)
            }
            fault => {
                let is_of_the_api = call.is_of_the_api();
                let result = perform(call, fault, &state);
                if is_of_the_api { result.map(|response| lock(&state).quota.label(response)) } else { result }
            }
        },
        Err(Wrong { status, why }) => {
            lock(&state).wrong.push(format!("{method} {target}: {why}"));
            Ok(problem(status, why))
        }
    };
    let status = result.as_ref().ok().map(|response| response.status().as_u16());
    lock(&state).happened(Event::Called { method, target, status, fault });
    result
}

fn perform(call: Call, fault: Option<Fault>, state: &Mutex<State>) -> Result<Response<Reply>, Cut> {
    match fault {
        Some(Fault::Answer(status)) => Ok(problem(status, "injected")),
        Some(Fault::AskToWait(status, seconds)) => {
            let mut response = problem(status, "injected");
            response.headers_mut().insert("retry-after", seconds.into());
            Ok(response)
        }
        Some(Fault::DoneButAnswer(status)) => {
            lock(state).perform_in_doubt(call);
            Ok(problem(status, "injected"))
        }
        Some(Fault::Cut | Fault::DoneLate(_)) => Err(Cut),
        Some(Fault::DoneButCut) => {
            lock(state).perform_in_doubt(call);
            Err(Cut)
        }
        Some(Fault::BreakOff) => {
            let mut response = lock(state).perform_in_doubt(call);
            response.body_mut().breaks_off = true;
            Ok(response)
        }
        Some(Fault::Overtaken) => {
            let mut state = lock(state);
            // A key takes one write a second of others, too.
            let current = state.store.current(call.key()).cloned();
            let current = current.filter(|stored| state.store.too_early_after(&stored.key).is_none());
            if let Some(Stored { key, value, metadata, .. }) = current {
                state.store.write(&key, value, metadata);
                // It was somebody else, and a second has not passed.
                state.store.leave_in_doubt(&key);
            }
            Ok(state.perform(call, false))
        }
        Some(Fault::Stale) => Ok(lock(state).perform(call, true)),
        Some(Fault::Delay(_)) | None => Ok(lock(state).perform(call, false)),
    }
}

/// Does what a call asks for, whose connection is cut by now, and notes how it would have been answered.
async fn late(milliseconds: u64, call: Call, method: String, target: String, state: Arc<Mutex<State>>) {
    tokio::time::sleep(Duration::from_millis(milliseconds)).await;
    let mut state = lock(&state);
    let status = Some(state.perform_in_doubt(call).status().as_u16());
    state.happened(Event::Called { method, target, status, fault: Some(Fault::DoneLate(milliseconds)) });
}

impl State {
    /// Does what a call asks for, of which its caller will not hear.
    fn perform_in_doubt(&mut self, call: Call) -> Response<Reply> {
        let key = call.key().to_owned();
        let writes = self.store.writes;
        let response = self.perform(call, false);
        if self.store.writes > writes {
            self.store.leave_in_doubt(&key);
        }
        response
    }

    fn perform(&mut self, call: Call, stale: bool) -> Response<Reply> {
        match call {
            Call::List { prefix, cursor, limit } => {
                let limit = self.store.page.map_or(limit, |page| limit.min(page));
                let mut keys = self.store.keys(&prefix, cursor.as_deref());
                let more = keys.split_off(limit.min(keys.len()));
                let next = keys.last().filter(|_| !more.is_empty());
                let meta = json!({ "limit": limit, "next_cursor": next });
                Response::new(json!({ "data": keys, "meta": meta }).to_string().as_str().into())
            }
            Call::Read { key } => {
                let found = if stale { self.store.previous(&key) } else { self.store.current(&key) };
                found.map_or_else(|| problem(404, "no such key"), item)
            }
            Call::Write { key, condition, metadata, value } => {
                if let Some(last) = self.store.too_early_after(&key) {
                    self.too_early.push(TooEarly { key, at: Instant::now(), is_in_doubt: last.is_in_doubt });
                    let mut response = problem(429, "too many writes");
                    response.headers_mut().insert("retry-after", 1.into());
                    return response;
                }
                if !self.store.holds(&key, condition) {
                    return problem(412, "precondition failed");
                }
                let stored = self.store.write(&key, value, metadata);
                self.copy(&Copied::Write(stored.clone()));
                self.happened(Event::Stored(stored));
                Response::new(Reply::default())
            }
            Call::Purge { key, soft } => {
                self.copy(&Copied::Purge { key: key.clone(), soft });
                self.happened(Event::Purged { key, soft });
                Response::new(r#"{"status":"ok","id":"1-2-3"}"#.into())
            }
            Call::Announce { key, revision } => {
                self.happened(Event::Announced { key, revision });
                Response::new(Reply::default())
            }
        }
    }
}

fn item(stored: &Stored) -> Response<Reply> {
    let mut response = Response::builder()
        .header("generation", stored.generation)
        .header("content-type", "application/octet-stream");
    if let Some(metadata) = &stored.metadata {
        response = response.header("metadata", metadata);
    }
    response.body(Reply { bytes: Some(stored.value.clone()), breaks_off: false }).unwrap()
}

/// A refusal as Fastly words them.
fn problem(status: u16, title: &str) -> Response<Reply> {
    let body = format!(r#"{{"title":"{title}","status":{status}}}"#);
    // A client that follows a redirection reaches no server.
    let location = if (300..400).contains(&status) { Some("http://127.0.0.1:1/") } else { None };
    let response = Response::builder().status(status);
    let response = location.into_iter().fold(response, |response, to| response.header("location", to));
    response.body(body.as_str().into()).unwrap()
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A body that may break off in its middle.
#[derive(Default)]
struct Reply {
    bytes: Option<Bytes>,
    breaks_off: bool,
}

impl From<&str> for Reply {
    fn from(text: &str) -> Self {
        Reply { bytes: Some(Bytes::copy_from_slice(text.as_bytes())), breaks_off: false }
    }
}

impl Body for Reply {
    type Data = Bytes;
    type Error = Cut;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Cut>>> {
        let breaks_off = self.breaks_off;
        Poll::Ready(match self.bytes.take() {
            Some(bytes) if breaks_off && bytes.len() > 1 => {
                Some(Ok(Frame::data(bytes.slice(..bytes.len() / 2))))
            }
            Some(bytes) if !breaks_off => Some(Ok(Frame::data(bytes))),
            _ if breaks_off => Some(Err(Cut)),
            _ => None,
        })
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.bytes.as_ref().map_or(0, |bytes| bytes.len() as u64))
    }

    fn is_end_stream(&self) -> bool {
        self.bytes.is_none() && !self.breaks_off
    }
}
