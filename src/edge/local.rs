//! The local flavour: what Viceroy cannot do, for developers and tests. Never in a release package.

mod api;
mod faults;
mod measure;

use std::time::Duration;

use ::api::Pop;
use fastly::Request;

pub(crate) use faults::Faulty as Ports;

/// Tests change settings, and faults, from one request to the next.
pub(crate) const KEEP_SETTINGS: Duration = Duration::ZERO;

/// Answers the requests that only the local flavour knows; gives back all others.
pub(crate) fn answer(mut request: Request, pop: &mut Pop<Ports>) -> Option<Request> {
    let answer = api::answer(&mut request).or_else(|| measure::answer(&mut request, pop));
    match answer {
        Some(answer) => {
            answer.send_to_client();
            None
        }
        None => Some(request),
    }
}
