//! The settings of an edge, before they are put into its config store.

use api::Settings;

use crate::finding::Finding;

/// What is wrong with the text of the settings, which came from this place.
pub fn settings(place: &str, text: &str) -> Vec<Finding> {
    let (_, complaints) = Settings::parse(text);
    let asked = format!("--settings {place}");
    if complaints.is_empty() {
        return vec![Finding::sound("settings", asked, "all values are ones that the edge knows")];
    }
    let wrong = |complaint: String| {
        Finding::wrong(
            "settings",
            &asked,
            complaint,
            "the edge logs it, and uses the default; of origins that cannot be read it allows none",
            "write it as `src/api/README.md` has it",
        )
    };
    complaints.into_iter().map(wrong).collect()
}
