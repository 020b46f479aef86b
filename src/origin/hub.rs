//! The latest announcement of each environment, and the streams that are open. No HTTP and no clock in here.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use api::{EnvironmentKey, Revision};
use tokio::sync::watch;

use crate::announced::{Announced, Announcement};
use crate::listener::Listener;
use crate::metrics::Metrics;

/// What was announced, one revision per environment, the greatest; and the streams that wait for the next.
///
/// An environment that was announced is never forgotten. One that is only listened to is forgotten with its last
/// listener. The two are bounded apart: streams ask for no token, so made-up keys must not take the place of environments
/// that are announced.
pub(crate) struct Hub {
    state: Mutex<HubState>,
    limits: Limits,
    metrics: Arc<Metrics>,
}

/// How much a hub takes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// Streams in total.
    pub(crate) streams: usize,
    /// Environments that were announced; and as many again that are only listened to.
    pub(crate) environments: usize,
}

#[derive(Default)]
struct HubState {
    environments: HashMap<EnvironmentKey, HubEntry>,
    announced: usize,
    streams: usize,
    ended: bool,
}

struct HubEntry {
    latest: watch::Sender<Arc<Announced>>,
    was_announced: bool,
    listeners: usize,
}

/// Why an origin takes no more.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HubError {
    #[error("environment {key} is new, and this origin already has {limit} environments, its limit")]
    TooManyEnvironments { key: EnvironmentKey, limit: usize },
    #[error("this origin already has {0} open streams, its limit")]
    TooManyStreams(usize),
    #[error("this origin is ending")]
    Ending,
}

impl Hub {
    pub(crate) fn new(limits: Limits, metrics: Arc<Metrics>) -> Self {
        Self { state: Mutex::default(), limits, metrics }
    }

    /// Takes an announcement, wakes all streams of the environment, and returns what stands now.
    ///
    /// Announcements come out of order, from task queues that retry, so the greatest revision stays. Streams get an event
    /// for every announcement, also for one that changes no number: it says that something was written.
    ///
    /// # Errors
    ///
    /// [`HubError`] for an environment beyond the limit; those known already are still served.
    pub(crate) fn announce(
        &self,
        key: &EnvironmentKey,
        announcement: Announcement,
    ) -> Result<Announcement, HubError> {
        // Waking thousands of streams takes milliseconds. No other environment has to wait for it.
        let latest = self.announced_entry(key)?;
        let mut stands = announcement;
        latest.send_modify(|announced| stands = Self::replace(&latest, announced, announcement));
        self.metrics.announcements.inc();
        if announcement.is_ahead {
            self.metrics.announcements_ahead.inc();
        }
        Ok(stands)
    }

    /// Takes a revision that another replica knows, and wakes the streams if it is newer than what they know.
    ///
    /// A revision after `latest_possible` is not taken. It will be, when its time has come and it is still known.
    ///
    /// # Errors
    ///
    /// As of an announcement.
    pub(crate) fn learn(
        &self,
        key: &EnvironmentKey,
        revision: Revision,
        latest_possible: Revision,
    ) -> Result<(), HubError> {
        if revision > latest_possible {
            return Ok(());
        }
        let latest = self.announced_entry(key)?;
        latest.send_if_modified(|announced| {
            let is_newer = announced.revision().is_none_or(|known| known < revision);
            if is_newer {
                Self::replace(&latest, announced, Announcement { revision, is_ahead: false });
            }
            is_newer
        });
        Ok(())
    }

    /// Puts an announcement in the place of the one before, and returns what stands then.
    fn replace(
        latest: &watch::Sender<Arc<Announced>>,
        announced: &mut Arc<Announced>,
        announcement: Announcement,
    ) -> Announcement {
        if latest.receiver_count() > 0 {
            announced.outdate();
        }
        let next = announced.next(announcement);
        let stands = next.latest().unwrap_or(announcement);
        *announced = Arc::new(next);
        stands
    }

    /// Whether this revision of an environment, or a later one, was announced here.
    pub(crate) fn knows(&self, key: &EnvironmentKey, revision: Revision) -> bool {
        let state = self.state();
        let known = state.environments.get(key).and_then(|entry| entry.latest.borrow().revision());
        known.is_some_and(|known| known >= revision)
    }

    /// What was announced so far.
    pub(crate) fn revisions(&self) -> Vec<(EnvironmentKey, Revision)> {
        let state = self.state();
        let announced = state.environments.iter().filter(|(_, entry)| entry.was_announced);
        let revision = |entry: &HubEntry| entry.latest.borrow().revision();
        announced.filter_map(|(key, entry)| Some((key.clone(), revision(entry)?))).collect()
    }

    /// The entry of an environment that is being announced, which stays from now on.
    fn announced_entry(&self, key: &EnvironmentKey) -> Result<watch::Sender<Arc<Announced>>, HubError> {
        let mut state = self.state();
        let known = state.environments.get(key);
        if !known.is_some_and(|entry| entry.was_announced) {
            if state.announced >= self.limits.environments {
                return Err(self.too_many_environments(key));
            }
            state.announced += 1;
            self.metrics.environments.inc();
        }
        let entry = self.entry(&mut state, key);
        entry.was_announced = true;
        Ok(entry.latest.clone())
    }

    /// Listens to an environment, whether it is known or not.
    ///
    /// # Errors
    ///
    /// [`HubError`] beyond a limit, or once the hub ended.
    pub(crate) fn listen(self: &Arc<Self>, key: EnvironmentKey) -> Result<Listener, HubError> {
        let mut state = self.state();
        if state.ended {
            return Err(HubError::Ending);
        }
        if state.streams >= self.limits.streams {
            return Err(HubError::TooManyStreams(self.limits.streams));
        }
        let only_listened_to = state.environments.len() - state.announced;
        if only_listened_to >= self.limits.environments && !state.environments.contains_key(&key) {
            return Err(self.too_many_environments(&key));
        }
        state.streams += 1;
        let entry = self.entry(&mut state, &key);
        entry.listeners += 1;
        let latest = entry.latest.subscribe();
        self.metrics.streams.inc();
        self.metrics.open_streams.inc();
        Ok(Listener::new(Arc::clone(self), key, latest))
    }

    /// A stream was closed.
    pub(crate) fn leave(&self, key: &EnvironmentKey) {
        let mut state = self.state();
        state.streams -= 1;
        self.metrics.open_streams.dec();
        // After the end the entries are gone, though listeners of before may still be there.
        if state.ended {
            return;
        }
        if let Some(entry) = state.environments.get_mut(key) {
            entry.listeners -= 1;
            if entry.listeners == 0 && !entry.was_announced {
                state.environments.remove(key);
            }
        }
    }

    /// Aborts all streams, and takes no new ones.
    pub(crate) fn end(&self) {
        let mut state = self.state();
        state.ended = true;
        state.announced = 0;
        state.environments.clear();
        self.metrics.environments.set(0);
    }

    pub(crate) fn has_ended(&self) -> bool {
        self.state().ended
    }

    pub(crate) fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    fn entry<'a>(&self, state: &'a mut HubState, key: &EnvironmentKey) -> &'a mut HubEntry {
        state.environments.entry(key.clone()).or_insert_with(|| HubEntry {
            latest: watch::Sender::new(Arc::new(Announced::nothing(self.metrics.fan_out.clone()))),
            was_announced: false,
            listeners: 0,
        })
    }

    fn too_many_environments(&self, key: &EnvironmentKey) -> HubError {
        HubError::TooManyEnvironments { key: key.clone(), limit: self.limits.environments }
    }

    /// No code under this lock can panic halfway through a change, so what a poisoned lock holds is sound.
    fn state(&self) -> MutexGuard<'_, HubState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::listener::OriginEndedError;

    const LIMITS: Limits = Limits { streams: 3, environments: 2 };

    fn hub(limits: Limits) -> Arc<Hub> {
        Arc::new(Hub::new(limits, Arc::new(Metrics::new())))
    }

    fn key(text: &str) -> EnvironmentKey {
        EnvironmentKey::parse(text).unwrap()
    }

    fn announce(hub: &Hub, environment: &str, revision: u64) -> Result<u64, HubError> {
        let announcement = Announcement::at_most(Revision(10_000), Revision(revision));
        Ok(hub.announce(&key(environment), announcement)?.revision.0)
    }

    /// What a listener is to write next, without a wait.
    fn next(listener: &mut Listener) -> Option<Result<String, OriginEndedError>> {
        use futures_util::FutureExt;
        let written = listener.next().now_or_never()?;
        Some(written.map(|bytes| String::from_utf8(bytes.to_vec()).unwrap()))
    }

    fn event(revision: u64) -> String {
        api::signal::event(Revision(revision))
    }

    /// (announcements, environments announced, environments that take memory, open streams, streams so far)
    fn counts(hub: &Hub) -> (u64, i64, usize, i64, u64) {
        let metrics = hub.metrics();
        let known = hub.state().environments.len();
        let announced = metrics.environments.get();
        (metrics.announcements.get(), announced, known, metrics.open_streams.get(), metrics.streams.get())
    }

    #[test]
    fn the_greatest_revision_stands_and_none_is_later_than_possible() {
        let hub = hub(LIMITS);
        // (environment, announced, latest possible, what stands)
        for (number, (environment, revision, latest_possible, stands)) in [
            ("a", 100, 200, 100),
            ("a", 90, 200, 100),
            ("a", 100, 200, 100),
            ("b", 50, 200, 50),
            ("a", u64::MAX, 201, 201),
            ("a", 202, 202, 202),
            // The origin's own clock was set back: what was announced stays.
            ("a", 190, 180, 202),
        ]
        .into_iter()
        .enumerate()
        {
            let announcement = Announcement::at_most(Revision(latest_possible), Revision(revision));
            let stood = hub.announce(&key(environment), announcement).unwrap();
            assert_eq!(stood.revision, Revision(stands), "announcement {number}");
        }
        assert_eq!(counts(&hub), (7, 2, 2, 0, 0));
        assert_eq!(hub.metrics().announcements_ahead.get(), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn a_listener_gets_what_stands_and_then_an_event_for_each_announcement() {
        let hub = hub(LIMITS);
        let mut early = hub.listen(key("a")).unwrap();
        assert_eq!(next(&mut early), Some(Ok(": jackstaff\n\n".into())));
        assert_eq!(next(&mut early), None);
        announce(&hub, "b", 5).unwrap();
        assert_eq!(next(&mut early), None, "an announcement of another environment");
        announce(&hub, "a", 100).unwrap();
        let mut late = hub.listen(key("a")).unwrap();
        assert_eq!(next(&mut early), Some(Ok(event(100))));
        assert_eq!(next(&mut late), Some(Ok(format!(": jackstaff\n\n{}", event(100)))));
        for (announced, expected) in [(100, 100), (102, 102), (101, 102), (102, 102), (103, 103)] {
            announce(&hub, "a", announced).unwrap();
            for listener in [&mut early, &mut late] {
                assert_eq!(next(listener), Some(Ok(event(expected))), "{announced}");
                assert_eq!(next(listener), None, "{announced}");
            }
        }
        // A listener that is slow gets the last one.
        announce(&hub, "a", 104).unwrap();
        announce(&hub, "a", 105).unwrap();
        assert_eq!(next(&mut early), Some(Ok(event(105))));
        assert_eq!(next(&mut early), None);
        assert_eq!(hub.metrics().signals.get(), 13);
    }

    #[tokio::test]
    async fn what_another_replica_knows_gives_an_event_if_it_is_newer() {
        let hub = hub(LIMITS);
        let mut listener = hub.listen(key("a")).unwrap();
        next(&mut listener);
        // (what another replica knows, the event of a stream, what stands then)
        for (revision, expected, stands) in [
            (100, Some(100), 100),
            (100, None, 100),
            (99, None, 100),
            (101, Some(101), 101),
            // Its clock is far ahead of this one, or it is garbage.
            (10_001, None, 101),
            (10_000, Some(10_000), 10_000),
        ] {
            hub.learn(&key("a"), Revision(revision), Revision(10_000)).unwrap();
            assert_eq!(next(&mut listener), expected.map(|revision| Ok(event(revision))), "{revision}");
            assert_eq!(hub.revisions(), [(key("a"), Revision(stands))], "{revision}");
        }
        hub.learn(&key("b"), Revision(1), Revision(10_000)).unwrap();
        let full = HubError::TooManyEnvironments { key: key("c"), limit: 2 };
        assert_eq!(hub.learn(&key("c"), Revision(1), Revision(10_000)), Err(full));
        assert_eq!(counts(&hub).0, 0, "what another replica knows is not counted as an announcement");
    }

    #[tokio::test(start_paused = true)]
    async fn a_comment_comes_after_two_seconds_without_an_event() {
        let hub = hub(LIMITS);
        let start = tokio::time::Instant::now();
        let mut listener = hub.listen(key("a")).unwrap();
        for (milliseconds, expected) in [(0, ": jackstaff\n\n"), (2_000, ": ping\n\n"), (4_000, ": ping\n\n")]
        {
            assert_eq!(listener.next().await.unwrap(), expected);
            let passed = i128::try_from(start.elapsed().as_millis()).unwrap();
            assert!((passed - milliseconds).abs() <= 2, "{passed} ms, {expected}");
        }
        tokio::time::advance(std::time::Duration::from_millis(500)).await;
        announce(&hub, "a", 100).unwrap();
        assert_eq!(listener.next().await.unwrap(), event(100));
        assert_eq!(listener.next().await.unwrap(), ": ping\n\n");
        assert_eq!(start.elapsed().as_millis() / 10, 650);
    }

    #[test]
    fn what_was_announced_stays_and_what_is_only_listened_to_goes() {
        let hub = hub(LIMITS);
        let listeners =
            [hub.listen(key("a")).unwrap(), hub.listen(key("a")).unwrap(), hub.listen(key("b")).unwrap()];
        announce(&hub, "b", 1).unwrap();
        assert_eq!(counts(&hub), (1, 1, 2, 3, 3));
        let [first, second, third] = listeners;
        drop(first);
        assert_eq!(counts(&hub), (1, 1, 2, 2, 3));
        drop(second);
        drop(third);
        assert_eq!(counts(&hub), (1, 1, 1, 0, 3));
    }

    #[test]
    fn one_too_many_is_refused_and_the_others_go_on() {
        let hub = hub(Limits { streams: 3, environments: 1 });
        let full = |environment| HubError::TooManyEnvironments { key: key(environment), limit: 1 };
        let listener = hub.listen(key("made-up")).unwrap();
        assert_eq!(hub.listen(key("c")).err(), Some(full("c")));
        // Made-up keys do not take the place of what is announced.
        assert_eq!(announce(&hub, "a", 1), Ok(1));
        assert_eq!(announce(&hub, "b", 1), Err(full("b")));
        assert_eq!(announce(&hub, "made-up", 1), Err(full("made-up")));
        assert_eq!(announce(&hub, "a", 2), Ok(2));
        let _known = [hub.listen(key("a")).unwrap(), hub.listen(key("made-up")).unwrap()];
        assert_eq!(hub.listen(key("a")).err(), Some(HubError::TooManyStreams(3)));
        drop(listener);
        assert!(hub.listen(key("a")).is_ok());
    }

    #[tokio::test]
    async fn the_end_aborts_listeners_and_refuses_new_ones() {
        let hub = hub(LIMITS);
        let mut listener = hub.listen(key("a")).unwrap();
        let mut announced = hub.listen(key("b")).unwrap();
        announce(&hub, "b", 7).unwrap();
        assert_eq!((next(&mut listener).is_some(), next(&mut announced).is_some()), (true, true));
        assert!(!hub.has_ended());
        hub.end();
        assert!(hub.has_ended());
        assert_eq!(next(&mut announced), Some(Ok(event(7))), "what it had not taken yet");
        assert_eq!(
            (next(&mut listener), next(&mut announced)),
            (Some(Err(OriginEndedError)), Some(Err(OriginEndedError)))
        );
        assert_eq!(hub.listen(key("a")).err(), Some(HubError::Ending));
        // An announcement that was under way is taken.
        assert_eq!(announce(&hub, "b", 8), Ok(8));
        drop((listener, announced));
        assert_eq!(hub.metrics().open_streams.get(), 0);
    }

    #[tokio::test]
    async fn fan_out_ends_when_the_last_listener_has_taken_an_announcement_or_is_gone() {
        let hub = hub(LIMITS);
        let measured = || {
            let text = hub.metrics().text(&[]).unwrap();
            let count =
                text.lines().find_map(|line| line.strip_prefix("jackstaff_origin_fan_out_seconds_count "));
            count.unwrap().parse::<u64>().unwrap()
        };
        announce(&hub, "a", 1).unwrap();
        assert_eq!(measured(), 0, "no stream is open");
        let [mut one, mut other] = [hub.listen(key("a")).unwrap(), hub.listen(key("a")).unwrap()];
        next(&mut one);
        next(&mut other);
        announce(&hub, "a", 2).unwrap();
        next(&mut one);
        assert_eq!(measured(), 0, "the other has not taken it");
        announce(&hub, "a", 3).unwrap();
        next(&mut one);
        assert_eq!(
            measured(),
            1,
            "all that were up to date are so again; the other still waits for the first"
        );
        next(&mut other);
        assert_eq!(measured(), 2);
        announce(&hub, "a", 4).unwrap();
        next(&mut one);
        drop(other);
        assert_eq!(measured(), 3);
    }

    #[test]
    fn announcements_from_many_threads_leave_the_maximum() {
        let hub = hub(LIMITS);
        std::thread::scope(|scope| {
            for thread in 0..4 {
                let hub = &hub;
                scope.spawn(move || {
                    for n in 0..250 {
                        announce(hub, "a", n * 4 + thread).unwrap();
                    }
                });
            }
        });
        assert_eq!((announce(&hub, "a", 0), counts(&hub).0), (Ok(999), 1001));
    }
}
