//! Lines of the analytics log.

use jiff::Timestamp;

use crate::flagsmith::limits::LINE_LIMIT;
use crate::key::EnvironmentKey;

/// Items of one kind, in as few lines as hold them. Each line is a JSON object with an identifier of its own, the
/// environment and the time. Its last member is named by the kind.
pub(super) struct Lines {
    /// Of the next line.
    id: u64,
    head: String,
    close: char,
    /// The line that is being made, without its end.
    line: String,
    finished: Vec<String>,
}

/// What the items of some lines are.
#[derive(Clone, Copy)]
pub(super) enum Kind<'a> {
    Counts,
    Evaluations,
    /// With the name and version of the SDK that sent them.
    Events {
        sdk: Option<&'a str>,
    },
}

impl Lines {
    /// `random` makes the identifiers. Log streaming may deliver a line twice, and the reader sees it by them.
    pub(super) fn new(environment: &EnvironmentKey, now: Timestamp, random: u128, kind: Kind<'_>) -> Lines {
        // A key needs no escapes.
        let mut head = format!(r#"","environment":"{environment}","time":{},"#, now.as_second());
        let close = match kind {
            Kind::Counts => {
                head.push_str(r#""counts":{"#);
                '}'
            }
            Kind::Evaluations => {
                head.push_str(r#""evaluations":["#);
                ']'
            }
            Kind::Events { sdk } => {
                if let Some(sdk) = sdk {
                    head.push_str(&format!(r#""sdk":{},"#, serde_json::Value::from(sdk)));
                }
                head.push_str(r#""events":["#);
                ']'
            }
        };
        #[expect(clippy::cast_possible_truncation, reason = "half of the bits are enough")]
        let id = random as u64;
        Lines { id, head, close, line: String::new(), finished: Vec::new() }
    }

    pub(super) fn add(&mut self, item: &str) {
        if !self.line.is_empty() && self.line.len() + item.len() > LINE_LIMIT {
            self.end_line();
        }
        if self.line.is_empty() {
            self.line.push_str(&format!(r#"{{"id":"{:016x}"#, self.id));
            self.line.push_str(&self.head);
            self.id = self.id.wrapping_add(1);
        } else {
            self.line.push(',');
        }
        self.line.push_str(item);
    }

    /// None if nothing was added.
    pub(super) fn finish(mut self) -> Vec<String> {
        if !self.line.is_empty() {
            self.end_line();
        }
        self.finished
    }

    fn end_line(&mut self) {
        self.line.push(self.close);
        self.line.push('}');
        self.finished.push(std::mem::take(&mut self.line));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items_fill_lines_up_to_the_limit() {
        let lines = |items: &[String]| {
            let key = EnvironmentKey::parse("demo").unwrap();
            let mut lines = Lines::new(&key, Timestamp::from_second(7).unwrap(), 254, Kind::Counts);
            items.iter().for_each(|item| lines.add(item));
            lines.finish()
        };
        assert!(lines(&[]).is_empty());
        let few = lines(&[r#""a":1"#.into(), r#""b":2"#.into()]);
        assert_eq!(
            few,
            [r#"{"id":"00000000000000fe","environment":"demo","time":7,"counts":{"a":1,"b":2}}"#]
        );
        let item = |number: usize| format!(r#""{number:0>2000}":1"#);
        let many = lines(&(0..10).map(item).collect::<Vec<_>>());
        assert_eq!(many.len(), 4);
        let found: Vec<serde_json::Value> =
            many.iter().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert!(many.iter().all(|line| line.len() <= LINE_LIMIT + 100));
        let ids: Vec<&str> = found.iter().map(|line| line["id"].as_str().unwrap()).collect();
        assert_eq!(ids[1..3], ["00000000000000ff", "0000000000000100"]);
        assert_eq!(found.iter().map(|line| line["counts"].as_object().unwrap().len()).sum::<usize>(), 10);
    }
}
