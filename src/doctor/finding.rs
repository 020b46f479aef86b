//! What was found.

use serde::Serialize;

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    Sound,
    /// Worth knowing; nothing has to be done.
    Note,
    Wrong,
}

/// One finding: what was asked, what came, what that means, and what to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The name of the check.
    pub check: &'static str,
    pub severity: Severity,
    pub asked: String,
    pub came: String,
    /// Empty where all is sound.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub means: String,
    /// Empty where nothing has to be done.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub todo: String,
}

impl Finding {
    pub(crate) fn sound(check: &'static str, asked: impl Into<String>, came: impl Into<String>) -> Finding {
        let (means, todo) = (String::new(), String::new());
        Finding { check, severity: Severity::Sound, asked: asked.into(), came: came.into(), means, todo }
    }

    pub(crate) fn wrong(
        check: &'static str,
        asked: impl Into<String>,
        came: impl Into<String>,
        means: &str,
        todo: &str,
    ) -> Finding {
        Finding {
            check,
            severity: Severity::Wrong,
            asked: asked.into(),
            came: came.into(),
            means: means.to_owned(),
            todo: todo.to_owned(),
        }
    }

    /// The same as a note.
    pub(crate) fn noted(self) -> Finding {
        Finding { severity: Severity::Note, ..self }
    }
}
