//! A proxy between an SDK and the edge that records every request, and passes all bytes on as they come.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Instant;

/// A tap on a port of its own, closed on drop, with all connections that pass it.
pub(crate) struct Tap {
    address: SocketAddr,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    /// What the first line of a request must begin with; else the connection is cut.
    only: &'static str,
    /// Where connections are passed on to from now on.
    edge: Mutex<Option<SocketAddr>>,
    requests: Mutex<Vec<Request>>,
    lines: Mutex<Vec<TcpStream>>,
    closed: AtomicBool,
}

/// The first line of a request, such as `GET /health`, and when it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Request {
    pub(crate) line: String,
    pub(crate) at: Instant,
}

impl Tap {
    pub(crate) fn before(edge: SocketAddr) -> Tap {
        Tap::only(edge, "")
    }

    /// A tap that cuts a connection at a request whose first line begins otherwise.
    pub(crate) fn only(edge: SocketAddr, only: &'static str) -> Tap {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared { only, edge: Mutex::new(Some(edge)), ..Shared::default() });
        let accepting = Arc::clone(&shared);
        thread::spawn(move || {
            for client in listener.incoming() {
                if accepting.closed.load(Ordering::Relaxed) {
                    return;
                }
                // A client that has already left made no request.
                let Ok(client) = client else { continue };
                let shared = Arc::clone(&accepting);
                thread::spawn(move || {
                    // A connection that breaks is noticed by the SDK or the edge.
                    let _ = shared.pass(client);
                });
            }
        });
        Tap { address, shared }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// From now on there is another edge behind the tap, or none.
    pub(crate) fn pass_on_to(&self, edge: Option<SocketAddr>) {
        *self.shared.edge.lock().unwrap() = edge;
        for line in self.shared.lines.lock().unwrap().drain(..) {
            let _ = line.shutdown(Shutdown::Both);
        }
    }

    /// The requests of this method and path so far, whatever their query.
    pub(crate) fn requests(&self, line: &str) -> Vec<Request> {
        let is_asked = |request: &&Request| request.line.split('?').next() == Some(line);
        self.shared.requests.lock().unwrap().iter().filter(is_asked).cloned().collect()
    }
}

impl Drop for Tap {
    fn drop(&mut self) {
        self.shared.closed.store(true, Ordering::Relaxed);
        // Wakes the accepting thread.
        let _ = TcpStream::connect(self.address);
        for line in self.shared.lines.lock().unwrap().drain(..) {
            let _ = line.shutdown(Shutdown::Both);
        }
    }
}

impl Shared {
    fn pass(&self, client: TcpStream) -> std::io::Result<()> {
        let edge = *self.edge.lock().unwrap();
        let edge = TcpStream::connect(edge.ok_or(std::io::ErrorKind::ConnectionRefused)?)?;
        for line in [&client, &edge] {
            line.set_nodelay(true)?;
            self.lines.lock().unwrap().push(line.try_clone()?);
        }
        let (mut answers, mut to_client) = (edge.try_clone()?, client.try_clone()?);
        let back = thread::spawn(move || {
            let _ = std::io::copy(&mut answers, &mut to_client);
            // The connection ends here as it ends at the edge, cleanly or not.
            let _ = to_client.shutdown(Shutdown::Both);
        });
        self.note(client, &edge)?;
        let _ = edge.shutdown(Shutdown::Both);
        let _ = back.join();
        Ok(())
    }

    /// Passes requests on, and records the first line of each.
    fn note(&self, mut client: TcpStream, mut edge: &TcpStream) -> std::io::Result<()> {
        let mut bytes = [0; 16 * 1024];
        let mut begun = Vec::new();
        loop {
            let length = client.read(&mut bytes)?;
            if length == 0 {
                return Ok(());
            }
            begun.extend_from_slice(&bytes[..length]);
            while let Some(end) = begun.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = begun.drain(..=end).collect();
                if let Some(line) = line.strip_suffix(b" HTTP/1.1\r\n") {
                    let line = String::from_utf8_lossy(line).into_owned();
                    let is_passed = line.starts_with(self.only);
                    self.requests.lock().unwrap().push(Request { line, at: Instant::now() });
                    if !is_passed {
                        return Ok(());
                    }
                }
            }
            edge.write_all(&bytes[..length])?;
        }
    }
}
