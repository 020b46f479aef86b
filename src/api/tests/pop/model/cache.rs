//! The cache: objects with a lifetime, the obligations to refresh them, and locks.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use api::bundle::FORMAT;
use bytes::Bytes;
use serde_json::json;

use super::KEY;
use super::state::bundle;

const FRESH: Duration = Duration::from_secs(60);
const DAY: Duration = Duration::from_secs(86_400);

/// The name of the copy of the environment.
pub(crate) fn environment_copy() -> String {
    format!("{FORMAT}/environment/{KEY}")
}

/// The objects of the cache, and who has the duty to refresh them.
#[derive(Default)]
pub(crate) struct Cache {
    objects: BTreeMap<String, Object>,
    /// Which sandbox has the obligation of a name, and by which number.
    obligations: BTreeMap<String, Held>,
    locks: BTreeMap<String, Held>,
    numbers: u64,
}

/// An obligation or a lock that a sandbox has.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Held {
    sandbox: u32,
    number: u64,
}

#[derive(Debug, Clone)]
pub(crate) struct Object {
    pub(crate) metadata: Bytes,
    pub(crate) inserted_at: Duration,
    pub(crate) lifetime: Duration,
    pub(crate) usable_stale: Duration,
    pub(crate) purged_by: String,
    pub(crate) purged: bool,
    /// Nothing if the sandbox that inserted it died in the middle.
    pub(crate) body: Option<Arc<[u8]>>,
}

impl Object {
    pub(crate) fn is_fresh(&self, now: Duration) -> bool {
        !self.purged && now < self.inserted_at + self.lifetime
    }

    /// Whether a purge made it due before its time. That is all that a request can see of a purge.
    pub(crate) fn shows_purge(&self, now: Duration) -> bool {
        self.purged && now < self.inserted_at + self.lifetime
    }

    fn is_usable(&self, now: Duration) -> bool {
        now < self.inserted_at + self.lifetime + self.usable_stale
    }
}

/// What a look-up gives that may take the obligation.
pub(crate) enum LookUp {
    Found(Option<Object>),
    /// The sandbox that looks has the obligation from now on; with its number.
    Obliged(Option<Object>, u64),
    /// There is nothing to serve, and another sandbox has the obligation.
    Wait,
}

impl Cache {
    pub(crate) fn look_up(&self, name: &str, now: Duration) -> Option<Object> {
        self.objects.get(name).filter(|object| object.is_usable(now)).cloned()
    }

    pub(crate) fn look_up_to_refresh(&mut self, name: &str, now: Duration, sandbox: u32) -> LookUp {
        let object = self.look_up(name, now);
        if object.as_ref().is_some_and(|object| object.is_fresh(now)) {
            return LookUp::Found(object);
        }
        if self.obligations.contains_key(name) {
            return if object.is_some() { LookUp::Found(object) } else { LookUp::Wait };
        }
        let number = self.number();
        self.obligations.insert(name.to_owned(), Held { sandbox, number });
        LookUp::Obliged(object, number)
    }

    pub(crate) fn insert(&mut self, name: &str, object: Object) {
        self.objects.insert(name.to_owned(), object);
    }

    /// Renews an object; whether it is still there.
    pub(crate) fn renew(&mut self, name: &str, metadata: Bytes, lifetime: Duration, now: Duration) -> bool {
        let Some(object) = self.objects.get_mut(name) else { return false };
        (object.metadata, object.lifetime, object.inserted_at, object.purged) =
            (metadata, lifetime, now, false);
        true
    }

    /// Gives an obligation back, if the sandbox still has it.
    pub(crate) fn release_obligation(&mut self, name: &str, number: u64) {
        if self.obligations.get(name).is_some_and(|held| held.number == number) {
            self.obligations.remove(name);
        }
    }

    /// Takes a lock; its number, if it was free.
    pub(crate) fn lock(&mut self, name: &str, sandbox: u32) -> Option<u64> {
        if self.locks.contains_key(name) {
            return None;
        }
        let number = self.number();
        self.locks.insert(name.to_owned(), Held { sandbox, number });
        Some(number)
    }

    pub(crate) fn unlock(&mut self, name: &str, number: u64) {
        if self.locks.get(name).is_some_and(|held| held.number == number) {
            self.locks.remove(name);
        }
    }

    pub(crate) fn release_all(&mut self, sandbox: u32) {
        self.obligations.retain(|_, held| held.sandbox != sandbox);
        self.locks.retain(|_, held| held.sandbox != sandbox);
    }

    pub(crate) fn purge(&mut self, key: &str) {
        for object in self.objects.values_mut().filter(|object| object.purged_by == key) {
            object.purged = true;
        }
    }

    pub(crate) fn evict(&mut self, name: &str) {
        self.objects.remove(name);
    }

    /// Inserts a copy of the environment, as a request does that looks at nothing before.
    pub(crate) fn insert_copy(&mut self, revision: u64, now: Duration) {
        let (metadata, body) = bundle(revision, false);
        let header: serde_json::Value = serde_json::from_str(&metadata).unwrap();
        let state = json!({ "copy": { "of": header, "checked_at": 0 } });
        let object = Object {
            metadata: state.to_string().into(),
            inserted_at: now,
            lifetime: FRESH,
            usable_stale: DAY,
            purged_by: format!("environment/{KEY}"),
            purged: false,
            body: Some(body.into()),
        };
        self.insert(&environment_copy(), object);
    }

    /// The revision of the POP's copy of the environment.
    pub(crate) fn copy_revision(&self, now: Duration) -> Option<u64> {
        let object = self.look_up(&environment_copy(), now)?;
        let state: serde_json::Value = serde_json::from_slice(&object.metadata).unwrap();
        state["copy"]["of"]["revision"].as_u64()
    }

    /// The revision that is recorded as signalled.
    pub(crate) fn signalled_revision(&self, now: Duration) -> Option<u64> {
        let object = self.look_up(&format!("signalled/{KEY}"), now)?;
        Some(std::str::from_utf8(&object.metadata).unwrap().parse().unwrap())
    }

    /// Makes another revision the signalled one, or none.
    pub(crate) fn set_signalled(&mut self, revision: Option<u64>, now: Duration) {
        let name = format!("signalled/{KEY}");
        let Some(revision) = revision else { return self.evict(&name) };
        let object = Object {
            metadata: revision.to_string().into(),
            inserted_at: now,
            lifetime: FRESH,
            usable_stale: Duration::ZERO,
            purged_by: name.clone(),
            purged: false,
            body: Some(Vec::new().into()),
        };
        self.insert(&name, object);
    }

    /// The copies in the cache, by name.
    pub(crate) fn names(&self) -> Vec<&str> {
        self.objects.keys().map(String::as_str).collect()
    }

    fn number(&mut self) -> u64 {
        self.numbers += 1;
        self.numbers
    }
}
