//! Connections: how they are accepted, bounded and ended.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::time::{sleep, timeout};

use crate::admission;
use crate::app::app;
use crate::bus::{self, Replica};
use crate::client_address::{ClientAddress, is_trusted};
use crate::connections::Connection;
use crate::state::Origin;

#[derive(Clone, Copy)]
struct Timeouts {
    /// For the whole head of a request: of a kept-alive connection that is idle, or of a client that sends byte by byte.
    head: Duration,
    /// The same, for a connection whose address has too many already. It may only show a token.
    head_beyond: Duration,
    /// For the acknowledgement of what was sent, or for room for what is to be sent. A stream writes every two seconds,
    /// so this is how soon the stream of a client that vanished is closed.
    stalled: Duration,
    /// For requests under way, after the end began. An announcement takes milliseconds; a client that never finishes its
    /// request must not keep the process alive.
    grace: Duration,
    /// For the bus, after the end, so that other replicas still get what was announced last.
    flush: Duration,
}

const TIMEOUTS: Timeouts = Timeouts {
    head: Duration::from_secs(30),
    head_beyond: Duration::from_secs(1),
    stalled: Duration::from_secs(30),
    grace: Duration::from_secs(2),
    flush: Duration::from_secs(1),
};

/// Bytes kept per connection that were read and not parsed, or not yet taken by the socket. The least that hyper
/// allows; a request's head has to fit in.
const BUFFER: usize = 8 * 1024;

/// Connections that may wait to be accepted, as far as the system allows. When an origin comes back, all edges connect at
/// once; an edge that finds no room tries again only after a second.
const WAITING: u32 = 4_096;

/// Listens, with room for many connections at once.
///
/// # Errors
///
/// If the address is in use, or not one of this machine.
pub fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    // A restarted origin must not wait until the system forgets the connections of the one before.
    #[cfg(unix)]
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(WAITING)
}

/// Serves [`app`] on `listener` until `shutdown` completes. Then it accepts no more connections, aborts all streams, and
/// lets the other requests under way finish, for two seconds at most.
///
/// The caller owns the port and the end. If [`Origin::accepts_everyone`], it has to warn of it.
pub async fn run(listener: TcpListener, origin: Origin, shutdown: impl Future<Output = ()>) {
    serve(listener, origin, shutdown, TIMEOUTS).await;
}

async fn serve(
    listener: TcpListener,
    origin: Origin,
    shutdown: impl Future<Output = ()>,
    timeouts: Timeouts,
) {
    let bus = origin.bus().map(|_| tokio::spawn(connect(origin.clone())));
    let app = app(origin.clone());
    let mut http = http1::Builder::new();
    // Frames are small: one copy of some bytes costs less than a list of buffers for each stream.
    http.timer(TokioTimer::new()).header_read_timeout(timeouts.head).max_buf_size(BUFFER).writev(false);
    let mut http_beyond = http.clone();
    http_beyond.header_read_timeout(timeouts.head_beyond);
    let graceful = GracefulShutdown::new();
    let mut shutdown = pin!(shutdown);
    loop {
        let (stream, peer, connection) = tokio::select! {
            next = next(&listener, &origin) => next,
            () = &mut shutdown => break,
        };
        if configure(&stream, timeouts.stalled).is_err() {
            continue;
        }
        let service = {
            let (origin, app, connection) = (origin.clone(), app.clone(), Arc::clone(&connection));
            service_fn(move |request| {
                admission::answer(origin.clone(), app.clone(), Arc::clone(&connection), peer.ip(), request)
            })
        };
        let http = if connection.is_beyond() { &http_beyond } else { &http };
        let served = graceful.watch(http.serve_connection(TokioIo::new(stream), service));
        tokio::spawn(async move {
            tokio::select! {
                biased;
                // First: a request that came meanwhile is answered. A connection that fails affects no other; its stream is dropped with it.
                _ = served => {}
                () = connection.must_close() => {}
            }
        });
    }
    drop(listener);
    origin.end();
    // What is not done by now is cut off.
    let _ = timeout(timeouts.grace, graceful.shutdown()).await;
    if let (Some(bus), Some(connection)) = (origin.bus(), bus) {
        bus.flush(timeouts.flush).await;
        connection.abort();
    }
}

async fn connect(origin: Origin) {
    if let Some(bus) = origin.bus() {
        let latest_possible = || origin.latest_possible();
        let replica = Replica { hub: origin.hub(), latest_possible: &latest_possible };
        match bus::run(replica, bus).await {}
    }
}

/// The next connection, once there is room for it.
async fn next(listener: &TcpListener, origin: &Origin) -> (TcpStream, SocketAddr, Arc<Connection>) {
    let (stream, peer) = accept(listener, origin).await;
    let is_of_proxy = is_trusted(origin.trusted_proxies(), peer.ip());
    let address = (!is_of_proxy).then(|| ClientAddress::of(peer.ip()));
    let connection = origin.connections().enter(address).await;
    (stream, peer, connection)
}

/// The next connection, however many attempts it takes.
async fn accept(listener: &TcpListener, origin: &Origin) -> (TcpStream, SocketAddr) {
    loop {
        match listener.accept().await {
            Ok(accepted) => return accepted,
            Err(error) if is_of_one_connection(&error) => {}
            // For example, no more files may be opened, because the rest of the process needs more than was kept for it.
            Err(_) => {
                origin.connections().close_one();
                sleep(Duration::from_millis(10)).await;
            }
        }
    }
}

fn is_of_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}

/// # Errors
///
/// If the connection is gone already.
fn configure(stream: &TcpStream, stalled: Duration) -> io::Result<()> {
    stream.set_nodelay(true)?;
    #[cfg(target_os = "linux")]
    socket2::SockRef::from(stream).set_tcp_user_timeout(Some(stalled))?;
    // Elsewhere a stalled connection is closed when the system gives it up.
    #[cfg(not(target_os = "linux"))]
    let _ = stalled;
    Ok(())
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::sync::oneshot;
    use tokio::task::JoinHandle;

    use super::*;
    use crate::Settings;

    const DEADLINE: Duration = Duration::from_secs(10);
    const STREAM: &str = "GET /sse/environments/demo/stream HTTP/1.1\r\nHost: origin\r\n\r\n";

    struct Running {
        address: SocketAddr,
        origin: Origin,
        end: oneshot::Sender<()>,
        served: JoinHandle<()>,
    }

    async fn start() -> Running {
        let listener = listen("127.0.0.1:0".parse().unwrap()).unwrap();
        let address = listener.local_addr().unwrap();
        let origin = Origin::new(Settings::default());
        let (end, ended) = oneshot::channel();
        let timeouts = Timeouts {
            head: Duration::from_millis(300),
            head_beyond: Duration::from_millis(100),
            stalled: Duration::from_secs(1),
            grace: Duration::from_millis(500),
            flush: Duration::from_millis(500),
        };
        let served = tokio::spawn(serve(listener, origin.clone(), async { drop(ended.await) }, timeouts));
        Running { address, origin, end, served }
    }

    async fn within<T>(future: impl Future<Output = T>) -> T {
        timeout(DEADLINE, future).await.unwrap()
    }

    async fn send(address: SocketAddr, request: &str) -> TcpStream {
        let mut client = TcpStream::connect(address).await.unwrap();
        client.write_all(request.as_bytes()).await.unwrap();
        client
    }

    async fn open(address: SocketAddr) -> TcpStream {
        send(address, STREAM).await
    }

    async fn announce(address: SocketAddr) -> String {
        let body = r#"{"updated_at":"2026-03-02T11:22:33Z"}"#;
        let request = format!(
            "POST /sse/environments/demo/queue-change HTTP/1.1\r\nHost: origin\r\nConnection: close\r\n\
             Content-Length: {}\r\n\r\n{body}",
            body.len()
        );
        rest(&mut send(address, &request).await).await
    }

    /// Reads until something was read, whole.
    async fn until(client: &mut TcpStream, expected: &str) -> String {
        let mut text = Vec::new();
        while !text.ends_with(expected.as_bytes()) {
            let read = within(client.read_buf(&mut text)).await.unwrap();
            assert!(read > 0, "closed after {:?}", String::from_utf8_lossy(&text));
        }
        String::from_utf8(text).unwrap()
    }

    async fn rest(client: &mut TcpStream) -> String {
        let mut text = String::new();
        within(client.read_to_string(&mut text)).await.unwrap();
        text
    }

    fn chunk(frame: &str) -> String {
        format!("{:X}\r\n{frame}\r\n", frame.len())
    }

    const EVENT: &str = "event: environment_updated\ndata: {\"updated_at\": 1772450553.0}\n\n";

    #[tokio::test]
    async fn an_announcement_reaches_streams_and_the_end_aborts_them() {
        let Running { address, origin, end, served } = start().await;
        let mut early = open(address).await;
        let head = until(&mut early, &chunk(": jackstaff\n\n")).await;
        assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
        assert!(head.contains("\r\ntransfer-encoding: chunked\r\n"), "{head}");

        let reply = announce(address).await;
        assert!(reply.starts_with("HTTP/1.1 200 OK\r\n") && reply.ends_with("\r\n\r\nnull"), "{reply}");
        assert_eq!(until(&mut early, &chunk(EVENT)).await, chunk(EVENT));
        announce(address).await;
        assert_eq!(until(&mut early, &chunk(EVENT)).await, chunk(EVENT), "the same number again");
        let mut late = open(address).await;
        until(&mut late, &chunk(&format!(": jackstaff\n\n{EVENT}"))).await;
        assert_eq!(origin.metrics().open_streams.get(), 2);

        end.send(()).unwrap();
        for client in [&mut early, &mut late] {
            // Beside comments that were still written, nothing follows: there is no last chunk.
            let rest = rest(client).await;
            assert_eq!(rest.replace(&chunk(": ping\n\n"), ""), "");
        }
        within(served).await.unwrap();
        assert_eq!(origin.metrics().open_streams.get(), 0);
    }

    #[tokio::test]
    async fn a_stream_of_a_client_that_went_away_is_closed() {
        let Running { address, origin, end: _end, served: _served } = start().await;
        let mut client = open(address).await;
        until(&mut client, &chunk(": jackstaff\n\n")).await;
        assert_eq!(origin.metrics().open_streams.get(), 1);
        drop(client);
        no_stream_is_open(&origin).await;
    }

    async fn no_stream_is_open(origin: &Origin) {
        within(async {
            while origin.metrics().open_streams.get() > 0 {
                sleep(Duration::from_millis(10)).await;
            }
        })
        .await;
    }

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn a_stream_of_a_client_that_does_not_read_is_closed() {
        let Running { address, origin, end: _end, served: _served } = start().await;
        let socket = tokio::net::TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(4 * 1024).unwrap();
        let mut client = socket.connect(address).await.unwrap();
        client.write_all(STREAM.as_bytes()).await.unwrap();
        until(&mut client, &chunk(": jackstaff\n\n")).await;
        let demo = api::EnvironmentKey::parse("demo").unwrap();
        let signals = &origin.metrics().signals;
        // Far more than the client has room for, each taken before the next.
        for written in 1..=2_000 {
            origin.announce(&demo, api::Revision(1)).unwrap();
            within(async {
                while signals.get() < written && origin.metrics().open_streams.get() > 0 {
                    tokio::task::yield_now().await;
                }
            })
            .await;
        }
        no_stream_is_open(&origin).await;
    }

    #[tokio::test]
    async fn a_head_that_does_not_end_is_not_waited_for() {
        let Running { address, end: _end, served: _served, .. } = start().await;
        let mut slow = send(address, "GET /health HTTP/1.1\r\nHost:").await;
        assert_eq!(rest(&mut slow).await, "");
        let mut idle = send(address, "GET /health HTTP/1.1\r\nHost: origin\r\n\r\n").await;
        assert!(rest(&mut idle).await.ends_with(r#"{"status":"ok"}"#));
    }

    #[tokio::test]
    async fn the_head_of_a_stream_is_answered_without_a_stream() {
        let Running { address, origin, end: _end, served: _served } = start().await;
        let request =
            "HEAD /sse/environments/demo/stream HTTP/1.1\r\nHost: origin\r\nConnection: close\r\n\r\n";
        let reply = rest(&mut send(address, request).await).await;
        assert!(reply.starts_with("HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n"), "{reply}");
        assert!(reply.ends_with("\r\n\r\n") && !reply.contains("length"), "{reply}");
        assert_eq!(origin.metrics().streams.get(), 0);
    }

    #[tokio::test]
    async fn a_request_that_is_never_finished_does_not_delay_the_end() {
        let Running { address, end, served, .. } = start().await;
        let request = "POST /sse/environments/demo/queue-change HTTP/1.1\r\nHost: origin\r\n\
                       Expect: 100-continue\r\nContent-Length: 99\r\n\r\n";
        let mut stuck = send(address, request).await;
        until(&mut stuck, "HTTP/1.1 100 Continue\r\n\r\n").await;
        end.send(()).unwrap();
        within(served).await.unwrap();
        assert!(TcpStream::connect(address).await.is_err(), "the port is still open");
    }

    #[tokio::test]
    async fn a_request_under_way_is_answered_after_the_end_began() {
        let Running { address, end, served, .. } = start().await;
        let request = "POST /sse/environments/demo/queue-change HTTP/1.1\r\nHost: origin\r\n\
                       Expect: 100-continue\r\nContent-Length: 37\r\n\r\n";
        let mut slow = send(address, request).await;
        until(&mut slow, "HTTP/1.1 100 Continue\r\n\r\n").await;
        end.send(()).unwrap();
        within(async { while TcpStream::connect(address).await.is_ok() {} }).await;
        slow.write_all(br#"{"updated_at":"2026-03-02T11:22:33Z"}"#).await.unwrap();
        let reply = rest(&mut slow).await;
        assert!(reply.starts_with("HTTP/1.1 200 OK\r\n") && reply.ends_with("null"), "{reply}");
        within(served).await.unwrap();
    }
}
