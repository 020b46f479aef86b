//! Paths in the checkout.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

/// The root of the checkout.
pub fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// A folder of this package, such as `conformance`.
pub fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

/// A document of `tests/fixtures`.
#[track_caller]
pub fn fixture(name: &str) -> Value {
    let file = folder("fixtures").join(name);
    let text = fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}
