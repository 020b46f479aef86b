//! One environment at Flagsmith: when it is asked for next, and what there is to say of it.

use std::time::Duration;

use crate::source::Place;
use crate::target::Secret;
use crate::watch::failure::Failure;
use crate::watch::news::News;
use crate::watch::pace::Pace;
use crate::watch::spell::Spell;

/// When an environment is asked again that may have changed and shows no change yet.
const SECOND_LOOKS: [Duration; 4] =
    [Duration::from_millis(200), Duration::from_millis(500), Duration::from_secs(1), Duration::from_secs(3)];

/// An environment that is asked for.
#[derive(Debug)]
pub(super) struct Poll {
    pub(super) place: Place,
    pub(super) key: Secret,
    /// Flagsmith's id of it.
    pub(super) number: Option<u64>,
    /// SHA-256 of the text that was told last.
    pub(super) told: Option<String>,
    pub(super) due: Duration,
    pub(super) is_busy: bool,
    /// It is published from elsewhere, and Flagsmith need not know it.
    pub(super) rests: bool,
    /// It may have changed since it was asked.
    changed_meanwhile: bool,
    second_looks: std::slice::Iter<'static, Duration>,
    pub(super) pace: Pace,
    pub(super) spell: Spell,
    pub(super) trouble: Option<(String, Duration)>,
}

impl Poll {
    pub(super) fn new(place: Place, key: Secret, now: Duration) -> Poll {
        Poll {
            place,
            key,
            number: None,
            told: None,
            due: now,
            is_busy: false,
            rests: false,
            changed_meanwhile: false,
            second_looks: [].iter(),
            pace: Pace::default(),
            spell: Spell::default(),
            trouble: None,
        }
    }

    /// Whether it is to be asked for when it is due.
    pub(super) fn waits(&self) -> bool {
        !self.is_busy && !self.rests
    }

    pub(super) fn due(&self) -> Duration {
        self.due.max(self.pace.not_before())
    }

    pub(super) fn changed(&mut self, now: Duration) {
        self.due = now;
        self.changed_meanwhile = self.is_busy;
        self.second_looks = SECOND_LOOKS.iter();
        self.pace.hurry(now);
    }

    pub(super) fn answered(&mut self, now: Duration, interval: Duration, is_new: bool) -> Vec<News> {
        self.pace.came_to(&[], now, 0);
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
        let recovered = self.spell.end(now).map(|spell| format!("recovered {spell}"));
        recovered.into_iter().map(|line| News::good_of(&self.place, line)).collect()
    }

    pub(super) fn failed(&mut self, failure: Failure, now: Duration, chance: u64) -> Vec<News> {
        self.changed_meanwhile = false;
        self.due = now;
        if self.rests {
            return Vec::new();
        }
        self.spell.tried(now);
        let news = self.spell.failed(&failure, now).map(News::trouble);
        let since = self.trouble.as_ref().map_or(now, |(_, since)| *since);
        self.trouble = Some((failure.text.clone(), since));
        self.pace.came_to(&[failure], now, chance);
        news.into_iter().collect()
    }
}
