//! The proxy's two sides: it takes a connection, and makes one of its own for each request.

use std::future::{pending, poll_fn};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1 as client;
use hyper::header::{CONNECTION, TRANSFER_ENCODING};
use hyper::server::conn::http1 as server;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use super::count::Counters;
use super::pump::{Through, pump};
use super::{Mode, Ways};
use crate::server::Cut;

/// What all connections look at.
#[derive(Clone)]
pub(super) struct Shared {
    pub(super) ways: watch::Receiver<Ways>,
    pub(super) upstream: watch::Receiver<String>,
    pub(super) counters: Counters,
}

pub(super) async fn accept(listener: TcpListener, shared: Shared) {
    while let Ok((stream, _)) = listener.accept().await {
        if shared.ways.borrow().all.mode == Mode::Refuse {
            reset(&stream);
            continue;
        }
        // An event waits for nothing.
        let _ = stream.set_nodelay(true);
        tokio::spawn(connection(stream, shared.clone()));
    }
}

async fn connection(stream: TcpStream, mut shared: Shared) {
    let _open = shared.counters.connection();
    let cuts = shared.ways.borrow().all.cuts;
    let of_requests = shared.clone();
    let service = service_fn(move |request| Box::pin(answer(request, of_requests.clone())));
    let mut connection = server::Builder::new().serve_connection(TokioIo::new(stream), service);
    let broken = tokio::select! {
        // A body that breaks upstream breaks for the client too.
        served = poll_fn(|context| connection.poll_without_shutdown(context)) => served.is_err(),
        _ = shared.ways.wait_for(|ways| ways.all.cuts > cuts) => true,
    };
    if broken {
        reset(connection.into_parts().io.inner());
    }
}

/// Makes a connection end with a reset when it is dropped.
fn reset(stream: &TcpStream) {
    let _ = stream.set_zero_linger();
}

async fn answer(request: Request<Incoming>, mut shared: Shared) -> Result<Response<Through>, Cut> {
    let open = request.uri().path().ends_with("/stream").then(|| shared.counters.stream());
    let path = request.uri().path().to_owned();
    let way = shared.ways.borrow().to(&path);
    match way.mode {
        Mode::Refuse => return Err(Cut),
        Mode::HalfOpen => pending().await,
        Mode::Answer(status) => {
            return Ok(Response::builder().status(status).body(Through::empty()).unwrap());
        }
        _ => {}
    }
    // All is over when nobody can change the ways any more.
    shared.ways.wait_for(|ways| ways.to(&path).mode != Mode::Stall).await.map_err(|_| Cut)?;
    let response = ask(request, &shared).await?;
    let (mut parts, body) = response.into_parts();
    parts.headers.remove(CONNECTION);
    parts.headers.remove(TRANSFER_ENCODING);
    let (to, through) = Through::new();
    tokio::spawn(async move {
        pump(body, to, shared.ways, &path, way.cuts).await;
        drop(open);
    });
    Ok(Response::from_parts(parts, through))
}

/// Asks upstream the same, over a connection of its own.
async fn ask(request: Request<Incoming>, shared: &Shared) -> Result<Response<Incoming>, Cut> {
    let upstream = shared.upstream.borrow().clone();
    let stream = TcpStream::connect(upstream).await.map_err(|_| Cut)?;
    stream.set_nodelay(true).map_err(|_| Cut)?;
    let (mut sender, driver) = client::handshake(TokioIo::new(stream)).await.map_err(|_| Cut)?;
    tokio::spawn(driver);
    let (mut parts, body) = request.into_parts();
    parts.headers.remove(CONNECTION);
    parts.headers.remove(TRANSFER_ENCODING);
    let body: Bytes = body.collect().await.map_err(|_| Cut)?.to_bytes();
    sender.send_request(Request::from_parts(parts, Full::new(body))).await.map_err(|_| Cut)
}
