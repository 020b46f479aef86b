//! The server of the stand-in.

use std::future::pending;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use hyper::http::request::Parts;
use hyper::{Request, Response};
use jiff::Timestamp;
use tokio::net::TcpListener;
use tokio::sync::mpsc;

use super::notify::{Change, signal};
use super::{Fault, State, analytics, answer, lock};
use crate::server::{Cut, serve};

pub(super) async fn accept(
    listener: TcpListener,
    mut changed: mpsc::UnboundedReceiver<Change>,
    state: Arc<Mutex<State>>,
) {
    loop {
        tokio::select! {
            Ok((stream, _)) = listener.accept() => {
                let state = Arc::clone(&state);
                tokio::spawn(serve(stream, move |request| reply(request, Arc::clone(&state))));
            }
            Some(change) = changed.recv() => signal(&change, &state),
            else => return,
        }
    }
}

async fn reply(request: Request<Incoming>, state: Arc<Mutex<State>>) -> Result<Response<Reply>, Cut> {
    let (parts, body) = request.into_parts();
    if let Some(route) = analytics::Route::of(parts.uri.path()) {
        // One that breaks off was not sent whole.
        let body = body.collect().await.map_err(|_| Cut)?.to_bytes();
        return analytics::answer(route, &parts, &body, &state).map(|answer| answer.map(Reply::whole));
    }
    let (key, cached, fault) = {
        let mut state = lock(&state);
        match answer::environment(&mut state, &parts) {
            Err(refusal) => {
                state.counts.refused += 1;
                return Ok(refusal.response().map(Reply::whole));
            }
            Ok((key, cached)) => {
                let fault = state.faults.next(&key);
                state.counts.struck += u64::from(fault.is_some());
                (key, cached, fault)
            }
        }
    };
    match fault {
        Some(Fault::Silent) => pending().await,
        Some(Fault::Cut) => Err(Cut),
        Some(Fault::Answer(status)) => Ok(page_for_people(status)),
        Some(Fault::AskToWait(status, seconds)) => {
            let mut response = page_for_people(status);
            response.headers_mut().insert("retry-after", seconds.into());
            Ok(response)
        }
        Some(Fault::Slow(milliseconds)) => {
            tokio::time::sleep(Duration::from_millis(milliseconds)).await;
            Ok(document(&state, &key, false, cached, &parts).map(Reply::whole))
        }
        Some(Fault::BreakOff) => {
            let response = document(&state, &key, false, cached, &parts);
            Ok(response.map(|bytes| Reply { bytes: Some(bytes), end: End::Cut }))
        }
        Some(Fault::Half) => {
            // Of what is zipped, half is no gzip; of what is not, no JSON.
            Ok(document(&state, &key, false, cached, &parts)
                .map(|bytes| Reply::whole(bytes.slice(..bytes.len() / 2))))
        }
        Some(Fault::Stale) => Ok(document(&state, &key, true, cached, &parts).map(Reply::whole)),
        None => Ok(document(&state, &key, false, cached, &parts).map(Reply::whole)),
    }
}

fn document(
    state: &Mutex<State>,
    key: &str,
    stale: bool,
    cached: Option<Timestamp>,
    parts: &Parts,
) -> Response<Bytes> {
    let mut state = lock(state);
    let response = answer::document(&mut state, key, stale, cached, parts);
    match response.status().as_u16() {
        304 => state.counts.not_modified += 1,
        _ => state.counts.documents += 1,
    }
    response
}

fn page_for_people(status: u16) -> Response<Reply> {
    let html = "<html><body><h1>Server Error</h1></body></html>";
    let response = Response::builder().status(status).header("content-type", "text/html");
    response.body(Reply::whole(html.into())).unwrap()
}

/// A body that may break off in its middle.
struct Reply {
    bytes: Option<Bytes>,
    end: End,
}

#[derive(PartialEq)]
enum End {
    Clean,
    /// Once what was said is on its way.
    Cut,
    CutNow,
}

impl Reply {
    fn whole(bytes: Bytes) -> Reply {
        Reply { bytes: Some(bytes), end: End::Clean }
    }
}

impl Body for Reply {
    type Data = Bytes;
    type Error = Cut;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Cut>>> {
        match (self.bytes.take(), &self.end) {
            (Some(bytes), End::Clean) => Poll::Ready(Some(Ok(Frame::data(bytes)))),
            (Some(bytes), _) => Poll::Ready(Some(Ok(Frame::data(bytes.slice(..bytes.len() / 2))))),
            (None, End::Clean) => Poll::Ready(None),
            (None, End::Cut) => {
                self.end = End::CutNow;
                context.waker().wake_by_ref();
                Poll::Pending
            }
            (None, End::CutNow) => Poll::Ready(Some(Err(Cut))),
        }
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.bytes.as_ref().map_or(0, |bytes| bytes.len() as u64))
    }

    fn is_end_stream(&self) -> bool {
        self.bytes.is_none() && self.end == End::Clean
    }
}
