//! Numbers, texts and hashes as in Python. Flagsmith's engine is written in Python, and its results depend on it.
//!
//! This module imports nothing of this crate.

pub(crate) mod digits;
pub(crate) mod number;
pub(crate) mod split;
pub(crate) mod text;
pub(crate) mod value;
pub(crate) mod version;
