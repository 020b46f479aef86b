//! What came of what was done for an environment: what it is owed then, and what there is to say about it.

use std::time::Duration;

use super::{Environment, Kind};
use crate::publish::Remembered;
use crate::report::{Done, Published, Trouble};
use crate::server_keys::ServerKeysReport;
use crate::watch::failure::Failure;
use crate::watch::job::Outcome;
use crate::watch::news::News;

/// A KV key takes one write a second. Counted from the end of a write, so that revisions, which are whole seconds,
/// never run ahead of the clock.
const BETWEEN_WRITES: Duration = Duration::from_secs(1);

/// What there is to say after something ended, and whether its document is needed once more.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) news: Vec<News>,
    pub(crate) again: bool,
}

impl Environment {
    /// Takes in what came of it. `chance` spreads what is tried again.
    pub(crate) fn end(&mut self, outcome: Outcome, now: Duration, chance: u64) -> Ended {
        let mut again = false;
        let (mut news, failures) = match outcome {
            Outcome::Stored { published, server_keys } => {
                let (news, failures) = self.stored(published, server_keys, now);
                self.storing.end(&failures, BETWEEN_WRITES, now, chance);
                self.is_stored_already();
                (news, failures)
            }
            Outcome::Checked(is_same) => {
                self.storing.end(&[], Duration::ZERO, now, chance);
                // A look that failed is made up for by the next.
                if is_same.is_ok_and(|is_same| !is_same) {
                    self.remembered = None;
                    again = true;
                }
                self.is_stored_already();
                (Vec::new(), Vec::new())
            }
            Outcome::GivenUp(task, failure) => {
                self.owe(task);
                let failures = vec![failure];
                let lane = self.lane_mut(task);
                lane.end(&failures, BETWEEN_WRITES, now, chance);
                (Vec::new(), failures)
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
                    let line = format!("environment `{}`: revision {revision} is announced now", self.key);
                    news.push(News::good_of(&self.place, line));
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
        self.record.failed(failures);
        self.record.is(self.is_settled(), now);
        if self.is_settled() {
            self.record.succeeded(now);
        }
        Ended { news, again }
    }

    /// What was begun came to no end: all of it is owed again.
    fn owe(&mut self, kind: Kind) {
        match kind {
            Kind::Store => {
                self.remembered = None;
                self.owed.document |= self.source.is_some();
                self.owed.server_keys |= !self.server_keys.is_empty();
            }
            Kind::Purge => self.owed.purge = true,
            Kind::Announce => self.owed.announcement = self.owed.announcement.max(self.record.revision()),
        }
    }

    fn stored(
        &mut self,
        published: Option<Result<(Published, Option<Remembered>), Trouble>>,
        server_keys: Option<ServerKeysReport>,
        now: Duration,
    ) -> (Vec<News>, Vec<Failure>) {
        let mut news = Vec::new();
        let mut failures = Vec::new();
        match published {
            Some(Ok((published, remembered))) => {
                news.extend(self.news_of(&published));
                self.record.published(&published);
                self.remembered = remembered;
                if !self.owed.document {
                    self.source = None;
                }
                if published.done != Done::Planned {
                    // Who starts a thousand environments has calls for other things than that.
                    self.owed.purge |= !published.is_everywhere;
                    self.owed.announcement = Some(published.revision);
                    // Who did not listen may do so now.
                    self.purging.hurry(now);
                    self.announcing.hurry(now);
                }
            }
            Some(Err(Trouble::Store(failed))) => {
                self.owed.document = true;
                self.remembered = None;
                failures.push(Failure::of_store(&failed));
            }
            Some(Err(refusal)) => {
                let line = format!("{refusal}. What is stored goes on being served");
                news.push(News::trouble_of(&self.place, line));
                self.record.refused(refusal.to_string(), now);
                if !self.owed.document {
                    self.source = None;
                }
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
                news.push(News::good_of(&self.place, line));
            }
        }
        (news, failures)
    }

    fn news_of(&self, published: &Published) -> Vec<News> {
        let warnings = published.warnings.iter().map(|warning| format!("warning: {warning}"));
        let odd = published.odd.iter().map(|odd| format!("warning: {odd}"));
        let mut news: Vec<News> =
            warnings.chain(odd).map(|line| News::trouble_of(&self.place, line)).collect();
        news.push(News::good_of(&self.place, published.sentence(&self.key)));
        news
    }

    fn news_of_spell(&mut self, failures: &[Failure], now: Duration) -> Vec<News> {
        if !failures.is_empty() {
            self.spell.tried(now);
            let said = failures.iter().filter_map(|failure| self.spell.failed(failure, now));
            return said.map(|line| News::trouble_of(&self.place, line)).collect();
        }
        let recovered = if self.is_settled() { self.spell.end(now) } else { None };
        let line = recovered.map(|spell| format!("recovered {spell}"));
        line.into_iter().map(|line| News::good_of(&self.place, line)).collect()
    }
}
