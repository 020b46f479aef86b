//! The paths of Flagsmith's protocol (`PROTOCOL.md`, 2).

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Route<'a> {
    Flags,
    Identities,
    /// Why the flags of an identity have their values.
    Explain,
    EnvironmentDocument,
    /// Analytics: how often each flag was asked for.
    Counts,
    /// One trait of an identity.
    Trait,
    /// Traits of several identities.
    BulkTraits,
    IncrementTrait,
    BulkIdentities,
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
            ["api", "v1", "explain"] => Some(Route::Explain),
            ["api", "v1", "environment-document"] => Some(Route::EnvironmentDocument),
            ["api", "v1", "traits"] => Some(Route::Trait),
            ["api", "v1", "traits", "bulk"] => Some(Route::BulkTraits),
            ["api", "v1", "traits", "increment-value"] => Some(Route::IncrementTrait),
            ["api", "v1", "bulk-identities"] => Some(Route::BulkIdentities),
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
            Route::Counts
            | Route::Evaluations
            | Route::Events
            | Route::Explain
            | Route::Trait
            | Route::IncrementTrait => "POST, OPTIONS",
            Route::BulkTraits => "PUT, OPTIONS",
            Route::BulkIdentities => "POST, PUT, OPTIONS",
            Route::Stream { .. } => "GET, OPTIONS",
            Route::Flags | Route::EnvironmentDocument => "GET, HEAD, OPTIONS",
        }
    }
}
