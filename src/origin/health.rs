//! Health and status: whether the origin is ready, and which environments are behind.
//!
//! Being behind is never a reason not to be ready: another replica would be just as far behind, and streams and older
//! flags are served all the same.

use std::cmp::Reverse;
use std::time::Duration;

use api::progress::{Bus, EnvironmentProgress, Progress, Publishing};
use api::seconds;
use axum::Json;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use crate::control::Control;
use crate::hub::HubError;
use crate::request::authorize;
use crate::request_error::RequestError;
use crate::state::Origin;

/// As many environments as a person reads; `/status` has all.
const MOST_BEHIND: usize = 100;

pub(crate) async fn liveness() -> Json<Value> {
    Json(json!({ "status": "ok" }))
}

/// Without a control and a bus, and if no clock was found to be ahead, an origin has nothing to add to its liveness. Names of
/// environments, and what servers answered, are for requests with the token.
pub(crate) async fn health(State(origin): State<Origin>, request: Request) -> Json<Value> {
    let mut health = json!({ "status": "ok" });
    if origin.control().is_some() || origin.bus().is_some() {
        let with_names = authorize(&origin, request.headers()).is_ok();
        let progress = origin.control().map(Control::progress).unwrap_or_default();
        let behind = behind(&progress, with_names);
        if let Some(since) = progress.silent_since {
            health["publisher_silent_since"] = json!(since.to_string());
        }
        health["bus"] = json!(bus(&origin));
        health["behind"] = json!(behind);
        if !progress.troubles.is_empty() {
            health["troubles"] = json!(progress.troubles.len());
        }
    }
    let ahead = origin.metrics().announcements_ahead.get();
    if ahead > 0 {
        health["announcements_ahead"] = json!(ahead);
    }
    Json(health)
}

pub(crate) async fn readiness(State(origin): State<Origin>, request: Request) -> Response {
    if origin.hub().has_ended() {
        return RequestError::Hub(HubError::Ending).into_response();
    }
    health(State(origin), request).await.into_response()
}

/// The whole report, for requests with the token: it names places.
pub(crate) async fn status(State(origin): State<Origin>, request: Request) -> Response {
    let Some(control) = origin.control() else { return RequestError::NothingPublished.into_response() };
    if let Err(error) = authorize(&origin, request.headers()) {
        return error.into_response();
    }
    Json(Publishing { bus: bus(&origin), progress: control.progress() }).into_response()
}

fn bus(origin: &Origin) -> Bus {
    match origin.bus().map(crate::bus::Bus::is_up) {
        None => Bus::None,
        Some(true) => Bus::Up,
        Some(false) => Bus::Down,
    }
}

/// The environments that are furthest behind, the furthest first.
fn behind(report: &Progress, with_names: bool) -> Vec<Value> {
    let environments = report.environments.iter();
    let mut behind: Vec<(Duration, &EnvironmentProgress)> =
        environments.filter_map(|report| Some((report.behind?, report))).collect();
    behind.sort_by_key(|(behind, report)| (Reverse(*behind), &report.key));
    let most = behind.into_iter().take(MOST_BEHIND).map(|(behind, report)| {
        let seconds = seconds(behind);
        if with_names {
            json!({ "key": report.key.as_str(), "seconds": seconds, "why": report.why })
        } else {
            json!({ "seconds": seconds })
        }
    });
    most.collect()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use api::progress::{Changed, PlaceTrouble};
    use api::{EnvironmentKey, Revision, Secret};
    use axum::body::{Body, to_bytes};
    use http::header::AUTHORIZATION;
    use jiff::Timestamp;
    use tower::ServiceExt;

    use super::*;
    use crate::{BusAddress, Settings, app};

    /// A control with this report.
    struct Reported(Progress);

    impl Control for Reported {
        fn changed(&self, _: Changed) -> bool {
            false
        }

        fn progress(&self) -> Progress {
            self.0.clone()
        }
    }

    fn settled(key: &str) -> EnvironmentProgress {
        EnvironmentProgress {
            key: EnvironmentKey::parse(key).unwrap(),
            place: format!("environments/{key}.json"),
            revision: Some(Revision(1_772_450_553)),
            behind: None,
            why: None,
            last_success: Some(Timestamp::from_millisecond(1_772_450_553_250).unwrap()),
            failures: 0,
            published: 3,
            last_change: None,
        }
    }

    fn behind(key: &str, milliseconds: u64, why: &str) -> EnvironmentProgress {
        let behind = Some(Duration::from_millis(milliseconds));
        EnvironmentProgress { behind, why: Some(why.to_owned()), failures: 2, ..settled(key) }
    }

    fn origin(environments: Vec<EnvironmentProgress>) -> Origin {
        let troubles =
            vec![PlaceTrouble { place: "environments/c.json".into(), why: "it is no JSON".into() }];
        let report = Progress { environments, troubles, api_calls: 12, silent_since: None };
        let settings =
            Settings { token: Some(Secret::parse_token("s3cret").unwrap()), ..Settings::default() };
        Origin::new(settings).with_control(Arc::new(Reported(report)))
    }

    async fn get(origin: &Origin, path: &str, authorization: Option<&str>) -> (u16, Value) {
        let request = Request::get(path);
        let request =
            authorization.into_iter().fold(request, |request, it| request.header(AUTHORIZATION, it));
        let request = request.body(Body::empty()).unwrap();
        let (parts, body) = app(origin.clone()).oneshot(request).await.unwrap().into_parts();
        let body = to_bytes(body, usize::MAX).await.unwrap();
        (parts.status.as_u16(), serde_json::from_slice(&body).unwrap())
    }

    #[tokio::test]
    async fn health_lists_the_environments_that_are_behind_the_furthest_first() {
        let origin =
            origin(vec![behind("b", 1_500, "HTTP 503"), settled("a"), behind("c", 61_000, "HTTP 429")]);
        let expected = json!({
            "status": "ok",
            "bus": "none",
            "behind": [
                { "key": "c", "seconds": 61.0, "why": "HTTP 429" },
                { "key": "b", "seconds": 1.5, "why": "HTTP 503" },
            ],
            "troubles": 1,
        });
        // An environment's name is a key of every app, and a server may say anything in its answer.
        let to_strangers = json!({
            "status": "ok", "bus": "none", "behind": [{ "seconds": 61.0 }, { "seconds": 1.5 }], "troubles": 1
        });
        for path in ["/health", "/health/", "/health/readiness", "/sse/health"] {
            assert_eq!(get(&origin, path, Some("Token s3cret")).await, (200, expected.clone()), "{path}");
            for stranger in [None, Some("Token wrong")] {
                assert_eq!(get(&origin, path, stranger).await, (200, to_strangers.clone()), "{path}");
            }
        }
        assert_eq!(get(&origin, "/health/liveness", None).await, (200, json!({ "status": "ok" })));
        origin.end();
        assert_eq!(get(&origin, "/health/readiness", None).await.0, 503);
        assert_eq!(get(&origin, "/health", None).await, (200, to_strangers));
    }

    #[tokio::test]
    async fn health_says_that_the_publisher_does_not_answer() {
        let silent_since = Some("2026-03-02T11:22:33Z".parse().unwrap());
        let report = Progress { silent_since, ..Progress::default() };
        let origin = Origin::new(Settings::default()).with_control(Arc::new(Reported(report)));
        let expected = json!({
            "status": "ok", "bus": "none", "behind": [], "publisher_silent_since": "2026-03-02T11:22:33Z"
        });
        assert_eq!(get(&origin, "/health", None).await, (200, expected.clone()));
        assert_eq!(get(&origin, "/health/readiness", None).await, (200, expected));
        let (_, status) = get(&origin, "/status", None).await;
        assert_eq!(status["silent_since"], "2026-03-02T11:22:33Z");
    }

    #[tokio::test]
    async fn health_lists_a_hundred_environments_at_most() {
        let origin = origin((0..300).map(|n| behind(&format!("e{n}"), 1_000 + n, "HTTP 503")).collect());
        let (_, health) = get(&origin, "/health", Some("Token s3cret")).await;
        let listed = health["behind"].as_array().unwrap();
        assert_eq!(
            (listed.len(), &listed[0]["key"], &listed[99]["key"]),
            (100, &json!("e299"), &json!("e200"))
        );
        let (_, status) = get(&origin, "/status", Some("Token s3cret")).await;
        assert_eq!(status["environments"].as_array().unwrap().len(), 300);
    }

    #[tokio::test]
    async fn an_origin_is_ready_while_its_bus_is_down() {
        let bus = BusAddress::parse("redis://redis.example").unwrap();
        let origin = Origin::new(Settings::default()).with_bus(bus, |_| {});
        let expected = json!({ "status": "ok", "bus": "down", "behind": [] });
        assert_eq!(get(&origin, "/health/readiness", None).await, (200, expected));
    }

    #[tokio::test]
    async fn the_status_asks_for_the_token() {
        let never = EnvironmentProgress { revision: None, last_success: None, published: 0, ..settled("b") };
        let reported =
            origin(vec![settled("a"), EnvironmentProgress { behind: Some(Duration::ZERO), ..never }]);
        let unauthorized = json!({ "detail": "Invalid authorization header" });
        let expected = json!({
            "bus": "none",
            "api_calls": 12,
            "environments": [
                {
                    "key": "a", "place": "environments/a.json", "revision": 1_772_450_553_u64,
                    "behind_seconds": null, "why": null, "last_success": "2026-03-02T11:22:33.25Z",
                    "failures": 0, "published": 3,
                },
                {
                    "key": "b", "place": "environments/b.json", "revision": null,
                    "behind_seconds": 0.0, "why": null, "last_success": null,
                    "failures": 0, "published": 0,
                },
            ],
            "troubles": [{ "place": "environments/c.json", "why": "it is no JSON" }],
        });
        for (authorization, answer) in [
            (None, (401, &unauthorized)),
            (Some("Token wrong"), (401, &unauthorized)),
            (Some("Token s3cret"), (200, &expected)),
        ] {
            for path in ["/status", "/status/"] {
                let (status, body) = get(&reported, path, authorization).await;
                assert_eq!((status, &body), answer, "{path} {authorization:?}");
            }
        }
        let nothing = json!({ "detail": "nothing is published by this process" });
        assert_eq!(get(&Origin::new(Settings::default()), "/status", None).await, (404, nothing));
    }
}
