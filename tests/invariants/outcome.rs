use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::value::RawValue;

/// The result of an evaluation, with its values as they are written: numbers may be greater than any type holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// The members of each flag, by its name.
    pub flags: BTreeMap<String, BTreeMap<String, String>>,
    pub segments: Vec<BTreeMap<String, String>>,
}

type Members = BTreeMap<String, Box<RawValue>>;

impl Outcome {
    /// Reads the JSON of a result.
    #[track_caller]
    pub fn parse(text: &str) -> Outcome {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Wire {
            flags: BTreeMap<String, Members>,
            segments: Vec<Members>,
        }
        let texts =
            |members: Members| members.into_iter().map(|(name, raw)| (name, raw.get().into())).collect();
        match serde_json::from_str::<Wire>(text) {
            Ok(Wire { flags, segments }) => Outcome {
                flags: flags.into_iter().map(|(name, members)| (name, texts(members))).collect(),
                segments: segments.into_iter().map(texts).collect(),
            },
            Err(error) => panic!("a result that cannot be read: {error}: {text}"),
        }
    }

    pub(crate) fn without_metadata(mut self) -> Outcome {
        for members in self.flags.values_mut().chain(&mut self.segments) {
            members.remove("metadata");
        }
        self
    }
}
