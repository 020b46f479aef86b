//! The ports of one sandbox on the platform in memory.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use api::pop::ports::{self as port, KvItem, LookedUp, PortError};
use api::relay::ports::{self as relay, ConnectError, PartState};
use api::{EnvironmentKey, Lookup, Pop, Secret, Source, Store as _, signal};
use bytes::Bytes;
use http::{Response, StatusCode};
use jiff::{SignedDuration, Timestamp};

use super::cache::{self, Object};
use super::parts::{self, End};
use super::state::{Frame, Item, Read, told_of};
use super::{Driver, KEY, OriginState, State};

/// The limits of the backend.
const FIRST_BYTE: Duration = Duration::from_secs(2);
const BETWEEN_BYTES: Duration = Duration::from_secs(5);

/// What one sandbox has of the platform. A sandbox that has died does nothing any more: each of its steps fails.
#[derive(Clone)]
pub(crate) struct Sandbox<D: Driver> {
    driver: D,
    number: u32,
}

/// A POP as a new sandbox has it.
pub(crate) fn sandbox<D: Driver>(driver: &D, number: u32) -> Pop<Sandbox<D>> {
    let mut pop = Pop::new(Sandbox { driver: driver.clone(), number }, Duration::from_secs(10));
    pop.load_settings();
    pop
}

/// One request that reads the environment, and notes what it was answered from.
pub(crate) fn read_environment<D: Driver>(pop: &mut Pop<Sandbox<D>>) {
    let ports = pop.ports().clone();
    let began = ports.driver.step(|state| state.known());
    let opened = pop.environment(&EnvironmentKey::parse(KEY).unwrap());
    let (found, labelled_stale) = match opened {
        Lookup::Found(copy) => (Some(copy.header.revision.0), copy.source == Source::Stale),
        Lookup::Unknown | Lookup::Unavailable => (None, false),
    };
    ports.driver.step(|state| {
        if !state.dead.contains(&ports.number) {
            state.reads.push(Read { at: state.now, found, labelled_stale, began });
        }
    });
}

impl<D: Driver> Sandbox<D> {
    fn step<R>(&self, step: impl FnOnce(&mut State) -> R) -> Result<R, PortError> {
        self.driver.step(
            |state| {
                if state.dead.contains(&self.number) { Err(dead()) } else { Ok(step(state)) }
            },
        )
    }

    /// Waits until a step gives something, so long at most.
    fn wait<R>(
        &self,
        time: Duration,
        mut step: impl FnMut(&mut State) -> Option<R>,
    ) -> Result<Option<R>, PortError> {
        let until = self.step(|state| state.now)?.saturating_add(time);
        let waited = self.driver.wait(until, |state| {
            if state.dead.contains(&self.number) { Some(Err(dead())) } else { step(state).map(Ok) }
        });
        waited.transpose()
    }
}

fn dead() -> PortError {
    PortError("the sandbox has died".to_owned())
}

/// The obligation to refresh an object.
pub(crate) struct Obligation<D: Driver> {
    sandbox: Sandbox<D>,
    name: String,
    number: u64,
    /// Whether the object showed a purge when the obligation was taken.
    saw_purge: bool,
}

impl<D: Driver> Drop for Obligation<D> {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            self.sandbox.driver.step(|state| state.cache.release_obligation(&self.name, self.number));
        }
    }
}

/// An object that was found, as it was then.
pub(crate) struct Found {
    object: Object,
    at: Duration,
}

impl port::Found for Found {
    type Stream = Vec<u8>;

    fn metadata(&self) -> Bytes {
        self.object.metadata.clone()
    }

    fn age(&self) -> Duration {
        self.at.saturating_sub(self.object.inserted_at)
    }

    fn lifetime(&self) -> Duration {
        self.object.lifetime
    }

    fn is_stale(&self) -> bool {
        !self.object.is_fresh(self.at)
    }

    fn read(&self, range: Range<u64>) -> Result<Vec<u8>, PortError> {
        let range = usize::try_from(range.start).unwrap()..usize::try_from(range.end).unwrap();
        let body: Option<&Arc<[u8]>> = self.object.body.as_ref();
        let bytes = body.and_then(|body| body.get(range));
        bytes.map(<[u8]>::to_vec).ok_or_else(|| PortError("the body broke off".to_owned()))
    }

    fn stream(&self, range: Range<u64>) -> Result<Vec<u8>, PortError> {
        self.read(range)
    }
}

impl<D: Driver> port::Cache for Sandbox<D> {
    type Found = Found;
    type Obligation = Obligation<D>;

    fn look_up(&self, name: &str) -> Result<Option<Found>, PortError> {
        self.step(|state| {
            let object = state.cache.look_up(name, state.now);
            object.map(|object| Found { object, at: state.now })
        })
    }

    fn look_up_to_refresh(
        &self,
        name: &str,
        wait: Duration,
    ) -> Result<LookedUp<Found, Obligation<D>>, PortError> {
        let looked_up = self.wait(wait, |state| {
            let at = state.now;
            let found = |object: Option<Object>| object.map(|object| Found { object, at });
            match state.cache.look_up_to_refresh(name, at, self.number) {
                cache::LookUp::Found(object) => Some((found(object), None)),
                cache::LookUp::Obliged(object, number) => Some((found(object), Some(number))),
                cache::LookUp::Wait => None,
            }
        })?;
        let (found, number) =
            looked_up.ok_or_else(|| PortError("another request took too long".to_owned()))?;
        let saw_purge = found.as_ref().is_some_and(|found| found.object.shows_purge(found.at));
        let obligation = number.map(|number| {
            let (sandbox, name) = (self.clone(), name.to_owned());
            Obligation { sandbox, name, number, saw_purge }
        });
        Ok(LookedUp { found, obligation })
    }

    fn insert(
        &self,
        obligation: Option<Obligation<D>>,
        object: &port::Object<'_>,
        body: &[u8],
    ) -> Result<(), PortError> {
        let saw_purge = obligation.as_ref().is_none_or(|obligation| obligation.saw_purge);
        let inserted = self.step(|state| {
            state.settle_copy(object.name, object.lifetime, saw_purge);
            let inserted = Object {
                metadata: object.metadata.clone(),
                inserted_at: state.now,
                lifetime: object.lifetime,
                usable_stale: object.usable_stale,
                purged_by: object.purged_by.to_owned(),
                purged: false,
                body: Some(body.into()),
            };
            state.change_cache(|cache, _| cache.insert(object.name, inserted));
        });
        drop(obligation);
        inserted
    }

    fn renew(&self, obligation: Obligation<D>, object: &port::Object<'_>) -> Result<(), PortError> {
        let renewed = self.step(|state| {
            state.settle_copy(object.name, object.lifetime, obligation.saw_purge);
            state.change_cache(|cache, now| {
                cache.renew(object.name, object.metadata.clone(), object.lifetime, now)
            })
        });
        drop(obligation);
        if renewed? { Ok(()) } else { Err(PortError("nothing to renew".to_owned())) }
    }

    fn give_up(&self, obligation: Obligation<D>) -> Result<(), PortError> {
        drop(obligation);
        Ok(())
    }
}

pub(crate) struct KvRead(Item);

impl KvItem for KvRead {
    fn metadata(&self) -> Option<Bytes> {
        Some(self.0.0.clone().into())
    }

    fn generation(&self) -> u64 {
        0
    }

    fn into_body(self, _: u64) -> Vec<u8> {
        self.0.1
    }
}

impl<D: Driver> port::KvStore for Sandbox<D> {
    type Item = KvRead;

    fn read(&self, key: &str) -> Result<Option<KvRead>, PortError> {
        let (item, takes) = self.step(|state| (state.read_kv(key), state.kv_read_takes))?;
        self.wait(takes, |_| None::<()>)?;
        item.map(|item| item.map(KvRead)).map_err(PortError)
    }

    /// Nothing here is about identities: `tests/identities` has a store of its own.
    fn put(&self, _: &str, _: &port::NewItem<'_>) -> Result<(), port::WriteError> {
        Err(port::WriteError::TooMany)
    }
}

pub(crate) struct Lock<D: Driver> {
    sandbox: Sandbox<D>,
    name: String,
    number: u64,
}

impl<D: Driver> Drop for Lock<D> {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            self.sandbox.driver.step(|state| state.cache.unlock(&self.name, self.number));
        }
    }
}

impl<D: Driver> port::Locks for Sandbox<D> {
    type Lock = Lock<D>;

    fn lock(&self, name: &str, wait: Duration) -> Option<Lock<D>> {
        let locked = self.wait(wait, |state| state.cache.lock(name, self.number)).ok()?;
        if locked.is_none() {
            self.driver.step(|state| state.lock_timeouts += 1);
        }
        locked.map(|number| Lock { sandbox: self.clone(), name: name.to_owned(), number })
    }
}

impl<D: Driver> port::Clock for Sandbox<D> {
    fn now(&self) -> Timestamp {
        Timestamp::UNIX_EPOCH + SignedDuration::try_from(self.elapsed()).unwrap()
    }

    /// For a sandbox that has died all time is over, so that its code comes to its end.
    fn elapsed(&self) -> Duration {
        const LATER: Duration = Duration::from_secs(1_000_000);
        self.driver
            .step(|state| if state.dead.contains(&self.number) { state.now + LATER } else { state.now })
    }

    fn sleep(&self, time: Duration) {
        assert!(!time.is_zero(), "a sleep of no time at {:?}", self.elapsed());
        // A sandbox that has died does not sleep.
        let _ = self.wait(time, |_| None::<()>);
    }
}

impl<D: Driver> port::Chance for Sandbox<D> {
    fn random(&self) -> u128 {
        u128::from(self.driver.step(State::chance)) << 64
    }
}

impl<D: Driver> port::Config for Sandbox<D> {
    fn settings(&self) -> Result<Option<String>, PortError> {
        let settings = self.step(|state| state.settings.clone())?;
        settings.map(Some).ok_or_else(|| PortError("the config store fails".to_owned()))
    }
}

impl<D: Driver> port::Secrets for Sandbox<D> {
    fn identity_key(&self) -> Result<Option<Vec<u8>>, PortError> {
        Ok(None)
    }
}

impl<D: Driver> port::RateLimits for Sandbox<D> {
    fn is_over_limit(&self, _: &str, _: u32, _: u32) -> bool {
        false
    }
}

impl<D: Driver> port::Log for Sandbox<D> {
    fn log(&self, line: fmt::Arguments<'_>) {
        self.driver.step(|state| state.log.push(format!("{:?} {}: {line}", state.now, self.number)));
    }
}

impl<D: Driver> port::Records for Sandbox<D> {
    fn record(&self, log: &str, line: &str) -> Result<(), PortError> {
        self.step(|state| state.records.push((log.to_owned(), line.to_owned())))
    }
}

impl<D: Driver> relay::Vcpu for Sandbox<D> {
    fn vcpu(&self) -> Duration {
        self.driver.step(|state| state.vcpu)
    }
}

/// The obligation to write a part.
pub(crate) struct PartObligation<D: Driver> {
    sandbox: Sandbox<D>,
    name: String,
}

impl<D: Driver> Drop for PartObligation<D> {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            self.sandbox.driver.step(|state| state.parts.give_up(&self.name, self.sandbox.number));
        }
    }
}

/// A part as a client found it.
pub(crate) struct JoinedPart {
    part: usize,
    /// Whether it had ended by then.
    end: End,
}

/// A part that is being written. Dropped before its end, it breaks off.
pub(crate) struct Writer<D: Driver> {
    sandbox: Sandbox<D>,
    part: usize,
}

impl<D: Driver> Drop for Writer<D> {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            self.sandbox.driver.step(|state| state.parts.end(self.part, End::Broken));
        }
    }
}

impl<D: Driver> relay::Parts for Sandbox<D> {
    type Obligation = PartObligation<D>;
    type Part = JoinedPart;
    type Writer = Writer<D>;

    fn look_up_part(
        &self,
        name: &str,
        wait: Duration,
    ) -> Result<PartState<PartObligation<D>, JoinedPart>, PortError> {
        let looked_up = self.wait(wait, |state| {
            if state.parts.fail {
                return Some(Err(PortError("no part can be looked up".to_owned())));
            }
            match state.parts.look_up(name, state.now, self.number) {
                parts::LookUp::Vacant => Some(Ok(None)),
                parts::LookUp::Taken { part, over } => {
                    let end = state.parts.end_of(part);
                    Some(Ok(Some((JoinedPart { part, end }, over))))
                }
                parts::LookUp::Wait => None,
            }
        })?;
        match looked_up.ok_or_else(|| PortError("another request took too long".to_owned()))?? {
            None => Ok(PartState::Vacant(PartObligation { sandbox: self.clone(), name: name.to_owned() })),
            Some((part, over)) => Ok(PartState::Taken { part, over }),
        }
    }

    fn starts_with(&self, part: &mut JoinedPart, first: &str) -> bool {
        self.step(|state| state.parts.starts_with(part.part, first)).unwrap_or(false)
    }

    fn begin_part(
        &self,
        obligation: PartObligation<D>,
        name: &str,
        joinable: Duration,
        first: &str,
    ) -> Result<(Writer<D>, JoinedPart), PortError> {
        let part = self.step(|state| state.parts.begin(name, first, state.now + joinable, self.number));
        drop(obligation);
        let part = part?;
        Ok((Writer { sandbox: self.clone(), part }, JoinedPart { part, end: End::Open }))
    }

    fn replace_part(&self, name: &str, joinable: Duration, first: &str) -> Result<Writer<D>, PortError> {
        let part = self.step(|state| state.parts.begin(name, first, state.now + joinable, self.number))?;
        Ok(Writer { sandbox: self.clone(), part })
    }

    fn answer_with_part(&self, head: Response<()>, prefix: String, part: JoinedPart) {
        let role = head.headers()["jackstaff-stream"].to_str().unwrap().to_owned();
        assert_eq!(part.end, End::Open, "a client joins a part that was over when it looked: {role}");
        self.driver.step(|state| state.join(&prefix, part.part));
    }

    fn answer_alone(&self, head: Response<()>, first: &str) -> Result<Writer<D>, PortError> {
        assert_eq!(head.headers()["jackstaff-stream"], "alone");
        let part = self.step(|state| {
            let (before, first) = first.split_at(first.find(": part").unwrap());
            let part = state.parts.begin_alone(first, self.number);
            state.join(before, part);
            part
        })?;
        Ok(Writer { sandbox: self.clone(), part })
    }

    fn write(&self, writer: &mut Writer<D>, frame: &str) -> Result<(), PortError> {
        assert!(frame.ends_with("\n\n"), "half a frame: {frame:?}");
        let signals = signal::Reader::default().read(frame.as_bytes());
        let told = told_of(frame);
        self.step(|state| {
            if !state.parts.write(writer.part, frame) {
                return Err(PortError("the part is over".to_owned()));
            }
            match (signals.as_slice(), told.as_slice()) {
                ([signal], []) => state.signal(Frame::Event(signal.revision.0)),
                ([], [revision]) => state.tell(*revision),
                // All objects of a part have the same pings.
                ([], []) if state.parts.is_first(writer.part) => state.signal(Frame::Ping),
                ([], []) => {}
                _ => panic!("more than one event in a frame: {frame:?}"),
            }
            Ok(())
        })?
    }

    fn finish(&self, writer: Writer<D>) -> Result<(), PortError> {
        self.step(|state| state.parts.end(writer.part, End::Clean))
    }
}

/// A stream of the origin's.
pub(crate) struct Upstream<D: Driver> {
    sandbox: Sandbox<D>,
    stream: usize,
}

impl<D: Driver> Drop for Upstream<D> {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            self.sandbox.driver.step(|state| state.origin.drop_stream(self.stream));
        }
    }
}

impl<D: Driver> relay::Origin for Sandbox<D> {
    type Upstream = Upstream<D>;

    fn edge_token(&self) -> Result<Option<Vec<u8>>, PortError> {
        let stored = self.step(|state| state.edge_token)?;
        let stored = stored.map_err(|()| PortError("the secret store fails".to_owned()))?;
        Ok(stored.map(<[u8]>::to_vec))
    }

    fn connect(&self, _: &EnvironmentKey, token: Option<&Secret>) -> Result<Upstream<D>, ConnectError> {
        let takes = self.step(|state| {
            state.origin.requests += 1;
            if state.origin.state == OriginState::Stalled { FIRST_BYTE } else { Duration::from_millis(1) }
        })?;
        self.wait(takes, |_| None::<()>)?;
        let token = token.map(Secret::reveal);
        if self.step(|state| state.origin.refuses(token))? {
            return Err(ConnectError::NoStream(StatusCode::UNAUTHORIZED));
        }
        let stream = self.step(|state| state.origin.connect())?;
        let stream = stream.ok_or_else(|| PortError("the origin does not answer".to_owned()))?;
        Ok(Upstream { sandbox: self.clone(), stream })
    }

    fn receive(&self, upstream: &mut Upstream<D>) -> Result<Vec<u8>, PortError> {
        let received = self.wait(BETWEEN_BYTES, |state| {
            // The bytes come in pieces of any size.
            let most = 1 + usize::try_from(state.chance()).unwrap() % 80;
            match state.origin.receive(upstream.stream, most) {
                Some(bytes) if bytes.is_empty() => None,
                received => Some(received),
            }
        })?;
        match received {
            Some(bytes) => Ok(bytes.unwrap_or_default()),
            None => Err(PortError("nothing came for too long".to_owned())),
        }
    }
}
