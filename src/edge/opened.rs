//! The copy that a request opened, and its sections.
//!
//! Every byte that leaves a copy goes through [`Opened`], which checks that it got exactly the section that it asked
//! for: the platform answers a range that it finds invalid with the whole object.

use std::io::Read;
use std::rc::Rc;

use api::{EnvironmentKey, Header, Section};
use fastly::Body;
use fastly::cache::core::Found;

/// The copy that a request opened.
pub(crate) struct Opened {
    pub(crate) key: EnvironmentKey,
    pub(crate) found: Found,
    pub(crate) header: Rc<Header>,
}

impl Opened {
    pub(crate) fn length(&self, section: Section) -> Option<u64> {
        let range = self.header.span(section)?.range();
        Some(range.end - range.start)
    }

    /// Reads a section; none if it cannot be read, or if what came is anything but its length.
    pub(crate) fn read(&self, section: Section) -> Option<Vec<u8>> {
        let length = usize::try_from(self.length(section)?).ok()?;
        let mut bytes = vec![0; length];
        if length == 0 {
            return Some(bytes);
        }
        let mut body = self.stream(section)?;
        let whole = body.read_exact(&mut bytes).and_then(|()| body.read(&mut [0]));
        match whole {
            Ok(0) => Some(bytes),
            Ok(_) => {
                eprintln!("jackstaff: {}: the cache gave more than section {section:?}", self.key);
                None
            }
            Err(error) => {
                eprintln!("jackstaff: {}: section {section:?} could not be read: {error}", self.key);
                None
            }
        }
    }

    /// The stream of a section that is not empty.
    pub(crate) fn stream(&self, section: Section) -> Option<Body> {
        let range = self.header.span(section)?.range();
        if range.is_empty() || range.end > self.header.total {
            return None;
        }
        self.found.to_stream_from_range(Some(range.start), Some(range.end - 1)).ok()
    }
}
