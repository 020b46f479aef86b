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

/// Bytes of a page of memory, in WebAssembly.
const PAGE: usize = 64 << 10;
/// Header of the answer: bytes of the guest's memory, which never shrinks.
const MEMORY: &str = "jackstaff-memory";

/// The measurement, if the request asks for one: nanoseconds, as text.
pub(super) fn answer(request: &mut Request, pop: &mut Pop<Ports>) -> Option<Response> {
    let times: u32 = request.get_header_str(TIMES)?.parse().ok()?;
    let cold = request.contains_header(COLD);
    let (head, mut body) =
        send::receive(std::mem::replace(request, Request::get("http://localhost/")), false);
    let body = api::Body::read(&mut body, api::BODY_LIMIT);
    pop.load_settings();
    let before = elapsed_vcpu_ms().ok()?;
    for _ in 0..times {
        if cold {
            pop.forget();
        }
        if let Served::Answer(answer, after) = api::serve(&head, &mut body.as_slice(), pop) {
            drop(send::response(answer));
            api::finish(after, pop);
        }
    }
    let nanoseconds = elapsed_vcpu_ms().ok()?.saturating_sub(before) * 1_000_000;
    let answer = Response::from_body((nanoseconds / u64::from(times.max(1))).to_string());
    Some(answer.with_header(MEMORY, (std::arch::wasm32::memory_size(0) * PAGE).to_string()))
}
