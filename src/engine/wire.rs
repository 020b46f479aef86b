//! The published JSON: the documents that Flagsmith serves and the contexts that its engines take. This module does not
//! know how they are used.

pub(crate) mod context;
pub(crate) mod document;
pub(crate) mod json;
