//! Go (`realtime.go`): any line that starts with `data: `, whatever the event's name; the time made of whole seconds
//! and of truncated nanoseconds, and compared with the document's RFC 3339 time. After a clean end it connects again at
//! once, else after a growing pause.

use std::time::Duration;

use jiff::Timestamp;

use super::events::Lines;
use super::{Ear, Fetched, Kind, LOCAL, Model, number, updated_at};

#[derive(Default)]
pub(super) struct Go {
    lines: Lines,
    known: Timestamp,
}

impl Model for Go {
    fn kind(&self) -> Kind {
        LOCAL
    }

    fn begin(&mut self, first: &Fetched) {
        self.known = first.updated_at.unwrap_or_default();
    }

    fn connected(&mut self) {
        self.lines = Lines::default();
    }

    fn read(&mut self, bytes: &[u8], ear: &mut Ear) -> Result<(), String> {
        for line in self.lines.read(bytes)? {
            let Some(data) = line.strip_prefix("data: ") else { continue };
            let heard = number(&updated_at(data)?)?;
            ear.hear(heard);
            if time(heard)? > self.known {
                self.known = ear.refetch()?.updated_at.ok_or("a document without its time")?;
            }
        }
        Ok(())
    }

    fn ended(&mut self, clean: bool, _: &mut Ear) -> Result<Option<Duration>, String> {
        Ok(Some(if clean { Duration::ZERO } else { Duration::from_millis(200) }))
    }
}

#[expect(clippy::cast_possible_truncation, reason = "it truncates")]
fn time(seconds: f64) -> Result<Timestamp, String> {
    if seconds <= 0.0 {
        return Err(format!("{seconds} is before the epoch"));
    }
    let nanoseconds = (seconds.fract() * 1e9) as i32;
    Timestamp::new(seconds as i64, nanoseconds).map_err(|error| error.to_string())
}
