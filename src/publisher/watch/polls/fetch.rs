//! One request to Flagsmith, in any thread, and its answer.

use std::sync::Arc;

use api::EnvironmentKey;
use serde::Deserialize;

use crate::basis::{Basis, Doubt};
use crate::clock::Clock;
use crate::flagsmith::{Connection, Flagsmith};
use crate::server_keys::ChosenKey;
use crate::source::{DocumentSource, Place, sha256};
use crate::watch::attempt_error::AttemptError;
use crate::watch::observation::{PlaceState, ToPublish};

/// An environment that is to be asked for.
#[derive(Debug)]
pub struct Fetch {
    pub(super) environment: EnvironmentKey,
    pub(super) place: Place,
    pub(super) key: ChosenKey,
    pub(super) connection: Connection,
    /// What is stored while it is asked: all that the answer may replace.
    pub(super) basis: Basis,
    pub(super) seen_answer: Option<SeenAnswer>,
}

/// An answer that was reported.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct SeenAnswer {
    /// SHA-256 of its text.
    pub(super) text: String,
    pub(super) digest: AnswerDigest,
}

/// What an answer means: Flagsmith writes the same document differently each time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum AnswerDigest {
    /// A content of this hash.
    Content(String),
    Broken(String),
}

/// The result of a request.
#[derive(Debug)]
pub struct Fetched {
    pub(super) environment: EnvironmentKey,
    /// None if it means the same as the last one that was reported.
    pub(super) result: Result<Option<Answer>, FetchFailure>,
}

#[derive(Debug)]
pub(super) struct FetchFailure {
    pub(super) error: AttemptError,
    /// The key that was refused, by its number.
    pub(super) refused: Option<usize>,
}

impl From<AttemptError> for FetchFailure {
    fn from(error: AttemptError) -> FetchFailure {
        FetchFailure { error, refused: None }
    }
}

#[derive(Debug)]
pub(super) struct Answer {
    pub(super) seen_answer: SeenAnswer,
    pub(super) number: Option<u64>,
    pub(super) state: PlaceState,
    /// The answer may be out of date.
    pub(super) doubt: Option<Doubt>,
}

impl Fetch {
    /// The environment whose document it asks for.
    pub fn environment(&self) -> &EnvironmentKey {
        &self.environment
    }

    /// Asks, once.
    pub fn perform(self, flagsmith: &Flagsmith, clock: &dyn Clock) -> Fetched {
        match flagsmith.fetch(&self.key.secret, self.connection, clock, 0) {
            Ok(text) => self.answered(&text),
            Err(failed) => {
                let has_worked = self.seen_answer.is_some() || self.basis.is_served();
                let advice = failed.advice(&self.environment).filter(|_| has_worked);
                let advice = advice.map(|advice| format!("what was published stays served: {advice}"));
                let error = AttemptError::of_fetch(&self.place, &failed, advice.as_deref());
                let refused = failed.is_refusal().then_some(self.key.number);
                Fetched { environment: self.environment, result: Err(FetchFailure { error, refused }) }
            }
        }
    }

    /// Takes in the text of its answer.
    pub fn answered(self, text: &str) -> Fetched {
        let Fetch { environment, place, basis, seen_answer, .. } = self;
        let hash = sha256(text.as_bytes());
        if seen_answer.as_ref().is_some_and(|seen_answer| seen_answer.text == hash) {
            return Fetched { environment, result: Ok(None) };
        }
        let answer = Answer::read(&place, &environment, text, hash, basis);
        let is_known = seen_answer.is_some_and(|seen_answer| seen_answer.digest == answer.seen_answer.digest);
        Fetched { environment, result: Ok((!is_known).then_some(answer)) }
    }

    /// The result if the request panics.
    pub(crate) fn panicked(&self) -> Fetched {
        let what = format!("{}: internal error: asking for it panicked", self.place);
        Fetched { environment: self.environment.clone(), result: Err(AttemptError::of(what).into()) }
    }
}

impl Answer {
    fn read(place: &Place, environment: &EnvironmentKey, text: &str, hash: String, basis: Basis) -> Answer {
        #[derive(Deserialize)]
        struct Numbered {
            id: u64,
        }
        let number = serde_json::from_str::<Numbered>(text).ok().map(|numbered| numbered.id);
        let (digest, state, doubt) = match DocumentSource::fetched(place, text, environment) {
            Ok(source) => {
                let doubt = basis.doubts(&source);
                let digest = AnswerDigest::Content(source.hash.clone());
                let wanted = ToPublish { source: Arc::new(source), basis: Some(basis) };
                (digest, PlaceState::Document(wanted), doubt)
            }
            Err(fault) => {
                let why = fault.to_string();
                (AnswerDigest::Broken(why.clone()), PlaceState::Unusable(why), None)
            }
        };
        Answer { seen_answer: SeenAnswer { text: hash, digest }, number, state, doubt }
    }
}
