//! An edge in memory: environments published from their documents, server-side keys, and a store that notes
//! what is read from it.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::ops::Range;
use std::rc::Rc;

use api::bundle::{self, Label};
use api::identity::{Change, ChangeError, IdentityKey, IdentityName, IdentityRecord};
use api::{
    After, ClientAddress, Coding, EnvironmentKey, Header, Lookup, PopCopy, Revision, Secret, Section,
    ServerKey, ServerKeyHash, Settings, Source, Store, Unavailable, milliseconds,
};
use engine::{Compiled, Document, Options, PatternCache, Switches, WarningKind};
use jiff::Timestamp;
use serde_json::Value;

/// `Mon, 02 Mar 2026 11:22:33 GMT`
pub(crate) const REVISION: u64 = 1_772_450_553;
pub(crate) const NOW: &str = "2026-03-02T12:00:00Z";
/// Opens the environment of [`edge`], as `client` does for pages and apps.
pub(crate) const SERVER: &str = "ser.shop";
pub(crate) const CLIENT: &str = "client";
/// A client with too many writes.
pub(crate) const OVER_LIMIT: ClientAddress = ClientAddress(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)));
/// The random bits.
pub(crate) const RANDOM: u128 = 0x00c0_ffee;

/// An edge that serves one environment to [`SERVER`] and to the document's own key.
pub(crate) fn edge(document: &Value) -> Edge {
    new(document, false)
}

/// The same for a document of which publishing warns.
pub(crate) fn edge_with_warnings(document: &Value) -> Edge {
    new(document, true)
}

fn new(document: &Value, with_warnings: bool) -> Edge {
    let empty = Edge {
        with_warnings,
        environments: BTreeMap::new(),
        server_keys: BTreeMap::new(),
        identities: RefCell::default(),
        write_error: None,
        settings: Settings::default(),
        source: Source::Pop,
        age: 0,
        broken: None,
    };
    let key = document["api_key"].as_str().unwrap();
    empty
        .publish(document)
        .server_key(SERVER, ServerKey { environment: key.into(), active: true, expires_at: None })
}

pub(crate) struct Edge {
    /// Documents may have parts that never match.
    with_warnings: bool,
    environments: BTreeMap<String, Rc<Published>>,
    /// By the names of their records in the KV store.
    server_keys: BTreeMap<String, ServerKey>,
    /// By their names.
    pub(crate) identities: RefCell<BTreeMap<IdentityName, IdentityRecord>>,
    write_error: Option<ChangeError>,
    pub(crate) settings: Settings,
    source: Source,
    age: u64,
    broken: Option<Broken>,
}

/// The part of an edge that does not answer.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Broken {
    Environments,
    ServerKeys,
    Sections,
    Identities,
    /// There is no secret `identity_key`.
    IdentityKey,
}

pub(crate) struct Published {
    header: Rc<Header>,
    bytes: Vec<u8>,
    /// None of a tombstone.
    compiled: Option<Rc<Compiled>>,
    switches: Switches,
}

impl Edge {
    /// Publishes one more environment.
    pub(crate) fn publish(self, document: &Value) -> Edge {
        self.store(document, false)
    }

    /// Removes an environment, as a publisher does.
    pub(crate) fn unpublish(self, document: &Value) -> Edge {
        self.store(document, true)
    }

    fn store(mut self, document: &Value, tombstone: bool) -> Edge {
        let document = Document::parse(&document.to_string()).unwrap();
        let published = Published::new(&document, tombstone, self.with_warnings);
        self.environments.insert(document.key().to_owned(), Rc::new(published));
        self
    }

    pub(crate) fn server_key(mut self, key: &str, record: ServerKey) -> Edge {
        self.server_keys.insert(ServerKeyHash::of(key).unwrap().store_key(), record);
        self
    }

    /// Only pages of these origins may read answers.
    pub(crate) fn allow(mut self, origins: &[&str]) -> Edge {
        self.settings.allowed_origins = Some(origins.iter().map(ToString::to_string).collect());
        self
    }

    pub(crate) fn serving_from(mut self, source: Source, age: u64) -> Edge {
        (self.source, self.age) = (source, age);
        self
    }

    pub(crate) fn without(mut self, broken: Broken) -> Edge {
        self.broken = Some(broken);
        self
    }

    /// Traits of the environment [`CLIENT`] are stored.
    pub(crate) fn storing_traits(mut self) -> Edge {
        self.settings.stored_traits.insert(EnvironmentKey::parse(CLIENT).unwrap());
        self
    }

    /// Changes of traits fail so.
    pub(crate) fn refusing_changes(mut self, error: ChangeError) -> Edge {
        self.write_error = Some(error);
        self
    }

    /// What is stored of an identity: its traits by their keys.
    pub(crate) fn stored(&self, identifier: &str) -> Option<Value> {
        let name = identity_key().name(&EnvironmentKey::parse(CLIENT).unwrap(), identifier);
        let identities = self.identities.borrow();
        let value = |json: &str| serde_json::from_str::<Value>(json).unwrap();
        let traits = identities.get(&name)?.traits.iter();
        Some(traits.map(|stored| (stored.trait_key.clone(), value(stored.trait_value.get()))).collect())
    }

    /// Does what was left for the time after an answer.
    pub(crate) fn finish(&self, after: &[After]) {
        for todo in after {
            let After::Store(write) = todo else { continue };
            let mut store = self.memory_store();
            if !write.limited.is_some_and(|client| store.is_over_write_limit(client, 1)) {
                let _ = store.change_identity(&write.identity, &write.change, write.came_at);
            }
        }
    }

    /// With bundles as publishers of an earlier version wrote them: without brotli, and without pages.
    pub(crate) fn of_version_3(mut self) -> Edge {
        for published in self.environments.values_mut() {
            *published = Rc::new(published.of_version_3());
        }
        self
    }

    pub(crate) fn memory_store(&self) -> MemoryStore<'_> {
        MemoryStore { edge: self, read: Vec::new() }
    }
}

impl Published {
    fn new(document: &Document, tombstone: bool, with_warnings: bool) -> Published {
        let label = Label {
            source_updated_at: document.updated_at().map(Into::into),
            switches: document.switches(),
            tombstone,
            ..Label::new(Revision(REVISION))
        };
        let (header, bytes) = if tombstone {
            bundle::write(&label, &[]).unwrap()
        } else {
            let composed =
                bundle::compose(document, Options::default(), &mut PatternCache::default(), label, fake)
                    .unwrap();
            let never = composed.warnings.iter().find(|warning| warning.kind != WarningKind::Switch);
            assert!(with_warnings || never.is_none(), "{never:?}");
            (composed.header, composed.bytes)
        };
        assert_eq!(bundle::check(&bytes), Ok(header.clone()));
        let switches = document.switches();
        let mut published = Published { header: Rc::new(header), bytes, compiled: None, switches };
        let compiled =
            published.section(Section::Compiled).map(|bytes| Compiled::decode(bytes.to_vec()).unwrap());
        published.compiled = compiled.map(Rc::new);
        published
    }

    fn of_version_3(&self) -> Published {
        let label = Label { switches: self.switches, ..Label::new(self.header.revision) };
        let is_new = |section: Section| matches!(section, Section::DocumentPages | Section::Texts);
        let is_known = |section: &Section| section.coding() != Coding::Brotli && !is_new(*section);
        let sections: Vec<(Section, Vec<u8>)> = Section::ALL
            .into_iter()
            .filter(is_known)
            .map(|section| (section, self.section(section).unwrap().to_vec()))
            .collect();
        let (header, bytes) = bundle::write(&label, &sections).unwrap();
        Published { header: Rc::new(header), bytes, compiled: self.compiled.clone(), switches: self.switches }
    }

    pub(crate) fn section(&self, section: Section) -> Option<&[u8]> {
        let range = self.header.span(section)?.range();
        self.bytes.get(usize::try_from(range.start).unwrap()..usize::try_from(range.end).unwrap())
    }
}

fn identity_key() -> IdentityKey {
    IdentityKey::new(Secret::parse(&"k".repeat(32)).unwrap()).unwrap()
}

/// In place of a compressor: a text that says what it is of.
fn fake(coding: Coding, bytes: &[u8]) -> io::Result<Vec<u8>> {
    Ok([coding.name().as_bytes(), b" of ", bytes].concat())
}

/// What was read while a request was answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Read {
    Environment,
    ServerKey,
    Section(Section),
    Compiled,
    Random,
    Identity,
}

/// The store of one request.
pub(crate) struct MemoryStore<'e> {
    edge: &'e Edge,
    pub(crate) read: Vec<Read>,
}

impl MemoryStore<'_> {
    fn check_readable(&self) -> Result<(), Unavailable> {
        if self.edge.broken == Some(Broken::Sections) { Err(Unavailable) } else { Ok(()) }
    }
}

impl Store for MemoryStore<'_> {
    type Handle = Rc<Published>;

    fn environment(&mut self, key: &EnvironmentKey) -> Lookup<PopCopy<Rc<Published>>> {
        self.read.push(Read::Environment);
        if self.edge.broken == Some(Broken::Environments) {
            return Lookup::Unavailable;
        }
        let copy = |published: &Rc<Published>| PopCopy {
            header: Rc::clone(&published.header),
            source: self.edge.source,
            age: self.edge.age,
            handle: Rc::clone(published),
        };
        let published = self.edge.environments.get(key.as_str());
        published.map_or(Lookup::Unknown, |published| Lookup::Found(copy(published)))
    }

    fn environment_at_least(
        &mut self,
        key: &EnvironmentKey,
        revision: Revision,
    ) -> Lookup<PopCopy<Rc<Published>>> {
        match self.environment(key) {
            Lookup::Found(copy) if copy.header.revision < revision => {
                Lookup::Found(PopCopy { source: Source::Stale, ..copy })
            }
            other => other,
        }
    }

    fn server_key(&mut self, key: &ServerKeyHash) -> Lookup<ServerKey> {
        self.read.push(Read::ServerKey);
        if self.edge.broken == Some(Broken::ServerKeys) {
            return Lookup::Unavailable;
        }
        self.edge.server_keys.get(&key.store_key()).cloned().map_or(Lookup::Unknown, Lookup::Found)
    }

    fn section(
        &mut self,
        copy: &mut PopCopy<Rc<Published>>,
        section: Section,
    ) -> Result<Vec<u8>, Unavailable> {
        self.read.push(Read::Section(section));
        self.check_readable()?;
        copy.handle.section(section).map(<[u8]>::to_vec).ok_or(Unavailable)
    }

    fn part(
        &mut self,
        copy: &mut PopCopy<Rc<Published>>,
        section: Section,
        part: Range<u64>,
    ) -> Result<Vec<u8>, Unavailable> {
        self.read.push(Read::Section(section));
        self.check_readable()?;
        let range = usize::try_from(part.start).unwrap()..usize::try_from(part.end).unwrap();
        copy.handle.section(section).and_then(|bytes| bytes.get(range)).map(<[u8]>::to_vec).ok_or(Unavailable)
    }

    fn compiled(&mut self, copy: &mut PopCopy<Rc<Published>>) -> Result<Rc<Compiled>, Unavailable> {
        self.read.push(Read::Compiled);
        self.check_readable()?;
        copy.handle.compiled.clone().ok_or(Unavailable)
    }

    fn identity_name(
        &mut self,
        environment: &EnvironmentKey,
        identifier: &str,
    ) -> Result<IdentityName, Unavailable> {
        if self.edge.broken == Some(Broken::IdentityKey) {
            return Err(Unavailable);
        }
        Ok(identity_key().name(environment, identifier))
    }

    fn identity(&mut self, name: &IdentityName) -> Lookup<IdentityRecord> {
        self.read.push(Read::Identity);
        if self.edge.broken == Some(Broken::Identities) {
            return Lookup::Unavailable;
        }
        self.edge.identities.borrow().get(name).cloned().map_or(Lookup::Unknown, Lookup::Found)
    }

    fn change_identity(
        &mut self,
        name: &IdentityName,
        change: &Change,
        _: u64,
    ) -> Result<IdentityRecord, ChangeError> {
        if let Some(error) = self.edge.write_error {
            return Err(error);
        }
        let mut identities = self.edge.identities.borrow_mut();
        let stored = identities.get(name).cloned();
        let changed =
            change.apply(stored.as_ref(), milliseconds(self.now()), self.edge.settings.traits_lifetime)?;
        let record = changed.or(stored).unwrap_or_default();
        identities.insert(name.clone(), record.clone());
        Ok(record)
    }

    fn is_over_write_limit(&mut self, client: ClientAddress, _: usize) -> bool {
        client == OVER_LIMIT
    }

    fn now(&self) -> Timestamp {
        NOW.parse().unwrap()
    }

    fn random(&mut self) -> u128 {
        self.read.push(Read::Random);
        RANDOM
    }
}
