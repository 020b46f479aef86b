//! The HTTP face of a stream of change signals.

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::stream;
use http::HeaderName;
use http::header::{ACCESS_CONTROL_ALLOW_ORIGIN, CACHE_CONTROL, CONTENT_TYPE};

use crate::listener::{Aborted, Listener};
use crate::stream_part::{StreamPart, Writing};

/// What each stream's head says.
///
/// Clients are edges, but Flagsmith's own origin lets browsers in, and a stream tells nothing that is not public. No
/// proxy on the way may hold it back, or keep it, unless it is a part.
const HEADERS: [(HeaderName, &str); 4] = [
    (CONTENT_TYPE, "text/event-stream"),
    (CACHE_CONTROL, "no-store"),
    (ACCESS_CONTROL_ALLOW_ORIGIN, "*"),
    (HeaderName::from_static("x-accel-buffering"), "no"),
];

/// The endless answer to `GET`. An error in the body makes the server close the connection without a last chunk.
pub(crate) fn endless(listener: Listener) -> Response {
    let frames = stream::try_unfold(listener, async |mut listener: Listener| {
        let frame = listener.next().await?;
        Ok::<_, Aborted>(Some((frame, listener)))
    });
    (HEADERS, Body::from_stream(frames)).into_response()
}

/// The answer to `GET` that ends after a while: the part that begins with it.
pub(crate) fn part(listener: Listener, part: StreamPart) -> Response {
    let writing = part.begin(listener, fastrand::u64(..));
    let frames = stream::try_unfold(writing, async |mut writing: Writing| {
        let frame = writing.next().await?;
        Ok::<_, Aborted>(frame.map(|frame| (frame, writing)))
    });
    part.mark((HEADERS, Body::from_stream(frames)).into_response())
}

/// The answer to `HEAD`: the same head, with no length, and nobody listens.
pub(crate) fn head(part: Option<StreamPart>) -> Response {
    let head = (HEADERS, Body::from_stream(stream::pending::<Result<Bytes, Aborted>>())).into_response();
    match part {
        Some(part) => part.mark(head),
        None => head,
    }
}
