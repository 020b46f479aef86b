//! The compiled environment: what an evaluation reads, as it lies in bytes. Nothing here knows documents or JSON objects,
//! or what an evaluation is.

pub(crate) mod decode;
pub(crate) mod environment;
pub(crate) mod overrides;
pub(crate) mod predicate;
pub(crate) mod property;
