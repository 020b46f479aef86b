//! Looks at files, in threads of their own, one for each folder: a mount that hangs, or is slow, delays the files on it and
//! nothing else. These threads alone touch files; the thread that decides sends them orders, and never waits for them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::Duration;

use crate::clock::{Clock, SystemClock};
use crate::source::Place;
use crate::watch::files::{Files, whole};
use crate::watch::log_line::LogLine;
use crate::watch::observation::{Observation, PlaceState};
use crate::watch::ownership::{PlaceProblem, SourceProblem};
use crate::watch::remote::Message;

/// A look that takes longer is a problem: of what changes there, nothing is known. A look at a thousand files on a disk takes
/// tens of milliseconds.
const LONG: Duration = Duration::from_secs(1);
/// As many threads look at documents. Beyond that, folders share one.
const THREADS: usize = 32;

/// All files that are looked at.
pub(crate) struct Looks {
    folders: Vec<Folder>,
    interval: Duration,
    started: Duration,
}

/// What one thread looks at.
struct Folder {
    /// How it is called in the log.
    name: Place,
    orders: Sender<Order>,
    /// Places that were found there.
    places: BTreeSet<Place>,
    /// When the look that is under way began.
    under_way: Option<Duration>,
    /// When the last one that came to its end began, and when it ended.
    last: Option<(Duration, Duration)>,
    /// When the next one is due.
    due: Duration,
    is_logged: bool,
}

/// What a thread is to do.
enum Order {
    Look,
    /// To report a place at the next look, as if it were new.
    ReportAgain(Place),
}

/// What a look found, for [`Looks::done`].
pub(crate) struct Looked {
    folder: usize,
    found: Found,
}

/// What was found, if it is not what was found before.
pub(crate) enum Found {
    /// Of documents, which were read and understood.
    Documents(Vec<Observation>),
    /// Of the manifest, with its text.
    Manifest(Vec<Observation>),
}

impl Looks {
    /// Looks at documents, and at a manifest of server-side keys, each as often as every `interval`. What is found is sent to
    /// `messages`. The threads end once this is dropped, and a look that hangs is left behind.
    pub(crate) fn start(
        paths: Vec<PathBuf>,
        manifest: Option<&Path>,
        interval: Duration,
        clock: &Arc<SystemClock>,
        messages: &Sender<Message>,
    ) -> Looks {
        let documents = by_folder(paths).into_iter().map(|(name, paths)| {
            let files = Files::new(paths, manifest);
            (name, false, files)
        });
        let of_manifest =
            manifest.map(|path| (path.to_owned(), true, Files::new(vec![path.to_owned()], None)));
        let started = clock.elapsed();
        let folders =
            documents.chain(of_manifest).enumerate().map(|(folder, (name, is_manifest, mut files))| {
                let (orders, to_do) = channel();
                let (clock, messages) = (Arc::clone(clock), messages.clone());
                thread::spawn(move || {
                    let found = |seen| {
                        let found = if is_manifest { Found::Manifest(seen) } else { Found::documents(seen) };
                        messages.send(Message::Looked(Looked { folder, found })).is_ok()
                    };
                    look_at(&mut files, &to_do, &*clock, found);
                });
                Folder::new(Place::from(&*name), orders, started)
            });
        Looks { folders: folders.collect(), interval, started }
    }

    /// Begins the looks that are due.
    pub(crate) fn begin(&mut self, now: Duration) {
        for folder in self.folders.iter_mut().filter(|folder| folder.under_way.is_none() && folder.due <= now)
        {
            folder.due = now + self.interval;
            folder.under_way = Some(now);
            // The thread lives as long as its orders can be sent.
            let _ = folder.orders.send(Order::Look);
        }
    }

    /// All are due now. What is being looked at is looked at once more, since the look may have missed what just changed.
    pub(crate) fn hurry(&mut self, now: Duration) {
        self.folders.iter_mut().for_each(|folder| folder.due = now);
    }

    /// When the next look is due, or one that is under way has taken too long.
    pub(crate) fn due(&self) -> Option<Duration> {
        let due = self.folders.iter().filter_map(|folder| match folder.under_way {
            Some(began) => (!folder.is_logged).then(|| began + LONG),
            None => Some(folder.due),
        });
        due.min()
    }

    /// Reports a place again, as if it were new. Returns whether it is one of these.
    pub(crate) fn report_again(&mut self, place: &Place) -> bool {
        let Some(folder) = self.folders.iter().find(|folder| folder.places.contains(place)) else {
            return false;
        };
        let _ = folder.orders.send(Order::ReportAgain(place.clone()));
        true
    }

    /// Takes in what a look found.
    pub(crate) fn done(&mut self, looked: Looked, now: Duration) -> Option<Found> {
        let folder = self.folders.get_mut(looked.folder)?;
        folder.last = folder.under_way.take().map(|began| (began, now));
        if let Found::Documents(seen) = &looked.found {
            seen.iter().for_each(|seen| folder.note(seen));
        }
        Some(looked.found)
    }

    /// Whether all were looked at, but for those that take too long.
    pub(crate) fn have_begun(&self, now: Duration) -> bool {
        self.folders.iter().all(|folder| folder.last.is_some() || folder.is_late(now))
    }

    /// Says once which looks take long, and which no longer do.
    pub(crate) fn log_lines(&mut self, now: Duration) -> Vec<LogLine> {
        let mut lines = Vec::new();
        for folder in &mut self.folders {
            let is_late = folder.is_late(now);
            if std::mem::replace(&mut folder.is_logged, is_late) == is_late {
                continue;
            }
            lines.push(if is_late {
                let why = "a look at it takes more than a second, so what changes there is published late, or not until it answers";
                LogLine::warning_of(&folder.name, why)
            } else {
                LogLine::info_of(&folder.name, "is looked at within a second again")
            });
        }
        lines
    }

    /// Those that take long.
    pub(crate) fn late(&self, now: Duration) -> Vec<SourceProblem> {
        let late = self.folders.iter().filter(|folder| folder.is_late(now));
        late.map(|folder| {
            let since = folder.last.map_or(self.started, |(began, _)| began);
            let seconds = now.saturating_sub(since).as_secs();
            let why = if folder.last.is_some() {
                format!("a look at it takes long; what is known of it is {seconds} s old")
            } else {
                format!("nothing is known of it yet: a look at it has taken {seconds} s so far")
            };
            let problem =
                PlaceProblem { place: folder.name.clone(), why: format!("{}: {why}", folder.name), since };
            SourceProblem { problem, places: folder.places.iter().cloned().collect() }
        })
        .collect()
    }
}

impl Folder {
    fn new(name: Place, orders: Sender<Order>, now: Duration) -> Folder {
        let places = BTreeSet::new();
        Folder { name, orders, places, under_way: None, last: None, due: now, is_logged: false }
    }

    fn note(&mut self, seen: &Observation) {
        if matches!(seen.state, PlaceState::Gone) {
            self.places.remove(&seen.place);
        } else {
            self.places.insert(seen.place.clone());
        }
    }

    /// Whether the look that is under way has taken too long, or the last one did.
    fn is_late(&self, now: Duration) -> bool {
        self.under_way.is_some_and(|began| now >= began + LONG)
            || self.last.is_some_and(|(began, ended)| ended >= began + LONG)
    }
}

impl Found {
    /// A large document takes a while to be understood: the thread that decides does not do it.
    fn documents(seen: Vec<Observation>) -> Found {
        Found::Documents(seen.into_iter().map(Observation::understood).collect())
    }
}

/// Looks whenever it is ordered to, until nobody can order it any more, or wants to know what it `found`.
fn look_at(
    files: &mut Files,
    orders: &Receiver<Order>,
    clock: &dyn Clock,
    found: impl Fn(Vec<Observation>) -> bool,
) {
    for order in orders {
        match order {
            Order::ReportAgain(place) => drop(files.report_again(&place)),
            Order::Look => {
                if !found(files.look(clock.elapsed())) {
                    return;
                }
            }
        }
    }
}

/// Paths by the folder that they are in. Nothing is asked of the file system, which may hang: a path that ends in `.json` is
/// taken for a file, and any other for a folder.
fn by_folder(paths: Vec<PathBuf>) -> Vec<(PathBuf, Vec<PathBuf>)> {
    let mut folders: Vec<(PathBuf, Vec<PathBuf>)> = Vec::new();
    let mut known: BTreeMap<PathBuf, usize> = BTreeMap::new();
    for path in paths {
        let is_file = path.extension().is_some_and(|extension| extension == "json");
        let folder = path.parent().filter(|_| is_file).unwrap_or(&path);
        let name = if folder == Path::new("") { PathBuf::from(".") } else { folder.to_owned() };
        let room = folders.len() < THREADS;
        let at = *known.entry(whole(&name)).or_insert(if room { folders.len() } else { THREADS - 1 });
        match folders.get_mut(at) {
            Some((_, together)) => together.push(path),
            None => folders.push((name, vec![path])),
        }
    }
    folders
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_of_a_folder_are_looked_at_together() {
        let paths = |names: &[&str]| names.iter().map(PathBuf::from).collect::<Vec<PathBuf>>();
        let found =
            by_folder(paths(&["a/one.json", "b", "two.json", "a", "./a/three.json", "b/four.txt", "."]));
        let expected = [
            ("a", &["a/one.json", "a", "./a/three.json"][..]),
            ("b", &["b"]),
            (".", &["two.json", "."]),
            ("b/four.txt", &["b/four.txt"]),
        ];
        assert_eq!(found, expected.map(|(name, names)| (PathBuf::from(name), paths(names))));
        let many: Vec<PathBuf> = (0..100).map(|number| PathBuf::from(format!("folder-{number}"))).collect();
        let found = by_folder(many);
        assert_eq!((found.len(), found[THREADS - 1].1.len()), (THREADS, 100 - THREADS + 1));
    }
}
