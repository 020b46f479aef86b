//! The HTTP answer that is a stream of change signals.

use axum::Extension;
use axum::body::Body;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::stream;
use http::HeaderName;
use http::header::{ACCESS_CONTROL_ALLOW_ORIGIN, CACHE_CONTROL, CONTENT_TYPE};

use crate::listener::{Listener, OriginEndedError};
use crate::stream_part::{PartWriter, StreamPart};

/// The headers of each stream.
///
/// Clients are edges, but Flagsmith's own origin lets browsers in, and a stream says nothing that is not public. No proxy
/// on the way may buffer it; and only a part may be cached.
const HEADERS: [(HeaderName, &str); 4] = [
    (CONTENT_TYPE, "text/event-stream"),
    (CACHE_CONTROL, "no-store"),
    (ACCESS_CONTROL_ALLOW_ORIGIN, "*"),
    (HeaderName::from_static("x-accel-buffering"), "no"),
];

/// Marks an answer that is a stream, for those who count connections.
#[derive(Clone, Copy)]
pub(crate) struct IsStream;

/// The endless answer to `GET`. An error in the body makes the server close the connection without a last chunk.
pub(crate) fn endless(listener: Listener) -> Response {
    let frames = stream::try_unfold(listener, async |mut listener: Listener| {
        let frame = listener.next().await?;
        Ok::<_, OriginEndedError>(Some((frame, listener)))
    });
    (HEADERS, Extension(IsStream), Body::from_stream(frames)).into_response()
}

/// The answer to `GET` that ends after a while: the part that begins with it.
pub(crate) fn part(listener: Listener, part: StreamPart) -> Response {
    let writer = part.begin(listener, fastrand::u64(..));
    let frames = stream::try_unfold(writer, async |mut writer: PartWriter| {
        let frame = writer.next().await?;
        Ok::<_, OriginEndedError>(frame.map(|frame| (frame, writer)))
    });
    part.mark((HEADERS, Extension(IsStream), Body::from_stream(frames)).into_response())
}

/// The answer to `HEAD`: the same headers, without a length, and no stream is opened.
pub(crate) fn head(part: Option<StreamPart>) -> Response {
    let head =
        (HEADERS, Body::from_stream(stream::pending::<Result<Bytes, OriginEndedError>>())).into_response();
    match part {
        Some(part) => part.mark(head),
        None => head,
    }
}
