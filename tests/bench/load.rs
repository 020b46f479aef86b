//! A load of requests over kept-alive connections, bounded in time.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::Request;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::task::LocalSet;

/// The requests, which are repeated.
pub(crate) struct Load {
    pub(crate) name: &'static str,
    pub(crate) method: &'static str,
    /// The paths, in turn, with the body for each.
    pub(crate) requests: Vec<(String, String)>,
    pub(crate) key: &'static str,
}

/// Requests per second over so many connections. Panics if any answer is not 200, for a wrong answer is no figure.
pub(crate) fn requests_per_second(edge: SocketAddr, load: &Load, connections: usize, time: Duration) -> f64 {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let start = Instant::now();
    let count = LocalSet::new().block_on(&runtime, async {
        let clients = (0..connections)
            .map(|first| tokio::task::spawn_local(connection(edge, load_of(load, first), time)));
        let clients: Vec<_> = clients.collect();
        let mut count = 0;
        for client in clients {
            count += client.await.expect("a connection");
        }
        count
    });
    f64::from(count) / start.elapsed().as_secs_f64()
}

/// Sends so many requests over one connection. Panics if any answer is not 200.
pub(crate) fn send(edge: SocketAddr, load: &Load, count: u32) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    LocalSet::new().block_on(&runtime, async {
        let mut sender = connect(edge).await;
        for request in load_of(load, 0).iter().cycle().take(count as usize) {
            ask(&mut sender, request.clone()).await;
        }
    });
}

/// The requests of one connection, starting at another place for each.
fn load_of(load: &Load, first: usize) -> Vec<Request<Full<Bytes>>> {
    let all = load.requests.iter().cycle().skip(first * 7).take(load.requests.len());
    let request = |(path, body): &(String, String)| {
        Request::builder()
            .method(load.method)
            .uri(path)
            .header("host", "localhost")
            .header("content-type", "application/json")
            .header("x-environment-key", load.key)
            .body(Full::new(Bytes::copy_from_slice(body.as_bytes())))
            .expect("a request")
    };
    all.map(request).collect()
}

async fn connect(edge: SocketAddr) -> SendRequest<Full<Bytes>> {
    let stream = TcpStream::connect(edge).await.expect("the edge takes connections");
    stream.set_nodelay(true).expect("a TCP socket");
    let (sender, driver) = http1::handshake(TokioIo::new(stream)).await.expect("HTTP/1.1");
    tokio::task::spawn_local(driver);
    sender
}

async fn connection(edge: SocketAddr, requests: Vec<Request<Full<Bytes>>>, time: Duration) -> u32 {
    let mut sender = connect(edge).await;
    let end = Instant::now() + time;
    let mut count = 0;
    for request in requests.iter().cycle() {
        if Instant::now() >= end {
            break;
        }
        ask(&mut sender, request.clone()).await;
        count += 1;
    }
    count
}

async fn ask(sender: &mut SendRequest<Full<Bytes>>, request: Request<Full<Bytes>>) {
    sender.ready().await.expect("a kept-alive connection");
    let path = request.uri().clone();
    let response = sender.send_request(request).await.expect("an answer");
    assert_eq!(response.status(), 200, "{path}");
    let mut body = response.into_body();
    while let Some(frame) = body.frame().await {
        frame.expect("a whole body");
    }
}
