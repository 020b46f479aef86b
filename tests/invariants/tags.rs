use api::{ReplyBody, Settings, respond};
use http::header::{ETAG, IF_NONE_MATCH};
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode};

use crate::memory_store::{CLIENT_KEY, MemoryStore, SERVER_KEY};

/// An answer to all flags of OpenFeature's protocol is not modified for the context and the key that it was made for, and
/// for nobody else. Both contexts are the JSON of objects.
pub fn tags(context: &str, other: &str) {
    let asks = [(context, CLIENT_KEY), (context, SERVER_KEY), (other, CLIENT_KEY), (other, SERVER_KEY)];
    for asked in asks {
        let (status, headers, body) = answer(asked, None);
        assert_eq!(status, StatusCode::OK, "{asked:?}");
        let tag = headers.get(ETAG).unwrap();
        for again in asks {
            let (status, headers, of_again) = answer(again, Some(tag));
            if asked == again {
                assert_eq!((status, headers.get(ETAG)), (StatusCode::NOT_MODIFIED, Some(tag)), "{asked:?}");
            } else {
                assert_eq!(status, StatusCode::OK, "{again:?} is not modified, by the tag of {asked:?}");
            }
            assert!(status == StatusCode::OK || of_again.is_empty() && !body.is_empty());
        }
    }
}

fn answer((context, key): (&str, &str), tag: Option<&HeaderValue>) -> (StatusCode, HeaderMap, Vec<u8>) {
    let mut request = Request::new(());
    *request.method_mut() = Method::POST;
    *request.uri_mut() = "/ofrep/v1/evaluate/flags".parse().unwrap();
    request.headers_mut().insert("x-api-key", HeaderValue::from_str(key).unwrap());
    request.headers_mut().insert("content-type", HeaderValue::from_static("application/json"));
    if let Some(tag) = tag {
        request.headers_mut().insert(IF_NONE_MATCH, tag.clone());
    }
    let body = format!(r#"{{"context":{context}}}"#);
    let reply = respond(&request, &mut body.as_bytes(), &mut MemoryStore::default(), &Settings::default());
    let (head, ()) = reply.head.into_parts();
    let ReplyBody::Full(body) = reply.body else { panic!("an evaluation is in memory") };
    (head.status, head.headers, body)
}
