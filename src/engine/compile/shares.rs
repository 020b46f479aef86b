//! Warnings of variants whose shares make no sense as shares of a whole.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use crate::error::{Warning, WarningKind};
use crate::python::number::float_text;
use crate::wire::document::{Document, FeatureStateWire};

/// Sums of doubles may miss 100 by a little.
const WHOLE: f64 = 100.0 + 1e-6;

impl Document {
    /// Warns of negative shares, and of sums above 100 %.
    pub(super) fn share_warnings(&self) -> Vec<Warning> {
        let own = self.feature_states.iter().map(|state| (String::new(), state));
        let of_segments = self.project.segments.iter().flat_map(|segment| {
            segment.feature_states.iter().map(|state| (format!("segment `{}`, ", segment.name), state))
        });
        let of_identities = self.identity_overrides.iter().flat_map(|identity| {
            let features = identity.identity_features.iter();
            features.map(|state| (format!("identity `{}`, ", identity.identifier), state))
        });
        let states = own.chain(of_segments).chain(of_identities);
        let warnings = states.flat_map(|(owner, state)| {
            let place = format!("{owner}feature `{}`", state.feature.name);
            let warning = move |fault| Warning { place: place.clone(), fault, kind: WarningKind::Share };
            faults(state).into_iter().map(warning)
        });
        warnings.collect()
    }
}

fn faults(state: &FeatureStateWire) -> Vec<String> {
    let shares: Vec<f64> = state
        .multivariate_feature_state_values
        .iter()
        .map(|variant| variant.percentage_allocation.unwrap_or_default())
        .collect();
    let mut faults: Vec<String> = Vec::new();
    for (share, number) in shares.iter().zip(1..).filter(|(share, _)| **share < 0.0) {
        let share = percent(*share);
        faults.push(format!(
            "variant {number}, in the order of ids, has a share of {share}: nobody gets it, and the share of the next one \
             begins that much earlier"
        ));
    }
    let sum: f64 = shares.iter().filter(|share| **share > 0.0).sum();
    if sum > WHOLE {
        let sum = percent(sum);
        faults.push(format!(
            "the shares of its variants are {sum} together: in the order of ids, what is beyond 100 % is cut off, and no \
             identity gets the feature's own value"
        ));
    }
    faults
}

fn percent(share: f64) -> String {
    let text = float_text(share);
    format!("{} %", text.strip_suffix(".0").map_or_else(|| text.to_string(), ToString::to_string))
}

#[cfg(test)]
mod tests {
    use alloc::vec;

    use super::*;
    use crate::{DefaultJson, Options};

    fn warnings(shares: &[&str]) -> Vec<String> {
        let variants: Vec<String> =
            shares.iter().map(|share| format!(r#"{{"percentage_allocation": {share}}}"#)).collect();
        let state = format!(
            r#"{{"feature": {{"name": "f"}}, "multivariate_feature_state_values": [{}]}}"#,
            variants.join(",")
        );
        let text = format!(
            r#"{{"api_key": "e", "feature_states": [{state}],
                "project": {{"segments": [{{"name": "s", "feature_states": [{state}]}}]}},
                "identity_overrides": [{{"identifier": "i", "identity_features": [{state}]}}]}}"#
        );
        let document = Document::parse(&text).unwrap();
        let (_, warnings) = document.compile(Options::default(), |_| DefaultJson::default()).unwrap();
        warnings.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn shares_that_are_no_shares_of_a_whole_are_warned_of_wherever_they_are() {
        let negative = "variant 1, in the order of ids, has a share of -5 %";
        let beyond = "the shares of its variants are 100.5 % together";
        for (shares, expected) in [
            (vec!["-5", "50"], vec![negative]),
            (vec!["60", "40.5"], vec![beyond]),
            (vec!["100.5"], vec![beyond]),
            (vec!["\"100.5\""], vec![beyond]),
            (vec!["-5", "100.5"], vec![negative, beyond]),
            // Without the negative one the sum is above 100.
            (vec!["60", "-5", "40.5"], vec!["variant 2, in the order of ids, has a share of -5 %", beyond]),
            (vec!["33.3", "33.3", "33.4"], vec![]),
            (vec!["14.29", "14.29", "14.29", "14.29", "14.28", "14.28", "14.28"], vec![]),
            (vec!["100"], vec![]),
            (vec!["0", "0"], vec![]),
            (vec!["null", "-0.0"], vec![]),
            (vec![], vec![]),
        ] {
            let given = warnings(&shares);
            assert_eq!(given.len(), 3 * expected.len(), "{shares:?}: {given:?}");
            for place in ["feature `f`: ", "segment `s`, feature `f`: ", "identity `i`, feature `f`: "] {
                for fault in &expected {
                    let start = format!("{place}{fault}");
                    assert!(given.iter().any(|line| line.starts_with(&start)), "{start}\n{given:?}");
                }
            }
        }
    }
}
