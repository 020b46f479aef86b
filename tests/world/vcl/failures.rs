//! Answers to requests that get no stream.

use std::thread;
use std::time::{Duration, Instant};

use tests::machine::beside_others;
use tests::proxy::Mode;

use super::world::{JOIN, KEY, SOON, World};

/// How long a failure is cached.
const KEPT: Duration = Duration::from_secs(1);

/// Status, `Content-Type`, `Allow` and body of an answer that ends.
fn answer(world: &World, method: &str, path: &str) -> (u16, String, String, String) {
    let mut response = world.ask(method, path, &[]);
    let header = |name| response.headers().get(name).map_or("", |value| value.to_str().unwrap()).to_owned();
    let (status, kind, allow) = (response.status().as_u16(), header("content-type"), header("allow"));
    assert_eq!(header("access-control-allow-origin"), "*");
    (status, kind, allow, response.body_mut().read_to_string().unwrap())
}

/// The body is an event that no SDK can decode: an SDK that ignores the status waits after it.
fn failure(status: u16, allow: &str) -> (u16, String, String, String) {
    let kind = "text/event-stream; charset=utf-8";
    (status, kind.to_owned(), allow.to_owned(), "data: unavailable\n\n".to_owned())
}

#[test]
fn a_failure_is_cached_for_one_second() {
    let _machine = beside_others();
    let Some(world) = World::new() else { return };
    let path = format!("/sse/environments/{KEY}/stream");
    for (nth, mode) in [Mode::Answer(503), Mode::Refuse].into_iter().enumerate() {
        if nth > 0 {
            // Until the stream of before cannot be joined any more.
            thread::sleep(JOIN);
        }
        world.proxy.set(mode);
        let before = world.proxy.counts().connections.total;
        let begun = Instant::now();
        for _ in 0..20 {
            assert_eq!(answer(&world, "GET", &path), failure(503, ""), "{mode:?}");
        }
        // At most one request for each second; refused ones are not counted.
        let asked = world.proxy.counts().connections.total - before;
        assert!(asked <= begun.elapsed().as_secs() + 1, "{mode:?}: {asked}");
        world.proxy.set(Mode::Pass);
        thread::sleep(KEPT + Duration::from_millis(200));
        let clients = world.clients(1);
        let change = world.change();
        clients.wait_until_signalled(change.revision, SOON);
        assert_eq!(clients.history(0).connections.len(), 1, "{mode:?}");
    }
}

#[test]
fn requests_for_anything_but_a_stream_do_not_reach_the_origin() {
    let _machine = beside_others();
    let Some(world) = World::new() else { return };
    let stream = format!("/sse/environments/{KEY}/stream");
    for (method, path, expected) in [
        ("GET", "/", failure(404, "")),
        ("GET", "/metrics", failure(404, "")),
        ("GET", "/sse/environments//stream", failure(404, "")),
        ("OPTIONS", "/metrics", failure(404, "")),
        ("POST", "/sse/environments/demo/queue-change", failure(404, "")),
        ("POST", &stream, failure(405, "GET, OPTIONS")),
        ("DELETE", &stream, failure(405, "GET, OPTIONS")),
    ] {
        assert_eq!(answer(&world, method, path), expected, "{method} {path}");
    }
    preflight(&world);
    assert_eq!(world.proxy.counts().connections.total, 0);
    // The origin answers 200 with a body that is not a stream.
    world.proxy.set(Mode::Answer(200));
    assert_eq!(answer(&world, "GET", &stream), failure(503, ""));
}

fn preflight(world: &World) {
    let asked = "x-environment-key, traceparent";
    let path = format!("//sse/environments/{KEY}/stream/?x");
    let headers = [("access-control-request-headers", asked), ("access-control-request-method", "GET")];
    let response = world.ask("OPTIONS", &path, &headers);
    assert_eq!(response.status(), 200);
    for (name, value) in [
        ("access-control-allow-origin", "*"),
        ("access-control-allow-methods", "GET, OPTIONS"),
        ("access-control-allow-headers", asked),
        ("access-control-max-age", "600"),
        ("vary", "Access-Control-Request-Headers"),
        ("content-length", "0"),
    ] {
        assert_eq!(response.headers()[name], value, "{name}");
    }
}
