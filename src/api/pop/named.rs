//! A revision that a client names: it heard of it, at this POP or at another one, and is to be answered with that one or with
//! a later one.

use std::time::Duration;

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
    /// Opens the POP's copy, as soon as it is of this revision or of a later one. After a while it is opened all the same,
    /// and labelled.
    pub(super) fn open_at_least(
        &mut self,
        key: &EnvironmentKey,
        named: Revision,
    ) -> Result<Lookup<OpenedEnvironment<P>>, PortError> {
        let start = self.ports.elapsed();
        let mut pause = SHORTEST;
        let mut opened = self.open(key)?;
        loop {
            let seen = match &opened {
                Lookup::Found(copy) if copy.of.revision >= named => return Ok(opened),
                Lookup::Found(copy) => copy.of.revision,
                Lookup::Unknown | Lookup::Unavailable => return Ok(opened),
            };
            let is_newer = self.takes_turn_to_look(key)? && self.check_kv(key, Some(seen))?.is_some();
            let left = WAIT.saturating_sub(self.ports.elapsed().saturating_sub(start));
            if !is_newer {
                if left.is_zero() {
                    break;
                }
                self.ports.sleep(pause.min(left));
                pause = (pause * 2).min(LONGEST);
            }
            let mut environment = Environment::new(key, self.format, &self.settings, &mut self.memory);
            opened = object::open_as_it_is(&self.ports, &mut environment, Source::Kv)?;
        }
        Ok(match opened {
            Lookup::Found(copy) => Lookup::Found(object::Opened { source: Source::Stale, ..copy }),
            nothing => nothing,
        })
    }

    /// Whether this request is the one that looks at the KV store now: one in a second, of all requests of the POP that wait
    /// for a revision of this environment.
    fn takes_turn_to_look(&self, key: &EnvironmentKey) -> Result<bool, PortError> {
        let name = format!("named/{key}");
        let LookedUp { obligation, .. } = self.ports.look_up_to_refresh(&name, BETWEEN_LOOKS)?;
        let Some(obligation) = obligation else { return Ok(false) };
        let object = Object {
            name: &name,
            purged_by: &name,
            metadata: bytes::Bytes::new(),
            lifetime: BETWEEN_LOOKS,
            usable_stale: Duration::ZERO,
        };
        self.ports.insert(Some(obligation), &object, &[])?;
        Ok(true)
    }
}
