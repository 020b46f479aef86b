use proptest::prelude::*;

use super::cases;
use super::generate::{context, damaged};

proptest! {
    #![proptest_config(cases(150))]

    #[test]
    fn a_context_gives_one_result(context in context()) {
        let text = context.text();
        prop_assert!(engine::Context::parse(&text).is_ok(), "{:?}", engine::Context::parse(&text));
        invariants::context(&text);
    }

    #[test]
    fn a_damaged_context_is_refused_or_evaluated(context in damaged(context())) {
        invariants::context(&context.text());
    }

    #[test]
    fn a_context_cut_anywhere_is_refused(context in context(), cut in any::<prop::sample::Index>()) {
        let text = context.text();
        let places: Vec<usize> = text.char_indices().map(|(at, _)| at).collect();
        prop_assert!(engine::Context::parse(&text[..*cut.get(&places)]).is_err());
    }

    #[test]
    fn any_text(text: String) {
        invariants::context(&text);
        invariants::document(&text);
    }
}

proptest! {
    #![proptest_config(cases(200))]

    /// With `JACKSTAFF_TEST_FULL`, of 10,000 contexts.
    #[test]
    fn an_explanation_says_what_the_evaluation_says(context in context(), is_known: bool) {
        let context = engine::Context::parse(&context.text()).unwrap();
        let (environment, _) = context.compile(engine::Options::default()).unwrap();
        let compiled = engine::Compiled::decode(environment.encode().unwrap()).unwrap();
        let identity = context.identity().filter(|_| is_known);
        invariants::explanation(&environment, &compiled, identity.as_ref());
    }
}
