//! One environment: what it is owed, when that may be done, and what there is to say about it.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::report::{Done, Published, Trouble};
use crate::server_keys::ServerKeySource;
use crate::source::Source;
use crate::watch::failure::Failure;
use crate::watch::job::{Finished, Job, Owed};
use crate::watch::news::News;
use crate::watch::pace::Pace;
use crate::watch::spell::Spell;

/// A KV key takes one write a second. Counted from the end of a publication, so that revisions, which are whole
/// seconds, never run ahead of the clock.
const BETWEEN_WRITES: Duration = Duration::from_secs(1);

/// An environment that is published from a file.
#[derive(Debug)]
pub(crate) struct Environment {
    file: PathBuf,
    source: Arc<Source>,
    server_keys: Vec<ServerKeySource>,
    owed: Owed,
    is_at_work: bool,
    was_tried: bool,
    next_write: Duration,
    storing: Pace,
    telling: Pace,
    spell: Spell,
}

impl Environment {
    /// One that is to be published.
    pub(crate) fn new(file: PathBuf, source: Arc<Source>, server_keys: Vec<ServerKeySource>) -> Environment {
        let owed = Owed { document: true, server_keys: !server_keys.is_empty(), untold: None };
        Environment {
            file,
            source,
            server_keys,
            owed,
            is_at_work: false,
            was_tried: false,
            next_write: Duration::ZERO,
            storing: Pace::default(),
            telling: Pace::default(),
            spell: Spell::default(),
        }
    }

    /// It is to be published anew; what was not published yet is superseded.
    pub(crate) fn publish(&mut self, file: PathBuf, source: Arc<Source>) {
        self.file = file;
        self.source = source;
        self.owed.document = true;
    }

    /// It is to have these server-side keys.
    pub(crate) fn has_server_keys(&mut self, server_keys: Vec<ServerKeySource>) {
        if self.server_keys != server_keys {
            self.server_keys = server_keys;
            self.owed.server_keys = true;
        }
    }

    pub(crate) fn is_at_work(&self) -> bool {
        self.is_at_work
    }

    pub(crate) fn was_tried(&self) -> bool {
        self.was_tried
    }

    /// Whether its last try failed, or a part of it did.
    pub(crate) fn is_failing(&self) -> bool {
        self.spell.is_on()
    }

    pub(crate) fn owes_nothing(&self) -> bool {
        !self.is_at_work && self.owed.is_nothing()
    }

    /// When there is something to do for it.
    pub(crate) fn due(&self) -> Option<Duration> {
        if self.is_at_work {
            return None;
        }
        let store = (self.owed.document || self.owed.server_keys).then(|| self.may_store());
        let tell = self.owed.untold.map(|_| self.telling.not_before());
        store.into_iter().chain(tell).min()
    }

    fn may_store(&self) -> Duration {
        self.storing.not_before().max(self.next_write)
    }

    /// What is to be done now. What comes in from here on is owed again.
    pub(crate) fn begin(&mut self, now: Duration) -> Job {
        let may_store = self.may_store() <= now;
        let owed = Owed {
            document: self.owed.document && may_store,
            server_keys: self.owed.server_keys && may_store,
            untold: self.owed.untold.filter(|_| self.telling.not_before() <= now),
        };
        self.owed.document &= !owed.document;
        self.owed.server_keys &= !owed.server_keys;
        self.is_at_work = true;
        Job { source: Arc::clone(&self.source), server_keys: self.server_keys.clone(), owed }
    }

    /// Takes in what came of it. `chance` spreads what is tried again.
    pub(crate) fn end(&mut self, finished: Finished, now: Duration, chance: u64) -> Vec<News> {
        let Finished { published, server_keys, told, .. } = finished;
        self.is_at_work = false;
        self.was_tried = true;
        let mut news = Vec::new();
        let mut failures = Vec::new();
        let stored = published.is_some() || server_keys.is_some();
        let wrote_none = published.is_none();
        match published {
            Some(Ok(published)) => news.extend(self.news_of(&published)),
            Some(Err(Trouble::Store(failed))) => {
                self.owed.document = true;
                failures.push(Failure::of_store(&failed));
            }
            Some(Err(refusal)) => {
                let line = format!("{refusal}. What is stored goes on being served");
                news.push(News::trouble_of(&self.file, line));
            }
            None => {}
        }
        if let Some(report) = server_keys {
            let failed = Failure::of_keys(&report);
            self.owed.server_keys |= !failed.is_empty();
            failures.extend(failed);
            if report.written > 0 {
                let keys = if report.written == 1 { "key" } else { "keys" };
                let line = format!("{} server-side {keys} written", report.written);
                news.push(News::good_of(&self.file, line));
            }
        }
        if stored {
            self.next_write = now + BETWEEN_WRITES;
            self.storing.came_to(&failures, now, chance);
        }
        if let Some(told) = told {
            let failed: Vec<Failure> = told.failed.iter().map(Failure::of_call).collect();
            self.telling.came_to(&failed, now, chance);
            self.owed.untold = told.left;
            if wrote_none && told.left.is_none() {
                let (key, revision) = (&self.source.key, told.revision);
                let line = format!("environment `{key}`: revision {revision} is announced now");
                news.push(News::good_of(&self.file, line));
            }
            failures.extend(failed);
        }
        news.extend(self.news_of_spell(&failures, now));
        news
    }

    fn news_of(&self, published: &Published) -> Vec<News> {
        let warnings = published.warnings.iter().map(|warning| format!("warning: {warning}"));
        let odd = published.odd.iter().map(|odd| format!("warning: {odd}"));
        let mut news: Vec<News> =
            warnings.chain(odd).map(|line| News::trouble_of(&self.file, line)).collect();
        let (key, revision) = (&self.source.key, published.revision);
        let size = published.bytes.map_or(String::new(), |bytes| format!(", {bytes} bytes"));
        news.push(News::good_of(
            &self.file,
            match published.done {
                Done::Written => format!("published environment `{key}` as revision {revision}{size}"),
                Done::Unchanged => format!("unchanged: environment `{key}` is stored as revision {revision}"),
                Done::Planned => format!("would publish environment `{key}` as revision {revision}{size}"),
            },
        ));
        news
    }

    fn news_of_spell(&mut self, failures: &[Failure], now: Duration) -> Vec<News> {
        if !failures.is_empty() {
            self.spell.tried(now);
            let said = failures.iter().filter_map(|failure| self.spell.failed(failure, now));
            return said.map(|line| News::trouble_of(&self.file, line)).collect();
        }
        if !self.owed.is_nothing() {
            return Vec::new();
        }
        let recovered = self.spell.end(now).map(|spell| format!("recovered {spell}"));
        recovered.into_iter().map(|line| News::good_of(&self.file, line)).collect()
    }
}
