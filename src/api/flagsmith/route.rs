//! The paths of Flagsmith's protocol (`PROTOCOL.md`, 2).

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Route<'a> {
    Flags,
    Identities,
    EnvironmentDocument,
    /// Analytics: how often each flag was asked for.
    Counts,
    /// Analytics: which flags were evaluated for whom.
    Evaluations,
    /// What users did, for experiments.
    Events,
    /// With the environment's key as it stands in the path, encoded.
    Stream {
        key: &'a str,
    },
}

impl<'a> Route<'a> {
    /// `parts` are those of the path between its slashes.
    pub(crate) fn of(parts: &[&'a str]) -> Option<Route<'a>> {
        match parts {
            ["api", "v1", "flags"] => Some(Route::Flags),
            ["api", "v1", "identities"] => Some(Route::Identities),
            ["api", "v1", "environment-document"] => Some(Route::EnvironmentDocument),
            ["api", "v1", "analytics", "flags"] => Some(Route::Counts),
            ["api", "v2", "analytics", "flags"] => Some(Route::Evaluations),
            ["v1", "events"] => Some(Route::Events),
            ["sse", "environments", key, "stream"] => Some(Route::Stream { key }),
            _ => None,
        }
    }

    /// The methods that have an answer, as the `Allow` header wants them.
    pub(crate) fn methods(self) -> &'static str {
        match self {
            Route::Identities => "GET, HEAD, POST, OPTIONS",
            Route::Counts | Route::Evaluations | Route::Events => "POST, OPTIONS",
            Route::Stream { .. } => "GET, OPTIONS",
            Route::Flags | Route::EnvironmentDocument => "GET, HEAD, OPTIONS",
        }
    }
}
