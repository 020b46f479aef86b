//! The Compute service: what the platform can do, for `api`, which decides everything.
//!
//! What this crate never does: decide what a request is answered or what a POP keeps, or keep anything about a client.

#[cfg(feature = "local-api")]
mod local;
mod names;
mod platform;
mod send;

use std::convert::Infallible;
use std::time::Duration;

use api::{Pop, Served};
use fastly::Request;
use fastly::http::serve::Serve;

#[cfg(not(feature = "local-api"))]
mod flavour {
    use std::time::Duration;

    pub(crate) use crate::platform::Host as Ports;

    /// How long settings are kept: an execution may look into config stores 32 times only.
    pub(crate) const KEEP_SETTINGS: Duration = Duration::from_secs(10);
}
#[cfg(feature = "local-api")]
use local as flavour;

fn main() -> Result<(), Infallible> {
    Serve::new()
        .with_max_requests(1_000)
        .with_timeout(Duration::from_millis(500))
        .with_max_lifetime(Duration::from_secs(60))
        // MiB, of the 128 that a guest has: room for one more request with the largest bundle.
        .with_max_memory(64)
        .run_with_context(handle, &mut Pop::new(flavour::Ports::new(), flavour::KEEP_SETTINGS))
        .into_result()
}

/// One request. Always an answer, never an error: an error would end the sandbox. It is sent from here, since the leader of
/// a stream stays long after it has answered.
fn handle(request: Request, pop: &mut Pop<flavour::Ports>) {
    #[cfg(feature = "local-api")]
    let Some(request) = local::answer(request, pop) else { return };
    pop.load_settings();
    // Writes of traits are limited by it.
    let with_address = !pop.settings().stored_traits.is_empty();
    let (head, mut body) = send::receive(request, with_address);
    match api::serve(&head, &mut body, pop) {
        Served::Answer(answer, after) => {
            send::response(answer).send_to_client();
            api::finish(after, pop);
        }
        Served::Stream(head, subscription) => api::relay::serve(head, &subscription, pop),
    }
}
