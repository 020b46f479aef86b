use engine::{Anchoring, Compiled, Context, Options, PatternCache, evaluate_context};

use crate::Outcome;

/// A context is refused or evaluated, the same way each time; step by step or in one call. Without metadata, nothing
/// else changes.
pub fn context(text: &str) {
    for anchoring in [Anchoring::Start, Anchoring::Search] {
        let options = Options { anchoring, omit_metadata: false };
        let mut patterns = PatternCache::default();
        let result = evaluate_context(text, options, &mut patterns);
        assert_eq!(
            result,
            evaluate_context(text, options, &mut patterns),
            "the same context gave two results"
        );
        let without = evaluate_context(text, Options { omit_metadata: true, ..options }, &mut patterns);
        match (result, without) {
            (Ok(result), Ok(without)) => {
                assert_eq!(result, in_parts(text, options));
                let (result, without) = (Outcome::parse(&result), Outcome::parse(&without));
                assert_eq!(result.without_metadata(), without.without_metadata());
            }
            (result, without) => assert_eq!(result, without),
        }
    }
}

fn in_parts(text: &str, options: Options) -> String {
    let context = Context::parse(text).unwrap();
    let (environment, _) = context.compile(options).unwrap();
    let bytes = environment.encode().unwrap();
    let (again, _) = context.compile(options).unwrap();
    assert_eq!(bytes, again.encode().unwrap(), "compiled twice, and not the same");
    let compiled = Compiled::decode(bytes).unwrap_or_else(|broken| panic!("own bytes refused: {broken}"));
    crate::work::steps_are_within_what_is_stated(&environment, &compiled, context.identity().as_ref());
    crate::explanation(&environment, &compiled, context.identity().as_ref());
    crate::evaluate(&compiled, context.identity().as_ref())
}
