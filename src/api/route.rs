//! The paths that are answered, with and without a slash at the end, and however many slashes in between.

use http::Method;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Route {
    Flags,
    Identities,
    EnvironmentDocument,
    Health,
}

impl Route {
    pub(crate) fn of(path: &str) -> Option<Route> {
        let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
        match parts.as_slice() {
            ["api", "v1", "flags"] => Some(Route::Flags),
            ["api", "v1", "identities"] => Some(Route::Identities),
            ["api", "v1", "environment-document"] => Some(Route::EnvironmentDocument),
            ["health"] | ["health", "liveness" | "readiness"] => Some(Route::Health),
            _ => None,
        }
    }

    /// The methods that have an answer, as the `Allow` header wants them.
    pub(crate) fn methods(self) -> &'static str {
        match self {
            Route::Identities => "GET, HEAD, POST, OPTIONS",
            Route::Flags | Route::EnvironmentDocument | Route::Health => "GET, HEAD, OPTIONS",
        }
    }

    pub(crate) fn allows(self, method: &Method) -> bool {
        self.methods().split(", ").any(|allowed| allowed == method.as_str())
    }
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
            ("/health/readiness/", Some(Route::Health)),
            ("/api/v1/flags/x", None),
            ("/api/v2/flags/", None),
            ("/", None),
        ] {
            assert_eq!(Route::of(path), route, "{path}");
        }
    }
}
