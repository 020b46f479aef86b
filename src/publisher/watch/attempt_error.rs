//! The error of an attempt that is made again.

use std::time::Duration;

use crate::call_error::CallError;
use crate::flagsmith::FlagsmithError;
use crate::server_keys::ServerKeysReport;
use crate::source::Place;
use crate::write::StoreError;

#[derive(Debug)]
pub(crate) struct AttemptError {
    /// Equal for the same failure at another time.
    pub(crate) kind: String,
    pub(crate) text: String,
    /// How long the server asked not to be called again.
    pub(crate) asked: Option<Duration>,
}

impl AttemptError {
    pub(crate) fn of(text: String) -> AttemptError {
        AttemptError { kind: text.clone(), text, asked: None }
    }

    /// `advice` says what a person may do about it.
    pub(crate) fn of_fetch(place: &Place, failed: &FlagsmithError, advice: Option<&str>) -> AttemptError {
        let advice = advice.map_or(String::new(), |advice| format!("; {advice}"));
        let text = format!("{place}: {failed}{advice}");
        AttemptError { kind: failed.kind(), text, asked: failed.asked_pause() }
    }

    pub(crate) fn of_call(failed: &CallError) -> AttemptError {
        AttemptError { kind: failed.kind(), text: failed.to_string(), asked: failed.asked_pause() }
    }

    pub(crate) fn of_store(failed: &StoreError) -> AttemptError {
        match failed.call() {
            Some(call) => AttemptError { text: failed.to_string(), ..AttemptError::of_call(call) },
            None => AttemptError { kind: failed.to_string(), text: failed.to_string(), asked: None },
        }
    }

    /// What failed of an environment's server-side keys.
    pub(crate) fn of_keys(report: &ServerKeysReport) -> Vec<AttemptError> {
        let stored = report.failed.iter().map(AttemptError::of_store);
        stored.chain(report.after.iter().map(AttemptError::of_call)).collect()
    }
}
