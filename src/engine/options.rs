//! Options of compilation, which the publisher of an environment chooses.

/// How regular expressions are matched. Flagsmith's own engines differ here (`SEMANTICS.md`, 5.3), so an environment
/// may choose.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Anchoring {
    /// At the start of the text, as Flagsmith's API and its Python SDK do.
    #[default]
    Start,
    /// Anywhere in the text, as Flagsmith's other SDKs and its newer edge proxy do.
    Search,
}

/// How an environment is compiled.
#[derive(Debug, Clone, Copy, Default)]
pub struct Options {
    pub anchoring: Anchoring,
    /// Leaves metadata out: only the JSON of a result shows them. Metadata that a condition reads are kept.
    pub omit_metadata: bool,
}
