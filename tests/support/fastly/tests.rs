//! What the stand-in limits, and how it counts.

use std::time::Duration;

use ureq::Agent;
use ureq::http::{Request, Response};

use super::{Counted, FastlyApi, Fault, Kind, TOKEN, fastly_api};

const ITEM: &str = "environment/a";

fn call(request: ureq::http::request::Builder, body: &[u8]) -> Response<()> {
    let agent: Agent = Agent::config_builder().http_status_as_error(false).build().into();
    let request = request.header("fastly-key", TOKEN).header("content-type", "application/octet-stream");
    agent.run(request.body(body).unwrap()).unwrap().map(drop)
}

/// Writes over whatever there is.
fn write(api: &FastlyApi) -> Response<()> {
    let url = format!("{}/resources/stores/kv/store%2F1/keys/environment%2Fa", api.url());
    let request = match api.stored(ITEM) {
        Some(stored) => Request::put(url).header("if-generation-match", stored.generation),
        None => Request::put(format!("{url}?add=true")),
    };
    call(request, b"value")
}

fn purge(api: &FastlyApi) -> Response<()> {
    call(Request::post(format!("{}/service/service-1/purge/environment%2Fa", api.url())), b"")
}

fn header(response: &Response<()>, name: &str) -> u64 {
    response.headers()[name].to_str().unwrap().parse().unwrap()
}

#[test]
fn writes_that_come_too_early_are_refused_and_remembered() {
    let api = fastly_api();
    api.limit_writes(Duration::from_secs(60));
    api.fail(Kind::Write, ITEM, [Fault::DoneButAnswer(503)]);
    assert_eq!(write(&api).status(), 503);
    let refused = write(&api);
    assert_eq!((refused.status().as_u16(), header(&refused, "retry-after")), (429, 1));
    api.limit_writes(Duration::ZERO);
    assert_eq!(write(&api).status(), 200);
    api.limit_writes(Duration::from_secs(60));
    assert_eq!(write(&api).status(), 429);
    let doubts: Vec<bool> = api.too_early().iter().map(|refused| refused.is_in_doubt).collect();
    assert_eq!(doubts, [true, false]);
    assert!(api.closest_writes().unwrap() < Duration::from_secs(60));
    assert_eq!(api.counts()[&Kind::Write], Counted { calls: 4, struck: 1 });
}

#[test]
fn calls_beyond_the_quota_are_refused_until_it_is_renewed() {
    let api = fastly_api();
    api.limit_calls(2, Duration::from_secs(3_600));
    let calls = [write(&api), purge(&api), purge(&api)];
    let quotas = calls
        .each_ref()
        .map(|response| (response.status().as_u16(), header(response, "fastly-ratelimit-remaining")));
    assert_eq!(quotas, [(200, 1), (200, 0), (429, 0)]);
    let now = jiff::Timestamp::now().as_second();
    let reset = i64::try_from(header(&calls[2], "fastly-ratelimit-reset")).unwrap();
    assert!((now + 3_500..now + 3_700).contains(&reset), "{reset}, {now}");
    api.limit_calls(2, Duration::from_millis(20));
    crate::eventually("it is renewed", Duration::from_secs(5), || {
        let statuses = [(); 3].map(|()| purge(&api).status().as_u16());
        std::thread::sleep(Duration::from_millis(30));
        (purge(&api).status() == 200 && statuses.contains(&429)).then_some(())
    });
}
