use engine::{Document, Options};
use proptest::prelude::*;

use crate::cases;
use crate::generate::{damaged, document};

proptest! {
    #![proptest_config(cases(60))]

    #[test]
    fn a_document_compiles_and_is_given_on_as_it_evaluates(document in document()) {
        let text = document.text();
        let document = Document::parse(&text);
        prop_assert!(document.is_ok(), "{:?}", document.err());
        prop_assert!(document.unwrap().compile(Options::default(), api::text).is_ok());
        laws::document(&text);
    }

    #[test]
    fn a_damaged_document_is_refused_or_compiled(document in damaged(document())) {
        laws::document(&document.text());
    }
}
