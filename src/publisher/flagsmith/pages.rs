//! The pages of a document, put together: each repeats the environment, and has some of the identity overrides.

use std::collections::BTreeMap;

use serde_json::Value;
use serde_json::value::{RawValue, to_raw_value};

use super::error::PageError;

/// Bytes of a page, and of all pages together: more than may be stored of an environment.
pub(crate) const BYTES: u64 = 64 << 20;
/// What differs from page to page.
const OVERRIDES: &str = "identity_overrides";

/// The members of an object, as they were written.
type Members = BTreeMap<String, Box<RawValue>>;

#[derive(Debug, Default)]
pub(crate) struct Pages {
    /// The first page's text.
    first: Option<String>,
    /// What there is of it beside the overrides; only of interest if there are more pages.
    environment: Members,
    overrides: Vec<Box<RawValue>>,
    pages: usize,
    bytes: u64,
}

impl Pages {
    /// Adds a page, unless it is of another state than those before.
    pub(crate) fn add(&mut self, text: &str) -> Result<bool, PageError> {
        let mut members: Members = serde_json::from_str(text).map_err(|error| not_json(&error))?;
        let overrides = match members.remove(OVERRIDES) {
            None => Vec::new(),
            Some(overrides) => {
                let overrides = serde_json::from_str::<Option<Vec<Box<RawValue>>>>(overrides.get());
                overrides.map_err(|_| PageError::Overrides)?.unwrap_or_default()
            }
        };
        if self.first.is_none() {
            self.first = Some(text.to_owned());
            self.bytes = text.len() as u64;
            self.environment = members;
        } else {
            let first = &self.environment;
            if !members.iter().all(|(name, value)| first.get(name).is_some_and(|first| same(first, value))) {
                return Ok(false);
            }
            self.bytes += overrides.iter().map(|entry| entry.get().len() as u64).sum::<u64>();
        }
        if self.bytes > BYTES {
            return Err(PageError::TooLarge { bytes: BYTES });
        }
        self.overrides.extend(overrides);
        self.pages += 1;
        Ok(true)
    }

    /// The document; of a single page what that was, to the letter.
    pub(crate) fn whole(self) -> Result<String, PageError> {
        let Pages { first, mut environment, overrides, pages, .. } = self;
        match first {
            Some(first) if pages == 1 => Ok(first),
            _ => {
                let overrides = to_raw_value(&overrides).map_err(|error| not_json(&error))?;
                environment.insert(OVERRIDES.to_owned(), overrides);
                serde_json::to_string(&environment).map_err(|error| not_json(&error))
            }
        }
    }
}

fn not_json(error: &serde_json::Error) -> PageError {
    PageError::Json { line: error.line(), column: error.column() }
}

/// Whether two texts say the same.
fn same(one: &RawValue, other: &RawValue) -> bool {
    let value = |raw: &RawValue| serde_json::from_str::<Value>(raw.get()).ok();
    one.get() == other.get() || value(one) == value(other)
}
