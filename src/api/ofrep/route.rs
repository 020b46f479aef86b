//! The paths of the protocol.

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Route<'a> {
    /// One flag, by its name as it stands in the path. Providers encode it, or leave it as it is: then it may have slashes.
    One { key: &'a str },
    /// All flags.
    Bulk,
}

impl<'a> Route<'a> {
    /// With and without a slash at the end, and with any number of slashes in between.
    pub(crate) fn of(path: &'a str) -> Option<Route<'a>> {
        let mut rest = path;
        for part in ["ofrep", "v1", "evaluate", "flags"] {
            rest = rest.trim_start_matches('/').strip_prefix(part)?;
            if !rest.is_empty() && !rest.starts_with('/') {
                return None;
            }
        }
        Some(match rest.trim_matches('/') {
            "" => Route::Bulk,
            key => Route::One { key },
        })
    }

    /// The methods that have an answer, as the `Allow` header wants them.
    pub(crate) fn methods(self) -> &'static str {
        "POST, OPTIONS"
    }
}
