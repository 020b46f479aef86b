//! iOS (`SSEManager.swift`): each chunk of the network is split into lines by itself, with nothing kept for the next
//! one; each line that starts with `data:` is an event, whatever its name. It is compared with a time that is never
//! set, so every event counts as news, also the first one of a connection. After a clean end it connects again at once,
//! else after a growing pause.

use std::time::Duration;

use super::{Ear, Fetched, Kind, Model, REMOTE, Refetches, number, updated_at};

pub(super) struct Ios;

impl Model for Ios {
    fn kind(&self) -> Kind {
        Kind { refetches: Refetches::PerEvent, ..REMOTE }
    }

    fn begin(&mut self, _: &Fetched) {}

    fn connected(&mut self) {}

    fn read(&mut self, bytes: &[u8], ear: &mut Ear) -> Result<(), String> {
        let chunk = str::from_utf8(bytes).map_err(|error| error.to_string())?;
        for data in chunk.split('\n').filter_map(|line| line.strip_prefix("data:")) {
            ear.hear(number(&updated_at(data)?)?);
            ear.refetch()?;
        }
        Ok(())
    }

    fn ended(&mut self, clean: bool, _: &mut Ear) -> Result<Option<Duration>, String> {
        Ok(Some(if clean { Duration::ZERO } else { Duration::from_secs(1) }))
    }
}
