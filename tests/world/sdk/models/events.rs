//! Lines and events, which may be spread over several chunks.

/// Whole lines, without their ends.
#[derive(Default)]
pub(super) struct Lines(Vec<u8>);

impl Lines {
    pub(super) fn read(&mut self, bytes: &[u8]) -> Result<Vec<String>, String> {
        self.0.extend_from_slice(bytes);
        let Some(end) = self.0.iter().rposition(|byte| *byte == b'\n') else { return Ok(Vec::new()) };
        let whole: Vec<u8> = self.0.drain(..=end).collect();
        let text = String::from_utf8(whole).map_err(|error| error.to_string())?;
        Ok(text.lines().map(str::to_owned).collect())
    }
}

/// The lines between two empty lines.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct Event {
    pub(super) name: String,
    pub(super) data: String,
}

#[derive(Default)]
pub(super) struct Events {
    lines: Lines,
    begun: Event,
}

impl Events {
    pub(super) fn read(&mut self, bytes: &[u8]) -> Result<Vec<Event>, String> {
        let mut events = Vec::new();
        for line in self.lines.read(bytes)? {
            let (field, value) = line.split_once(':').unwrap_or((&line, ""));
            let value = value.strip_prefix(' ').unwrap_or(value);
            match field {
                "event" => value.clone_into(&mut self.begun.name),
                "data" => self.begun.data.push_str(value),
                "" if line.is_empty() => events.push(std::mem::take(&mut self.begun)),
                _ => {}
            }
        }
        Ok(events)
    }
}
