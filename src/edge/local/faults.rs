//! Faults on demand: what neither Viceroy's KV store nor its cache does by itself, and the platform's may. They wrap the
//! ports, and are read from the member `fault` of the settings, which only this flavour knows.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::io::Write as _;
use std::thread::sleep;
use std::time::Duration;

use api::pop::ports::{
    Cache, Chance, Clock, Config, KvStore, Locks, Log, LookedUp, NewItem, Object, PortError, RateLimits,
    Records, Secrets, WriteError,
};
use api::relay::ports::{ConnectError, Origin, PartState, Parts, Vcpu};
use api::{EnvironmentKey, Secret};
use http::Response;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;

use crate::platform::{Host, begin};

/// Where the local KV store keeps what a key held before it was written last.
pub(super) fn previous(key: &str) -> String {
    format!("previous/{key}")
}

/// The faults that can be asked for.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Faults {
    /// Reads and writes of the KV store fail.
    kv_error: bool,
    /// Writes of the KV store are refused: there are too many.
    kv_full: bool,
    /// Reads of the KV store give what was there before the last write.
    kv_older: bool,
    /// Reads of the KV store take so much longer.
    kv_delay_ms: u64,
    /// A request that changes a copy is held for so long between its last look at the copy and the change.
    hold_ms: u64,
    /// A request that has the obligation to insert a copy breaks off in the middle of it.
    dies: bool,
    /// The sandbox of a leader ends so long after its part began, at the next thing that it does.
    leader_dies_ms: Option<u64>,
    /// No part of a stream can be looked up.
    part_error: bool,
    /// Leaders do not end their parts for the vCPU time that they have used. No fault of the platform: the local runtime
    /// counts what a busy machine takes for others, and thousands of clients make it busy.
    tireless: bool,
    /// How many of a hundred reads of the KV store, and of a hundred changes of a copy, are struck.
    percent: u8,
}

impl Default for Faults {
    fn default() -> Self {
        Faults {
            kv_error: false,
            kv_full: false,
            kv_older: false,
            kv_delay_ms: 0,
            hold_ms: 0,
            dies: false,
            leader_dies_ms: None,
            part_error: false,
            tireless: false,
            percent: 100,
        }
    }
}

/// The host, with faults.
pub(crate) struct Faulty {
    host: Host,
    faults: RefCell<Faults>,
    /// When this execution began a part.
    leads_since: Cell<Option<Duration>>,
}

impl Faulty {
    pub(crate) fn new() -> Faulty {
        Faulty { host: Host::new(), faults: RefCell::default(), leads_since: Cell::new(None) }
    }

    fn faults(&self) -> Faults {
        self.faults.borrow().clone()
    }

    fn strikes(&self) -> bool {
        let hundred = self.host.random() % 100;
        hundred < u128::from(self.faults().percent)
    }

    /// Holds a request that is about to change a copy.
    fn hold(&self) {
        if self.strikes() {
            sleep(Duration::from_millis(self.faults().hold_ms));
        }
    }

    /// The time until a leader dies. It dies here if that is over.
    fn left_to_live(&self) -> Duration {
        let (Some(since), Some(after)) = (self.leads_since.get(), self.faults().leader_dies_ms) else {
            return Duration::MAX;
        };
        let end = since + Duration::from_millis(after);
        let left = end.saturating_sub(self.host.elapsed());
        if left.is_zero() {
            self.log(format_args!("a leader dies on demand"));
            // Nothing is dropped, so that what was being written breaks off.
            std::process::exit(0);
        }
        left
    }
}

impl Cache for Faulty {
    type Found = <Host as Cache>::Found;
    type Obligation = <Host as Cache>::Obligation;

    fn look_up(&self, name: &str) -> Result<Option<Self::Found>, PortError> {
        self.host.look_up(name)
    }

    fn look_up_to_refresh(
        &self,
        name: &str,
        wait: Duration,
    ) -> Result<LookedUp<Self::Found, Self::Obligation>, PortError> {
        self.host.look_up_to_refresh(name, wait)
    }

    fn insert(
        &self,
        obligation: Option<Self::Obligation>,
        object: &Object<'_>,
        body: &[u8],
    ) -> Result<(), PortError> {
        if !body.is_empty() {
            self.hold();
        }
        if obligation.is_some() && !body.is_empty() && self.faults().dies {
            let half = &body[..body.len() / 2];
            let mut writer =
                begin(obligation, object, body.len()).map_err(|error| PortError(error.to_string()))?;
            return writer.write_all(half).map_err(|error| PortError(error.to_string()));
        }
        self.host.insert(obligation, object, body)
    }

    fn renew(&self, obligation: Self::Obligation, object: &Object<'_>) -> Result<(), PortError> {
        self.hold();
        self.host.renew(obligation, object)
    }

    fn give_up(&self, obligation: Self::Obligation) -> Result<(), PortError> {
        self.host.give_up(obligation)
    }
}

impl KvStore for Faulty {
    type Item = <Host as KvStore>::Item;

    fn read(&self, key: &str) -> Result<Option<Self::Item>, PortError> {
        if !self.strikes() {
            return self.host.read(key);
        }
        let faults = self.faults();
        sleep(Duration::from_millis(faults.kv_delay_ms));
        if faults.kv_error {
            return Err(PortError("fault on demand".to_owned()));
        }
        if faults.kv_older { self.host.read(&previous(key)) } else { self.host.read(key) }
    }

    fn put(&self, key: &str, value: &NewItem<'_>) -> Result<(), WriteError> {
        if !self.strikes() {
            return self.host.put(key, value);
        }
        let faults = self.faults();
        if faults.kv_full {
            return Err(WriteError::TooMany);
        }
        if faults.kv_error {
            return Err(PortError("fault on demand".to_owned()).into());
        }
        self.host.put(key, value)
    }
}

impl Locks for Faulty {
    type Lock = <Host as Locks>::Lock;

    fn lock(&self, name: &str, wait: Duration) -> Option<Self::Lock> {
        self.host.lock(name, wait)
    }
}

impl Clock for Faulty {
    fn now(&self) -> Timestamp {
        self.host.now()
    }

    fn elapsed(&self) -> Duration {
        self.host.elapsed()
    }

    fn sleep(&self, time: Duration) {
        self.host.sleep(time.min(self.left_to_live()));
        self.left_to_live();
    }
}

impl Chance for Faulty {
    fn random(&self) -> u128 {
        self.host.random()
    }
}

impl Config for Faulty {
    fn settings(&self) -> Result<Option<String>, PortError> {
        let Some(text) = self.host.settings()? else { return Ok(None) };
        let Ok(Value::Object(mut members)) = serde_json::from_str(&text) else { return Ok(Some(text)) };
        let faults = members.remove("fault").map_or(Ok(Faults::default()), serde_json::from_value);
        let faults = faults.inspect_err(|error| self.log(format_args!("settings: `fault`: {error}")));
        self.faults.replace(faults.unwrap_or_default());
        Ok(Some(Value::Object(members).to_string()))
    }
}

impl Secrets for Faulty {
    fn identity_key(&self) -> Result<Option<Vec<u8>>, PortError> {
        self.host.identity_key()
    }
}

impl RateLimits for Faulty {
    fn is_over_limit(&self, client: &str, writes: u32, limit: u32) -> bool {
        self.host.is_over_limit(client, writes, limit)
    }
}

impl Log for Faulty {
    fn log(&self, line: fmt::Arguments<'_>) {
        self.host.log(line);
    }

    fn trace(&self, line: fmt::Arguments<'_>) {
        self.host.log(line);
    }
}

impl Records for Faulty {
    fn record(&self, log: &str, line: &str) -> Result<(), PortError> {
        self.host.record(log, line)
    }
}

impl Vcpu for Faulty {
    fn vcpu(&self) -> Duration {
        if self.faults().tireless { Duration::ZERO } else { self.host.vcpu() }
    }
}

impl Parts for Faulty {
    type Obligation = <Host as Parts>::Obligation;
    type Part = <Host as Parts>::Part;
    type Writer = <Host as Parts>::Writer;

    fn look_up_part(
        &self,
        name: &str,
        wait: Duration,
    ) -> Result<PartState<Self::Obligation, Self::Part>, PortError> {
        if self.faults().part_error {
            return Err(PortError("fault on demand".to_owned()));
        }
        self.host.look_up_part(name, wait)
    }

    fn starts_with(&self, part: &mut Self::Part, first: &str) -> bool {
        self.host.starts_with(part, first)
    }

    fn begin_part(
        &self,
        obligation: Self::Obligation,
        name: &str,
        joinable: Duration,
        first: &str,
    ) -> Result<(Self::Writer, Self::Part), PortError> {
        self.leads_since.set(Some(self.host.elapsed()));
        self.host.begin_part(obligation, name, joinable, first)
    }

    fn replace_part(&self, name: &str, joinable: Duration, first: &str) -> Result<Self::Writer, PortError> {
        self.host.replace_part(name, joinable, first)
    }

    fn answer_with_part(&self, head: Response<()>, prefix: String, part: Self::Part) {
        self.host.answer_with_part(head, prefix, part);
    }

    fn answer_alone(&self, head: Response<()>, first: &str) -> Result<Self::Writer, PortError> {
        self.host.answer_alone(head, first)
    }

    fn write(&self, writer: &mut Self::Writer, frame: &str) -> Result<(), PortError> {
        self.left_to_live();
        self.host.write(writer, frame)
    }

    fn finish(&self, writer: Self::Writer) -> Result<(), PortError> {
        self.leads_since.set(None);
        self.host.finish(writer)
    }
}

impl Origin for Faulty {
    type Upstream = <Host as Origin>::Upstream;

    fn edge_token(&self) -> Result<Option<Vec<u8>>, PortError> {
        self.host.edge_token()
    }

    fn connect(&self, key: &EnvironmentKey, token: Option<&Secret>) -> Result<Self::Upstream, ConnectError> {
        self.host.connect(key, token)
    }

    fn receive(&self, upstream: &mut Self::Upstream) -> Result<Vec<u8>, PortError> {
        let received = self.host.receive(upstream);
        self.left_to_live();
        received
    }
}
