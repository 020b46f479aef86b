//! The Compute service: translates between the platform and `api`, which decides everything.
//!
//! What this crate never does: decide what a request is answered, or keep anything about a client.

#[cfg(feature = "local-api")]
mod fault;
mod kv;
#[cfg(feature = "local-api")]
mod local_api;
mod lock;
#[cfg(feature = "local-api")]
mod measure;
mod names;
mod opened;
mod origin;
mod pop;
mod refresh;
mod relay;
mod sandbox;
mod send;
mod server_keys;
mod told;

use std::convert::Infallible;
use std::time::Duration;

use api::Reply;
use fastly::Request;
use fastly::http::serve::Serve;

use sandbox::Sandbox;

fn main() -> Result<(), Infallible> {
    Serve::new()
        .with_max_requests(1_000)
        .with_timeout(Duration::from_millis(500))
        .with_max_lifetime(Duration::from_secs(60))
        // MiB, of the 128 that a guest has: room for one more request with the largest bundle.
        .with_max_memory(64)
        .run_with_context(handle, &mut Sandbox::default())
        .into_result()
}

/// One request. Always an answer, never an error: an error would end the sandbox. It is sent from here, since who leads a
/// stream stays long after it has answered.
fn handle(
    #[cfg_attr(not(feature = "local-api"), allow(unused_mut))] mut request: Request,
    sandbox: &mut Sandbox,
) {
    #[cfg(feature = "local-api")]
    if let Some(answer) = local_api::answer(&mut request).or_else(|| measure::answer(&mut request, sandbox)) {
        return answer.send_to_client();
    }
    sandbox.load_settings();
    let request = send::receive(request);
    let settings = sandbox.settings();
    match api::respond(&request, sandbox, &settings) {
        Reply::Stream(head, channel) => relay::answer(head, &channel, sandbox),
        reply => send::response(reply, &request, sandbox).send_to_client(),
    }
}
