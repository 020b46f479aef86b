//! Lists of values that are kept once each and named by their index.

use alloc::collections::BTreeMap;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use crate::compiled::environment::Span;
use crate::limits;
use crate::options::Anchoring;
use crate::pattern::{Categories, Pattern, PatternCache, Wanted};

/// Values that are kept once and named by their index.
pub(super) struct Interned<T> {
    pub(super) values: Vec<T>,
    indices: BTreeMap<T, u32>,
}

impl<T> Default for Interned<T> {
    fn default() -> Self {
        Interned { values: Vec::new(), indices: BTreeMap::new() }
    }
}

impl<T: Ord + Clone> Interned<T> {
    pub(super) fn index(&mut self, value: T) -> u32 {
        let next = index(self.values.len());
        *self.indices.entry(value.clone()).or_insert_with(|| {
            self.values.push(value);
            next
        })
    }
}

/// The patterns of an environment, each once.
pub(super) struct Patterns<'c> {
    anchoring: Anchoring,
    pub(super) values: Vec<Pattern>,
    by_text: BTreeMap<String, Result<u32, String>>,
    /// Bytes that are left for tables.
    budget: usize,
    cache: &'c mut PatternCache,
}

impl<'c> Patterns<'c> {
    pub(super) fn new(anchoring: Anchoring, cache: &'c mut PatternCache) -> Patterns<'c> {
        let budget = limits::TABLES;
        Patterns { anchoring, values: Vec::new(), by_text: BTreeMap::new(), budget, cache }
    }

    pub(super) fn index(&mut self, text: &str) -> Result<u32, String> {
        if let Some(known) = self.by_text.get(text) {
            return known.clone();
        }
        let result = self.pattern(text).map(|pattern| {
            self.budget -= pattern.table_size();
            self.values.push(pattern);
            index(self.values.len() - 1)
        });
        self.by_text.insert(text.to_string(), result.clone());
        result
    }

    /// With a table, if the budget allows it.
    fn pattern(&mut self, text: &str) -> Result<Pattern, String> {
        let wanted = Wanted { text: text.to_string(), anchoring: self.anchoring, table: true };
        let pattern = self.cache.pattern(&wanted)?;
        if pattern.table_size() <= self.budget {
            return Ok(pattern);
        }
        self.cache.pattern(&Wanted { table: false, ..wanted })
    }

    /// The categories of characters, if a pattern needs them.
    pub(super) fn categories(&mut self) -> Categories {
        let are_needed = self.values.iter().any(Pattern::needs_categories);
        if are_needed { self.cache.categories() } else { Categories::default() }
    }
}

pub(super) fn span(start: usize, length: usize) -> Span {
    Span { start: index(start), length: index(length) }
}

/// The limits keep every list far below four thousand million.
pub(super) fn index(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(u32::MAX)
}
