//! Android (`FlagsmithEventService.kt`, OkHttp's event source): events named `environment_updated`, compared with the
//! header of the last answer. After a clean end it connects again at once; after any failure it never does.

use std::time::Duration;

use super::events::Events;
use super::{Ear, Fetched, Kind, Model, REMOTE, number, updated_at};

#[derive(Default)]
pub(super) struct Android {
    events: Events,
    known: f64,
}

impl Model for Android {
    fn kind(&self) -> Kind {
        REMOTE
    }

    fn begin(&mut self, first: &Fetched) {
        self.known = first.header;
    }

    fn connected(&mut self) {
        self.events = Events::default();
    }

    fn read(&mut self, bytes: &[u8], ear: &mut Ear) -> Result<(), String> {
        for event in self.events.read(bytes)? {
            if event.name != "environment_updated" || event.data.is_empty() {
                continue;
            }
            let heard = number(&updated_at(&event.data)?)?;
            ear.hear(heard);
            if heard > self.known {
                self.known = ear.refetch()?.header;
            }
        }
        Ok(())
    }

    fn ended(&mut self, clean: bool, _: &mut Ear) -> Result<Option<Duration>, String> {
        Ok(clean.then_some(Duration::ZERO))
    }
}
