//! What there is to say, a line each.

use std::fmt;

use crate::source::Place;

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct News {
    /// Somebody should look at it.
    pub is_trouble: bool,
    pub line: String,
}

impl News {
    pub(crate) fn good(line: impl Into<String>) -> News {
        News { is_trouble: false, line: line.into() }
    }

    pub(crate) fn trouble(line: impl Into<String>) -> News {
        News { is_trouble: true, line: line.into() }
    }

    pub(crate) fn good_of(place: &Place, what: impl fmt::Display) -> News {
        News::good(format!("{place}: {what}"))
    }

    pub(crate) fn trouble_of(place: &Place, what: impl fmt::Display) -> News {
        News::trouble(format!("{place}: {what}"))
    }
}

impl fmt::Display for News {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.line)
    }
}
