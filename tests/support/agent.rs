//! An HTTP client to which no status is an error.

use std::time::Duration;

use ureq::Agent;

pub(crate) fn agent() -> Agent {
    Agent::config_builder()
        .http_status_as_error(false)
        .timeout_global(Some(Duration::from_secs(30)))
        .build()
        .into()
}
