//! Which file an environment is published from, as files come, change, break and go.
//!
//! An environment has one file at a time: of two that hold it, the first. What a broken file held before it broke
//! stays valid, and nothing is ever removed because a file is.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use api::EnvironmentKey;

use crate::source::Source;
use crate::watch::files::{Seen, State};
use crate::watch::news::News;

/// Whoever is writing a file gets this long to come to its end, before it is said that what stands in it is broken.
const BROKEN_AFTER: Duration = Duration::from_secs(1);

/// What is known of files, and which environment is whose.
#[derive(Debug, Default)]
pub(crate) struct Claims {
    files: BTreeMap<PathBuf, Known>,
    owners: BTreeMap<EnvironmentKey, PathBuf>,
}

#[derive(Debug, Default)]
struct Known {
    /// The last that could be read and understood.
    source: Option<Arc<Source>>,
    is_there: bool,
    broken: Option<Broken>,
}

/// What is wrong with a file's content, since when; not said yet.
#[derive(Debug)]
struct Broken {
    why: String,
    since: Duration,
}

/// An environment that is to be published from a file.
#[derive(Debug)]
pub(crate) struct Wish {
    pub(crate) file: PathBuf,
    pub(crate) source: Arc<Source>,
}

/// What follows from what was seen.
#[derive(Debug, Default)]
pub(crate) struct Followed {
    pub(crate) wishes: Vec<Wish>,
    pub(crate) news: Vec<News>,
}

impl Claims {
    pub(crate) fn saw(&mut self, seen: Seen, now: Duration) -> Followed {
        let Seen { file, state } = seen;
        let known = self.files.entry(file.clone()).or_default();
        let broken = |why| Some(Broken { why, since: now });
        match state {
            State::Content(text) => {
                known.is_there = true;
                match Source::parse(&file, &text) {
                    Ok(source) => {
                        known.broken = None;
                        return self.holds(&file, Arc::new(source));
                    }
                    Err(fault) => known.broken = broken(fault.to_string()),
                }
            }
            State::Unreadable(why) => {
                known.is_there = true;
                known.broken = broken(format!("{}: could not be read: {why}", file.display()));
            }
            State::Missing => known.is_there = false,
            State::Gone => return self.is_gone(&file),
        }
        Followed::default()
    }

    /// What is broken for so long that it will hardly be whole in a moment.
    pub(crate) fn broken(&mut self, now: Duration) -> Vec<News> {
        let mut news = Vec::new();
        for known in self.files.values_mut() {
            if let Some(broken) = known.broken.take_if(|broken| now >= broken.since + BROKEN_AFTER) {
                let published = known.source.as_ref();
                let line = match published.map(|source| &source.key) {
                    Some(key) => {
                        format!("{}; environment `{key}` stays as it was before", broken.why)
                    }
                    None => broken.why,
                };
                news.push(News::trouble(line));
            }
        }
        news
    }

    /// When [`Claims::broken`] may have something.
    pub(crate) fn due(&self) -> Option<Duration> {
        let broken = self.files.values().filter_map(|known| known.broken.as_ref());
        broken.map(|broken| broken.since + BROKEN_AFTER).min()
    }

    /// A file holds an environment now.
    fn holds(&mut self, file: &Path, source: Arc<Source>) -> Followed {
        let key = source.key.clone();
        let before = self.files.entry(file.to_owned()).or_default().source.replace(Arc::clone(&source));
        let mut followed = match before.filter(|before| before.key != key) {
            Some(before) => self.leaves(file, &before.key, &format!("holds environment `{key}` now")),
            None => Followed::default(),
        };
        let owner = self.owners.get(&key).filter(|owner| *owner != file);
        let is_there = |owner: &PathBuf| self.files.get(owner).is_some_and(|known| known.is_there);
        match owner {
            Some(owner) if is_there(owner) => {
                let why = format!("environment `{key}` is that of {} too", owner.display());
                let line = format!("api_key: {why}, from which it goes on being published");
                followed.news.push(News::trouble_of(file, line));
                return followed;
            }
            Some(owner) => {
                let line = format!("holds environment `{key}` in place of {}", owner.display());
                followed.news.push(News::good_of(file, line));
            }
            None => {}
        }
        self.owners.insert(key, file.to_owned());
        followed.wishes.push(Wish { file: file.to_owned(), source });
        followed
    }

    fn is_gone(&mut self, file: &Path) -> Followed {
        match self.files.remove(file).and_then(|known| known.source) {
            Some(source) => self.leaves(file, &source.key, "is gone"),
            None => Followed::default(),
        }
    }

    /// A file holds an environment no more. Another that does takes its place.
    fn leaves(&mut self, file: &Path, key: &EnvironmentKey, how: &str) -> Followed {
        if self.owners.get(key).is_none_or(|owner| owner != file) {
            return Followed::default();
        }
        self.owners.remove(key);
        let heir = self.files.iter().find_map(|(file, known)| {
            let source = known.source.as_ref().filter(|source| known.is_there && source.key == *key)?;
            Some(Wish { file: file.clone(), source: Arc::clone(source) })
        });
        let (line, wishes) = match heir {
            Some(heir) => {
                self.owners.insert(key.clone(), heir.file.clone());
                let heir_name = heir.file.display();
                (format!("{how}; environment `{key}` is published from {heir_name}"), vec![heir])
            }
            None => {
                let line = format!(
                    "{how}; environment `{key}` goes on being served as it is, until `jackstaff unpublish {key}`"
                );
                (line, Vec::new())
            }
        };
        Followed { wishes, news: vec![News::trouble_of(file, line)] }
    }
}
