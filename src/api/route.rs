//! The paths that are answered, with and without a slash at the end, and however many slashes in between.

use http::Method;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Route {
    Flags,
    Identities,
    EnvironmentDocument,
    Stream,
    Health,
}

impl Route {
    pub(crate) fn of(path: &str) -> Option<Route> {
        match parts(path).as_slice() {
            ["api", "v1", "flags"] => Some(Route::Flags),
            ["api", "v1", "identities"] => Some(Route::Identities),
            ["api", "v1", "environment-document"] => Some(Route::EnvironmentDocument),
            ["sse", "environments", _, "stream"] => Some(Route::Stream),
            ["health"] | ["health", "liveness" | "readiness"] => Some(Route::Health),
            _ => None,
        }
    }

    /// The methods that have an answer, as the `Allow` header wants them.
    pub(crate) fn methods(self) -> &'static str {
        match self {
            Route::Identities => "GET, HEAD, POST, OPTIONS",
            Route::Stream => "GET, OPTIONS",
            Route::Flags | Route::EnvironmentDocument | Route::Health => "GET, HEAD, OPTIONS",
        }
    }

    pub(crate) fn allows(self, method: &Method) -> bool {
        self.methods().split(", ").any(|allowed| allowed == method.as_str())
    }
}

/// The environment key in the path of [`Route::Stream`], as it stands there.
pub(crate) fn stream_key(path: &str) -> Option<&str> {
    match parts(path).as_slice() {
        ["sse", "environments", key, "stream"] => Some(key),
        _ => None,
    }
}

fn parts(path: &str) -> Vec<&str> {
    path.split('/').filter(|part| !part.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slashes_do_not_matter() {
        for (path, route) in [
            ("/api/v1/flags/", Some(Route::Flags)),
            ("/api/v1/flags", Some(Route::Flags)),
            ("/api/v1//flags//", Some(Route::Flags)),
            ("/api/v1/identities/", Some(Route::Identities)),
            ("/api/v1/environment-document", Some(Route::EnvironmentDocument)),
            ("/sse/environments/demo/stream", Some(Route::Stream)),
            ("//sse/environments/demo/stream/", Some(Route::Stream)),
            ("/sse/environments/stream", None),
            ("/health/readiness/", Some(Route::Health)),
            ("/api/v1/flags/x", None),
            ("/api/v2/flags/", None),
            ("/", None),
        ] {
            assert_eq!(Route::of(path), route, "{path}");
        }
    }
}
