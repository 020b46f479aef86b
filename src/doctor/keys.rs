//! What the keys open.

use api::{Revision, Secret};

use crate::asking::{Answer, Asking};
use crate::finding::Finding;

/// What Flagsmith's API says where there is no key, and where a key opens nothing: the words differ in one letter.
const NO_KEY: &str = "Invalid or missing Environment key";
const BLOCKED: &str = "Organisation is disabled";

const KEY: &str = "x-environment-key";

/// The revision that the edge serves to a client-side key; none if it serves nothing.
pub(crate) fn client_side(
    asking: &Asking,
    edge: &str,
    key: &str,
    tell: &mut dyn FnMut(Finding),
) -> Option<Revision> {
    const CHECK: &str = "client-side key";
    if key.starts_with("ser.") {
        tell(Finding::wrong(
            CHECK,
            "--key",
            "a server-side key: it begins with `ser.`",
            "it is secret, and the command line can be read by others; in a page or an app it opens the environment document to everybody",
            "give the environment's client-side key here, and this one in a file (--server-key-file)",
        ));
        return None;
    }
    match asking.get(&format!("{edge}/api/v1/flags/"), &[(KEY, key)]) {
        Ok(answer) => {
            let revision = answer.header("jackstaff-revision").parse().ok().map(Revision);
            if let (200, Some(revision)) = (answer.status, revision) {
                let source = answer.header("jackstaff-source");
                let came = format!("200, revision {revision} ({source}, {} s)", answer.header("age"));
                tell(Finding::sound(CHECK, &answer.asked, came));
                return Some(revision);
            }
            tell(refused(CHECK, &answer));
        }
        Err((asked, error)) => tell(no_answer(CHECK, asked, error)),
    }
    None
}

/// An environment document.
pub(crate) struct FoundDocument {
    pub(crate) asked: String,
    pub(crate) bytes: usize,
    /// The client-side key of the environment.
    pub(crate) client_key: String,
}

pub(crate) fn server_side(
    asking: &Asking,
    edge: &str,
    key: &Secret,
    tell: &mut dyn FnMut(Finding),
) -> Option<FoundDocument> {
    const CHECK: &str = "server-side key";
    match asking.get(&format!("{edge}/api/v1/environment-document/"), &[(KEY, key.reveal())]) {
        Ok(answer) if answer.status == 200 => {
            let document: serde_json::Value = serde_json::from_slice(&answer.body).unwrap_or_default();
            let Some(client_key) = document["api_key"].as_str() else {
                tell(Finding::wrong(
                    CHECK,
                    &answer.asked,
                    "200, and no environment document",
                    "local evaluation fails",
                    "see what answers this path in place of the edge",
                ));
                return None;
            };
            let bytes = answer.body.len();
            tell(Finding::sound(
                CHECK,
                &answer.asked,
                format!("200, the document of {client_key}, {bytes} bytes"),
            ));
            Some(FoundDocument { client_key: client_key.to_owned(), asked: answer.asked, bytes })
        }
        Ok(answer) => {
            tell(refused(CHECK, &answer));
            None
        }
        Err((asked, error)) => {
            tell(no_answer(CHECK, asked, error));
            None
        }
    }
}

/// Why an edge serves nothing to a key.
fn refused(check: &'static str, answer: &Answer) -> Finding {
    let text = String::from_utf8_lossy(&answer.body);
    let (check, means, todo) = match answer.status {
        200 => (
            "labels",
            "the answer does not say its revision: something on the way takes headers off, or answers in the edge's place",
            "let the headers jackstaff-revision, jackstaff-source and x-flagsmith-document-updated-at through",
        ),
        403 if text.contains(NO_KEY) => (
            "headers",
            "the edge got no key: something on the way takes the header X-Environment-Key off",
            "let the header X-Environment-Key through, and let nothing before the edge cache answers",
        ),
        403 if text.contains(BLOCKED) => (
            check,
            "the organisation is blocked at Flagsmith",
            "unblock it there; the next publication serves flags again",
        ),
        403 => (
            check,
            "the key opens nothing: it is unknown, expired or revoked, or its environment was removed, or is published to another store",
            "compare the key with Flagsmith's, and look with `jackstaff status` which environments the store has",
        ),
        503 => (
            "stores",
            "the edge has no copy of the environment, and its KV store does not answer",
            "see that the KV store is linked to the service by the name `jackstaff`, and that the publisher writes to that store",
        ),
        _ => (check, "SDKs take this for a failure", "see the log of the service, and what is before it"),
    };
    Finding::wrong(check, &answer.asked, answer.shown(), means, todo)
}

fn no_answer(check: &'static str, asked: String, error: String) -> Finding {
    Finding::wrong(
        check,
        asked,
        error,
        "SDKs get no answer, though /health has one",
        "see the log of the service, and what is before it",
    )
}
