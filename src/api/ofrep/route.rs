//! The paths of the protocol.

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Route<'a> {
    /// One flag, by its name as it stands in the path, encoded.
    One { key: &'a str },
    /// All flags.
    Bulk,
}

impl<'a> Route<'a> {
    /// `parts` are those of the path between its slashes.
    pub(crate) fn of(parts: &[&'a str]) -> Option<Route<'a>> {
        match parts {
            ["ofrep", "v1", "evaluate", "flags"] => Some(Route::Bulk),
            ["ofrep", "v1", "evaluate", "flags", key] => Some(Route::One { key }),
            _ => None,
        }
    }

    /// The methods that have an answer, as the `Allow` header wants them.
    pub(crate) fn methods(self) -> &'static str {
        "POST, OPTIONS"
    }
}
