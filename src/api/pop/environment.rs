//! Environments as kept objects: their bundles, ordered by revision.

use std::rc::Rc;

use bytes::Bytes;
use engine::Compiled;

use super::object::{Kind, Names, Taken, Value};
use super::ports::KvItem;
use super::refresh::{Absence, Rules};
use super::state::CopyState;
use crate::bundle::{self, Header, Section};
use crate::key::EnvironmentKey;
use crate::revision::Revision;
use crate::settings::Settings;

/// What a sandbox keeps of environments from one request to the next. Nothing about a client.
#[derive(Default)]
pub(super) struct Memory {
    /// The state that was read last, so that unchanged metadata need not be read again.
    state: Option<(Bytes, CopyState<Rc<Header>>)>,
    compiled: Option<Decoded>,
}

/// A compiled environment, decoded.
struct Decoded {
    key: EnvironmentKey,
    revision: Revision,
    compiled: Rc<Compiled>,
}

impl Memory {
    pub(super) fn compiled(&self, key: &EnvironmentKey, revision: Revision) -> Option<Rc<Compiled>> {
        let decoded = self.compiled.as_ref()?;
        (decoded.key == *key && decoded.revision == revision).then(|| Rc::clone(&decoded.compiled))
    }

    pub(super) fn keep(&mut self, key: &EnvironmentKey, revision: Revision, compiled: &Rc<Compiled>) {
        let (key, compiled) = (key.clone(), Rc::clone(compiled));
        self.compiled = Some(Decoded { key, revision, compiled });
    }
}

/// An environment, while a request opens or refreshes its copy.
pub(super) struct Environment<'a> {
    key: &'a EnvironmentKey,
    store_name: String,
    cache_name: String,
    rules: Rules,
    memory: &'a mut Memory,
}

impl<'a> Environment<'a> {
    pub(super) fn new(
        key: &'a EnvironmentKey,
        format: u32,
        settings: &Settings,
        memory: &'a mut Memory,
    ) -> Environment<'a> {
        let store_name = key.store_key();
        let cache_name = cache_name(&store_name, format);
        let rules = Rules::looked_at_twice(settings.fresh);
        Environment { key, store_name, cache_name, rules, memory }
    }

    /// Checks a bundle from end to end, its compiled environment too: what passes can be served.
    fn check(&mut self, bytes: &[u8]) -> Result<Header, String> {
        let header = bundle::check(bytes).map_err(|error| error.to_string())?;
        if let Some(span) = header.span(Section::Compiled) {
            let compiled = bundle::section_of(bytes, span).to_vec();
            let compiled = Compiled::decode(compiled).map_err(|error| error.to_string())?;
            self.memory.keep(self.key, header.revision, &Rc::new(compiled));
        }
        Ok(header)
    }
}

/// The name in the cache of what is stored under a name in a format. A copy outlives the build that made it, and another
/// build may lay it out otherwise: each format has copies of its own.
pub(super) fn cache_name(store_name: &str, format: u32) -> String {
    [&format.to_string(), "/", store_name].concat()
}

/// The revision and the length that an item's metadata announce.
pub(super) fn announced<I: KvItem>(item: &I) -> Option<(Revision, u64)> {
    item.metadata().and_then(|metadata| Header::glance(&metadata))
}

impl Kind for Environment<'_> {
    type Of = Rc<Header>;

    fn names(&self) -> Names<'_> {
        Names { store: &self.store_name, cache: &self.cache_name }
    }

    fn rules(&self) -> Rules {
        self.rules
    }

    fn absence(&self, _: &Rc<Header>) -> Absence {
        Absence::Failure
    }

    fn is_newer(first: &Rc<Header>, second: &Rc<Header>) -> bool {
        first.revision > second.revision
    }

    fn read_state(&mut self, metadata: Bytes) -> Option<CopyState<Rc<Header>>> {
        if let Some((known, state)) = &self.memory.state
            && is_same(known, &metadata)
        {
            return Some(state.clone());
        }
        let state = CopyState::<Header>::from_metadata(&metadata)?.map(Rc::new);
        self.memory.state = Some((metadata, state.clone()));
        Some(state)
    }

    fn write_state(&mut self, state: CopyState<Rc<Header>>) -> Bytes {
        let metadata = state.as_ref().map(Rc::as_ref).to_metadata();
        self.memory.state = Some((metadata.clone(), state));
        metadata
    }

    fn take<I: KvItem>(&mut self, item: I, copy: Option<&Rc<Header>>) -> Result<Taken<Rc<Header>>, String> {
        let copy = copy.map(|header| header.revision);
        let announced = announced(&item);
        // The body of an item that is no newer need not be read.
        if let Some((revision, _)) = announced
            && copy.is_some_and(|copy| revision <= copy)
        {
            return Ok(not_newer(revision, copy));
        }
        let body = item.into_body(announced.map_or(0, |(_, length)| length));
        let header = self.check(&body)?;
        if copy.is_some_and(|copy| header.revision <= copy) {
            return Ok(not_newer(header.revision, copy));
        }
        Ok(Taken::Newer(Value { of: Rc::new(header), body }))
    }
}

/// Whether two metadata are the same. Each request compares them, they are nearly two thousand bytes long, and `==` compares
/// byte by byte in wasm: a tenth of what the guest did for `/flags/`.
fn is_same(one: &[u8], other: &[u8]) -> bool {
    let ((blocks, rest), (other_blocks, other_rest)) = (one.as_chunks(), other.as_chunks());
    let is_same_block =
        |(one, other): (&[u8; 16], &[u8; 16])| u128::from_ne_bytes(*one) == u128::from_ne_bytes(*other);
    one.len() == other.len() && blocks.iter().zip(other_blocks).all(is_same_block) && rest == other_rest
}

fn not_newer(revision: Revision, copy: Option<Revision>) -> Taken<Rc<Header>> {
    if Some(revision) == copy { Taken::Same } else { Taken::Older }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metadata_are_the_same_if_every_byte_is() {
        let bytes: Vec<u8> = (0..70).collect();
        for length in 0..bytes.len() {
            let one = &bytes[..length];
            assert!(is_same(one, one), "{length}");
            assert!(!is_same(one, &bytes[..=length]), "{length}");
            for place in 0..length {
                let mut other = one.to_vec();
                other[place] ^= 1;
                assert!(!is_same(one, &other), "{place} of {length}");
            }
        }
    }
}
