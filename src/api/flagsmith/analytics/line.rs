//! Lines of the analytics log.

use jiff::Timestamp;

use crate::flagsmith::limits::LINE_LIMIT;
use crate::key::EnvironmentKey;

/// Items of one kind, in as few lines as hold them. Each line is a JSON object with the environment and the time.
pub(super) struct Lines {
    head: String,
    close: char,
    /// The line that is being made, without its end.
    line: String,
    finished: Vec<String>,
}

impl Lines {
    /// Lines with items as the member `what`, between `open` and `close`.
    pub(super) fn new(
        environment: &EnvironmentKey,
        now: Timestamp,
        what: &str,
        open: char,
        close: char,
    ) -> Lines {
        // A key needs no escapes.
        let head = format!(r#"{{"environment":"{environment}","time":{},"{what}":{open}"#, now.as_second());
        Lines { head, close, line: String::new(), finished: Vec::new() }
    }

    pub(super) fn add(&mut self, item: &str) {
        if !self.line.is_empty() && self.line.len() + item.len() > LINE_LIMIT {
            self.end_line();
        }
        if self.line.is_empty() {
            self.line.push_str(&self.head);
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
            let mut lines = Lines::new(&key, Timestamp::from_second(7).unwrap(), "counts", '{', '}');
            items.iter().for_each(|item| lines.add(item));
            lines.finish()
        };
        assert!(lines(&[]).is_empty());
        let few = lines(&[r#""a":1"#.into(), r#""b":2"#.into()]);
        assert_eq!(few, [r#"{"environment":"demo","time":7,"counts":{"a":1,"b":2}}"#]);
        let item = |number: usize| format!(r#""{number:0>2000}":1"#);
        let many = lines(&(0..10).map(item).collect::<Vec<_>>());
        assert_eq!(many.len(), 4);
        let found: Vec<serde_json::Value> =
            many.iter().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert!(many.iter().all(|line| line.len() <= LINE_LIMIT + 100));
        assert_eq!(found.iter().map(|line| line["counts"].as_object().unwrap().len()).sum::<usize>(), 10);
    }
}
