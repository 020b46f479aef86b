//! The signalled revision: the greatest revision that clients of this POP heard of, kept as a cache object of its own.
//!
//! A slow request may put an older copy back after clients heard of a newer one. So a request that finds a copy older than
//! the signalled revision refreshes it first. The object is the same for all formats: a client does not know of builds.

use std::time::Duration;

use bytes::Bytes;

use super::ports::{Cache, Found, Object, PortError};
use crate::key::EnvironmentKey;
use crate::revision::Revision;

/// How long a request tries to refresh a copy that is behind the signalled revision, before it answers from what there is.
const CATCH_UP: Duration = Duration::from_secs(1);

/// How long the record stays beyond the time for which a copy is fresh: an older copy that was put back is due by then.
const BEYOND_FRESH: Duration = Duration::from_secs(60);

/// How long a record of the signalled revision stays.
fn lifetime(fresh: Duration) -> Duration {
    fresh + BEYOND_FRESH
}

/// A record of the signalled revision, as it was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Record {
    pub(super) revision: Revision,
    age: Duration,
}

/// Finds the signalled revision of an environment.
pub(super) fn find<C: Cache>(cache: &C, key: &EnvironmentKey) -> Result<Option<Record>, PortError> {
    let Some(found) = cache.look_up(&name(key))? else { return Ok(None) };
    Ok(read(&found.metadata()).map(|revision| Record { revision, age: found.age() }))
}

/// Whether a record of a revision, or of a greater one, is missing or will be soon.
pub(super) fn is_record_due<C: Cache>(
    cache: &C,
    key: &EnvironmentKey,
    revision: Revision,
    fresh: Duration,
) -> Result<bool, PortError> {
    Ok(is_due(find(cache, key)?, revision, lifetime(fresh)))
}

/// Records a revision as signalled, if that is due. To be called under the lock of the environment: leaders overlap, and
/// another one may have signalled more.
pub(super) fn record<C: Cache>(
    cache: &C,
    key: &EnvironmentKey,
    revision: Revision,
    fresh: Duration,
) -> Result<(), PortError> {
    if !is_record_due(cache, key, revision, fresh)? {
        return Ok(());
    }
    let lifetime = lifetime(fresh);
    let name = name(key);
    let metadata = Bytes::from(revision.to_string());
    let usable_stale = Duration::ZERO;
    let object = Object { name: &name, purged_by: &name, metadata, lifetime, usable_stale };
    cache.insert(None, &object, &[])
}

/// Whether a revision is to be recorded beside what was found. A record never goes back. A greater one is not renewed
/// either: it is of a leader that saw it, and goes with that leader where the KV store was set back.
fn is_due(found: Option<Record>, revision: Revision, lifetime: Duration) -> bool {
    found.is_none_or(|found| {
        found.revision < revision || (found.revision == revision && found.age >= lifetime / 2)
    })
}

/// How long to wait before the next look at the KV store of a request that tries to catch up, `elapsed` after its first;
/// nothing if it has tried for long enough.
pub(super) fn catch_up_pause(elapsed: Duration) -> Option<Duration> {
    const SHORTEST: Duration = Duration::from_millis(10);
    (elapsed < CATCH_UP).then(|| elapsed.max(SHORTEST).min(CATCH_UP - elapsed))
}

fn name(key: &EnvironmentKey) -> String {
    ["signalled/", key.as_str()].concat()
}

/// What cannot be read counts as not there.
fn read(metadata: &[u8]) -> Option<Revision> {
    std::str::from_utf8(metadata).ok()?.parse().ok().map(Revision)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_never_goes_back_and_only_its_own_revision_renews_it() {
        let lifetime = lifetime(Duration::from_secs(60));
        assert_eq!(lifetime, Duration::from_secs(120));
        let (young, old) = (Duration::from_secs(59), Duration::from_secs(60));
        let found = |revision, age| Some(Record { revision: Revision(revision), age });
        for (situation, found, expected) in [
            ("the first", None, true),
            ("newer", found(6, young), true),
            ("recorded already", found(7, young), false),
            ("recorded long ago", found(7, old), true),
            ("older than what another leader signalled", found(8, young), false),
            ("and that is long ago", found(8, old), false),
        ] {
            assert_eq!(is_due(found, Revision(7), lifetime), expected, "{situation}");
        }
    }

    #[test]
    fn what_cannot_be_read_is_no_record() {
        assert_eq!(read(b"1772450553"), Some(Revision(1_772_450_553)));
        for damaged in ["", "x", "-1", "1.5"] {
            assert_eq!(read(damaged.as_bytes()), None, "{damaged:?}");
        }
    }

    #[test]
    fn catching_up_takes_a_second_at_most() {
        let mut elapsed = Duration::ZERO;
        let mut looks = 1;
        while let Some(pause) = catch_up_pause(elapsed) {
            elapsed += pause;
            looks += 1;
        }
        assert_eq!((elapsed, looks), (CATCH_UP, 9));
    }
}
