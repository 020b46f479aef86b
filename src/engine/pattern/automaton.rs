//! Automata of patterns. They are built when documents are compiled, so that the edge compiles nothing.

use alloc::string::String;
use alloc::vec::Vec;

use rkyv::{Archive, Serialize};

use crate::python::text::contains_text;

/// Texts of which a subject has at least one if the pattern matches it. Comparing them costs less than preparing an
/// automaton, and rules out most subjects.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Archive, Serialize)]
pub enum Hint {
    Nothing,
    StartsWith(Vec<String>),
    Contains(Vec<String>),
}

impl ArchivedHint {
    pub(crate) fn allows(&self, text: &str) -> bool {
        match self {
            ArchivedHint::Nothing => true,
            ArchivedHint::StartsWith(hints) => hints.iter().any(|hint| text.starts_with(hint.as_str())),
            ArchivedHint::Contains(hints) => hints.iter().any(|hint| contains_text(text, hint)),
        }
    }
}

#[cfg(not(feature = "automata"))]
pub(crate) fn build(_pattern: &str, _anchored: bool) -> Option<(Vec<u8>, Hint)> {
    None
}

#[cfg(feature = "automata")]
pub(crate) use builder::build;

#[cfg(feature = "automata")]
mod builder {
    use alloc::string::String;
    use alloc::vec::Vec;

    use regex_automata::dfa::{StartKind, dense};
    use regex_automata::nfa::thompson::{self, WhichCaptures};
    use regex_automata::util::syntax;
    use regex_syntax::ParserBuilder;
    use regex_syntax::hir::Hir;
    use regex_syntax::hir::literal::{ExtractKind, Extractor};

    use super::Hint;
    use crate::limits;

    /// Builds the automaton for ASCII texts; none for the few patterns whose automaton is large.
    pub(crate) fn build(text: &str, anchored: bool) -> Option<(Vec<u8>, Hint)> {
        let start = if anchored { StartKind::Anchored } else { StartKind::Unanchored };
        let nfa = thompson::Config::new()
            .utf8(false)
            .which_captures(WhichCaptures::None)
            .nfa_size_limit(Some(limits::AUTOMATON_WORK));
        let dfa = dense::Config::new()
            .start_kind(start)
            .minimize(true)
            .dfa_size_limit(Some(limits::AUTOMATON_WORK))
            .determinize_size_limit(Some(limits::AUTOMATON_WORK));
        let dense = dense::Builder::new()
            .syntax(syntax::Config::new().unicode(false).utf8(false))
            .thompson(nfa)
            .configure(dfa)
            .build(text)
            .ok()?;
        let bytes = dense.to_sparse().ok()?.to_bytes_little_endian();
        let hir = ParserBuilder::new().unicode(false).utf8(false).build().parse(text).ok()?;
        (bytes.len() <= limits::AUTOMATON).then(|| (bytes, hint(&hir, anchored)))
    }

    fn hint(hir: &Hir, anchored: bool) -> Hint {
        if let Some(prefixes) = literals(hir, ExtractKind::Prefix) {
            return if anchored { Hint::StartsWith(prefixes) } else { Hint::Contains(prefixes) };
        }
        literals(hir, ExtractKind::Suffix).map_or(Hint::Nothing, Hint::Contains)
    }

    fn has(text: &str, part: &str, in_front: bool) -> bool {
        if in_front { text.starts_with(part) } else { text.contains(part) }
    }

    /// Texts such that every match begins, or ends, with one of them. None if they are too many, or one is empty.
    fn literals(hir: &Hir, kind: ExtractKind) -> Option<Vec<String>> {
        let prefixes = matches!(kind, ExtractKind::Prefix);
        let found = Extractor::new().kind(kind).limit_class(1).limit_total(limits::HINTS).extract(hir);
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).ok().filter(|text| !text.is_empty());
        let mut texts: Vec<String> =
            found.literals()?.iter().map(|literal| text(literal.as_bytes())).collect::<Option<_>>()?;
        // A text that another one is a part of adds nothing: `$` gives every suffix twice, with and without a line
        // break.
        let all = texts.clone();
        texts.retain(|text| !all.iter().any(|other| other.len() < text.len() && has(text, other, prefixes)));
        Some(texts)
    }
}
