//! What failed, and may succeed when it is tried again.

use std::time::Duration;

use crate::client::CallFailed;
use crate::flagsmith::FlagsmithFailed;
use crate::server_keys::ServerKeysReport;
use crate::source::Place;
use crate::write::StoreFailed;

#[derive(Debug)]
pub(crate) struct Failure {
    /// The same for the same failure at another time.
    pub(crate) gist: String,
    pub(crate) text: String,
    /// How long whoever answered asked not to be called again.
    pub(crate) asked: Option<Duration>,
}

impl Failure {
    pub(crate) fn of(text: String) -> Failure {
        Failure { gist: text.clone(), text, asked: None }
    }

    /// `advice` is what somebody may do about it.
    pub(crate) fn of_fetch(place: &Place, failed: &FlagsmithFailed, advice: Option<&str>) -> Failure {
        let advice = advice.map_or(String::new(), |advice| format!("; {advice}"));
        let text = format!("{place}: {failed}{advice}");
        Failure { gist: failed.gist(), text, asked: failed.asked_pause() }
    }

    pub(crate) fn of_call(failed: &CallFailed) -> Failure {
        Failure { gist: failed.gist(), text: failed.to_string(), asked: failed.asked_pause() }
    }

    pub(crate) fn of_store(failed: &StoreFailed) -> Failure {
        match failed.call() {
            Some(call) => Failure { text: failed.to_string(), ..Failure::of_call(call) },
            None => Failure { gist: failed.to_string(), text: failed.to_string(), asked: None },
        }
    }

    /// What failed of an environment's server-side keys.
    pub(crate) fn of_keys(report: &ServerKeysReport) -> Vec<Failure> {
        let stored = report.failed.iter().map(Failure::of_store);
        stored.chain(report.after.iter().map(Failure::of_call)).collect()
    }
}
