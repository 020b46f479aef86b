use engine::{Compiled, Document, Environment, Evaluation, Options};

/// A document is refused or compiled, the same way each time, into bytes that are accepted again. The document that SDKs
/// get is a document, too, and evaluates like this one. All that is served follows from the content that is compared.
pub fn document(text: &str) {
    let Ok(document) = Document::parse(text) else { return };
    let compile = |document: &Document| document.compile(Options::default(), api::flag_json);
    let Ok((environment, warnings)) = compile(&document) else { return };
    let (again, same_warnings) = compile(&Document::parse(text).unwrap()).unwrap();
    assert_eq!(warnings, same_warnings);
    let compiled = decoded(&environment);
    let same = decoded(&again);

    only_compared_content_is_served(&document, &environment);

    let stamped = document.stamped("2026-03-02T11:22:33.000000+00:00");
    let stamped = Document::parse(&stamped)
        .unwrap_or_else(|refusal| panic!("the document for SDKs is refused: {refusal}: {stamped}"));
    assert_eq!(stamped.switches(), document.switches());
    let (for_sdks, _) =
        compile(&stamped).unwrap_or_else(|refusal| panic!("the document for SDKs: {refusal}"));
    let for_sdks = decoded(&for_sdks);

    let defaults: Vec<_> = document.default_flags().collect();
    assert_eq!(defaults, stamped.default_flags().collect::<Vec<_>>());
    for identity in crate::audience(&["ann", "vip-1", "007", ""]) {
        crate::work::steps_are_within_what_is_stated(&environment, &compiled, identity.as_ref());
        crate::explanation(&environment, &compiled, identity.as_ref());
        let result = crate::evaluate(&compiled, identity.as_ref());
        assert_eq!(result, crate::evaluate(&same, identity.as_ref()));
        assert_eq!(result, crate::evaluate(&for_sdks, identity.as_ref()));
        texts_are_those_of_the_flags(&compiled.evaluate(identity.as_ref()));
        let names: Vec<&str> =
            compiled.evaluate(identity.as_ref()).flags.iter().map(engine::Flag::name).collect();
        assert_eq!(names, defaults.iter().map(|flag| flag.name).collect::<Vec<&str>>());
    }
}

/// Documents are compared by their content, so nothing may be served that is not in it: a document that is read from the
/// content is served byte by byte like the original, and evaluates like it. Its compiled bytes may be others: conditions
/// that never match are written in one form.
fn only_compared_content_is_served(document: &Document, environment: &Environment) {
    let content = document.content();
    let same = Document::parse(&content).unwrap_or_else(|refusal| panic!("{refusal}: {content}"));
    assert_eq!(same.content(), content, "the one form of a document has another");
    let (of_content, _) = same.compile(Options::default(), api::flag_json).unwrap();
    let (of_content, original) = (decoded(&of_content), decoded(environment));
    for identity in crate::audience(&["ann", "vip-1", "007", ""]) {
        let [one, other] = [&of_content, &original].map(|side| crate::evaluate(side, identity.as_ref()));
        assert_eq!(one, other, "{content}");
    }
    assert_eq!(same.switches(), document.switches());
    let revision = api::Revision(1_772_450_553).iso();
    assert_eq!(same.stamped(&revision), document.stamped(&revision));
}

/// The JSON of a flag, and the part of it in front of the state, agree with the flag.
fn texts_are_those_of_the_flags(evaluation: &Evaluation<'_>) {
    for flag in &evaluation.flags {
        let head = &evaluation.default_json[flag.json_prefix()];
        let written = format!(r#"{head}{},"feature_state_value":{}"#, flag.enabled(), flag.value());
        let read: serde_json::Result<serde::de::IgnoredAny> = serde_json::from_str(&format!("{written}}}"));
        assert!(read.is_ok(), "{written}");
        if let Some(text) = flag.default_json() {
            let text = &evaluation.default_json[text];
            let mut ends = ["null", "\"control\""]
                .map(|variant| {
                    let experiment =
                        flag.experiment().map(|it| format!(r#","metadata":{{"experiment":{it}}}"#));
                    let experiment = experiment.unwrap_or_default();
                    format!(r#"{written},"variant":{variant},"reason":"{}"{experiment}}}"#, flag.reason)
                })
                .into_iter();
            assert!(ends.any(|end| text == end), "{text}");
        }
    }
}

fn decoded(environment: &Environment) -> Compiled {
    let bytes = environment.encode().unwrap();
    assert_eq!(bytes, environment.encode().unwrap(), "encoded twice, and not the same");
    Compiled::decode(bytes).unwrap_or_else(|broken| panic!("own bytes refused: {broken}"))
}
