//! Why each flag has its value: an evaluation with a visitor that records every step, and the texts of the environment beside
//! the record. The flags of an explanation are those of the evaluation that was recorded.

mod explanation;
mod flag;
mod record;
mod scope;
mod segment;

use alloc::string::ToString;
use alloc::vec::Vec;

use serde_json::Value as Json;

pub use self::explanation::{
    Candidate, CandidateOutcome, ExplainedCondition, ExplainedFlag, ExplainedHash, ExplainedRule,
    ExplainedSegment, ExplainedSplit, Explanation, Origin, Share,
};
use self::record::Record;
use self::scope::Scope;
use crate::compiled::decode::Compiled;
use crate::compiled::environment::ArchivedEnvironment;
use crate::compiled::texts::Texts;
use crate::evaluate::{Flag, Identity, OwnOverrides};
use crate::python::number::{Integer, float_text};
use crate::python::value::Value;

/// How many characters of a value, and of what is hashed, an explanation repeats: the same long trait may be read by every
/// condition.
const SHOWN: usize = 200;

/// The evaluation, with what is known of it.
struct Explained<'e> {
    environment: &'e ArchivedEnvironment,
    texts: &'e Texts,
    record: Record<'e>,
    flags: Vec<Flag<'e>>,
}

impl Compiled {
    /// Evaluates for an identity, or without one, and says why each flag has its value. For the feature of this name alone,
    /// and the flags that its segments read, in turn; or for all features. The texts are those of the same environment, or the
    /// default. A feature that is not there has no flags.
    pub fn explain(&self, identity: Option<&Identity>, feature: Option<&str>, texts: &Texts) -> Explanation {
        let environment = self.environment();
        let scope = Scope::new(environment, feature);
        let mut record = Record::new(environment, &scope);
        let evaluation = self.evaluate_with(identity, OwnOverrides::Embedded, &mut record);
        let explained = Explained { environment, texts, record, flags: evaluation.flags };
        Explanation {
            flags: scope.features.iter().filter_map(|at| explained.flag(*at)).collect(),
            segments: scope.segments.iter().filter_map(|at| explained.segment(*at)).collect(),
        }
    }

    /// How much an explanation of one feature, or of all, has to say: one for each flag, candidate, variant, segment, rule and
    /// condition, and for each 128 bytes of values.
    pub fn explanation_size(&self, feature: Option<&str>) -> usize {
        let environment = self.environment();
        Scope::new(environment, feature).size(environment)
    }
}

/// A text that is no longer than an explanation shows.
fn shown(text: &str) -> alloc::string::String {
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => alloc::format!("{}…", &text[..end]),
        None => text.to_string(),
    }
}

/// A value as JSON, shortened.
fn shown_value(value: &Value) -> Json {
    match value {
        Value::Null => Json::Null,
        Value::Bool(bool) => (*bool).into(),
        Value::Int(Integer::Small(small)) => (*small).into(),
        Value::Int(big) => shown(&big.to_string()).into(),
        Value::Float(float) if float.is_finite() => (*float).into(),
        Value::Float(float) => float_text(*float).into(),
        Value::Str(text) => shown(text).into(),
    }
}
