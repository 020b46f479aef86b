//! Evaluations of one flag and of all flags.

use engine::{Flag, Identity};
use http::header::ETAG;
use http::{HeaderMap, HeaderValue, StatusCode};
use percent_encoding::percent_decode_str;
use xxhash_rust::xxh3::xxh3_128;

use super::context::Context;
use super::error::EvaluationError;
use super::flag;
use super::route::Route;
use crate::access::Access;
use crate::etag;
use crate::identity::IdentityRecord;
use crate::reply::Reply;
use crate::revision::Revision;
use crate::settings::Settings;
use crate::store::{Lookup, Source, Store};
use crate::visible::is_visible;

/// About what a flag takes.
const FLAG_BYTES: usize = 128;

/// Seconds after which a page that nobody looks at closes its stream.
const INACTIVITY: u32 = 120;

/// What is asked, about whom, and with which key.
pub(super) struct Asked<'a, H> {
    pub(super) context: Context,
    pub(super) settings: &'a Settings,
    pub(super) access: Access<H>,
}

/// Stored traits, as they count for an evaluation.
enum Stored {
    /// None are stored, or nobody is asked about.
    Off,
    /// They could not be read.
    Unavailable,
    Nothing,
    Found(IdentityRecord),
}

impl<H> Asked<'_, H> {
    /// One flag, by its name as it stands in the path.
    pub(super) fn one<S: Store<Handle = H>>(
        mut self,
        key: &str,
        store: &mut S,
    ) -> Result<Reply<H>, EvaluationError> {
        let name = percent_decode_str(key).decode_utf8().map_err(|_| EvaluationError::FlagNotFound)?;
        let stored = self.stored(store);
        let is_stale = self.is_stale();
        let json_values = self.settings.ofrep_json_values;
        let mut body = Vec::new();
        self.each_visible_flag(&stored, store, |flag, _| {
            if body.is_empty() && flag.name() == name {
                flag::write(flag, json_values, is_stale, &mut body);
            }
        })?;
        if body.is_empty() {
            return Err(EvaluationError::FlagNotFound);
        }
        Ok(Reply::json(StatusCode::OK, body))
    }

    /// All flags; or that the client has them already. `named` is the revision that it heard of.
    pub(super) fn bulk<S: Store<Handle = H>>(
        mut self,
        headers: &HeaderMap,
        named: Option<Revision>,
        store: &mut S,
    ) -> Result<Reply<H>, EvaluationError> {
        let stored = self.stored(store);
        let tag = self.tag(&stored);
        // Who heard of a later revision is told that this is not it.
        let is_late = named > Some(self.access.copy.header.revision);
        let is_known = tag.as_ref().is_some_and(|tag| etag::is_known(headers, tag) == Some(true));
        let mut reply = if is_known && !is_late {
            Reply::empty(StatusCode::NOT_MODIFIED)
        } else {
            Reply::json(StatusCode::OK, self.all(&stored, store)?)
        };
        if let Some(tag) = tag {
            reply.headers_mut().insert(ETAG, tag);
        }
        Ok(reply)
    }

    /// The body of the answer to all flags.
    fn all<S: Store<Handle = H>>(
        &mut self,
        stored: &Stored,
        store: &mut S,
    ) -> Result<Vec<u8>, EvaluationError> {
        let json_values = self.settings.ofrep_json_values;
        let mut body = br#"{"flags":["#.to_vec();
        let start = body.len();
        self.each_visible_flag(stored, store, |flag, count| {
            if body.len() > start {
                body.push(b',');
            } else {
                body.reserve(FLAG_BYTES * count);
            }
            flag::write(flag, json_values, false, &mut body);
        })?;
        let revision = self.access.copy.header.revision.0;
        let stale = if self.is_stale() { r#","stale":true"# } else { "" };
        let stream = Route::stream_path(&self.access.environment);
        let end = format!(
            r#"],"metadata":{{"revision":{revision}{stale}}},"eventStreams":[{{"type":"sse","endpoint":{{"requestUri":"{stream}"}},"inactivityDelaySec":{INACTIVITY}}}]}}"#
        );
        body.extend_from_slice(end.as_bytes());
        Ok(body)
    }

    /// Evaluates all flags, and gives each that the key may see to `write`, with the number of all.
    fn each_visible_flag<S: Store<Handle = H>>(
        &mut self,
        stored: &Stored,
        store: &mut S,
        mut write: impl FnMut(&Flag<'_>, usize),
    ) -> Result<(), EvaluationError> {
        let compiled = store.compiled(&mut self.access.copy).map_err(|_| EvaluationError::Unavailable)?;
        let identity = self.identity(stored);
        let evaluation = compiled.evaluate(identity.as_ref());
        let (kind, switches) = (self.access.kind, self.access.copy.header.switches);
        let flags = evaluation.flags.iter();
        let count = evaluation.flags.len();
        for flag in flags.filter(|flag| is_visible(flag, kind, switches.hide_disabled_flags)) {
            write(flag, count);
        }
        Ok(())
    }

    fn is_stale(&self) -> bool {
        self.access.copy.source == Source::Stale
    }

    /// Who is asked about; nobody without a targeting key. Stored traits count below those of the context, and those of the
    /// control plane above them. Nothing of a context is ever stored.
    fn identity(&self, stored: &Stored) -> Option<Identity> {
        let identifier = self.context.targeting_key.clone()?;
        let mut traits = Vec::new();
        if let Stored::Found(record) = stored {
            traits.extend(record.traits.iter().filter_map(IdentityRecord::value));
        }
        if self.access.may_send_traits() {
            traits.extend(self.context.traits.iter().cloned());
        }
        if let Stored::Found(record) = stored {
            traits.extend(record.system_traits.iter().filter_map(IdentityRecord::value));
        }
        Some(self.access.identity(identifier, traits))
    }

    fn stored<S: Store<Handle = H>>(&self, store: &mut S) -> Stored {
        let is_stored = self.access.stores_traits(self.settings);
        let Some(identifier) = self.context.targeting_key.as_ref().filter(|_| is_stored) else {
            return Stored::Off;
        };
        let name = store.identity_name(&self.access.environment, identifier);
        match name.map_or(Lookup::Unavailable, |name| store.identity(&name)) {
            Lookup::Found(record) => Stored::Found(record),
            Lookup::Unknown => Stored::Nothing,
            Lookup::Unavailable => Stored::Unavailable,
        }
    }

    /// The tag of the answer to all flags: of everything that decides about it. Two contexts never share one.
    fn tag(&self, stored: &Stored) -> Option<HeaderValue> {
        let Access { environment, kind, copy } = &self.access;
        let stored = match stored {
            Stored::Off => "off".to_owned(),
            Stored::Unavailable => "unavailable".to_owned(),
            Stored::Nothing => "nothing".to_owned(),
            Stored::Found(record) => record.counter.to_string(),
        };
        let all = format!(
            "{environment} {kind:?} {} {} {:032x} {stored} {:?}",
            copy.header.revision,
            self.is_stale(),
            self.context.hash,
            self.settings.ofrep_json_values,
        );
        let revision = copy.header.revision;
        HeaderValue::try_from(format!("W/\"{revision}-{:032x}\"", xxh3_128(all.as_bytes()))).ok()
    }
}
