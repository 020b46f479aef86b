//! Which revision an answer was made from, and how fresh that is: the headers of every answer about an environment.

use http::header::AGE;
use http::{HeaderName, HeaderValue};

use crate::access::Access;
use crate::key::EnvironmentKey;
use crate::reply::{After, Reply};
use crate::revision::Revision;
use crate::store::Source;

const UPDATED_AT: HeaderName = HeaderName::from_static("x-flagsmith-document-updated-at");
const REVISION: HeaderName = HeaderName::from_static("jackstaff-revision");
const SOURCE: HeaderName = HeaderName::from_static("jackstaff-source");

pub(crate) struct Labels {
    revision: Revision,
    source: Source,
    /// The environment, if the copy is stale.
    stale_of: Option<EnvironmentKey>,
    /// Seconds since the KV store confirmed the copy.
    age: u64,
}

impl Labels {
    pub(crate) fn of<H>(access: &Access<H>) -> Labels {
        let copy = &access.copy;
        Labels {
            revision: copy.header.revision,
            source: copy.source,
            stale_of: (copy.source == Source::Stale).then(|| access.environment.clone()),
            age: copy.age,
        }
    }

    /// Labels an answer. One from a stale copy is also logged, once the client has it.
    pub(crate) fn write<H>(&self, reply: &mut Reply<H>) {
        let headers = reply.headers_mut();
        if let Ok(updated_at) = HeaderValue::try_from(self.revision.float()) {
            headers.insert(UPDATED_AT, updated_at);
        }
        headers.insert(REVISION, HeaderValue::from(self.revision.0));
        headers.insert(SOURCE, HeaderValue::from_static(self.source.as_str()));
        headers.insert(AGE, HeaderValue::from(self.age));
        if let Some(environment) = &self.stale_of {
            let Labels { revision, age, .. } = self;
            reply.after.push(After::Log(format!(
                "{environment}: answered from a stale copy of revision {revision}, confirmed {age} s ago"
            )));
        }
    }
}
