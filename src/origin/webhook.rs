//! Flagsmith's webhooks: `POST /webhooks/flagsmith`, signed with a secret that it shares with this origin.
//!
//! The body says what changed, but not what the environment's document is now, so it is a trigger and no more.

use api::Secret;
use api::progress::Changed;
use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, Request, State};
use axum::response::{IntoResponse, Response};
use hmac::{Hmac, KeyInit, Mac};
use http::{HeaderName, HeaderValue};
use serde_json::{Value, json};
use sha2::Sha256;
use tokio::sync::{Semaphore, SemaphorePermit};

use crate::request;
use crate::request_error::RequestError;
use crate::state::Origin;

/// HMAC-SHA256 of the body, in hexadecimal digits.
const SIGNATURE: HeaderName = HeaderName::from_static("x-flagsmith-signature");

/// Bytes of a body at most. It holds two states of a feature, each of whose values may have 20,000 characters, each
/// written in 12 bytes; the rest is small.
const BODY_LIMIT: usize = 1024 * 1024;

/// Bytes of a body that are kept while it is checked. Anybody may send one. A larger one is checked all the same, but which
/// environment it names is not looked at.
const KEPT: usize = 64 * 1024;

/// Bytes that are kept of all bodies together.
pub(crate) const KEPT_TOGETHER: usize = 2 * 1024 * 1024;

/// What is checked and kept of a body while it comes.
struct Incoming<'o> {
    hmac: Hmac<Sha256>,
    signature: Vec<u8>,
    /// None if there was no room for the whole of it.
    kept: Option<Vec<u8>>,
    room: &'o Semaphore,
    /// The room that the kept bytes take.
    taken: Option<SemaphorePermit<'o>>,
}

impl<'o> Incoming<'o> {
    /// None if the signature cannot be one.
    fn new(secret: &Secret, signature: &HeaderValue, room: &'o Semaphore) -> Option<Incoming<'o>> {
        let signature = base16ct::mixed::decode_vec(signature.as_bytes()).ok()?;
        // HMAC takes a key of any length.
        let hmac = Hmac::<Sha256>::new_from_slice(secret.reveal().as_bytes()).ok()?;
        Some(Incoming { hmac, signature, kept: Some(Vec::new()), room, taken: None })
    }

    fn take(&mut self, bytes: &[u8]) {
        self.hmac.update(bytes);
        let Some(kept) = &mut self.kept else { return };
        let taken = u32::try_from(bytes.len()).ok().and_then(|count| self.room.try_acquire_many(count).ok());
        match taken {
            Some(taken) if kept.len() + bytes.len() <= KEPT => {
                kept.extend_from_slice(bytes);
                match &mut self.taken {
                    Some(before) => before.merge(taken),
                    none => *none = Some(taken),
                }
            }
            _ => {
                self.kept = None;
                self.taken = None;
            }
        }
    }

    /// Whether the body was signed. The time it takes tells nothing of the right signature.
    fn is_signed(&self) -> bool {
        self.hmac.clone().verify_slice(&self.signature).is_ok()
    }
}

/// `POST /webhooks/flagsmith`: for the environment that the body names by its number, if it names one.
pub(crate) async fn any(State(origin): State<Origin>, request: Request) -> Response {
    answer(&origin, trigger(&origin, request, |body| Ok(changed(body))).await)
}

/// `POST /webhooks/flagsmith/{key}`: for this environment.
pub(crate) async fn one(
    State(origin): State<Origin>,
    key: Result<Path<String>, PathRejection>,
    request: Request,
) -> Response {
    answer(&origin, trigger(&origin, request, |_| Ok(Changed::Environment(request::key(key)?))).await)
}

/// The signature is checked first: without it, a request learns nothing else.
async fn trigger(
    origin: &Origin,
    request: Request,
    what: impl FnOnce(Option<&[u8]>) -> Result<Changed, RequestError>,
) -> Result<(), RequestError> {
    let secret = origin.webhook_secret().ok_or(RequestError::NotPublishedHere)?;
    let signature = request.headers().get(SIGNATURE).ok_or(RequestError::NotSigned)?;
    let incoming = Incoming::new(secret, signature, origin.room_for_webhooks());
    let mut incoming = incoming.ok_or(RequestError::NotSigned)?;
    request::read(request, BODY_LIMIT, |bytes| incoming.take(bytes)).await?;
    if !incoming.is_signed() {
        return Err(RequestError::NotSigned);
    }
    let changed = what(incoming.kept.as_deref())?;
    let is_here = origin.control().is_some_and(|control| control.changed(changed));
    if is_here { Ok(()) } else { Err(RequestError::NotPublishedHere) }
}

fn answer(origin: &Origin, outcome: Result<(), RequestError>) -> Response {
    match outcome {
        Ok(()) => {
            origin.metrics().triggers.inc();
            Json(json!({ "status": "ok" })).into_response()
        }
        Err(error) => {
            origin.metrics().triggers_refused.inc();
            error.into_response()
        }
    }
}

/// The environment that a body names; none is known of a body that was not kept. What changed may be deleted, or new.
/// Other events (a new version of a feature) do not name their environment.
fn changed(body: Option<&[u8]>) -> Changed {
    let body: Value = body.and_then(|body| serde_json::from_slice(body).ok()).unwrap_or_default();
    let places = ["/data/new_state", "/data/previous_state", "/data"];
    let number = places.iter().find_map(|place| body.pointer(place)?.pointer("/environment/id")?.as_u64());
    number.map_or(Changed::Anything, Changed::Number)
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use api::EnvironmentKey;
    use axum::body::{Body, to_bytes};
    use tower::ServiceExt;

    use super::*;
    use crate::control::Control;
    use crate::{Settings, app};
    use api::progress::Progress;

    /// Publishes `demo`, whose number in Flagsmith is 23, and remembers its triggers.
    #[derive(Default)]
    struct Publishing(Mutex<Vec<Changed>>);

    impl Control for Publishing {
        fn changed(&self, what: Changed) -> bool {
            let here = match &what {
                Changed::Environment(key) => key.as_str() == "demo",
                Changed::Number(number) => *number == 23,
                Changed::Anything => true,
            };
            self.0.lock().unwrap().push(what);
            here
        }

        fn progress(&self) -> Progress {
            Progress::default()
        }
    }

    fn origin(control: &Arc<Publishing>) -> Origin {
        let secret = Secret::parse("s3cret").unwrap();
        let settings = Settings { webhook_secret: Some(secret), ..Settings::default() };
        Origin::new(settings).with_control(Arc::clone(control) as Arc<dyn Control>)
    }

    fn sign(secret: &str, body: &str) -> String {
        let hmac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
        base16ct::lower::encode_string(&hmac.chain_update(body).finalize().into_bytes())
    }

    async fn post(origin: &Origin, path: &str, signature: Option<&str>, body: &str) -> (u16, String) {
        let request = Request::post(path);
        let request = signature.into_iter().fold(request, |request, it| request.header(SIGNATURE, it));
        let request = request.body(Body::from(body.to_owned())).unwrap();
        let (parts, body) = app(origin.clone()).oneshot(request).await.unwrap().into_parts();
        let body = to_bytes(body, usize::MAX).await.unwrap();
        (parts.status.as_u16(), String::from_utf8(body.into()).unwrap())
    }

    #[test]
    fn a_signature_is_as_python_computes_it() {
        // hmac.new(b"s3cret", b'{"event_type": "FLAG_UPDATED"}', hashlib.sha256).hexdigest()
        let signature = "390f7e9eb025c973b8c3dc17e6bf32327039d4f9431a5343799d1a7936cb795d";
        let secret = Secret::parse("s3cret").unwrap();
        for (situation, body, signature, signed) in [
            ("as it is", r#"{"event_type": "FLAG_UPDATED"}"#, signature, true),
            ("in capitals", r#"{"event_type": "FLAG_UPDATED"}"#, &signature.to_uppercase(), true),
            ("another body", r#"{"event_type": "FLAG_DELETED"}"#, signature, false),
            ("the start of it", r#"{"event_type": "FLAG_UPDATED"}"#, &signature[..62], false),
            ("nothing", r#"{"event_type": "FLAG_UPDATED"}"#, "", false),
        ] {
            let header = HeaderValue::from_str(signature).unwrap();
            let room = Semaphore::new(KEPT_TOGETHER);
            let mut incoming = Incoming::new(&secret, &header, &room).unwrap();
            body.as_bytes().chunks(7).for_each(|bytes| incoming.take(bytes));
            assert_eq!(incoming.is_signed(), signed, "{situation}");
        }
    }

    #[tokio::test]
    async fn a_signed_webhook_is_a_trigger() {
        const OK: &str = r#"{"status":"ok"}"#;
        const ELSEWHERE: &str = r#"{"detail":"what changed is not published here"}"#;
        let environment = |key: &str| Changed::Environment(EnvironmentKey::parse(key).unwrap());
        for (path, body, trigger, status, answer) in [
            (
                "/webhooks/flagsmith",
                r#"{"event_type":"FLAG_UPDATED","data":{"new_state":{"environment":{"id":23,"name":"Demo"}},"previous_state":{"environment":{"id":23}}}}"#,
                Changed::Number(23),
                200,
                OK,
            ),
            (
                "/webhooks/flagsmith/",
                r#"{"event_type":"FLAG_DELETED","data":{"new_state":null,"previous_state":{"environment":{"id":23}}}}"#,
                Changed::Number(23),
                200,
                OK,
            ),
            (
                "/webhooks/flagsmith",
                r#"{"event_type":"AUDIT_LOG_CREATED","data":{"environment":{"id":23}}}"#,
                Changed::Number(23),
                200,
                OK,
            ),
            (
                "/webhooks/flagsmith",
                r#"{"data":{"new_state":{"environment":{"id":24}}}}"#,
                Changed::Number(24),
                404,
                ELSEWHERE,
            ),
            ("/webhooks/flagsmith", r#"{"event_type":"NEW_VERSION_PUBLISHED"}"#, Changed::Anything, 200, OK),
            (
                "/webhooks/flagsmith",
                r#"{"data":{"new_state":{"environment":{"id":"x"}}}}"#,
                Changed::Anything,
                200,
                OK,
            ),
            ("/webhooks/flagsmith", "no JSON", Changed::Anything, 200, OK),
            ("/webhooks/flagsmith/demo", "", environment("demo"), 200, OK),
            ("/webhooks/flagsmith/other", "{}", environment("other"), 404, ELSEWHERE),
        ] {
            let control = Arc::<Publishing>::default();
            let origin = origin(&control);
            let got = post(&origin, path, Some(&sign("s3cret", body)), body).await;
            assert_eq!(got, (status, answer.to_owned()), "{path} {body}");
            assert_eq!(*control.0.lock().unwrap(), [trigger], "{path} {body}");
            let counted = (origin.metrics().triggers.get(), origin.metrics().triggers_refused.get());
            assert_eq!(counted, if status == 200 { (1, 0) } else { (0, 1) }, "{path} {body}");
        }
    }

    #[tokio::test]
    async fn a_webhook_without_its_signature_is_refused_and_counted_and_triggers_nothing() {
        let control = Arc::<Publishing>::default();
        let origin = origin(&control);
        let refused =
            r#"{"detail":"X-Flagsmith-Signature is missing, or not of this body and the webhook's secret"}"#;
        for signature in
            [None, Some(""), Some("00"), Some(&*sign("other", "{}")), Some(&*sign("s3cret", "{ }"))]
        {
            for path in ["/webhooks/flagsmith", "/webhooks/flagsmith/demo", "/webhooks/flagsmith/a%20b"] {
                let got = post(&origin, path, signature, "{}").await;
                assert_eq!(got, (401, refused.to_owned()), "{path} {signature:?}");
            }
        }
        assert_eq!(*control.0.lock().unwrap(), []);
        assert_eq!((origin.metrics().triggers.get(), origin.metrics().triggers_refused.get()), (0, 15));

        let key = "environment key: only letters, digits, `_`, `.`, `:` and `-` may stand in it";
        let got = post(&origin, "/webhooks/flagsmith/a%20b", Some(&sign("s3cret", "{}")), "{}").await;
        assert_eq!(got, (422, json!({ "detail": key }).to_string()));
        let large = " ".repeat(BODY_LIMIT + 1);
        let got = post(&origin, "/webhooks/flagsmith", Some(&sign("s3cret", &large)), &large).await;
        assert_eq!(got, (413, r#"{"detail":"body is larger than 1048576 bytes"}"#.to_owned()));
    }

    /// 300 connections held a megabyte each.
    #[test]
    fn bodies_that_are_coming_take_little_room() {
        let room = Semaphore::new(KEPT_TOGETHER);
        let (secret, signature) = (Secret::parse("s3cret").unwrap(), HeaderValue::from_static("00"));
        let mut coming: Vec<Incoming<'_>> = Vec::new();
        for _ in 0..300 {
            let mut incoming = Incoming::new(&secret, &signature, &room).unwrap();
            (0..8).for_each(|_| incoming.take(&[b' '; 8 * 1024]));
            coming.push(incoming);
        }
        let kept = coming.iter().filter(|incoming| incoming.kept.is_some()).count();
        assert_eq!((kept, room.available_permits()), (KEPT_TOGETHER / KEPT, 0));
        coming.iter_mut().for_each(|incoming| incoming.take(b" "));
        let kept = coming.iter().filter(|incoming| incoming.kept.is_some()).count();
        assert_eq!((kept, room.available_permits()), (0, KEPT_TOGETHER));
    }

    /// A value may have 20,000 characters, each of which Python writes in up to 12 bytes.
    #[tokio::test]
    async fn a_large_webhook_is_a_trigger_for_all_environments() {
        let value = "\\ud83d\\ude00".repeat(20_000);
        let state = format!(r#"{{"environment":{{"id":23}},"feature_state_value":"{value}"}}"#);
        let body = format!(r#"{{"data":{{"new_state":{state},"previous_state":{state}}}}}"#);
        let control = Arc::<Publishing>::default();
        let origin = origin(&control);
        let got = post(&origin, "/webhooks/flagsmith", Some(&sign("s3cret", &body)), &body).await;
        assert_eq!(got, (200, r#"{"status":"ok"}"#.to_owned()));
        assert_eq!(*control.0.lock().unwrap(), [Changed::Anything]);
    }

    #[tokio::test]
    async fn without_a_secret_there_are_no_routes() {
        let origin = Origin::new(Settings::default()).with_control(Arc::<Publishing>::default());
        for path in ["/webhooks/flagsmith", "/webhooks/flagsmith/demo"] {
            let got = post(&origin, path, Some(&sign("s3cret", "{}")), "{}").await;
            assert_eq!(got, (404, r#"{"detail":"Not Found"}"#.to_owned()), "{path}");
        }
    }
}
