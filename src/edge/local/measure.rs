//! Measuring in the guest: answers one request many times, and gives the vCPU time of one. For the benches; an execution's
//! own clock counts whole milliseconds.

use api::{Pop, Served};
use fastly::compute_runtime::elapsed_vcpu_ms;
use fastly::{Request, Response};

use super::Ports;
use crate::send;

/// Header that asks for it: how many times.
const TIMES: &str = "jackstaff-measure";
/// Header that asks for a sandbox that remembers nothing, each time.
const COLD: &str = "jackstaff-measure-cold";

/// The measurement, if the request asks for one: nanoseconds, as text.
pub(super) fn answer(request: &mut Request, pop: &mut Pop<Ports>) -> Option<Response> {
    let times: u32 = request.get_header_str(TIMES)?.parse().ok()?;
    let cold = request.contains_header(COLD);
    let (head, mut body) = send::receive(std::mem::replace(request, Request::get("http://localhost/")));
    let body = api::Body::read(&mut body, api::BODY_LIMIT);
    pop.load_settings();
    let before = elapsed_vcpu_ms().ok()?;
    for _ in 0..times {
        if cold {
            pop.forget();
        }
        if let Served::Answer(answer, _) = api::serve(&head, &mut body.as_slice(), pop) {
            drop(send::response(answer));
        }
    }
    let nanoseconds = elapsed_vcpu_ms().ok()?.saturating_sub(before) * 1_000_000;
    Some(Response::from_body((nanoseconds / u64::from(times.max(1))).to_string()))
}
