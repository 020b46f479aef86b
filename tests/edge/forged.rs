//! Bundles that no publisher made.

use api::{Label, Revision, Section, bundle};
use serde_json::{Value, json};

/// Where the sections of a bundle begin, as `api::bundle` says.
const BODY: usize = 2_048;

/// A bundle, and the metadata that goes with it.
#[derive(Debug, Clone)]
pub(crate) struct Forged {
    pub(crate) bytes: Vec<u8>,
    pub(crate) metadata: String,
}

impl Forged {
    /// A valid bundle with its revision in every section; without a compiled environment.
    pub(crate) fn of_revision(revision: u64) -> Forged {
        Forged::labelled(revision, false)
    }

    pub(crate) fn tombstone(revision: u64) -> Forged {
        Forged::labelled(revision, true)
    }

    fn labelled(revision: u64, tombstone: bool) -> Forged {
        let flags = |name: &str| {
            let flag =
                json!({ "feature": { "name": name }, "enabled": true, "feature_state_value": revision });
            Value::from(vec![flag]).to_string().into_bytes()
        };
        let sections = [
            (Section::FlagsClient, flags("client")),
            (Section::FlagsServer, flags("server")),
            (Section::Document, json!({ "revision": revision }).to_string().into_bytes()),
        ];
        let label = Label { source_hash: "0".repeat(64), tombstone, ..Label::new(Revision(revision)) };
        let (header, bytes) = bundle::write(&label, &sections).unwrap();
        Forged { metadata: header.metadata(), bytes }
    }

    /// A bundle as it was stored, with another header.
    pub(crate) fn with_header(stored: &[u8], change: impl FnOnce(&mut Value)) -> Forged {
        let (front, body) = stored.split_at(BODY);
        let front = std::str::from_utf8(front).unwrap();
        let (magic, header) = front.split_once('\n').unwrap();
        let mut header: Value = serde_json::from_str(header).unwrap();
        change(&mut header);
        let metadata = header.to_string();
        let mut bytes = format!("{magic}\n{metadata}").into_bytes();
        bytes.resize(BODY - 1, b' ');
        bytes.push(b'\n');
        bytes.extend_from_slice(body);
        Forged { bytes, metadata }
    }
}
