//! A document that is evaluated here.

use std::fs;

use anyhow::{Context, Result, anyhow};
use api::explanation::{
    ExplainedEnvironment, ExplainedIdentity, ExplainedTrait, ExplanationAnswer, TraitOrigin,
};
use engine::{Compiled, DefaultJson, Document, Explanation, Identity, Options};
use publisher::{check_members, without_mark};
use serde_json::value::to_raw_value;

use super::{Arguments, Failure, trait_json};
use crate::log::complain;
use crate::verdict::Verdict;

pub(super) fn explain(arguments: &Arguments) -> Result<ExplanationAnswer, Failure> {
    let Some(file) = &arguments.file else {
        return Err((Verdict::NotWritten, anyhow!("no file is named")));
    };
    let name = file.display().to_string();
    let text = fs::read_to_string(file).with_context(|| format!("{name} could not be read"));
    let text = text.map_err(|error| (Verdict::NotWritten, error))?;
    explain_text(arguments, &name, without_mark(&text)).map_err(|error| (Verdict::Refused, error))
}

fn explain_text(arguments: &Arguments, name: &str, text: &str) -> Result<ExplanationAnswer> {
    let unknown = check_members(text).with_context(|| name.to_owned())?;
    let document = Document::parse(text).with_context(|| name.to_owned())?;
    let options = Options { anchoring: arguments.regex_anchor.into(), omit_metadata: false };
    let (environment, warnings) =
        document.compile(options, |_| DefaultJson::default()).with_context(|| name.to_owned())?;
    for warning in unknown.into_iter().chain(warnings) {
        complain!("{name}: warning: {warning}");
    }
    let compiled = Compiled::decode(environment.encode()?)?;
    let feature = arguments.feature.as_deref();
    if let Some(feature) = feature.filter(|feature| !compiled.feature_names().any(|name| name == *feature)) {
        return Err(anyhow!("{name}: there is no feature {feature:?}"));
    }
    let identity = arguments.identifier.as_ref().map(|identifier| Identity {
        identifier: identifier.clone(),
        key: (!document.switches().composite_key).then(|| identifier.clone()),
        traits: arguments.traits.clone(),
        traits_answer_paths: true,
        ignore_own_overrides: false,
    });
    let Explanation { flags, segments } = compiled.explain(identity.as_ref(), feature, environment.texts());
    let switches = document.switches();
    Ok(ExplanationAnswer {
        environment: ExplainedEnvironment {
            key: document.key().to_owned(),
            revision: None,
            updated_at: document.updated_at().map(ToOwned::to_owned),
            age: None,
            source: "file".to_owned(),
            hides_disabled_flags: switches.hide_disabled_flags,
            hides_sensitive_data: false,
            has_texts: true,
        },
        identity: identity.map(|identity| ExplainedIdentity {
            identifier: identity.identifier,
            traits: identity.traits.iter().filter_map(|(key, value)| explained(key, value)).collect(),
        }),
        flags,
        segments,
    })
}

fn explained(key: &str, value: &engine::Value) -> Option<ExplainedTrait> {
    let trait_value = to_raw_value(&trait_json(value)).ok()?;
    Some(ExplainedTrait { trait_key: key.to_owned(), trait_value, origin: TraitOrigin::Sent })
}
