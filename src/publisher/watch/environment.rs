//! One environment: what it is owed, when that may be done, and what there is to say about it.

use std::mem::take;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use api::Revision;

use crate::report::{Done, Published, Trouble};
use crate::server_keys::{ServerKeySource, ServerKeysReport};
use crate::source::Source;
use crate::watch::failure::Failure;
use crate::watch::job::{Outcome, Task};
use crate::watch::lane::Lane;
use crate::watch::news::News;
use crate::watch::spell::Spell;

/// A KV key takes one write a second. Counted from the end of a write, so that revisions, which are whole seconds,
/// never run ahead of the clock.
const BETWEEN_WRITES: Duration = Duration::from_secs(1);

/// An environment that is published from a file.
#[derive(Debug)]
pub(crate) struct Environment {
    file: PathBuf,
    source: Arc<Source>,
    server_keys: Vec<ServerKeySource>,
    owed: Owed,
    storing: Lane,
    purging: Lane,
    announcing: Lane,
    spell: Spell,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Owed {
    document: bool,
    server_keys: bool,
    purge: bool,
    announcement: Option<Revision>,
}

/// Which work may be begun.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Allowed {
    /// All of it.
    All,
    /// What is not likely to take long: all but announcements, and but what failed last time.
    Swift,
    /// What belongs to a write that was made.
    Telling,
}

/// A kind of work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Store,
    Purge,
    Announce,
}

const KINDS: [Kind; 3] = [Kind::Store, Kind::Purge, Kind::Announce];

impl Environment {
    /// One that is to be published.
    pub(crate) fn new(file: PathBuf, source: Arc<Source>, server_keys: Vec<ServerKeySource>) -> Environment {
        let owed =
            Owed { document: true, server_keys: !server_keys.is_empty(), purge: false, announcement: None };
        Environment {
            file,
            source,
            server_keys,
            owed,
            storing: Lane::default(),
            purging: Lane::default(),
            announcing: Lane::default(),
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

    /// How much is under way for it, and how much of that may take long.
    pub(crate) fn under_way(&self) -> (usize, usize) {
        let busy = KINDS.into_iter().filter(|kind| self.lane(*kind).is_busy());
        busy.fold((0, 0), |(busy, slow), kind| (busy + 1, slow + usize::from(self.may_be_slow(kind))))
    }

    /// Whether all that it is owed was tried at least.
    pub(crate) fn was_tried(&self) -> bool {
        KINDS.into_iter().all(|kind| {
            let lane = self.lane(kind);
            !lane.is_busy() && (!self.is_owed(kind) || lane.is_failing())
        })
    }

    pub(crate) fn is_settled(&self) -> bool {
        KINDS.into_iter().all(|kind| !self.lane(kind).is_busy() && !self.is_owed(kind))
    }

    /// When there is something to do for it.
    pub(crate) fn due(&self, allowed: Allowed) -> Option<Duration> {
        self.first(allowed).map(|(due, _)| due)
    }

    /// What is to be done for it first. What comes in from here on is owed again.
    pub(crate) fn begin(&mut self, allowed: Allowed) -> Option<Task> {
        let (_, kind) = self.first(allowed)?;
        self.lane_mut(kind).begin();
        Some(match kind {
            Kind::Store => Task::Store {
                document: take(&mut self.owed.document).then(|| Arc::clone(&self.source)),
                server_keys: take(&mut self.owed.server_keys).then(|| self.server_keys.clone()),
            },
            Kind::Purge => {
                self.owed.purge = false;
                Task::Purge
            }
            Kind::Announce => Task::Announce(self.owed.announcement.take()?),
        })
    }

    /// Takes in what came of it. `chance` spreads what is tried again.
    pub(crate) fn end(&mut self, outcome: Outcome, now: Duration, chance: u64) -> Vec<News> {
        let (mut news, failures) = match outcome {
            Outcome::Stored { published, server_keys } => {
                let (news, failures) = self.stored(published, server_keys, now);
                self.storing.end(&failures, BETWEEN_WRITES, now, chance);
                (news, failures)
            }
            Outcome::Purged(result) => {
                let failures: Vec<Failure> = result.err().iter().map(Failure::of_call).collect();
                self.owed.purge |= !failures.is_empty();
                self.purging.end(&failures, Duration::ZERO, now, chance);
                (Vec::new(), failures)
            }
            Outcome::Announced(revision, result) => {
                let failures: Vec<Failure> = result.err().iter().map(Failure::of_call).collect();
                let mut news = Vec::new();
                if failures.is_empty() && self.announcing.is_failing() {
                    let key = &self.source.key;
                    let line = format!("environment `{key}`: revision {revision} is announced now");
                    news.push(News::good_of(&self.file, line));
                }
                if !failures.is_empty() {
                    // Unless there is something newer to announce by now.
                    self.owed.announcement.get_or_insert(revision);
                }
                self.announcing.end(&failures, Duration::ZERO, now, chance);
                (news, failures)
            }
        };
        news.extend(self.news_of_spell(&failures, now));
        news
    }

    fn stored(
        &mut self,
        published: Option<Result<Published, Trouble>>,
        server_keys: Option<ServerKeysReport>,
        now: Duration,
    ) -> (Vec<News>, Vec<Failure>) {
        let mut news = Vec::new();
        let mut failures = Vec::new();
        match published {
            Some(Ok(published)) => {
                news.extend(self.news_of(&published));
                if published.done != Done::Planned {
                    self.owed.purge = true;
                    self.owed.announcement = Some(published.revision);
                    // Who did not listen may do so now.
                    self.purging.hurry(now);
                    self.announcing.hurry(now);
                }
            }
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
        (news, failures)
    }

    fn news_of(&self, published: &Published) -> Vec<News> {
        let warnings = published.warnings.iter().map(|warning| format!("warning: {warning}"));
        let odd = published.odd.iter().map(|odd| format!("warning: {odd}"));
        let mut news: Vec<News> =
            warnings.chain(odd).map(|line| News::trouble_of(&self.file, line)).collect();
        news.push(News::good_of(&self.file, published.sentence(&self.source.key)));
        news
    }

    fn news_of_spell(&mut self, failures: &[Failure], now: Duration) -> Vec<News> {
        if !failures.is_empty() {
            self.spell.tried(now);
            let said = failures.iter().filter_map(|failure| self.spell.failed(failure, now));
            return said.map(|line| News::trouble_of(&self.file, line)).collect();
        }
        let recovered = if self.is_settled() { self.spell.end(now) } else { None };
        let line = recovered.map(|spell| format!("recovered {spell}"));
        line.into_iter().map(|line| News::good_of(&self.file, line)).collect()
    }

    /// What is due first, and when.
    fn first(&self, allowed: Allowed) -> Option<(Duration, Kind)> {
        let wanted = KINDS.into_iter().filter(|kind| self.is_owed(*kind) && self.is_allowed(*kind, allowed));
        wanted.filter_map(|kind| Some((self.lane(kind).due()?, kind))).min_by_key(|(due, _)| *due)
    }

    fn is_allowed(&self, kind: Kind, allowed: Allowed) -> bool {
        // An announcement makes relays look, so POPs are to be purged before; but not for ever.
        let is_purged = (!self.owed.purge && !self.purging.is_busy()) || self.purging.is_failing();
        let is_its_turn = kind != Kind::Announce || is_purged;
        is_its_turn
            && match allowed {
                Allowed::All => true,
                Allowed::Swift => !self.may_be_slow(kind),
                Allowed::Telling => kind != Kind::Store && !self.lane(kind).is_failing(),
            }
    }

    fn may_be_slow(&self, kind: Kind) -> bool {
        kind == Kind::Announce || self.lane(kind).is_failing()
    }

    fn is_owed(&self, kind: Kind) -> bool {
        match kind {
            Kind::Store => self.owed.document || self.owed.server_keys,
            Kind::Purge => self.owed.purge,
            Kind::Announce => self.owed.announcement.is_some(),
        }
    }

    fn lane(&self, kind: Kind) -> &Lane {
        match kind {
            Kind::Store => &self.storing,
            Kind::Purge => &self.purging,
            Kind::Announce => &self.announcing,
        }
    }

    fn lane_mut(&mut self, kind: Kind) -> &mut Lane {
        match kind {
            Kind::Store => &mut self.storing,
            Kind::Purge => &mut self.purging,
            Kind::Announce => &mut self.announcing,
        }
    }
}
