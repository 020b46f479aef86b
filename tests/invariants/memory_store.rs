//! A store in memory, with one environment.

use std::collections::BTreeMap;
use std::ops::Range;
use std::rc::Rc;
use std::sync::LazyLock;
use std::time::Duration;

use api::bundle::{self, Label, section_of};
use api::identity::{Change, ChangeError, IdentityKey, IdentityName, IdentityRecord};
use api::{
    ClientAddress, Coding, EnvironmentKey, Header, Lookup, PopCopy, Revision, Secret, Section, ServerKey,
    ServerKeyHash, Source, Store, Unavailable,
};
use engine::{Compiled, Document, Options, PatternCache};
use jiff::Timestamp;

pub(crate) const CLIENT_KEY: &str = "client";
pub(crate) const SERVER_KEY: &str = "ser.shop";
/// Is in every text that is for server-side keys alone.
pub(crate) const SERVERS_ONLY: &str = "kept-from-clients-5f1c9b";

/// One client-side key, one server-side key; a feature for servers only, which a segment and an identity override.
const DOCUMENT: &str = r#"{
    "api_key": "client",
    "name": "Shop",
    "feature_states": [
        {"feature": {"id": 1, "name": "banner"}, "enabled": true, "feature_state_value": "blue"},
        {"feature": {"id": 2, "name": "admin kept-from-clients-5f1c9b"}, "enabled": true,
         "feature_state_value": "kept-from-clients-5f1c9b"},
        {"feature": {"id": 3, "name": "colour"}, "enabled": false, "feature_state_value": 1.5,
         "multivariate_feature_state_values": [
            {"id": 1, "percentage_allocation": 30, "multivariate_feature_option": {"value": "red", "key": "r"}},
            {"id": 2, "percentage_allocation": 30, "multivariate_feature_option": {"value": {"a": [1]}}}
         ]}
    ],
    "identity_overrides": [
        {"identifier": "ann", "identity_features": [
            {"feature": {"id": 1, "name": "banner"}, "enabled": true, "feature_state_value": "ann"},
            {"feature": {"id": 2, "name": "admin kept-from-clients-5f1c9b"}, "enabled": false,
             "feature_state_value": "kept-from-clients-5f1c9b"}
        ]}
    ],
    "project": {
        "server_key_only_feature_ids": [2],
        "segments": [
            {"id": 1, "name": "gold", "rules": [{"type": "ANY", "conditions": [
                {"operator": "EQUAL", "property_": "plan", "value": "gold"},
                {"operator": "REGEX", "property_": "email", "value": "^.*@example\\.com$"},
                {"operator": "GREATER_THAN", "property_": "age", "value": "17"},
                {"operator": "PERCENTAGE_SPLIT", "property_": "", "value": "20"}
            ]}], "feature_states": [
                {"feature": {"id": 1, "name": "banner"}, "enabled": true, "feature_state_value": "gold"},
                {"feature": {"id": 2, "name": "admin kept-from-clients-5f1c9b"}, "enabled": true,
                 "feature_state_value": "kept-from-clients-5f1c9b"}
            ]}
        ]
    }
}"#;

static BUNDLE: LazyLock<(Header, Vec<u8>)> = LazyLock::new(|| {
    let document = Document::parse(DOCUMENT).unwrap();
    let label = Label::new(Revision(1_772_450_553));
    let fake = |coding: Coding, bytes: &[u8]| Ok([coding.name().as_bytes(), b" ", bytes].concat());
    let composed =
        bundle::compose(&document, Options::default(), &mut PatternCache::default(), label, fake).unwrap();
    (composed.header, composed.bytes)
});

static IDENTITY_KEY: LazyLock<IdentityKey> =
    LazyLock::new(|| IdentityKey::new(Secret::parse(&"k".repeat(32)).unwrap()).unwrap());

/// A whole bundle.
pub fn sound_bundle() -> &'static [u8] {
    &BUNDLE.1
}

/// The store of one request.
#[derive(Default)]
pub(crate) struct MemoryStore {
    chance: u128,
    identities: BTreeMap<IdentityName, IdentityRecord>,
}

impl MemoryStore {
    pub(crate) fn section_bytes(&self, section: Section) -> Vec<u8> {
        let (header, bytes) = &*BUNDLE;
        section_of(bytes, header.span(section).unwrap()).to_vec()
    }
}

impl Store for MemoryStore {
    type Handle = ();

    fn environment(&mut self, key: &EnvironmentKey) -> Lookup<PopCopy<()>> {
        if key.as_str() != CLIENT_KEY {
            return Lookup::Unknown;
        }
        Lookup::Found(PopCopy { header: Rc::new(BUNDLE.0.clone()), source: Source::Pop, age: 1, handle: () })
    }

    fn environment_at_least(&mut self, key: &EnvironmentKey, _: Revision) -> Lookup<PopCopy<()>> {
        self.environment(key)
    }

    fn server_key(&mut self, key: &ServerKeyHash) -> Lookup<ServerKey> {
        if Some(key) != ServerKeyHash::of(SERVER_KEY).as_ref() {
            return Lookup::Unknown;
        }
        Lookup::Found(ServerKey { environment: CLIENT_KEY.into(), active: true, expires_at: None })
    }

    fn section(&mut self, _: &mut PopCopy<()>, section: Section) -> Result<Vec<u8>, Unavailable> {
        Ok(self.section_bytes(section))
    }

    fn part(
        &mut self,
        _: &mut PopCopy<()>,
        section: Section,
        part: Range<u64>,
    ) -> Result<Vec<u8>, Unavailable> {
        let range = usize::try_from(part.start).ok().zip(usize::try_from(part.end).ok());
        let bytes = self.section_bytes(section);
        range.and_then(|(start, end)| bytes.get(start..end)).map(<[u8]>::to_vec).ok_or(Unavailable)
    }

    fn compiled(&mut self, _: &mut PopCopy<()>) -> Result<Rc<Compiled>, Unavailable> {
        Compiled::decode(self.section_bytes(Section::Compiled)).map(Rc::new).map_err(|_| Unavailable)
    }

    fn identity_name(
        &mut self,
        environment: &EnvironmentKey,
        identifier: &str,
    ) -> Result<IdentityName, Unavailable> {
        Ok(IDENTITY_KEY.name(environment, identifier))
    }

    fn identity(&mut self, name: &IdentityName) -> Lookup<IdentityRecord> {
        self.identities.get(name).cloned().map_or(Lookup::Unknown, Lookup::Found)
    }

    fn change_identity(
        &mut self,
        name: &IdentityName,
        change: &Change,
        came_at: u64,
    ) -> Result<IdentityRecord, ChangeError> {
        let stored = self.identities.get(name);
        let changed = change.apply(stored, came_at, Duration::from_secs(86_400))?;
        let record = changed.or_else(|| stored.cloned()).unwrap_or_default();
        self.identities.insert(name.clone(), record.clone());
        Ok(record)
    }

    fn is_over_write_limit(&mut self, _: ClientAddress, _: usize) -> bool {
        false
    }

    fn now(&self) -> Timestamp {
        Timestamp::UNIX_EPOCH
    }

    fn random(&mut self) -> u128 {
        self.chance += 1;
        self.chance
    }
}
