//! An object of the cache, and parts of its body.
//!
//! Every byte that leaves an object goes through [`Copy::read`] or [`Copy::stream`]. The platform answers a range that it
//! finds invalid with the whole object, so what was read is checked to be exactly the range, and look-ups ask for ranges
//! to be kept. Both ends of a range are checked against the object by the header of its bundle before they come here.

use std::io::Read as _;
use std::ops::Range;
use std::time::Duration;

use api::pop::ports::{Found, PortError};
use bytes::Bytes;
use fastly::Body;
use fastly::cache::core;

use super::port_error;

/// An object of the cache: an environment's copy, or a smaller thing.
pub(crate) struct Copy(pub(super) core::Found);

impl Found for Copy {
    type Stream = Body;

    fn metadata(&self) -> Bytes {
        self.0.user_metadata()
    }

    fn age(&self) -> Duration {
        self.0.age()
    }

    fn lifetime(&self) -> Duration {
        self.0.max_age()
    }

    fn is_stale(&self) -> bool {
        self.0.is_stale()
    }

    fn read(&self, range: Range<u64>) -> Result<Vec<u8>, PortError> {
        let length = usize::try_from(range.end - range.start).map_err(port_error)?;
        let mut bytes = vec![0; length];
        let mut body = self.stream(range)?;
        body.read_exact(&mut bytes).map_err(port_error)?;
        match body.read(&mut [0]).map_err(port_error)? {
            0 => Ok(bytes),
            _ => Err(PortError("the cache gave more than the range".to_owned())),
        }
    }

    fn stream(&self, range: Range<u64>) -> Result<Body, PortError> {
        self.0.to_stream_from_range(Some(range.start), Some(range.end - 1)).map_err(port_error)
    }
}
