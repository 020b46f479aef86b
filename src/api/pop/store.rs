//! A POP as requests see it: the store that they read, and the identities that they change.

use std::ops::Range;
use std::rc::Rc;

use engine::Compiled;
use jiff::Timestamp;

use super::object::{self, Opened};
use super::ports::{PortError, Ports};
use super::server_key::Record;
use super::{Copy, Handle, OpenedEnvironment, Pop};
use crate::bundle::Section;
use crate::identity::{Change, ChangeError, ClientAddress, IdentityName, IdentityRecord};
use crate::key::{EnvironmentKey, ServerKeyHash};
use crate::revision::Revision;
use crate::server_key::ServerKey;
use crate::store::{Lookup, PopCopy, Store, Unavailable};

impl<P: Ports> Pop<P> {
    /// What was opened, as requests meet it.
    fn copy(
        &self,
        key: &EnvironmentKey,
        opened: Result<Lookup<OpenedEnvironment<P>>, PortError>,
    ) -> Lookup<Copy<P>> {
        match self.logged(key, opened) {
            Some(Lookup::Found(Opened { of, source, age, found })) => {
                let handle = Handle { key: key.clone(), found };
                Lookup::Found(PopCopy { header: of, source, age, handle })
            }
            Some(Lookup::Unknown) => Lookup::Unknown,
            Some(Lookup::Unavailable) | None => Lookup::Unavailable,
        }
    }
}

impl<P: Ports> Store for Pop<P> {
    type Handle = Handle<P::Found>;

    fn environment(&mut self, key: &EnvironmentKey) -> Lookup<Copy<P>> {
        let opened = self.open(key);
        self.copy(key, opened)
    }

    fn environment_at_least(&mut self, key: &EnvironmentKey, revision: Revision) -> Lookup<Copy<P>> {
        let opened = self.open_at_least(key, revision);
        self.copy(key, opened)
    }

    fn server_key(&mut self, key: &ServerKeyHash) -> Lookup<ServerKey> {
        match object::open(&self.ports, &mut Record::new(key, self.format, &self.settings)) {
            Ok(Lookup::Found(opened)) => Lookup::Found(opened.of),
            Ok(Lookup::Unknown) => Lookup::Unknown,
            Ok(Lookup::Unavailable) => Lookup::Unavailable,
            Err(error) => {
                self.ports.log(format_args!("{}: {error}", key.store_key()));
                Lookup::Unavailable
            }
        }
    }

    fn section(&mut self, copy: &mut Copy<P>, section: Section) -> Result<Vec<u8>, Unavailable> {
        if let Some(bytes) = self.read(copy, section) {
            return Ok(bytes);
        }
        self.replace_unreadable(copy)?;
        self.read(copy, section).ok_or(Unavailable)
    }

    fn part(
        &mut self,
        copy: &mut Copy<P>,
        section: Section,
        part: Range<u64>,
    ) -> Result<Vec<u8>, Unavailable> {
        if let Some(bytes) = self.read_part(copy, section, &part) {
            return Ok(bytes);
        }
        self.replace_unreadable(copy)?;
        self.read_part(copy, section, &part).ok_or(Unavailable)
    }

    fn compiled(&mut self, copy: &mut Copy<P>) -> Result<Rc<Compiled>, Unavailable> {
        if let Some(compiled) = self.memory.compiled(&copy.handle.key, copy.header.revision) {
            return Ok(compiled);
        }
        let bytes = self.section(copy, Section::Compiled)?;
        let key = &copy.handle.key;
        if !copy.header.span(Section::Compiled).is_some_and(|span| span.matches(&bytes)) {
            self.ports.log(format_args!("{key}: the compiled environment in the cache is damaged"));
            return Err(Unavailable);
        }
        // SAFETY: a copy is inserted after `Environment::check` has decoded these bytes; their checksum is still the same, and
        // the name of the copy tells that it is of this format.
        #[expect(
            unsafe_code,
            reason = "checking the structure again in each sandbox costs more than evaluating"
        )]
        let compiled = Rc::new(unsafe { Compiled::decode_checked(bytes) });
        self.memory.keep(key, copy.header.revision, &compiled);
        Ok(compiled)
    }

    fn identity_name(
        &mut self,
        environment: &EnvironmentKey,
        identifier: &str,
    ) -> Result<IdentityName, Unavailable> {
        Ok(self.identity_key()?.name(environment, identifier))
    }

    fn identity(&mut self, name: &IdentityName) -> Lookup<IdentityRecord> {
        self.read_identity(name)
    }

    fn change_identity(
        &mut self,
        name: &IdentityName,
        change: &Change,
        came_at: u64,
    ) -> Result<IdentityRecord, ChangeError> {
        self.write_identity(name, change, came_at)
    }

    fn is_over_write_limit(&mut self, client: ClientAddress, writes: usize) -> bool {
        let writes = u32::try_from(writes).unwrap_or(u32::MAX);
        self.ports.is_over_limit(&client.0.to_string(), writes, self.settings.trait_writes)
    }

    fn now(&self) -> Timestamp {
        self.ports.now()
    }

    fn random(&mut self) -> u128 {
        self.ports.random()
    }
}
