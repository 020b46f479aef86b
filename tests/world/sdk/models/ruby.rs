//! Ruby (`realtime_client.rb`): reads a whole body, so it receives changes at the end of the stream, and none if that
//! end is not clean. Each line that starts with `data: ` counts; times are compared with the last one received,
//! beginning with 0. It connects again after half a second.

use std::time::Duration;

use super::{Ear, Fetched, Kind, LOCAL, Model, Refetches, number, updated_at};

#[derive(Default)]
pub(super) struct Ruby {
    body: Vec<u8>,
    last: f64,
}

impl Model for Ruby {
    fn kind(&self) -> Kind {
        // It knows of no time when it starts, so its first event is news.
        Kind { refetches: Refetches::PerChange { first: 2 }, ..LOCAL }
    }

    fn begin(&mut self, _: &Fetched) {}

    fn connected(&mut self) {
        self.body.clear();
    }

    fn read(&mut self, bytes: &[u8], _: &mut Ear) -> Result<(), String> {
        self.body.extend_from_slice(bytes);
        Ok(())
    }

    fn ended(&mut self, clean: bool, ear: &mut Ear) -> Result<Option<Duration>, String> {
        if clean {
            let body = str::from_utf8(&self.body).map_err(|error| error.to_string())?;
            for data in body.lines().filter_map(|line| line.strip_prefix("data: ")) {
                let heard = number(&updated_at(data)?)?;
                ear.hear(heard);
                if heard > self.last {
                    ear.refetch()?;
                    self.last = heard;
                }
            }
        }
        Ok(Some(Duration::from_millis(500)))
    }
}
