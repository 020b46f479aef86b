//! A stream, as clients listen to it.

use std::io::Read;
use std::time::{Duration, Instant};

use api::Revision;
use api::signal::Reader;
use ureq::http::Request;

use crate::Opened;
use crate::asking::agent;
use crate::finding::Finding;

/// The edge writes at once; what takes longer is held back on the way.
const FIRST: Duration = Duration::from_secs(3);
/// The edge is silent for ten seconds at most.
const SILENCE: Duration = Duration::from_secs(13);
/// With the default settings, an edge ends no stream sooner. Settings may make streams shorter.
const SHORTEST: Duration = Duration::from_secs(20);

const CHECK: &str = "stream";

/// What was heard of a stream.
#[derive(Debug, Default)]
pub(crate) struct Heard {
    pub(crate) status: u16,
    pub(crate) content_type: String,
    pub(crate) content_encoding: String,
    /// From the request to the head of the answer.
    pub(crate) head: Duration,
    /// From the request to the first bytes.
    pub(crate) first: Option<Duration>,
    /// The longest time without bytes, that up to the end of listening included.
    pub(crate) silence: Duration,
    /// When it ended, if it did; and whether it broke off.
    pub(crate) ended: Option<(Duration, bool)>,
    pub(crate) revisions: Vec<u64>,
}

/// Listens to a stream for so long.
///
/// # Errors
/// Why the stream could not be had, in words.
pub(crate) fn listen(url: &str, headers: &[(&str, &str)], time: Duration) -> Result<Heard, String> {
    let agent = agent(|config| config.timeout_recv_response(Some(time)).timeout_recv_body(Some(time)));
    let mut request = Request::get(url).header("accept", "text/event-stream");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let began = Instant::now();
    let request = request.body(()).map_err(|error| error.to_string())?;
    let (parts, body) = agent.run(request).map_err(|error| error.to_string())?.into_parts();
    let header = |name: &str| {
        parts.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned()
    };
    let mut heard = Heard {
        status: parts.status.as_u16(),
        content_type: header("content-type"),
        content_encoding: header("content-encoding"),
        head: began.elapsed(),
        ..Heard::default()
    };
    let (mut reader, mut signals) = (body.into_reader(), Reader::default());
    let (mut bytes, mut last) = ([0; 4_096], heard.head);
    while began.elapsed() < time {
        let read = reader.read(&mut bytes);
        let at = began.elapsed();
        heard.silence = heard.silence.max(at.saturating_sub(last));
        match read {
            Ok(0) => heard.ended = Some((at, false)),
            Ok(length) => {
                heard.first.get_or_insert(at);
                heard.revisions.extend(signals.read(&bytes[..length]).iter().map(|signal| signal.revision.0));
                last = at;
                continue;
            }
            // Listening is over.
            Err(_) if at >= time => {}
            Err(_) => heard.ended = Some((at, true)),
        }
        break;
    }
    Ok(heard)
}

pub(crate) fn examine(
    edge: &str,
    Opened { key, revision }: Opened<'_>,
    time: Duration,
    tell: &mut dyn FnMut(Finding),
) {
    let url = format!("{edge}/sse/environments/{key}/stream");
    let asked = format!("GET {url} for {} s", time.as_secs());
    match listen(&url, &[], time) {
        Ok(heard) => tell(judge(&heard, &asked, revision)),
        Err(error) => tell(Finding::wrong(
            CHECK,
            asked,
            error,
            "apps hear of no change in real time",
            "let requests under /sse/ through, as far as the edge, for two minutes and without a time-out of their own",
        )),
    }
}

fn judge(heard: &Heard, asked: &str, revision: Revision) -> Finding {
    let seconds = |time: Duration| format!("{:.1} s", time.as_secs_f64());
    let wrong = |came: String, means: &str, todo: &str| Finding::wrong(CHECK, asked, came, means, todo);
    let unbuffered = "let whatever is before the edge pass streams on as they come: no buffering, no compression, no time-out below two minutes";
    if heard.status != 200 || !heard.content_type.starts_with("text/event-stream") {
        return wrong(
            format!("{} with content-type: {}", heard.status, heard.content_type),
            "some SDKs connect again hundreds of times a second where a stream is refused; the edge refuses none",
            "see what answers this path in place of the edge",
        );
    }
    if !heard.content_encoding.is_empty() {
        return wrong(
            format!("content-encoding: {}", heard.content_encoding),
            "some SDKs cannot read a compressed stream, and compressors hold events back",
            unbuffered,
        );
    }
    let Some(first) = heard.first.filter(|first| *first <= FIRST) else {
        return wrong(
            heard
                .first
                .map_or("no byte".to_owned(), |first| format!("the first byte after {}", seconds(first))),
            "something on the way holds the stream back, so apps hear of changes late or never",
            unbuffered,
        );
    };
    if heard.silence > SILENCE {
        return wrong(
            format!("silence for {}", seconds(heard.silence)),
            "the edge writes every ten seconds: something on the way holds that back, and proxies close silent connections",
            unbuffered,
        );
    }
    if let Some((at, broke_off)) = heard.ended
        && (broke_off || at < SHORTEST)
    {
        let how = if broke_off { "broke off" } else { "ended" };
        return wrong(
            format!("it {how} after {}", seconds(at)),
            "an edge ends a stream after 25 to 45 seconds, by default, and cleanly; clients connect again at each end",
            "let whatever is before the edge keep streams open; in the settings, see `stream_seconds` and `join_seconds`",
        );
    }
    match (heard.revisions.first(), heard.revisions.last()) {
        (None, _) => wrong(
            format!("the first byte after {}, and no event", seconds(first)),
            "the edge begins with the current revision, so that clients that were away hear of what they missed",
            unbuffered,
        ),
        (_, Some(last)) if *last < revision.0 => wrong(
            format!("revision {last}, and flags of revision {revision}"),
            "the stream is of another POP or of another service than the flags",
            "send flags and streams of a client to the same edge",
        ),
        (Some(revision), _) => Finding::sound(
            CHECK,
            asked,
            format!(
                "the first byte after {}, revision {revision}, silence of {} at most",
                seconds(first),
                seconds(heard.silence)
            ),
        ),
    }
}
