//! Fastly's platform as `api` sees it: one implementation of each port. Nothing is decided here; branches are about the
//! platform's errors alone.

mod cache;
mod found;
mod kv;
mod lock;
mod origin;
mod rate_limits;
mod secrets;
mod streams;

use std::fmt;
use std::io::Write as _;
use std::thread::sleep;
use std::time::{Duration, Instant};

use api::pop::ports::{Chance, Clock, Config, Log, PortError, Records};
use api::relay::ports::Vcpu;
use fastly::ConfigStore;
use fastly::compute_runtime::elapsed_vcpu_ms;
use fastly::log::Endpoint;
use jiff::Timestamp;

use crate::names::{CONFIG_STORE, SETTINGS};

#[cfg(feature = "local-api")]
pub(crate) use cache::begin;

/// The host that this sandbox runs on.
pub(crate) struct Host {
    started: Instant,
}

impl Host {
    pub(crate) fn new() -> Host {
        Host { started: Instant::now() }
    }
}

impl Clock for Host {
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }

    fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }

    fn sleep(&self, time: Duration) {
        sleep(time);
    }
}

impl Chance for Host {
    fn random(&self) -> u128 {
        let mut bytes = [0; 16];
        // The platform's source of randomness does not fail; if it did, a name would merely not be unique.
        let _ = getrandom::fill(&mut bytes);
        u128::from_le_bytes(bytes)
    }
}

impl Config for Host {
    fn settings(&self) -> Result<Option<String>, PortError> {
        let store = ConfigStore::try_open(CONFIG_STORE).map_err(port_error)?;
        store.try_get(SETTINGS).map_err(port_error)
    }
}

impl Log for Host {
    fn log(&self, line: fmt::Arguments<'_>) {
        eprintln!("jackstaff: {line}");
    }
}

impl Records for Host {
    fn record(&self, log: &str, line: &str) -> Result<(), PortError> {
        let mut endpoint = Endpoint::try_from_name(log).map_err(port_error)?;
        // One call is one message.
        endpoint.write_all(line.as_bytes()).map_err(port_error)
    }
}

impl Vcpu for Host {
    fn vcpu(&self) -> Duration {
        Duration::from_millis(elapsed_vcpu_ms().unwrap_or_default())
    }
}

fn port_error(error: impl fmt::Display) -> PortError {
    PortError(error.to_string())
}
