//! A server in the background of a test: on a port, a thread and a runtime of its own, ended on drop.

use std::fmt;
use std::future::Future;
use std::iter::repeat_with;
use std::net::SocketAddr;
use std::thread::{self, JoinHandle};

use bytes::Bytes;
use hyper::body::{Body, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;

pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    end: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// An address without a listener. Its port is outside of the range from which the system takes ports for outgoing
/// connections: else it could be used meanwhile, and a client of that address could be connected to itself.
pub fn free_address() -> SocketAddr {
    let address = || SocketAddr::from(([127, 0, 0, 1], fastrand::u16(10_000..30_000)));
    let is_free = |address: &SocketAddr| std::net::TcpListener::bind(address).is_ok();
    repeat_with(address).take(1_000).find(is_free).unwrap()
}

/// Runs what takes connections. It may end by itself.
#[track_caller]
pub(crate) fn server<F: Future<Output = ()>>(
    accept: impl FnOnce(TcpListener) -> F + Send + 'static,
) -> Server {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
    let address = listener.local_addr().unwrap();
    let (end, ended) = oneshot::channel();
    let thread = thread::spawn(move || {
        runtime.block_on(async {
            tokio::select! {
                () = accept(listener) => {}
                _ = ended => {}
            }
        });
    });
    Server { address, end: Some(end), thread: Some(thread) }
}

impl Server {
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Ends it, and waits until nothing of it goes on.
    pub(crate) fn end(&mut self) {
        drop(self.end.take());
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.end();
    }
}

/// The connection is to be cut.
#[derive(Debug)]
pub(crate) struct Cut;

impl fmt::Display for Cut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("cut")
    }
}

impl std::error::Error for Cut {}

/// Answers whatever comes on a connection.
pub(crate) async fn serve<B, F>(stream: TcpStream, answer: impl Fn(Request<Incoming>) -> F)
where
    B: Body<Data = Bytes, Error = Cut> + 'static,
    F: Future<Output = Result<Response<B>, Cut>>,
{
    // Small answers wait for nothing.
    let _ = stream.set_nodelay(true);
    // A connection that is cut ends in an error.
    let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service_fn(answer)).await;
}
