//! Flutter (`flagsmith_client.dart`): events named `environment_updated` whose time is a JSON number *with a point*,
//! compared with the device's clock at the last fetch. It subscribes again every 29 s, even if the stream is still
//! open.
//!
//! It leaves its last stream open then. Only one stream is modelled: a change that two streams signal at the same
//! moment is fetched twice, and no event could prevent that.

use std::time::{Duration, Instant};

use serde_json::Value;

use super::events::Events;
use super::{Ear, Fetched, Kind, Model, REMOTE, updated_at};

pub(super) struct Flutter {
    events: Events,
    last_fetch: f64,
    interval: Duration,
    subscribed: Instant,
}

impl Flutter {
    /// In proportion: 29 s for a part of 40 s.
    pub(super) fn resubscribing(part: Duration) -> Flutter {
        let interval = part * 29 / 40;
        Flutter { events: Events::default(), last_fetch: 0.0, interval, subscribed: Instant::now() }
    }
}

impl Model for Flutter {
    fn kind(&self) -> Kind {
        REMOTE
    }

    fn begin(&mut self, first: &Fetched) {
        self.last_fetch = first.at;
    }

    fn connected(&mut self) {
        self.events = Events::default();
        self.subscribed = Instant::now();
    }

    fn read(&mut self, bytes: &[u8], ear: &mut Ear) -> Result<(), String> {
        for event in self.events.read(bytes)?.into_iter().filter(|event| event.name == "environment_updated")
        {
            let time = updated_at(&event.data)?;
            // The SDK silently ignores an integer.
            let heard = Some(&time).filter(|time| time.is_f64()).and_then(Value::as_f64);
            let heard = heard.ok_or_else(|| format!("`updated_at` has no point: {time}"))?;
            ear.hear(heard);
            if heard > self.last_fetch {
                self.last_fetch = ear.refetch()?.at;
            }
        }
        Ok(())
    }

    fn ended(&mut self, _: bool, _: &mut Ear) -> Result<Option<Duration>, String> {
        Ok(Some(self.interval.saturating_sub(self.subscribed.elapsed())))
    }

    fn leaves_after(&self) -> Option<Duration> {
        Some(self.interval)
    }
}
