//! One question to Flagsmith, in any thread, and what came of it.

use std::sync::Arc;

use api::EnvironmentKey;
use serde::Deserialize;

use crate::clock::Clock;
use crate::flagsmith::Flagsmith;
use crate::source::{Place, Source, sha256};
use crate::target::Secret;
use crate::watch::failure::Failure;
use crate::watch::seen::State;

/// An environment that is to be asked for.
#[derive(Debug)]
pub struct Fetch {
    pub(super) environment: EnvironmentKey,
    pub(super) place: Place,
    pub(super) key: Secret,
    pub(super) told: Option<String>,
}

/// What came of it.
#[derive(Debug)]
pub struct Fetched {
    pub(super) environment: EnvironmentKey,
    /// None if it is what was told last.
    pub(super) result: Result<Option<Answer>, Failure>,
}

#[derive(Debug)]
pub(super) struct Answer {
    pub(super) hash: String,
    pub(super) number: Option<u64>,
    pub(super) state: State,
}

impl Fetch {
    /// Asks, once.
    pub fn perform(self, flagsmith: &Flagsmith, clock: &dyn Clock) -> Fetched {
        let Fetch { environment, place, key, told } = self;
        let result = match flagsmith.fetch(&key, clock, 0) {
            Ok(text) => {
                let hash = sha256(text.as_bytes());
                let is_known = told.is_some_and(|told| told == hash);
                Ok((!is_known).then(|| Answer::read(&place, &environment, &text, hash)))
            }
            Err(failed) => Err(Failure::of_fetch(&place, &failed)),
        };
        Fetched { environment, result }
    }

    /// What is to be taken in if it came to no end.
    pub(crate) fn given_up(&self) -> Fetched {
        let what = format!("{}: asking for it came to no end", self.place);
        Fetched { environment: self.environment.clone(), result: Err(Failure::of(what)) }
    }
}

impl Answer {
    pub(super) fn read(place: &Place, environment: &EnvironmentKey, text: &str, hash: String) -> Answer {
        #[derive(Deserialize)]
        struct Numbered {
            id: u64,
        }
        let number = serde_json::from_str::<Numbered>(text).ok().map(|numbered| numbered.id);
        let state = match Source::fetched(place, text, environment) {
            Ok(source) => State::Document(Arc::new(source)),
            Err(fault) => State::Broken(fault.to_string()),
        };
        Answer { hash, number, state }
    }
}
