//! Whole answers of the app.

use std::sync::Arc;

use api::progress::Progress;
use api::{EnvironmentKey, Revision, Secret};
use axum::body::{Body, Bytes, to_bytes};
use http::HeaderValue;
use http::header::{ALLOW, AUTHORIZATION, CONTENT_LENGTH, RETRY_AFTER, WWW_AUTHENTICATE};
use http_body_util::BodyExt;
use jiff::Timestamp;
use serde_json::json;
use tower::ServiceExt;

use super::*;
use crate::control::Control;
use crate::{EdgeTokens, Settings};

/// 2026-03-02T11:22:33.25Z
const NOW: i64 = 1_772_450_553_250;
const CHANGE: &str = r#"{"updated_at":"2026-03-02T11:22:30.123456"}"#;
const QUEUE_CHANGE: &str = "/sse/environments/demo/queue-change";
const STREAM: &str = "/sse/environments/demo/stream";

fn origin(token: Option<&str>) -> Origin {
    let settings = Settings {
        token: token.map(|token| Secret::parse_token(token).unwrap()),
        max_streams: 3,
        max_environments: 2,
        ..Settings::default()
    };
    Origin::with_clock(settings, || Timestamp::from_millisecond(NOW).unwrap())
}

async fn send(origin: &Origin, request: Request) -> (u16, Response<String>) {
    let (parts, body) = app(origin.clone()).oneshot(request).await.unwrap().into_parts();
    let body = String::from_utf8(to_bytes(body, usize::MAX).await.unwrap().into()).unwrap();
    (parts.status.as_u16(), Response::from_parts(parts, body))
}

fn request(method: &str, path: &str, authorization: Option<&str>, body: impl Into<Body>) -> Request {
    let request = Request::builder().method(method).uri(path);
    let request = authorization.into_iter().fold(request, |request, it| request.header(AUTHORIZATION, it));
    request.body(body.into()).unwrap()
}

/// Status and body of the answer.
async fn answer(origin: &Origin, request: Request) -> (u16, String) {
    let (status, response) = send(origin, request).await;
    (status, response.into_body())
}

/// The latest revision of `demo`.
fn latest(origin: &Origin) -> u64 {
    origin.hub().revisions().iter().find(|(key, _)| key.as_str() == "demo").unwrap().1.0
}

#[tokio::test]
async fn every_route_answers_with_and_without_a_slash() {
    let origin = origin(None);
    for (method, path, body) in [
        ("GET", "/health", r#"{"status":"ok"}"#),
        ("GET", "/health/liveness", r#"{"status":"ok"}"#),
        ("GET", "/health/readiness", r#"{"status":"ok"}"#),
        ("GET", "/sse/health", r#"{"status":"ok"}"#),
        ("POST", QUEUE_CHANGE, "null"),
    ] {
        let doubled = format!("/{}//?a=b//c", path.replacen("/", "//", 2));
        for path in [path.to_owned(), format!("{path}/"), format!("{path}?a=b"), format!("/{path}"), doubled]
        {
            let (status, response) = send(&origin, request(method, &path, None, CHANGE)).await;
            assert_eq!((status, response.body().as_str()), (200, body), "{path}");
            assert_eq!(response.headers()[CONTENT_TYPE], "application/json", "{path}");
        }
    }
    assert_eq!(latest(&origin), 1_772_450_551);
}

#[tokio::test]
async fn other_paths_and_methods_are_refused_in_json() {
    let origin = origin(None);
    for (method, path, status, allow, body) in [
        ("GET", "/", 404, None, r#"{"detail":"Not Found"}"#),
        ("GET", "/health/other", 404, None, r#"{"detail":"Not Found"}"#),
        ("GET", "//", 404, None, r#"{"detail":"Not Found"}"#),
        ("POST", "/sse/environments/a/b/queue-change", 404, None, r#"{"detail":"Not Found"}"#),
        ("POST", "/health", 405, Some("GET,HEAD"), r#"{"detail":"Method Not Allowed"}"#),
        ("DELETE", "/metrics/", 405, Some("GET,HEAD"), r#"{"detail":"Method Not Allowed"}"#),
        ("GET", QUEUE_CHANGE, 405, Some("POST"), r#"{"detail":"Method Not Allowed"}"#),
        ("POST", STREAM, 405, Some("GET,HEAD"), r#"{"detail":"Method Not Allowed"}"#),
        ("PUT", QUEUE_CHANGE, 405, Some("POST"), r#"{"detail":"Method Not Allowed"}"#),
    ] {
        let (got, response) = send(&origin, request(method, path, None, "")).await;
        let allowed = response.headers().get(ALLOW).map(|value| value.to_str().unwrap());
        assert_eq!((got, allowed, response.body().as_str()), (status, allow, body), "{method} {path}");
    }
    assert_eq!((origin.metrics().announcements.get(), origin.metrics().announcements_refused.get()), (0, 0));
}

#[tokio::test]
async fn only_a_request_with_the_token_may_announce() {
    let origin = origin(Some("s3cret"));
    assert!(!origin.accepts_everyone());
    for (authorization, status) in
        [(None, 401), (Some("Token wrong"), 401), (Some("Bearer s3cret"), 401), (Some("Token s3cret"), 200)]
    {
        // A bad key and a bad body are not looked at.
        let bad = request("POST", "/sse/environments/a%20b/queue-change", authorization, "");
        let (got, response) = send(&origin, bad).await;
        if status == 401 {
            let body = r#"{"detail":"Invalid authorization header"}"#;
            assert_eq!((got, response.body().as_str()), (401, body), "{authorization:?}");
            assert_eq!(response.headers()[WWW_AUTHENTICATE], "Token", "{authorization:?}");
        }
        let good = request("POST", QUEUE_CHANGE, authorization, CHANGE);
        assert_eq!(answer(&origin, good).await.0, status, "{authorization:?}");
    }
    assert_eq!((origin.metrics().announcements.get(), origin.metrics().environments.get()), (1, 1));
    assert_eq!(answer(&origin, request("GET", "/health", None, "")).await.0, 200);
}

#[tokio::test]
async fn an_origin_without_a_token_takes_any_header() {
    let origin = origin(None);
    assert!(origin.accepts_everyone());
    for authorization in [None, Some("Token any"), Some("Bearer other")] {
        let request = request("POST", QUEUE_CHANGE, authorization, CHANGE);
        assert_eq!(answer(&origin, request).await, (200, "null".to_owned()), "{authorization:?}");
    }
}

#[tokio::test]
async fn the_latest_change_stands_and_is_at_most_ten_seconds_ahead() {
    let origin = origin(None);
    for (updated_at, revision) in [
        ("2026-03-02T11:22:31+00:00", 1_772_450_551),
        ("2026-03-02T11:22:30Z", 1_772_450_551),
        ("2026-03-02T12:22:32+01:00", 1_772_450_552),
        // A publisher that published often, or whose clock is a little ahead.
        ("2026-03-02T11:22:42", 1_772_450_562),
        // Within the last possible second: rounded up, and the bound is as well.
        ("2026-03-02T11:22:43.2", 1_772_450_564),
        ("2126-03-02T11:22:33", 1_772_450_564),
    ] {
        let body = json!({ "updated_at": updated_at }).to_string();
        assert_eq!(answer(&origin, request("POST", QUEUE_CHANGE, None, body)).await.0, 200, "{updated_at}");
        assert_eq!(latest(&origin), revision, "{updated_at}");
    }
}

/// A publisher whose clock is ahead: what it wrote has a number that this origin does not believe.
#[tokio::test]
async fn an_announcement_that_is_ahead_is_marked_counted_and_shown() {
    let origin = origin(None);
    let mut open = stream(&origin, "demo").await;
    next_bytes(&mut open).await;
    for (updated_at, event, ahead) in [
        ("2026-03-02T11:22:43", "1772450563.0", 0),
        ("2026-03-02T11:23:33", "1772450564.0, \"ahead\": true", 1),
        ("2026-03-02T11:22:30", "1772450564.0, \"ahead\": true", 1),
    ] {
        let body = json!({ "updated_at": updated_at }).to_string();
        assert_eq!(answer(&origin, request("POST", QUEUE_CHANGE, None, body)).await.0, 200);
        let expected = format!("event: environment_updated\ndata: {{\"updated_at\": {event}}}\n\n");
        assert_eq!(next_bytes(&mut open).await, expected, "{updated_at}");
        assert_eq!(origin.metrics().announcements_ahead.get(), ahead, "{updated_at}");
    }
    for path in ["/health", "/health/readiness"] {
        let (status, body) = answer(&origin, request("GET", path, None, "")).await;
        let body: serde_json::Value = serde_json::from_str(&body).unwrap();
        assert_eq!((status, body), (200, json!({ "announcements_ahead": 1, "status": "ok" })), "{path}");
    }
}

#[tokio::test]
async fn bad_announcements_are_refused_with_the_reason() {
    let origin = origin(None);
    for (environment, body, status, reason) in [
        (
            "a%20b",
            CHANGE,
            422,
            "environment key: only letters, digits, `_`, `.`, `:` and `-` may stand in it",
        ),
        (
            "a%2Fb",
            CHANGE,
            422,
            "environment key: only letters, digits, `_`, `.`, `:` and `-` may stand in it",
        ),
        ("", CHANGE, 422, "environment key: empty"),
        ("%FF", CHANGE, 422, "environment key: not UTF-8"),
        (&*"k".repeat(257), CHANGE, 422, "environment key: longer than 256 characters"),
        ("demo", "", 422, r#"body is empty, expected {"updated_at": "<ISO 8601 time>"}"#),
        ("demo", "{}", 422, "body has no member `updated_at`"),
        ("demo", &*" ".repeat(BODY_LIMIT + 1), 413, "body is larger than 16384 bytes"),
    ] {
        let path = format!("/sse/environments/{environment}/queue-change");
        let got = answer(&origin, request("POST", &path, None, body.to_owned())).await;
        assert_eq!(got, (status, json!({ "detail": reason }).to_string()), "{environment} {body}");
    }
    assert_eq!((origin.metrics().announcements.get(), origin.metrics().announcements_refused.get()), (0, 8));

    let padded = format!("{CHANGE:BODY_LIMIT$}");
    assert_eq!(padded.len(), BODY_LIMIT);
    assert_eq!(answer(&origin, request("POST", QUEUE_CHANGE, None, padded)).await.0, 200);
}

#[tokio::test]
async fn beyond_its_limit_an_origin_refuses_new_environments_only() {
    let origin = origin(None);
    let full = "environment c is new, and this origin already has 2 environments, its limit";
    for (environment, status, body) in [
        ("a", 200, "null".to_owned()),
        ("b", 200, "null".to_owned()),
        ("c", 503, json!({ "detail": full }).to_string()),
        ("a", 200, "null".to_owned()),
    ] {
        let path = format!("/sse/environments/{environment}/queue-change");
        let got = answer(&origin, request("POST", &path, None, CHANGE)).await;
        assert_eq!(got, (status, body), "{environment}");
    }
}

/// Publishes `demo` and nothing else.
struct PublishesDemo;

impl Control for PublishesDemo {
    fn changed(&self, what: Changed) -> bool {
        what == Changed::Environment(EnvironmentKey::parse("demo").unwrap())
    }

    fn progress(&self) -> Progress {
        Progress::default()
    }
}

#[tokio::test]
async fn a_change_that_this_process_publishes_is_announced_once_it_is_published() {
    let origin = origin(Some("s3cret")).with_control(Arc::new(PublishesDemo));
    let counts = |origin: &Origin| (origin.metrics().triggers.get(), origin.metrics().announcements.get());
    for (environment, authorization, status, counted) in [
        ("demo", None, 401, (0, 0)),
        ("demo", Some("Token s3cret"), 200, (1, 0)),
        ("other", Some("Token s3cret"), 200, (1, 1)),
    ] {
        let path = format!("/sse/environments/{environment}/queue-change");
        let got = answer(&origin, request("POST", &path, authorization, CHANGE)).await;
        assert_eq!(got.0, status, "{environment} {authorization:?}");
        assert_eq!(counts(&origin), counted, "{environment} {authorization:?}");
    }
    origin.announce(&EnvironmentKey::parse("demo").unwrap(), Revision(1_772_450_552)).unwrap();
    assert_eq!((latest(&origin), counts(&origin)), (1_772_450_552, (1, 2)));
}

/// The next bytes of a stream, which stays open as long as its answer is kept.
async fn next_bytes(response: &mut Response) -> String {
    let frame = response.body_mut().frame().await.unwrap().unwrap().into_data().unwrap();
    String::from_utf8(frame.to_vec()).unwrap()
}

async fn stream(origin: &Origin, environment: &str) -> Response {
    let path = format!("/sse/environments/{environment}/stream");
    app(origin.clone()).oneshot(request("GET", &path, None, "")).await.unwrap()
}

#[tokio::test]
async fn a_stream_begins_with_the_latest_revision_and_asks_for_no_token() {
    let origin = origin(Some("s3cret"));
    let demo = EnvironmentKey::parse("demo").unwrap();
    origin.announce(&demo, Revision(1_772_450_553)).unwrap();
    let event = "event: environment_updated\ndata: {\"updated_at\": 1772450553.0}\n\n";
    for (path, expected) in [
        (STREAM.to_owned(), format!(": jackstaff\n\n{event}")),
        (format!("{STREAM}/"), format!(": jackstaff\n\n{event}")),
        (format!("{STREAM}?a=b"), format!(": jackstaff\n\n{event}")),
        ("/sse/environments/unknown/stream".to_owned(), ": jackstaff\n\n".to_owned()),
    ] {
        let request = request("GET", &path, None, "");
        let mut response = app(origin.clone()).oneshot(request).await.unwrap();
        assert_eq!(response.status(), 200, "{path}");
        let headers = response.headers().iter().map(|(name, value)| (name.as_str(), value.to_str().unwrap()));
        let expected_headers = [
            ("content-type", "text/event-stream"),
            ("cache-control", "no-store"),
            ("access-control-allow-origin", "*"),
            ("x-accel-buffering", "no"),
        ];
        assert_eq!(headers.collect::<Vec<_>>(), expected_headers, "{path}");
        assert_eq!(next_bytes(&mut response).await, expected, "{path}");
    }
    assert_eq!((origin.metrics().streams.get(), origin.metrics().open_streams.get()), (4, 0));
}

/// With the token of announcements, and an old and a new edge token.
fn guarded(stream_part: Option<crate::StreamPart>) -> Origin {
    Origin::new(Settings {
        token: Some(Secret::parse_token("s3cret").unwrap()),
        edge_tokens: Some(EdgeTokens::parse("edge-old\nedge-new", "tokens").unwrap()),
        max_streams: 2,
        max_environments: 1,
        stream_part,
        ..Settings::default()
    })
}

#[tokio::test]
async fn only_a_request_with_an_edge_token_gets_a_stream() {
    const MISSING: &str =
        "this stream needs an edge token: send the header `Authorization: Token <edge token>`";
    const WRONG: &str = "the header `Authorization` does not hold one of the edge tokens of this origin";
    for part in [None, crate::StreamPart::of_seconds(40)] {
        let origin = guarded(part);
        let mut refused = 0;
        for (authorization, expected) in [
            (None, Some(MISSING)),
            (Some(""), Some(WRONG)),
            (Some("Token wrong"), Some(WRONG)),
            (Some("Token edge-ol"), Some(WRONG)),
            (Some("Bearer edge-old"), Some(WRONG)),
            // That of announcements.
            (Some("Token s3cret"), Some(WRONG)),
            (Some("Token edge-old"), None),
            (Some("token  edge-new"), None),
        ] {
            // A bad key is not looked at without a token.
            let paths = [STREAM, "//sse//environments/demo/stream/", "/sse/environments/a%20b/stream"];
            for (method, path) in paths.iter().flat_map(|path| [("GET", path), ("HEAD", path)]) {
                let request = request(method, path, authorization, "");
                let response = app(origin.clone()).oneshot(request).await.unwrap();
                let what = format!("{method} {path} {authorization:?}");
                let Some(detail) = expected else {
                    let is_bad = path.contains("a%20b") && part.is_none();
                    assert_eq!(response.status(), if is_bad { 422 } else { 200 }, "{what}");
                    continue;
                };
                refused += 1;
                assert_eq!(
                    (response.status().as_u16(), &response.headers()[WWW_AUTHENTICATE]),
                    (401, &HeaderValue::from_static("Token")),
                    "{what}"
                );
                let body = to_bytes(response.into_body(), 1_000).await.unwrap();
                let expected = json!({ "detail": detail }).to_string();
                assert_eq!(body, if method == "HEAD" { "" } else { &expected }, "{what}");
            }
        }
        let metrics = origin.metrics();
        assert_eq!(metrics.streams_without_token.get(), refused);
        let bad = u64::from(part.is_none()) * 2;
        assert_eq!((metrics.streams_refused.get(), metrics.streams.get()), (bad, 6 - bad));
    }
}

#[tokio::test]
async fn strangers_cannot_take_the_last_stream_or_place() {
    let origin = guarded(None);
    for n in 0..100 {
        for authorization in [None, Some("Token wrong")] {
            let path = format!("/sse/environments/stranger-{n}/stream");
            let request = request("GET", &path, authorization, "");
            assert_eq!(app(origin.clone()).oneshot(request).await.unwrap().status(), 401);
        }
    }
    assert_eq!(origin.metrics().open_streams.get(), 0);
    let mut open = Vec::new();
    for token in ["Token edge-old", "Token edge-new"] {
        let response = app(origin.clone()).oneshot(request("GET", STREAM, Some(token), "")).await.unwrap();
        assert_eq!(response.status(), 200, "{token}");
        open.push(response);
    }
    assert_eq!((origin.metrics().open_streams.get(), origin.metrics().streams_without_token.get()), (2, 200));
}

/// Edges are many, and on other people's machines: what they hold lets nobody change what others hear.
#[tokio::test]
async fn an_edge_token_opens_streams_and_nothing_else() {
    let origin = guarded(None).with_control(Arc::new(PublishesDemo));
    for token in ["Token edge-old", "Token edge-new"] {
        let announced = answer(&origin, request("POST", QUEUE_CHANGE, Some(token), CHANGE)).await;
        assert_eq!(announced, (401, r#"{"detail":"Invalid authorization header"}"#.to_owned()), "{token}");
        assert_eq!(answer(&origin, request("GET", "/status", Some(token), "")).await.0, 401, "{token}");
    }
    assert_eq!((origin.metrics().announcements.get(), origin.metrics().triggers.get()), (0, 0));
}

#[tokio::test]
async fn a_stream_in_parts_can_be_joined_and_takes_any_key() {
    let settings = Settings { stream_part: crate::StreamPart::of_seconds(40), ..Settings::default() };
    let origin = Origin::new(settings);
    for key in ["demo", "ser.abc", "%FF", "a%20b", ""] {
        let mut response = stream(&origin, key).await;
        assert_eq!(response.status(), 200, "{key}");
        let cache_control = &response.headers()[http::header::CACHE_CONTROL];
        assert_eq!(cache_control, "public, max-age=15, no-transform", "{key}");
        let first = next_bytes(&mut response).await;
        assert!(first.starts_with(": stream\n\nretry: ") && first.ends_with("\n\n"), "{key}: {first:?}");
    }
    let request = request("HEAD", STREAM, None, "");
    let head = app(origin.clone()).oneshot(request).await.unwrap();
    assert_eq!(head.headers()[http::header::CACHE_CONTROL], "public, max-age=15, no-transform");
}

#[tokio::test]
async fn streams_beyond_a_limit_are_refused_for_now() {
    let origin = origin(None);
    let refused = async |environment| {
        let (parts, body) = stream(&origin, environment).await.into_parts();
        let retry = parts.headers.get(RETRY_AFTER).map(|value| value.to_str().unwrap().to_owned());
        let body = to_bytes(body, 1_000).await.unwrap();
        (parts.status.as_u16(), retry, String::from_utf8(body.to_vec()).unwrap())
    };
    let detail = |text: &str| (503, Some("10".to_owned()), json!({ "detail": text }).to_string());
    let open = [stream(&origin, "a").await, stream(&origin, "b").await];
    let full = "environment c is new, and this origin already has 2 environments, its limit";
    assert_eq!(refused("c").await, detail(full));
    let third = stream(&origin, "a").await;
    assert_eq!(third.status(), 200);
    assert_eq!(refused("a").await, detail("this origin already has 3 open streams, its limit"));
    assert_eq!(origin.metrics().open_streams.get(), 3);
    drop((open, third));
    assert_eq!(origin.metrics().open_streams.get(), 0);
    let key = "environment key: starts with `ser.`, which is how server-side keys start";
    assert_eq!(refused("ser.abc").await, (422, None, json!({ "detail": key }).to_string()));
    assert_eq!(stream(&origin, "c").await.status(), 200);
    let metrics = origin.metrics();
    assert_eq!((metrics.streams.get(), metrics.streams_refused.get()), (4, 3));
}

#[tokio::test]
async fn an_origin_that_ends_is_alive_but_not_ready() {
    let origin = origin(None);
    let mut open = stream(&origin, "demo").await;
    next_bytes(&mut open).await;
    origin.end();
    assert!(open.body_mut().frame().await.unwrap().is_err(), "the stream was not aborted");
    let ending = json!({ "detail": "this origin is ending" }).to_string();
    for (path, status, body) in [
        ("/health", 200, r#"{"status":"ok"}"#),
        ("/health/liveness", 200, r#"{"status":"ok"}"#),
        ("/health/readiness", 503, &ending),
        ("/sse/health", 503, &ending),
        (STREAM, 503, &ending),
    ] {
        assert_eq!(
            answer(&origin, request("GET", path, None, "")).await,
            (status, body.to_owned()),
            "{path}"
        );
    }
    assert_eq!(answer(&origin, request("POST", QUEUE_CHANGE, None, CHANGE)).await, (200, "null".to_owned()));
}

#[tokio::test(start_paused = true)]
async fn a_body_that_does_not_come_is_not_waited_for() {
    let origin = origin(None);
    let never = Body::from_stream(futures_util::stream::pending::<Result<Bytes, std::io::Error>>());
    let slow = json!({ "detail": "body did not arrive within 10 seconds" }).to_string();
    assert_eq!(answer(&origin, request("POST", QUEUE_CHANGE, None, never)).await, (408, slow));
}

#[tokio::test]
async fn metrics_count() {
    let origin = origin(None);
    for (path, body) in [(QUEUE_CHANGE, CHANGE), (QUEUE_CHANGE, CHANGE), (QUEUE_CHANGE, "?")] {
        answer(&origin, request("POST", path, None, body)).await;
    }
    let (status, response) = send(&origin, request("GET", "/metrics", None, "")).await;
    let samples: Vec<_> =
        response.body().lines().filter(|line| !line.starts_with('#') && !line.contains("_bucket")).collect();
    assert_eq!(
        (status, samples),
        (
            200,
            vec![
                "jackstaff_origin_announcements_total 2",
                "jackstaff_origin_announcements_ahead_total 0",
                "jackstaff_origin_announcements_refused_total 1",
                "jackstaff_origin_triggers_total 0",
                "jackstaff_origin_triggers_refused_total 0",
                "jackstaff_origin_environments 1",
                "jackstaff_origin_open_streams 0",
                "jackstaff_origin_streams_total 0",
                "jackstaff_origin_streams_refused_total 0",
                "jackstaff_origin_streams_without_token_total 0",
                "jackstaff_origin_signals_total 0",
                "jackstaff_origin_fan_out_seconds_sum 0.0",
                "jackstaff_origin_fan_out_seconds_count 0",
                "jackstaff_origin_open_connections 0",
                "jackstaff_origin_strangers 0",
                "jackstaff_origin_connections_total 0",
                "jackstaff_origin_connections_closed_total 0",
                "jackstaff_origin_requests_refused_total 0",
            ]
        )
    );
    assert_eq!(
        response.headers()[CONTENT_TYPE],
        "application/openmetrics-text; version=1.0.0; charset=utf-8"
    );
    assert_eq!(response.headers()[CONTENT_LENGTH], response.body().len().to_string().as_str());
}
