//! What Python does with numbers, texts and hashes. Flagsmith's engine is written in Python, and its results depend on it.
//!
//! Imports nothing of this crate.

pub(crate) mod digits;
pub(crate) mod number;
pub(crate) mod split;
pub(crate) mod text;
pub(crate) mod value;
pub(crate) mod version;
