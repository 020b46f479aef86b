use engine::{Anchoring, Compiled, Context, Options, evaluate_context};

use crate::Outcome;

/// A context is refused, or evaluated: the same way each time, and through the parts as in one go. Metadata is all
/// that a lean environment lacks.
pub fn context(text: &str) {
    for anchoring in [Anchoring::Start, Anchoring::Search] {
        let options = Options { anchoring, lean: false };
        let result = evaluate_context(text, options);
        assert_eq!(result, evaluate_context(text, options), "the same context gave two results");
        let lean = evaluate_context(text, Options { lean: true, ..options });
        match (result, lean) {
            (Ok(result), Ok(lean)) => {
                assert_eq!(result, in_parts(text, options));
                let (result, lean) = (Outcome::parse(&result), Outcome::parse(&lean));
                assert_eq!(result.without_metadata(), lean.without_metadata());
            }
            (result, lean) => assert_eq!(result, lean),
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
    crate::evaluate(&compiled, context.identity().as_ref())
}
