//! The way of an answer's body through the proxy.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::body::{Body, Frame, Incoming};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep, sleep_until};

use super::{Mode, Ways};
use crate::server::Cut;

type Sender = mpsc::Sender<Result<Bytes, Cut>>;

/// A body that comes through a pump.
pub(super) struct Through(mpsc::Receiver<Result<Bytes, Cut>>);

impl Through {
    pub(super) fn new() -> (Sender, Through) {
        let (to, from) = mpsc::channel(1);
        (to, Through(from))
    }

    pub(super) fn empty() -> Through {
        Through::new().1
    }
}

impl Body for Through {
    type Data = Bytes;
    type Error = Cut;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Cut>>> {
        let next = ready!(self.0.poll_recv(context));
        Poll::Ready(next.map(|result| result.map(Frame::data)))
    }
}

/// Carries a body over, by the mode of the moment, until one side has ended, or until there were more cuts than before.
pub(super) async fn pump(
    mut from: Incoming,
    to: Sender,
    mut ways: watch::Receiver<Ways>,
    path: &str,
    cuts: u64,
) {
    let begun = Instant::now();
    let mut part = Vec::new();
    loop {
        let way = ways.borrow_and_update().to(path);
        if way.cuts > cuts {
            // A client that has left is not cut off.
            let _ = to.send(Err(Cut)).await;
            return;
        }
        let now = way.mode;
        let end = match now {
            Mode::EndEarly(after) => begun + after,
            // A time that does not come.
            _ => begun + Duration::from_secs(1 << 20),
        };
        let silent = matches!(now, Mode::Stall | Mode::HalfOpen);
        let frame = tokio::select! {
            frame = from.frame(), if !silent => frame,
            () = sleep_until(end) => return,
            changed = ways.changed() => match changed {
                Ok(()) => continue,
                Err(_) => return,
            },
            () = to.closed() => return,
        };
        let carried = match frame {
            None => return,
            Some(Err(_)) => {
                let _ = to.send(Err(Cut)).await;
                return;
            }
            Some(Ok(frame)) => match frame.into_data() {
                Ok(data) => carry(data, &to, now, &mut part).await,
                // Trailers: nobody sends any.
                Err(_) => Ok(()),
            },
        };
        if carried.is_err() {
            return;
        }
    }
}

async fn carry(
    data: Bytes,
    to: &Sender,
    mode: Mode,
    part: &mut Vec<u8>,
) -> Result<(), mpsc::error::SendError<Result<Bytes, Cut>>> {
    match mode {
        Mode::Slow { bytes, pause } => {
            for piece in data.chunks(bytes) {
                to.send(Ok(Bytes::copy_from_slice(piece))).await?;
                sleep(pause).await;
            }
            Ok(())
        }
        Mode::DropEvents => {
            part.extend_from_slice(&data);
            let comments = comments(part);
            if comments.is_empty() { Ok(()) } else { to.send(Ok(comments.into())).await }
        }
        _ => to.send(Ok(data)).await,
    }
}

/// Takes the frames that are whole, and gives those that are no events.
pub(super) fn comments(part: &mut Vec<u8>) -> Vec<u8> {
    let mut comments = Vec::new();
    while let Some(end) = part.windows(2).position(|two| two == b"\n\n") {
        let frame: Vec<u8> = part.drain(..end + 2).collect();
        if frame.starts_with(b":") || frame.starts_with(b"retry:") {
            comments.extend(frame);
        }
    }
    comments
}
