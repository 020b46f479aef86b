//! One environment at Flagsmith: when it is asked for next, and what there is to say of it.

use api::Secret;
use std::time::Duration;

use crate::flagsmith::Connection;
use crate::source::Place;
use crate::watch::attempt_error::AttemptError;
use crate::watch::backoff::Backoff;
use crate::watch::log_line::LogLine;
use crate::watch::outage::Outage;

use super::fetch::{Answer, AnswerDigest, SeenAnswer};

/// When an environment is asked again that may have changed and shows no change yet.
const SECOND_LOOKS: [Duration; 4] =
    [Duration::from_millis(200), Duration::from_millis(500), Duration::from_secs(1), Duration::from_secs(3)];

/// How often one is asked that may be behind itself, before it is believed, and how soon at the soonest.
const DOUBT_LOOKS: u32 = 8;
const SHORTEST_DOUBT_PAUSE: Duration = Duration::from_millis(200);

/// An environment that is asked for.
#[derive(Debug)]
pub(super) struct Poll {
    pub(super) place: Place,
    pub(super) key: Secret,
    /// Flagsmith's id of it.
    pub(super) number: Option<u64>,
    /// The answer that was seen_answer of last.
    pub(super) seen_answer: Option<SeenAnswer>,
    pub(super) due: Duration,
    pub(super) is_busy: bool,
    /// It is published from elsewhere, and Flagsmith need not know it.
    pub(super) is_elsewhere: bool,
    /// It is not asked before it is known what is stored.
    pub(super) awaits_basis: bool,
    /// What it answers again that was replaced, and since when it answers nothing else.
    doubted: Option<(AnswerDigest, Duration)>,
    /// Somebody said that it may have changed, and it was not asked since.
    pub(super) is_announced: bool,
    /// It may have changed since it was asked.
    changed_meanwhile: bool,
    second_looks: std::slice::Iter<'static, Duration>,
    pub(super) backoff: Backoff,
    pub(super) outage: Outage,
    pub(super) trouble: Option<(String, Duration)>,
}

impl Poll {
    pub(super) fn new(place: Place, key: Secret, now: Duration) -> Poll {
        Poll {
            place,
            key,
            number: None,
            seen_answer: None,
            due: now,
            is_busy: false,
            is_elsewhere: false,
            awaits_basis: false,
            doubted: None,
            is_announced: false,
            changed_meanwhile: false,
            second_looks: [].iter(),
            backoff: Backoff::default(),
            outage: Outage::default(),
            trouble: None,
        }
    }

    /// Whether it is to be asked for when it is due.
    pub(super) fn waits(&self) -> bool {
        !self.is_busy && !self.is_elsewhere
    }

    /// How it is asked: of one that may be behind itself, another process may answer.
    pub(super) fn connection(&self) -> Connection {
        if self.doubted.is_some() { Connection::New } else { Connection::Kept }
    }

    /// Whether an answer is to be seen_answer of: one that is doubted only when no other came for a whole interval. Until then
    /// it is asked again, sooner than usual.
    pub(super) fn believes(&mut self, answer: &Answer, now: Duration, interval: Duration) -> bool {
        let Some(doubt) = answer.doubt else {
            self.doubted = None;
            return true;
        };
        let digest = &answer.seen_answer.digest;
        let doubted = self.doubted.take().filter(|(doubted, _)| doubted == digest);
        let (digest, since) = doubted.unwrap_or_else(|| (digest.clone(), now));
        let lasts = doubt.lasts(interval);
        if now >= since + lasts {
            return true;
        }
        let pause = (lasts / DOUBT_LOOKS).max(SHORTEST_DOUBT_PAUSE);
        self.due = self.due.min(now + pause).min(since + lasts);
        self.doubted = Some((digest, since));
        false
    }

    /// It answers what it answered before.
    pub(super) fn repeats_itself(&mut self) {
        self.doubted = None;
    }

    /// What speaks against what is stored, and since when.
    pub(super) fn trouble(&self) -> Option<(String, Duration)> {
        let doubt = self.doubted.as_ref().map(|(_, since)| {
            let why = "Flagsmith may be behind itself: what it answers goes back behind what is stored, so it is asked \
                       again, and believed if it says nothing else for a while";
            (why.to_owned(), *since)
        });
        self.trouble.clone().or(doubt)
    }

    /// Who is asked first of those that are due: a Flagsmith that is slow has more to do with what somebody seen_answer of than
    /// with questions of routine, as long as those are not late by a whole interval.
    pub(super) fn rank(&self, now: Duration, interval: Duration) -> (bool, Duration) {
        let can_wait = !self.is_announced && now < self.due() + interval;
        (can_wait, self.due())
    }

    pub(super) fn due(&self) -> Duration {
        self.due.max(self.backoff.not_before())
    }

    pub(super) fn changed(&mut self, now: Duration) {
        self.due = now;
        self.is_announced = true;
        self.changed_meanwhile = self.is_busy;
        self.second_looks = SECOND_LOOKS.iter();
        self.backoff.hurry(now);
    }

    pub(super) fn answered(&mut self, now: Duration, interval: Duration, is_new: bool) -> Vec<LogLine> {
        self.backoff.came_to(&[], now, 0);
        self.trouble = None;
        if is_new {
            self.second_looks = [].iter();
        }
        self.due = if std::mem::take(&mut self.changed_meanwhile) {
            self.second_looks = SECOND_LOOKS.iter();
            now
        } else {
            now + self.second_looks.next().copied().unwrap_or(interval).min(interval)
        };
        let recovered = self.outage.end(now).map(|outage| format!("recovered {outage}"));
        recovered.into_iter().map(|line| LogLine::info_of(&self.place, line)).collect()
    }

    pub(super) fn failed(&mut self, failure: AttemptError, now: Duration, chance: u64) -> Vec<LogLine> {
        self.changed_meanwhile = false;
        self.due = now;
        if self.is_elsewhere {
            return Vec::new();
        }
        self.outage.tried(now);
        let news = self.outage.failed(&failure, now).map(LogLine::warning);
        let since = self.trouble.as_ref().map_or(now, |(_, since)| *since);
        self.trouble = Some((failure.text.clone(), since));
        self.backoff.came_to(&[failure], now, chance);
        news.into_iter().collect()
    }
}
