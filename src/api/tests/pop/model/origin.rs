//! The origin of change signals, as one POP sees it.

use std::collections::VecDeque;
use std::time::Duration;

use api::{Revision, signal};

const PING: Duration = Duration::from_secs(2);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OriginState {
    Up,
    Stalled,
    Down,
}

pub(crate) struct Origin {
    pub(crate) state: OriginState,
    /// The tokens of which a stream needs one; none if streams are open.
    edge_tokens: &'static [&'static str],
    latest: Option<u64>,
    /// The streams that are connected: what was sent and is not read yet. By number.
    streams: Vec<Option<VecDeque<u8>>>,
    pinged: Duration,
    /// Requests that it got.
    pub(crate) requests: u32,
    /// Those that had no token that it wants.
    pub(crate) refused: u32,
}

impl Default for Origin {
    fn default() -> Origin {
        Origin {
            state: OriginState::Up,
            edge_tokens: &[],
            latest: None,
            streams: Vec::new(),
            pinged: Duration::ZERO,
            requests: 0,
            refused: 0,
        }
    }
}

impl Origin {
    pub(crate) fn ping_until(&mut self, time: Duration) {
        while self.pinged + PING <= time {
            self.pinged += PING;
            self.send(&signal::comment("ping"));
        }
    }

    /// When the next ping is sent.
    pub(crate) fn next_ping(&self) -> Duration {
        self.pinged + PING
    }

    pub(crate) fn announce(&mut self, revision: u64, ahead: bool) {
        if self.state == OriginState::Down {
            return;
        }
        self.latest = self.latest.max(Some(revision));
        let latest = Revision(self.latest.unwrap());
        self.send(&if ahead { signal::event_ahead(latest) } else { signal::event(latest) });
    }

    pub(crate) fn die(&mut self) {
        (self.state, self.latest) = (OriginState::Down, None);
        self.end_stream();
    }

    pub(crate) fn come_back(&mut self) {
        self.state = OriginState::Up;
    }

    pub(crate) fn stall(&mut self) {
        self.state = OriginState::Stalled;
    }

    pub(crate) fn end_stream(&mut self) {
        self.streams.iter_mut().for_each(|stream| *stream = None);
    }

    /// From now on, streams need one of these tokens.
    pub(crate) fn want(&mut self, edge_tokens: &'static [&'static str]) {
        self.edge_tokens = edge_tokens;
    }

    /// Whether a request with this token gets no stream, which is counted.
    pub(crate) fn refuses(&mut self, token: Option<&str>) -> bool {
        let accepts = |token| self.edge_tokens.contains(&token);
        let refuses =
            self.state == OriginState::Up && !self.edge_tokens.is_empty() && !token.is_some_and(accepts);
        self.refused += u32::from(refuses);
        refuses
    }

    /// Connects; the number of the stream, or nothing if it does not answer.
    pub(crate) fn connect(&mut self) -> Option<usize> {
        if self.state != OriginState::Up {
            return None;
        }
        let mut stream = VecDeque::from(signal::comment("origin").into_bytes());
        stream.extend(self.latest.iter().flat_map(|latest| signal::event(Revision(*latest)).into_bytes()));
        self.streams.push(Some(stream));
        Some(self.streams.len() - 1)
    }

    /// What has arrived of a stream, in pieces of at most so many bytes. Nothing if the stream has ended.
    pub(crate) fn receive(&mut self, stream: usize, most: usize) -> Option<Vec<u8>> {
        let stream = self.streams.get_mut(stream)?.as_mut()?;
        let length = stream.len().min(most);
        Some(stream.drain(..length).collect())
    }

    pub(crate) fn drop_stream(&mut self, stream: usize) {
        if let Some(stream) = self.streams.get_mut(stream) {
            *stream = None;
        }
    }

    fn send(&mut self, frame: &str) {
        if self.state == OriginState::Up {
            for stream in self.streams.iter_mut().flatten() {
                stream.extend(frame.as_bytes());
            }
        }
    }
}
