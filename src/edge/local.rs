//! The local flavour: what Viceroy cannot do, for developers and tests. Never in a release package.

mod api;
mod faults;
mod measure;

use std::time::Duration;

use ::api::Pop;
use fastly::http::StatusCode;
use fastly::{Request, Response};

pub(crate) use faults::Faulty as Ports;

/// Tests change settings, and faults, from one request to the next.
pub(crate) const KEEP_SETTINGS: Duration = Duration::ZERO;

/// Answers the requests that only the local flavour knows; returns all others. It answers everything itself, with a
/// refusal, if it was deployed: it lets every client use the CPU and read the KV store.
pub(crate) fn answer(mut request: Request, pop: &mut Pop<Ports>) -> Option<Request> {
    if !runs_under_viceroy() {
        refusal().send_to_client();
        return None;
    }
    let answer = api::answer(&mut request).or_else(|| measure::answer(&mut request, pop));
    match answer {
        Some(answer) => {
            answer.send_to_client();
            None
        }
        None => Some(request),
    }
}

/// Viceroy calls its machine `localhost`. On the platform, this variable names a cache server.
fn runs_under_viceroy() -> bool {
    std::env::var("FASTLY_HOSTNAME").is_ok_and(|name| name == "localhost")
}

fn refusal() -> Response {
    Response::from_status(StatusCode::SERVICE_UNAVAILABLE)
        .with_body("this is the local flavour of the edge, which runs only under Viceroy\n")
}
