//! Measuring in the guest: answers one request many times, and tells the vCPU time of one. For the benches; an execution's
//! own clock counts whole milliseconds.

use fastly::compute_runtime::elapsed_vcpu_ms;
use fastly::{Request, Response};

use crate::sandbox::Sandbox;
use crate::send;

/// Header that asks for it: how many times.
const TIMES: &str = "jackstaff-measure";
/// Header that asks for a sandbox that knows nothing, each time.
const COLD: &str = "jackstaff-measure-cold";

/// The measurement, if the request asks for one: nanoseconds, as text.
pub(crate) fn answer(request: &mut Request, sandbox: &mut Sandbox) -> Option<Response> {
    let times: u32 = request.get_header_str(TIMES)?.parse().ok()?;
    let cold = request.contains_header(COLD);
    let request = send::receive(std::mem::replace(request, Request::get("http://localhost/")));
    sandbox.load_settings();
    let settings = sandbox.settings();
    let before = elapsed_vcpu_ms().ok()?;
    for _ in 0..times {
        if cold {
            sandbox.forget();
        }
        let reply = api::respond(&request, sandbox, &settings);
        drop(send::response(reply, &request, sandbox));
    }
    let nanoseconds = elapsed_vcpu_ms().ok()?.saturating_sub(before) * 1_000_000;
    Some(Response::from_body((nanoseconds / u64::from(times.max(1))).to_string()))
}
