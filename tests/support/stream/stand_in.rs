//! A server of event streams that follows a script, for the tests of clients and of the proxy.

use std::sync::Arc;
use std::time::Duration;

use api::Revision;
use api::signal;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::sleep;

use crate::server::{Server, server};

/// What is done with a stream, one after the other. One that has no more steps stays open.
#[derive(Debug, Clone)]
pub(crate) enum Step {
    Say(String),
    Wait(Duration),
    /// The last chunk.
    End,
    /// An end without a last chunk.
    Break,
    /// Another answer than a stream.
    Answer(u16),
}

pub(crate) fn tell(revision: u64) -> Step {
    Step::Say(signal::event(Revision(revision)))
}

pub(crate) fn comment(text: &str) -> Step {
    Step::Say(signal::comment(text))
}

/// Streams by these scripts, in turn, the last one again and again; flags of this revision.
pub(crate) fn stand_in(scripts: Vec<Vec<Step>>, flags: u64) -> Server {
    server(move |listener| accept(listener, scripts, flags))
}

async fn accept(listener: TcpListener, scripts: Vec<Vec<Step>>, flags: u64) {
    let scripts: Vec<Arc<Vec<Step>>> = scripts.into_iter().map(Arc::new).collect();
    let mut streams = 0;
    while let Ok((mut stream, _)) = listener.accept().await {
        let path = path(&mut stream).await;
        let script = path.ends_with("/stream").then(|| Arc::clone(&scripts[streams.min(scripts.len() - 1)]));
        streams += usize::from(script.is_some());
        tokio::spawn(async move {
            // A client may leave at any time.
            let _ = match script {
                Some(script) => play(stream, &script).await,
                None => answer_flags(stream, flags).await,
            };
        });
    }
}

async fn path(stream: &mut TcpStream) -> String {
    let mut head = Vec::new();
    while !head.windows(4).any(|four| four == b"\r\n\r\n") {
        let mut part = [0; 1024];
        match stream.read(&mut part).await {
            Ok(0) | Err(_) => break,
            Ok(count) => head.extend_from_slice(&part[..count]),
        }
    }
    String::from_utf8_lossy(&head).split(' ').nth(1).unwrap_or_default().to_owned()
}

async fn play(mut stream: TcpStream, script: &[Step]) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    if let [Step::Answer(status), ..] = script {
        let head = format!("HTTP/1.1 {status} X\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
        return stream.write_all(head.as_bytes()).await;
    }
    let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\njackstaff-stream: follower 3\r\n\
                transfer-encoding: chunked\r\n\r\n";
    stream.write_all(head.as_bytes()).await?;
    for step in script {
        match step {
            Step::Say(text) => {
                stream.write_all(format!("{:x}\r\n{text}\r\n", text.len()).as_bytes()).await?;
            }
            Step::Wait(time) => sleep(*time).await,
            Step::End => return stream.write_all(b"0\r\n\r\n").await,
            Step::Break | Step::Answer(_) => return Ok(()),
        }
    }
    // Until the other side goes.
    stream.read(&mut [0]).await.map(drop)
}

async fn answer_flags(mut stream: TcpStream, revision: u64) -> std::io::Result<()> {
    let answer = format!(
        "HTTP/1.1 200 OK\r\ncontent-length: 2\r\njackstaff-revision: {revision}\r\njackstaff-source: pop\r\n\
         x-flagsmith-document-updated-at: {revision}.0\r\nconnection: close\r\n\r\n[]"
    );
    stream.write_all(answer.as_bytes()).await
}
