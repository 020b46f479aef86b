//! The ports of one request at one POP.

use std::fmt;
use std::ops::Range;
use std::time::Duration;

use api::Pop;
use api::pop::ports::{self as port, KvItem, LookedUp, NewItem, PortError, WriteError};
use bytes::Bytes;
use jiff::{SignedDuration, Timestamp};

use crate::drivers::Driver;
use crate::state::{Object, Version};

pub(crate) const SETTINGS: &str = r#"{"environments": {"client": {"traits": "stored"}}}"#;
pub(crate) const IDENTITY_KEY: &str = "0123456789abcdef0123456789abcdef";

#[derive(Clone)]
pub(crate) struct Sandbox<D> {
    pub(crate) driver: D,
    pub(crate) pop: usize,
    pub(crate) request: usize,
}

/// A POP as a new sandbox has it.
pub(crate) fn sandbox<D: Driver>(driver: &D, pop: usize, request: usize) -> Pop<Sandbox<D>> {
    let ports = Sandbox { driver: driver.clone(), pop, request };
    let mut pop = Pop::new(ports, Duration::from_secs(10));
    pop.load_settings();
    pop
}

/// An obligation or a lock.
pub(crate) struct Held<D: Driver> {
    sandbox: Sandbox<D>,
    name: String,
    number: u64,
}

impl<D: Driver> Drop for Held<D> {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            self.sandbox.driver.step(|state| {
                let held = &mut state.pops[self.sandbox.pop].held;
                if held.get(&self.name) == Some(&self.number) {
                    held.remove(&self.name);
                }
            });
        }
    }
}

pub(crate) struct Found(Object, Duration);

impl port::Found for Found {
    type Stream = Vec<u8>;

    fn metadata(&self) -> Bytes {
        self.0.metadata.clone()
    }

    fn age(&self) -> Duration {
        self.1.saturating_sub(self.0.inserted_at)
    }

    fn lifetime(&self) -> Duration {
        self.0.lifetime
    }

    fn is_stale(&self) -> bool {
        !self.0.is_fresh(self.1)
    }

    fn read(&self, range: Range<u64>) -> Result<Vec<u8>, PortError> {
        let range = usize::try_from(range.start).unwrap()..usize::try_from(range.end).unwrap();
        self.0.body.get(range).map(<[u8]>::to_vec).ok_or_else(|| PortError("the body broke off".to_owned()))
    }

    fn stream(&self, range: Range<u64>) -> Result<Vec<u8>, PortError> {
        self.read(range)
    }
}

impl<D: Driver> port::Cache for Sandbox<D> {
    type Found = Found;
    type Obligation = Held<D>;

    fn look_up(&self, name: &str) -> Result<Option<Found>, PortError> {
        Ok(self.driver.step(|state| {
            let object = state.pops[self.pop].objects.get(name).cloned();
            object.filter(|object| object.is_usable(state.now)).map(|object| Found(object, state.now))
        }))
    }

    fn look_up_to_refresh(&self, name: &str, wait: Duration) -> Result<LookedUp<Found, Held<D>>, PortError> {
        let looked_up = self.driver.wait(wait, |state| {
            let now = state.now;
            let object = state.pops[self.pop].objects.get(name).cloned();
            let found = object.filter(|object| object.is_usable(now)).map(|object| Found(object, now));
            if found.as_ref().is_some_and(|found| found.0.is_fresh(now)) {
                return Some((found, None));
            }
            if state.pops[self.pop].held.contains_key(name) {
                return found.map(|found| (Some(found), None));
            }
            let number = state.number();
            state.pops[self.pop].held.insert(name.to_owned(), number);
            Some((found, Some(number)))
        });
        let (found, number) =
            looked_up.ok_or_else(|| PortError("another request took too long".to_owned()))?;
        let held = |number| Held { sandbox: self.clone(), name: name.to_owned(), number };
        Ok(LookedUp { found, obligation: number.map(held) })
    }

    fn insert(
        &self,
        obligation: Option<Held<D>>,
        object: &port::Object<'_>,
        body: &[u8],
    ) -> Result<(), PortError> {
        self.driver.step(|state| {
            let inserted = Object {
                metadata: object.metadata.clone(),
                inserted_at: state.now,
                lifetime: object.lifetime,
                usable_stale: object.usable_stale,
                purged: false,
                body: body.into(),
            };
            state.pops[self.pop].objects.insert(object.name.to_owned(), inserted);
        });
        drop(obligation);
        Ok(())
    }

    fn renew(&self, obligation: Held<D>, object: &port::Object<'_>) -> Result<(), PortError> {
        self.driver.step(|state| {
            let now = state.now;
            if let Some(there) = state.pops[self.pop].objects.get_mut(object.name) {
                (there.metadata, there.lifetime, there.inserted_at, there.purged) =
                    (object.metadata.clone(), object.lifetime, now, false);
            }
        });
        drop(obligation);
        Ok(())
    }

    fn give_up(&self, _: Held<D>) -> Result<(), PortError> {
        Ok(())
    }
}

pub(crate) struct Item(Version);

impl KvItem for Item {
    fn metadata(&self) -> Option<Bytes> {
        Some(self.0.metadata.clone().into())
    }

    fn generation(&self) -> u64 {
        self.0.generation
    }

    fn into_body(self, _: u64) -> Vec<u8> {
        self.0.body.to_vec()
    }
}

impl<D: Driver> port::KvStore for Sandbox<D> {
    type Item = Item;

    fn read(&self, key: &str) -> Result<Option<Item>, PortError> {
        Ok(self.driver.step(|state| state.read(key))?.map(Item))
    }

    fn put(&self, key: &str, value: &NewItem<'_>) -> Result<(), WriteError> {
        self.driver.step(|state| state.put(key, value, self.request))
    }
}

impl<D: Driver> port::Locks for Sandbox<D> {
    type Lock = Held<D>;

    fn lock(&self, name: &str, wait: Duration) -> Option<Held<D>> {
        let name = format!("lock/{name}");
        let number = self.driver.wait(wait, |state| {
            if state.pops[self.pop].held.contains_key(&name) {
                return None;
            }
            let number = state.number();
            state.pops[self.pop].held.insert(name.clone(), number);
            Some(number)
        })?;
        Some(Held { sandbox: self.clone(), name, number })
    }
}

impl<D: Driver> port::Clock for Sandbox<D> {
    fn now(&self) -> Timestamp {
        let now = self.driver.step(|state| {
            state.came.entry(self.request).or_insert(state.now);
            state.now
        });
        Timestamp::UNIX_EPOCH + SignedDuration::try_from(now).unwrap()
    }

    fn elapsed(&self) -> Duration {
        self.driver.step(|state| state.now)
    }

    fn sleep(&self, time: Duration) {
        self.driver.wait(time, |_| None::<()>);
    }
}

impl<D: Driver> port::Chance for Sandbox<D> {
    fn random(&self) -> u128 {
        self.driver.step(|state| u128::from(state.chance()) << 64 | u128::from(state.chance()))
    }
}

impl<D: Driver> port::Config for Sandbox<D> {
    fn settings(&self) -> Result<Option<String>, PortError> {
        Ok(Some(SETTINGS.to_owned()))
    }
}

impl<D: Driver> port::Secrets for Sandbox<D> {
    fn identity_key(&self) -> Result<Option<Vec<u8>>, PortError> {
        Ok(Some(IDENTITY_KEY.into()))
    }
}

impl<D: Driver> port::RateLimits for Sandbox<D> {
    fn is_over_limit(&self, _: &str, _: u32, _: u32) -> bool {
        false
    }
}

impl<D: Driver> port::Log for Sandbox<D> {
    fn log(&self, _: fmt::Arguments<'_>) {}
}

impl<D: Driver> port::Records for Sandbox<D> {
    fn record(&self, _: &str, _: &str) -> Result<(), PortError> {
        Ok(())
    }
}
