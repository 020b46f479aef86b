//! Members of documents that nothing reads. One that is spelt like a member that its object lacks is a mistake: what it
//! should say would be left out without a word. Any other may be a note of its author, or new in Flagsmith.
//!
//! Only files are looked at. What an API answers was not written by hand, and Flagsmith adds members all the time.

mod spelling;
#[cfg(test)]
mod tests;
mod walk;

use std::fmt;

use engine::{InputError, Warning, WarningKind};

/// How many unknown members of a document are named.
const NAMED: usize = 5;

/// The members of a document that nothing reads.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct UnknownMembers {
    pub(crate) misspelt: Vec<MisspeltMember>,
    /// The places of the others.
    pub(crate) unknown: Vec<String>,
}

/// An unknown member, spelt like one that its object lacks.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct MisspeltMember {
    pub(crate) place: String,
    pub(crate) meant: &'static str,
}

impl fmt::Display for MisspeltMember {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "unknown; did you mean {:?}?", self.meant)
    }
}

/// Looks at the members of a document of a file, as publication does. Gives warnings of members that nothing reads.
///
/// # Errors
/// An [`InputError`] that names the place of a misspelt member, and the member that was meant.
pub fn check_members(document: &str) -> Result<Vec<Warning>, InputError> {
    let unknown = UnknownMembers::of(document);
    match unknown.refusal() {
        Some(refusal) => Err(refusal),
        None => Ok(unknown.warnings()),
    }
}

impl UnknownMembers {
    /// Looks for them in the text of a document. Where the text is no JSON, or a part of it has another type than it
    /// should have, reading the document says so.
    pub(crate) fn of(document: &str) -> UnknownMembers {
        walk::walk(document)
    }

    /// Why the document is refused, if members are misspelt.
    pub(crate) fn refusal(&self) -> Option<InputError> {
        let first = self.misspelt.first()?;
        let others = self.misspelt.len() - 1;
        let others = if others == 0 { String::new() } else { format!(" ({others} more misspelt)") };
        Some(InputError { place: first.place.clone(), fault: format!("{first}{others}") })
    }

    /// Warnings that name the first of the others, and say how many more there are.
    pub(crate) fn warnings(&self) -> Vec<Warning> {
        let warning = |place: &str, fault: String| Warning {
            place: place.to_owned(),
            fault,
            kind: WarningKind::UnknownMember,
        };
        let named = self.unknown.iter().take(NAMED);
        let mut warnings: Vec<Warning> =
            named.map(|place| warning(place, "unknown, and left out".to_owned())).collect();
        let more = self.unknown.len() - warnings.len();
        if more > 0 {
            warnings.push(warning("the whole", format!("{more} more unknown members, which are left out")));
        }
        warnings
    }
}
