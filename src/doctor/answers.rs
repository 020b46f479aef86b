//! Answers as they arrive: fresh, compressed, uncached, on every path and by every method that SDKs use.

use http::Method;

use crate::asking::{Answer, Asking};
use crate::finding::Finding;

/// Seconds that a fresh copy is served without a look at the store, at most: the greatest that can be set is an hour.
const AGE: u64 = 3_600;

pub(crate) fn examine(asking: &Asking, edge: &str, key: &str, tell: &mut dyn FnMut(Finding)) {
    let keyed = [("x-environment-key", key)];
    let flags = format!("{edge}/api/v1/flags/");
    each(asking.get(&flags, &keyed), tell, |answer, tell| {
        tell(freshness(answer));
        tell(caching(answer));
    });
    let coded = [("x-environment-key", key), ("accept-encoding", "br, gzip")];
    each(asking.get(&flags, &coded), tell, |answer, tell| tell(compression(answer)));
    for path in ["/api/v1/flags", "//api/v1/flags/"] {
        each(asking.get(&format!("{edge}{path}"), &keyed), tell, |answer, tell| tell(slashes(answer)));
    }
    // A stranger: nothing of it is stored.
    let body = r#"{"identifier":"jackstaff-doctor","transient":true,"traits":[]}"#;
    let posted = [("x-environment-key", key), ("content-type", "application/json")];
    let url = format!("{edge}/api/v1/identities/");
    each(asking.ask(&Method::POST, &url, &posted, body), tell, |answer, tell| tell(post(answer)));
    let evaluated = [("x-api-key", key), ("content-type", "application/json")];
    let url = format!("{edge}/ofrep/v1/evaluate/flags");
    each(asking.ask(&Method::POST, &url, &evaluated, r#"{"context":{}}"#), tell, |answer, tell| {
        tell(openfeature(answer));
    });
}

/// Judges an answer, or reports that no answer came.
fn each(
    answer: Result<Answer, (String, String)>,
    tell: &mut dyn FnMut(Finding),
    judge: impl FnOnce(&Answer, &mut dyn FnMut(Finding)),
) {
    match answer {
        Ok(answer) => judge(&answer, tell),
        Err((asked, error)) => tell(Finding::wrong(
            "answers",
            asked,
            error,
            "SDKs get no answer to this",
            "see the log of the service, and what is before it",
        )),
    }
}

fn freshness(answer: &Answer) -> Finding {
    let (source, age) = (answer.header("jackstaff-source"), answer.header("age").parse().unwrap_or(0));
    let came = format!("jackstaff-source: {source}, age: {age}");
    if source == "stale" {
        return Finding::wrong(
            "freshness",
            &answer.asked,
            came,
            "the KV store fails, or holds what the edge cannot read, or lags; the last good copy is served",
            "see the log of the service, and `jackstaff status`; if the log names a format, upgrade the edge before the publisher",
        );
    }
    if age > AGE {
        return Finding::wrong(
            "freshness",
            &answer.asked,
            came,
            "no edge serves a copy for so long: something before it keeps answers",
            "let nothing before the edge cache answers",
        );
    }
    Finding::sound("freshness", &answer.asked, came)
}

fn caching(answer: &Answer) -> Finding {
    let came = answer.shown_with("cache-control");
    if answer.header("cache-control").contains("no-store") {
        return Finding::sound("caching", &answer.asked, came);
    }
    Finding::wrong(
        "caching",
        &answer.asked,
        came,
        "the edge says no-store: something before it says otherwise, so browsers and caches keep old flags, perhaps those of another key",
        "let Cache-Control through as it is",
    )
}

fn compression(answer: &Answer) -> Finding {
    let came = format!("{}, {} bytes", answer.shown_with("content-encoding"), answer.body.len());
    if ["br", "gzip"].contains(&answer.header("content-encoding")) {
        return Finding::sound("compression", &answer.asked, came);
    }
    Finding::wrong(
        "compression",
        format!("{} with accept-encoding: br, gzip", answer.asked),
        came,
        "the edge has this answer compressed: something before it drops Accept-Encoding, or unpacks answers",
        "let Accept-Encoding and Content-Encoding through",
    )
}

fn slashes(answer: &Answer) -> Finding {
    if answer.status == 200 {
        return Finding::sound("slashes", &answer.asked, "200");
    }
    Finding::wrong(
        "slashes",
        &answer.asked,
        answer.shown_with("location"),
        "SDKs put their paths behind the base URL as they are, some without a slash at its end, and some with two",
        "let nothing before the edge redirect or refuse such paths; or give each SDK the base URL that it insists on",
    )
}

fn post(answer: &Answer) -> Finding {
    let body: serde_json::Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    if answer.status == 200 && body["flags"].is_array() {
        return Finding::sound("identities", &answer.asked, "200");
    }
    Finding::wrong(
        "identities",
        &answer.asked,
        answer.shown(),
        "SDKs identify users by POST",
        "let POST with a JSON body through, as far as the edge",
    )
}

fn openfeature(answer: &Answer) -> Finding {
    let body: serde_json::Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    if answer.status == 200 && body["eventStreams"].is_array() {
        return Finding::sound("OpenFeature", &answer.asked, "200");
    }
    Finding::wrong(
        "OpenFeature",
        &answer.asked,
        answer.shown(),
        "OpenFeature's providers get no flags",
        "let POST and the header X-API-Key through, under /ofrep/, as far as the edge",
    )
}
