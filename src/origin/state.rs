//! What all requests share.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use jiff::Timestamp;

use crate::announcement::revision;
use crate::hub::Hub;
use crate::token::Token;

/// How an origin is set up.
#[derive(Clone, Debug)]
pub struct Settings {
    /// What announcements must carry. Without it everybody may announce.
    pub token: Option<Token>,
    /// How many environments may be announced before new ones are refused.
    pub max_environments: usize,
}

impl Default for Settings {
    /// No token, 10,000 environments: more than any installation has, and a few megabytes at most if somebody
    /// without a token makes keys up.
    fn default() -> Self {
        Self { token: None, max_environments: 10_000 }
    }
}

/// A running origin: its settings, its hub and its clock. Clones are the same origin.
#[derive(Clone)]
pub struct Origin(Arc<Inner>);

struct Inner {
    token: Option<Token>,
    hub: Hub,
    refused: AtomicU64,
    clock: Box<dyn Fn() -> Timestamp + Send + Sync>,
}

impl Origin {
    /// An origin that looks at the clock of the machine.
    pub fn new(settings: Settings) -> Self {
        Self::with_clock(settings, Timestamp::now)
    }

    /// An origin for which `clock` says what time it is.
    pub fn with_clock(settings: Settings, clock: impl Fn() -> Timestamp + Send + Sync + 'static) -> Self {
        Self(Arc::new(Inner {
            token: settings.token,
            hub: Hub::new(settings.max_environments),
            refused: AtomicU64::new(0),
            clock: Box::new(clock),
        }))
    }

    /// Whether announcements are taken from anybody, because no token is configured. Whoever starts such an
    /// origin says so aloud.
    pub fn accepts_everyone(&self) -> bool {
        self.0.token.is_none()
    }

    pub(crate) fn hub(&self) -> &Hub {
        &self.0.hub
    }

    pub(crate) fn token(&self) -> Option<&Token> {
        self.0.token.as_ref()
    }

    /// The time, in whole seconds since the epoch.
    pub(crate) fn now(&self) -> u64 {
        revision((self.0.clock)())
    }

    pub(crate) fn count_refusal(&self) {
        self.0.refused.fetch_add(1, Ordering::Relaxed);
    }

    /// The number of announcements refused since the start, for whatever reason.
    pub(crate) fn refused(&self) -> u64 {
        self.0.refused.load(Ordering::Relaxed)
    }
}
