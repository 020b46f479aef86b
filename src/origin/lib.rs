//! The origin: where publishers say that an environment changed.
//!
//! It holds no flags, no documents and no keys of clients: per environment it knows one number, the latest
//! revision that was announced. It writes nothing to disk and can be lost and restarted with nothing to
//! restore, since whoever listens also looks at the KV store on its own.
//!
//! [`run`] serves [`app`] on a listener that the caller opened, until the caller says so:
//!
//! ```no_run
//! # async fn example() -> std::io::Result<()> {
//! use origin::{Origin, Settings};
//!
//! let origin = Origin::new(Settings::default());
//! if origin.accepts_everyone() {
//!     eprintln!("no token is configured: anybody who reaches this address can announce changes");
//! }
//! let listener = tokio::net::TcpListener::bind("127.0.0.1:7678").await?;
//! let shutdown = async { drop(tokio::signal::ctrl_c().await) };
//! origin::run(listener, origin, shutdown).await
//! # }
//! ```

mod announcement;
mod app;
mod hub;
mod refusal;
mod state;
mod token;

use std::future::Future;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::Notify;

pub use app::app;
pub use state::{Origin, Settings};
pub use token::{Token, TokenError};

/// How long requests under way may take after the shutdown began. An announcement takes milliseconds; a client
/// that never finishes its request must not keep the process alive.
const GRACE: Duration = Duration::from_secs(2);

/// Serves [`app`] on `listener` until `shutdown` completes, then lets the requests under way finish, for two
/// seconds at most.
///
/// The caller owns the port and the end, and has a duty: if [`Origin::accepts_everyone`], it says so aloud.
///
/// # Errors
///
/// If the listener fails for good; a connection that could not be accepted is no reason to end.
pub async fn run(
    listener: TcpListener,
    origin: Origin,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    let ending = Arc::new(Notify::new());
    let begin = Arc::clone(&ending);
    let serving = axum::serve(listener, app(origin)).with_graceful_shutdown(async move {
        shutdown.await;
        begin.notify_one();
    });
    let deadline = async {
        ending.notified().await;
        tokio::time::sleep(GRACE).await;
    };
    tokio::select! {
        ended = serving.into_future() => ended,
        () = deadline => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpStream;
    use tokio::sync::oneshot;
    use tokio::time::timeout;

    use super::*;

    const DEADLINE: Duration = Duration::from_secs(10);

    #[tokio::test]
    async fn serves_a_real_listener_and_ends_when_told() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (end, ended) = oneshot::channel::<()>();
        let served = tokio::spawn(run(listener, Origin::new(Settings::default()), async {
            drop(ended.await);
        }));

        let body = r#"{"updated_at":"2026-03-02T11:22:33Z"}"#;
        let request = format!(
            "POST /sse/environments/demo/queue-change HTTP/1.1\r\nHost: origin\r\nConnection: close\r\n\
             Content-Length: {}\r\n\r\n{body}",
            body.len()
        );
        let mut client = TcpStream::connect(address).await.unwrap();
        client.write_all(request.as_bytes()).await.unwrap();
        let mut reply = String::new();
        timeout(DEADLINE, client.read_to_string(&mut reply)).await.unwrap().unwrap();
        assert!(reply.starts_with("HTTP/1.1 200 OK\r\n"), "{reply}");
        assert!(reply.ends_with("\r\n\r\nnull"), "{reply}");

        // One that never finishes its request must not hold up the end.
        let mut stuck = TcpStream::connect(address).await.unwrap();
        let request = "POST /sse/environments/demo/queue-change HTTP/1.1\r\nHost: origin\r\n\
                       Expect: 100-continue\r\nContent-Length: 99\r\n\r\n";
        stuck.write_all(request.as_bytes()).await.unwrap();
        let mut go_on = [0; "HTTP/1.1 100 Continue\r\n\r\n".len()];
        timeout(DEADLINE, stuck.read_exact(&mut go_on)).await.unwrap().unwrap();
        end.send(()).unwrap();
        timeout(DEADLINE, served).await.unwrap().unwrap().unwrap();
        assert!(TcpStream::connect(address).await.is_err(), "the port is still open");
    }
}
