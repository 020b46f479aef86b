//! The paths of the protocol.

use crate::key::EnvironmentKey;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Route<'a> {
    /// One flag, by its name as it stands in the path. Providers encode it, or leave it as it is: then it may have slashes.
    One { key: &'a str },
    /// All flags.
    Bulk,
    /// Changes of an environment, with its key as it stands in the path, encoded.
    Stream { key: &'a str },
}

impl<'a> Route<'a> {
    /// With and without a slash at the end, and with any number of slashes in between.
    pub(crate) fn of(path: &'a str) -> Option<Route<'a>> {
        let rest = after(path, &["ofrep", "v1"])?;
        if let Some(flag) = after(rest, &["evaluate", "flags"]) {
            return Some(match flag.trim_matches('/') {
                "" => Route::Bulk,
                key => Route::One { key },
            });
        }
        let (key, rest) = after(rest, &["environments"])?.trim_start_matches('/').split_once('/')?;
        let end = after(rest, &["stream"])?;
        (!key.is_empty() && end.trim_matches('/').is_empty()).then_some(Route::Stream { key })
    }

    /// The path of the stream of an environment.
    pub(super) fn stream_path(key: &EnvironmentKey) -> String {
        // No character of a key needs to be encoded.
        format!("/ofrep/v1/environments/{key}/stream")
    }

    /// The methods that have an answer, as the `Allow` header wants them.
    pub(crate) fn methods(self) -> &'static str {
        match self {
            Route::One { .. } | Route::Bulk => "POST, OPTIONS",
            Route::Stream { .. } => "GET, OPTIONS",
        }
    }
}

/// What is left of a path after these parts.
fn after<'a>(path: &'a str, parts: &[&str]) -> Option<&'a str> {
    let mut rest = path;
    for part in parts {
        rest = rest.trim_start_matches('/').strip_prefix(part)?;
        if !rest.is_empty() && !rest.starts_with('/') {
            return None;
        }
    }
    Some(rest)
}
