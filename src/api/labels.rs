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
    environment: EnvironmentKey,
    revision: Revision,
    source: Source,
    /// Seconds since the KV store confirmed the copy.
    age: u64,
}

impl Labels {
    pub(crate) fn of<H>(access: &Access<H>) -> Labels {
        let copy = &access.copy;
        Labels {
            environment: access.environment.clone(),
            revision: copy.header.revision,
            source: copy.source,
            age: copy.age,
        }
    }

    /// Labels an answer. One from a stale copy is also logged, once the client has it.
    pub(crate) fn write<H>(&self, reply: &mut Reply<H>) {
        for (name, text) in [
            (UPDATED_AT, self.revision.float()),
            (REVISION, self.revision.to_string()),
            (SOURCE, self.source.as_str().to_owned()),
            (AGE, self.age.to_string()),
        ] {
            if let Ok(value) = HeaderValue::from_str(&text) {
                reply.headers_mut().insert(name, value);
            }
        }
        if self.source == Source::Stale {
            let Labels { environment, revision, age, .. } = self;
            reply.after.push(After::Log(format!(
                "{environment}: answered from a stale copy of revision {revision}, confirmed {age} s ago"
            )));
        }
    }
}
