use engine::{Document, Options};
use proptest::prelude::*;

use super::cases;
use super::generate::{damaged, document, with_noise};

proptest! {
    #![proptest_config(cases(60))]

    #[test]
    fn a_served_document_evaluates_like_the_original(document in document()) {
        let text = document.text();
        let document = Document::parse(&text);
        prop_assert!(document.is_ok(), "{:?}", document.err());
        prop_assert!(document.unwrap().compile(Options::default(), api::flag_json).is_ok());
        invariants::document(&text);
    }

    /// Flagsmith writes the same document differently in each answer, and that must not count as a change.
    #[test]
    fn a_difference_without_a_meaning_is_no_change(document in document(), seed in any::<u64>()) {
        let other = with_noise(&document, seed);
        let content = |json: &str| Document::parse(json).map(|document| document.content());
        prop_assert_eq!(content(&document.text()), content(&other.text()));
        if let Ok(value) = serde_json::from_str::<serde_json::Value>(&other.text()) {
            prop_assert_eq!(content(&serde_json::to_string_pretty(&value).unwrap()), content(&value.to_string()));
        }
    }

    #[test]
    fn a_damaged_document_is_refused_or_compiled(document in damaged(document())) {
        invariants::document(&document.text());
    }
}
