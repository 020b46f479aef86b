//! The compiled environment: the data that an evaluation reads, in the layout of its bytes. This module knows neither
//! documents nor JSON objects, nor how an evaluation works.

pub(crate) mod decode;
pub(crate) mod environment;
mod never;
pub(crate) mod overrides;
pub(crate) mod predicate;
pub(crate) mod property;
pub(crate) mod texts;
