//! Which protocol a path belongs to. A path is split here, and nowhere else.

use http::Method;

use crate::{flagsmith, ofrep};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Route<'a> {
    Health,
    Flagsmith(flagsmith::Route<'a>),
    Ofrep(ofrep::Route<'a>),
}

impl<'a> Route<'a> {
    /// With and without a slash at the end, and with any number of slashes in between.
    pub(crate) fn of(path: &'a str) -> Option<Route<'a>> {
        // No path but those of OFREP has more parts than five; a sixth one is enough to see that.
        let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).take(6).collect();
        match parts.as_slice() {
            ["health"] | ["health", "liveness" | "readiness"] => Some(Route::Health),
            ["ofrep", ..] => ofrep::Route::of(path).map(Route::Ofrep),
            parts => flagsmith::Route::of(parts).map(Route::Flagsmith),
        }
    }

    /// The methods that have an answer, as the `Allow` header wants them.
    pub(crate) fn methods(self) -> &'static str {
        match self {
            Route::Health => "GET, HEAD, OPTIONS",
            Route::Flagsmith(route) => route.methods(),
            Route::Ofrep(route) => route.methods(),
        }
    }

    pub(crate) fn allows(self, method: &Method) -> bool {
        self.methods().split(", ").any(|allowed| allowed == method.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use flagsmith::Route::{EnvironmentDocument, Flags, Identities, Stream};
    use ofrep::Route::Stream as Changes;
    use ofrep::Route::{Bulk, One};

    #[test]
    fn slashes_do_not_matter() {
        let stream = Some(Route::Flagsmith(Stream { key: "demo" }));
        for (path, route) in [
            ("/api/v1/flags/", Some(Route::Flagsmith(Flags))),
            ("/api/v1/flags", Some(Route::Flagsmith(Flags))),
            ("/api/v1//flags//", Some(Route::Flagsmith(Flags))),
            ("/api/v1/identities/", Some(Route::Flagsmith(Identities))),
            ("/api/v1/environment-document", Some(Route::Flagsmith(EnvironmentDocument))),
            ("/sse/environments/demo/stream", stream),
            ("//sse/environments/demo/stream/", stream),
            ("/sse/environments/stream", None),
            ("/health/readiness/", Some(Route::Health)),
            ("/ofrep/v1/evaluate/flags", Some(Route::Ofrep(Bulk))),
            ("//ofrep/v1//evaluate/flags/", Some(Route::Ofrep(Bulk))),
            ("/ofrep/v1/evaluate/flags/a", Some(Route::Ofrep(One { key: "a" }))),
            ("/ofrep/v1/evaluate/flags//a//b/c/", Some(Route::Ofrep(One { key: "a//b/c" }))),
            ("/ofrep/v1/environments/demo/stream", Some(Route::Ofrep(Changes { key: "demo" }))),
            ("/ofrep//v1/environments//demo//stream/", Some(Route::Ofrep(Changes { key: "demo" }))),
            ("/ofrep/v1/environments/stream", None),
            ("/ofrep/v1/environments//stream", None),
            ("/ofrep/v1/environments/demo/stream/x", None),
            ("/ofrep/v1/environments/a/b/stream", None),
            ("/ofrep/v1/environmentsx/demo/stream", None),
            ("/ofrep/v1/evaluate/flagsx", None),
            ("/ofrep/v1/evaluate", None),
            ("/ofrep/v1/configuration", None),
            ("/api/v1/flags/x", None),
            ("/sse/environments/demo/stream/x", None),
            ("/api/v2/flags/", None),
            ("/", None),
        ] {
            assert_eq!(Route::of(path), route, "{path}");
        }
    }
}
