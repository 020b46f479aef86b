//! From a document to a compiled environment.

use alloc::string::ToString;
use alloc::vec::Vec;

use super::{DefaultJson, EnvironmentSource, FeatureSource, compile};
use crate::compiled::environment::Environment;
use crate::error::{InputError, Warning, WarningKind};
use crate::options::Options;
use crate::pattern::PatternCache;
use crate::wire::context::{FeatureContext, SegmentContext};
use crate::wire::document::{DefaultFlag, Document, FeatureStateWire, SegmentWire};

impl Document {
    /// Compiles the document; `default_json` writes a feature in its default state.
    ///
    /// # Errors
    /// An [`InputError`] that names the limit that was passed.
    pub fn compile(
        &self,
        options: Options,
        default_json: impl Fn(DefaultFlag<'_>) -> DefaultJson,
    ) -> Result<(Environment, Vec<Warning>), InputError> {
        self.compile_with(&mut PatternCache::default(), options, default_json)
    }

    /// As [`Document::compile`], with patterns that were built before.
    ///
    /// # Errors
    /// As [`Document::compile`].
    pub fn compile_with(
        &self,
        patterns: &mut PatternCache,
        options: Options,
        default_json: impl Fn(DefaultFlag<'_>) -> DefaultJson,
    ) -> Result<(Environment, Vec<Warning>), InputError> {
        let features: Vec<FeatureContext> =
            self.feature_states.iter().map(FeatureStateWire::context).collect();
        let segments: Vec<SegmentContext> = self.project.segments.iter().map(SegmentWire::context).collect();
        let sources = features.iter().zip(self.default_flags()).map(|(context, flag)| FeatureSource {
            context,
            server_only: flag.server_only,
            default_json: default_json(flag),
        });
        let identity_overrides = self.identity_overrides.iter().map(|identity| {
            let features = identity.identity_features.iter().map(FeatureStateWire::identity_context);
            (identity.identifier.as_str(), features.collect())
        });
        let source = EnvironmentSource {
            key: &self.api_key,
            name: &self.name,
            features: sources.collect(),
            segments: segments.iter().collect(),
            identity_overrides: identity_overrides.collect(),
        };
        let (environment, mut warnings) = compile(&source, options, patterns)?;
        warnings.extend(self.share_warnings());
        warnings.extend(self.switch_warnings());
        Ok((environment, warnings))
    }

    /// Switches that make flags differ from those of Flagsmith's own API, which knows more than a document says.
    fn switch_warnings(&self) -> impl Iterator<Item = Warning> {
        let splits = (
            !self.use_identity_composite_key_for_hashing,
            "use_identity_composite_key_for_hashing",
            "off: Flagsmith's API splits identities by their row in its database, which no document tells, so they are \
             split by their identifiers here, and some get another side of a split or another variant",
        );
        let overrides = (
            !self.use_identity_overrides_in_local_eval && self.identity_overrides.is_empty(),
            "use_identity_overrides_in_local_eval",
            "off: Flagsmith leaves the overrides of identities out of the document, so they are not served",
        );
        [splits, overrides].into_iter().filter(|(is_off, ..)| *is_off).map(|(_, place, fault)| Warning {
            place: place.to_string(),
            fault: fault.to_string(),
            kind: WarningKind::Switch,
        })
    }
}

#[cfg(test)]
mod tests {
    use alloc::format;
    use alloc::string::String;

    use super::*;
    use crate::Compiled;
    use crate::wire::document::Switches;

    #[test]
    fn conditions_and_variants_may_lack_all_members() {
        for member in ["{}", r#"{"operator": null}"#] {
            let text = format!(
                r#"{{
                    "api_key": "key",
                    "allow_client_traits": null,
                    "feature_states": [{{"feature": {{"name": "f"}}, "multivariate_feature_state_values": [{{}}]}}],
                    "project": {{"segments": [{{"name": "s", "rules": [{{"type": null, "conditions": [{member}]}}]}}]}}
                }}"#
            );
            let document = Document::parse(&text).unwrap();
            assert_eq!(document.switches(), Switches::default());
            let (_, warnings) = document.compile(Options::default(), |_| DefaultJson::default()).unwrap();
            let warnings: Vec<String> = warnings.iter().map(ToString::to_string).collect();
            assert_eq!(warnings, ["segment `s`, condition 1: unknown operator \"\""]);
            Document::parse(&document.stamped("2026-01-01T00:00:00Z")).unwrap();
        }
    }

    /// Such a condition matched no identity here, and every identity in SDKs, which receive the list as text.
    #[test]
    fn an_operator_for_text_takes_a_list_as_its_json() {
        let text = r#"{
            "api_key": "key",
            "feature_states": [],
            "project": {"segments": [{"name": "s", "rules": [{"conditions": [
                {"operator": "NOT_EQUAL", "property_": "$.environment.key", "value": ["a", 1]}
            ]}]}]}
        }"#;
        let document = Document::parse(text).unwrap();
        let stamped = Document::parse(&document.stamped("2026-01-01T00:00:00Z")).unwrap();
        for document in [document, stamped] {
            let (environment, warnings) =
                document.compile(Options::default(), |_| DefaultJson::default()).unwrap();
            assert_eq!(warnings, []);
            let compiled = Compiled::decode(environment.encode().unwrap()).unwrap();
            assert_eq!(compiled.evaluate(None).segments.len(), 1);
        }
    }
}
