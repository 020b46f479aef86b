//! One environment at Flagsmith: when it is asked for next, and what is logged of it.

use std::time::Duration;

use jiff::Timestamp;

use crate::flagsmith::Connection;
use crate::server_keys::KeyChoice;
use crate::source::Place;
use crate::watch::attempt_error::AttemptError;
use crate::watch::backoff::Backoff;
use crate::watch::log_line::LogLine;
use crate::watch::outage::Outage;

use super::fetch::{Answer, AnswerDigest, SeenAnswer};

/// When an environment is asked for again that may have changed and shows no change yet.
const SECOND_LOOKS: [Duration; 4] =
    [Duration::from_millis(200), Duration::from_millis(500), Duration::from_secs(1), Duration::from_secs(3)];

/// The same after a signal that came soon after another.
const LATE_LOOKS: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(3)];
/// How often signals make an environment be asked for. A signed webhook can be sent again by anybody who has seen it.
const BETWEEN_SIGNALS: Duration = Duration::from_secs(1);

/// How often a doubtful answer is asked for again before it is believed, and how soon at the soonest.
const DOUBT_LOOKS: u32 = 8;
const SHORTEST_DOUBT_PAUSE: Duration = Duration::from_millis(200);
/// How many answers have to be the same at least. While most requests fail, two answers that are out of date are all that a
/// long time shows.
const SAME_ANSWERS: u32 = 4;

/// An environment that is asked for.
#[derive(Debug)]
pub(super) struct Poll {
    pub(super) place: Place,
    pub(super) keys: KeyChoice,
    /// No key opens it any more.
    is_closed: bool,
    /// Flagsmith's id of it.
    pub(super) number: Option<u64>,
    /// The answer that was reported last.
    pub(super) seen_answer: Option<SeenAnswer>,
    pub(super) due: Duration,
    pub(super) is_busy: bool,
    /// It is published from another place, and Flagsmith need not have it.
    pub(super) is_elsewhere: bool,
    /// It is not asked for before it is known what is stored.
    pub(super) awaits_basis: bool,
    doubted: Option<Doubted>,
    /// There was a signal that it may have changed, and it was not asked for since.
    pub(super) is_announced: bool,
    /// When it was asked for, or will be, on account of a signal.
    signalled: Option<Duration>,
    /// The same, while that is still to come.
    late_look: Option<Duration>,
    /// It may have changed since it was asked.
    changed_meanwhile: bool,
    second_looks: std::slice::Iter<'static, Duration>,
    pub(super) backoff: Backoff,
    pub(super) outage: Outage,
    pub(super) trouble: Option<(String, Duration)>,
}

/// An answer that may be out of date.
#[derive(Debug)]
struct Doubted {
    digest: AnswerDigest,
    /// Since when there was no other.
    since: Duration,
    /// How often it came, one after the other.
    answers: u32,
}

impl Poll {
    pub(super) fn new(place: Place, keys: KeyChoice, now: Duration) -> Poll {
        Poll {
            place,
            keys,
            is_closed: false,
            number: None,
            seen_answer: None,
            due: now,
            is_busy: false,
            is_elsewhere: false,
            awaits_basis: false,
            doubted: None,
            is_announced: false,
            signalled: None,
            late_look: None,
            changed_meanwhile: false,
            second_looks: [].iter(),
            backoff: Backoff::default(),
            outage: Outage::default(),
            trouble: None,
        }
    }

    /// Whether it is to be asked for when it is due.
    pub(super) fn waits(&self) -> bool {
        !self.is_busy && !self.is_elsewhere && !self.is_closed
    }

    /// Takes other keys of the manifest.
    pub(super) fn set_keys(&mut self, keys: KeyChoice, now: Duration) {
        self.keys = keys;
        self.due = now;
        self.backoff = Backoff::default();
    }

    /// Whether any key opens it now; a change is logged.
    pub(super) fn check_keys(&mut self, time: Timestamp, now: Duration) -> Option<LogLine> {
        let is_closed = !self.is_elsewhere && !self.keys.any_opens(time);
        if is_closed == self.is_closed {
            return None;
        }
        self.is_closed = is_closed;
        if is_closed {
            let why = format!("{}; what was published stays served", self.keys.why_none(time));
            self.trouble = Some((format!("{}: {why}", self.place), now));
            return Some(LogLine::warning_of(&self.place, &why));
        }
        self.trouble = None;
        self.due = now;
        None
    }

    /// Takes in that the source refused the key of this number. With another key it is asked for again at once; otherwise it
    /// has failed.
    pub(super) fn refused(
        &mut self,
        number: usize,
        error: AttemptError,
        time: Timestamp,
        now: Duration,
        chance: u64,
    ) -> Vec<LogLine> {
        let Some(next) = self.keys.refuse(number, time) else { return self.failed(error, now, chance) };
        self.due = now;
        // While all of them are refused, this was logged before.
        if self.trouble.is_some() || self.is_elsewhere {
            return Vec::new();
        }
        let line = format!(
            "server-side key {number} of the manifest was refused ({}), so key {} is asked with from now on",
            error.kind, next.number
        );
        vec![LogLine::warning_of(&self.place, &line)]
    }

    /// How it is asked for. After a doubtful answer over a new connection, which may lead to another process.
    pub(super) fn connection(&self) -> Connection {
        if self.doubted.is_some() { Connection::New } else { Connection::Kept }
    }

    /// Whether an answer is believed: a doubtful one only when it came several times, and there was no other for a while. Until
    /// then it is asked for again, sooner than usual.
    pub(super) fn believes(&mut self, answer: &Answer, now: Duration, interval: Duration) -> bool {
        let Some(doubt) = answer.doubt else {
            self.doubted = None;
            return true;
        };
        let digest = &answer.seen_answer.digest;
        let before = self.doubted.take().filter(|doubted| doubted.digest == *digest);
        let mut doubted =
            before.unwrap_or_else(|| Doubted { digest: digest.clone(), since: now, answers: 0 });
        doubted.answers += 1;
        let lasts = doubt.lasts(interval);
        let believed_from = doubted.since + lasts;
        if now >= believed_from && doubted.answers >= SAME_ANSWERS {
            return true;
        }
        let pause = (lasts / DOUBT_LOOKS).max(SHORTEST_DOUBT_PAUSE);
        let next = now + pause;
        self.due = self.due.min(if now < believed_from { next.min(believed_from) } else { next });
        self.doubted = Some(doubted);
        false
    }

    /// The answer is the one that was reported last.
    pub(super) fn repeats_itself(&mut self) {
        self.doubted = None;
    }

    /// What is wrong, and since when.
    pub(super) fn trouble(&self) -> Option<(String, Duration)> {
        let doubt = self.doubted.as_ref().map(|doubted| {
            let why = "Flagsmith's answer is older than what is stored, by its updated_at, so it may be out of date: it is asked for \
                       again, and believed if the answer stays the same for a while";
            (why.to_owned(), doubted.since)
        });
        self.trouble.clone().or(doubt)
    }

    /// The order of those that are due: with a slow Flagsmith, those with a signal come first, as long as the others are not
    /// late by a whole interval.
    pub(super) fn rank(&self, now: Duration, interval: Duration) -> (bool, Duration) {
        let is_signalled = self.is_announced || self.late_look.is_some_and(|late| late <= now);
        let can_wait = !is_signalled && now < self.due() + interval;
        (can_wait, self.due())
    }

    pub(super) fn due(&self) -> Duration {
        let due = self.late_look.map_or(self.due, |late| late.min(self.due));
        due.max(self.backoff.not_before())
    }

    /// There is a signal that it may have changed.
    pub(super) fn changed(&mut self, now: Duration) {
        self.backoff.hurry(now);
        if self.late_look.is_some() {
            return;
        }
        let next = self.signalled.map_or(now, |before| before + BETWEEN_SIGNALS);
        self.signalled = Some(next.max(now));
        if next > now {
            // One look for all signals that come until then.
            self.late_look = Some(next);
            return;
        }
        self.due = now;
        self.is_announced = true;
        self.changed_meanwhile = self.is_busy;
        self.second_looks = SECOND_LOOKS.iter();
    }

    /// It is being asked for now.
    pub(super) fn begins(&mut self, now: Duration) {
        self.is_busy = true;
        self.is_announced = false;
        if self.late_look.is_some_and(|late| late <= now) {
            self.late_look = None;
            self.second_looks = LATE_LOOKS.iter();
        }
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
        let lines = self.outage.failed(&failure, now).map(LogLine::warning);
        let since = self.trouble.as_ref().map_or(now, |(_, since)| *since);
        self.trouble = Some((failure.text.clone(), since));
        self.backoff.came_to(&[failure], now, chance);
        lines.into_iter().collect()
    }
}
