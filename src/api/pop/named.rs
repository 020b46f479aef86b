//! A revision that a client names: it heard of it, at this POP or at another one, and is to be answered with that one or with
//! a later one.

use std::time::Duration;

use bytes::Bytes;

use super::environment::Environment;
use super::object;
use super::ports::{LookedUp, Object, PortError, Ports};
use super::{OpenedEnvironment, Pop};
use crate::key::EnvironmentKey;
use crate::revision::Revision;
use crate::store::{Lookup, Source};

/// How long a request waits for the revision that it names. Less than the ten seconds after which OpenFeature's providers
/// give a request up: an answer that says that it is old is better than none.
const WAIT: Duration = Duration::from_secs(5);

/// For how long after a look at the KV store no other request looks, for any revision: requests can name what they like.
const BETWEEN_LOOKS: Duration = Duration::from_secs(1);

/// The pauses between looks at the POP's copy: each twice the one before.
const SHORTEST: Duration = Duration::from_millis(50);
const LONGEST: Duration = Duration::from_millis(400);

impl<P: Ports> Pop<P> {
    /// Opens the POP's copy, as soon as it is of this revision or of a later one. After a while it is opened all the same, and
    /// labelled; so it is if the platform fails meanwhile.
    pub(super) fn open_at_least(
        &mut self,
        key: &EnvironmentKey,
        named: Revision,
    ) -> Result<Lookup<OpenedEnvironment<P>>, PortError> {
        let start = self.ports.elapsed();
        let mut pause = SHORTEST;
        let mut copy = match self.open(key)? {
            Lookup::Found(copy) => copy,
            nothing => return Ok(nothing),
        };
        while copy.of.revision < named {
            if !(self.takes_turn_to_look(key) && self.has_newer(key, copy.of.revision)) {
                let left = WAIT.saturating_sub(self.ports.elapsed().saturating_sub(start));
                if left.is_zero() {
                    return Ok(Lookup::Found(object::Opened { source: Source::Stale, ..copy }));
                }
                self.ports.sleep(pause.min(left));
                pause = (pause * 2).min(LONGEST);
            }
            let mut environment = Environment::new(key, self.format, &self.settings, &mut self.memory);
            let now = object::open_as_it_is(&self.ports, &mut environment, Source::Kv);
            if let Some(Lookup::Found(now)) = self.logged(key, now) {
                copy = now;
            }
        }
        Ok(Lookup::Found(copy))
    }

    /// Looks at the KV store, and refreshes the copy if that has a newer revision.
    fn has_newer(&mut self, key: &EnvironmentKey, seen: Revision) -> bool {
        let newer = self.check_kv(key, Some(seen));
        self.logged(key, newer).flatten().is_some()
    }

    /// Whether this request is the one that looks at the KV store now: one in a second, of all requests of the POP that wait
    /// for a revision of this environment.
    fn takes_turn_to_look(&self, key: &EnvironmentKey) -> bool {
        let name = format!("named/{key}");
        let object = Object {
            name: &name,
            purged_by: &name,
            metadata: Bytes::new(),
            lifetime: BETWEEN_LOOKS,
            usable_stale: Duration::ZERO,
        };
        let taken = self.ports.look_up_to_refresh(&name, BETWEEN_LOOKS).and_then(
            |LookedUp { obligation, .. }| {
                let Some(obligation) = obligation else { return Ok(false) };
                self.ports.insert(Some(obligation), &object, &[])?;
                Ok(true)
            },
        );
        self.logged(key, taken).unwrap_or(false)
    }
}
