//! The published JSON: what Flagsmith serves and what its engines take. Nothing here knows what becomes of it.

pub(crate) mod context;
pub(crate) mod document;
pub(crate) mod json;
