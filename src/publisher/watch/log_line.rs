//! Lines of the log.

use std::fmt;

use crate::source::Place;

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogLine {
    /// A person should look at it.
    pub is_warning: bool,
    pub line: String,
}

impl LogLine {
    pub(crate) fn info(line: impl Into<String>) -> LogLine {
        LogLine { is_warning: false, line: line.into() }
    }

    pub(crate) fn warning(line: impl Into<String>) -> LogLine {
        LogLine { is_warning: true, line: line.into() }
    }

    pub(crate) fn info_of(place: &Place, what: impl fmt::Display) -> LogLine {
        LogLine::info(format!("{place}: {what}"))
    }

    pub(crate) fn warning_of(place: &Place, what: impl fmt::Display) -> LogLine {
        LogLine::warning(format!("{place}: {what}"))
    }
}

impl fmt::Display for LogLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.line)
    }
}
