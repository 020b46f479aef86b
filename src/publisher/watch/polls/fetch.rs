//! One question to Flagsmith, in any thread, and what came of it.

use std::sync::Arc;

use api::{EnvironmentKey, Secret};
use serde::Deserialize;

use crate::basis::{Basis, Doubt};
use crate::clock::Clock;
use crate::flagsmith::{Connection, Flagsmith};
use crate::source::{Place, Source, sha256};
use crate::watch::failure::Failure;
use crate::watch::seen::{State, ToPublish};

/// An environment that is to be asked for.
#[derive(Debug)]
pub struct Fetch {
    pub(super) environment: EnvironmentKey,
    pub(super) place: Place,
    pub(super) key: Secret,
    pub(super) connection: Connection,
    /// What is stored while it is asked: all that the answer may replace.
    pub(super) basis: Basis,
    pub(super) told: Option<Told>,
}

/// An answer that was told of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Told {
    /// SHA-256 of its text.
    pub(super) text: String,
    pub(super) gist: Gist,
}

/// What an answer comes to, whatever its text is: Flagsmith writes the same document in other words each time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Gist {
    /// A content of this hash.
    Content(String),
    Broken(String),
}

/// What came of it.
#[derive(Debug)]
pub struct Fetched {
    pub(super) environment: EnvironmentKey,
    /// None if it comes to what was told last.
    pub(super) result: Result<Option<Answer>, Failure>,
}

#[derive(Debug)]
pub(super) struct Answer {
    pub(super) told: Told,
    pub(super) number: Option<u64>,
    pub(super) state: State,
    /// Flagsmith may be behind itself.
    pub(super) doubt: Option<Doubt>,
}

impl Fetch {
    /// Whose document it asks for.
    pub fn environment(&self) -> &EnvironmentKey {
        &self.environment
    }

    /// Asks, once.
    pub fn perform(self, flagsmith: &Flagsmith, clock: &dyn Clock) -> Fetched {
        match flagsmith.fetch(&self.key, self.connection, clock, 0) {
            Ok(text) => self.answered(&text),
            Err(failed) => {
                let has_worked = self.told.is_some() || self.basis.is_served();
                let advice = failed.advice(&self.environment).filter(|_| has_worked);
                let advice =
                    advice.map(|advice| format!("what was published goes on being served: {advice}"));
                let failure = Failure::of_fetch(&self.place, &failed, advice.as_deref());
                Fetched { environment: self.environment, result: Err(failure) }
            }
        }
    }

    /// Takes in the text of its answer.
    pub fn answered(self, text: &str) -> Fetched {
        let Fetch { environment, place, basis, told, .. } = self;
        let hash = sha256(text.as_bytes());
        if told.as_ref().is_some_and(|told| told.text == hash) {
            return Fetched { environment, result: Ok(None) };
        }
        let answer = Answer::read(&place, &environment, text, hash, basis);
        let is_known = told.is_some_and(|told| told.gist == answer.told.gist);
        Fetched { environment, result: Ok((!is_known).then_some(answer)) }
    }

    /// What is to be taken in if it came to no end.
    pub(crate) fn given_up(&self) -> Fetched {
        let what = format!("{}: asking for it came to no end", self.place);
        Fetched { environment: self.environment.clone(), result: Err(Failure::of(what)) }
    }
}

impl Answer {
    fn read(place: &Place, environment: &EnvironmentKey, text: &str, hash: String, basis: Basis) -> Answer {
        #[derive(Deserialize)]
        struct Numbered {
            id: u64,
        }
        let number = serde_json::from_str::<Numbered>(text).ok().map(|numbered| numbered.id);
        let (gist, state, doubt) = match Source::fetched(place, text, environment) {
            Ok(source) => {
                let doubt = basis.doubts(&source);
                let gist = Gist::Content(source.hash.clone());
                let wanted = ToPublish { source: Arc::new(source), basis: Some(basis) };
                (gist, State::Answer(wanted), doubt)
            }
            Err(fault) => {
                let why = fault.to_string();
                (Gist::Broken(why.clone()), State::Broken(why), None)
            }
        };
        Answer { told: Told { text: hash, gist }, number, state, doubt }
    }
}
