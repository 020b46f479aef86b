//! Whether there is an edge at the address.

use std::net::IpAddr;

use jiff::Timestamp;

use crate::asking::{Answer, Asking};
use crate::finding::Finding;

/// An edge that answers.
pub(crate) struct Reached {
    /// Its address, without a path and a slash.
    pub(crate) edge: String,
}

/// Seconds by which a clock may be wrong: a request may take a second.
const CLOCK_NOTED: i64 = 5;
const CLOCK_WRONG: i64 = 60;

pub(crate) fn reach(
    asking: &Asking,
    address: &str,
    now: impl Fn() -> Timestamp,
    tell: &mut dyn FnMut(Finding),
) -> Option<Reached> {
    let Some((edge, path)) = split(address) else {
        tell(Finding::wrong(
            "address",
            format!("--edge {address}"),
            "no URL of http or https",
            "no client can use it",
            "give the edge's address: https://flags.example.com",
        ));
        return None;
    };
    if !path.is_empty() {
        tell(Finding::wrong(
            "address",
            format!("--edge {address}"),
            format!("it has the path {path}"),
            "Flagsmith's SDKs take an address with /api/v1/, their real-time options and OpenFeature's providers one without; \
             with another path nothing is found",
            &format!("give {edge} here; to SDKs give {edge}/api/v1/ with the slash at its end"),
        ));
    }
    if let Some(host) = open_host(&edge) {
        tell(Finding::wrong(
            "encryption",
            format!("--edge {address}"),
            format!("plain http to {host}"),
            "keys and flags can be read and changed on their way",
            "serve the edge over https",
        ));
    }
    let url = format!("{edge}/health");
    match asking.get(&url, &[]) {
        Ok(answer) => {
            let is_edge = health(&answer, tell);
            clock(&answer, now().as_second(), tell);
            is_edge.then_some(Reached { edge })
        }
        Err((asked, error)) => {
            let is_of_tls = edge.starts_with("https:")
                && ["ertificate", "tls", "TLS", "handshake", "corrupt message"]
                    .iter()
                    .any(|word| error.contains(word));
            tell(if is_of_tls {
                Finding::wrong(
                    "encryption",
                    asked,
                    error,
                    "clients refuse to talk to it",
                    "give the domain a certificate of its own name that has not expired, and serve https at this port",
                )
            } else {
                Finding::wrong(
                    "reachable",
                    asked,
                    error,
                    "no client reaches the edge",
                    "check the name, the port and the network between here and there",
                )
            });
            None
        }
    }
}

/// Scheme, host and port, and the path without the slash at its end.
fn split(address: &str) -> Option<(String, &str)> {
    let address = address.trim();
    let (scheme, rest) = address.split_once("://")?;
    if !["http", "https"].iter().any(|known| scheme.eq_ignore_ascii_case(known)) {
        return None;
    }
    let (authority, path) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
    let edge = format!("{}://{authority}", scheme.to_ascii_lowercase());
    let is_sound = edge.parse::<http::Uri>().is_ok_and(|uri| uri.host().is_some_and(|host| !host.is_empty()));
    is_sound.then(|| (edge, path.trim_end_matches('/')))
}

/// The host of plain http that is not this machine.
fn open_host(edge: &str) -> Option<String> {
    let uri: http::Uri = edge.parse().ok()?;
    let host = uri.host()?.trim_matches(['[', ']']).to_owned();
    let is_loopback = host == "localhost"
        || host.ends_with(".localhost")
        || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
    (uri.scheme_str() == Some("http") && !is_loopback).then_some(host)
}

/// Whether an edge answered.
fn health(answer: &Answer, tell: &mut dyn FnMut(Finding)) -> bool {
    let status = serde_json::from_slice::<serde_json::Value>(&answer.body).unwrap_or_default();
    let text = String::from_utf8_lossy(&answer.body);
    match answer.status {
        200 if status["status"] == "ok" => {
            let milliseconds = answer.took.as_millis();
            tell(Finding::sound("reachable", &answer.asked, format!("200 after {milliseconds} ms")));
            true
        }
        300..=399 => {
            tell(Finding::wrong(
                "redirect",
                &answer.asked,
                answer.shown_with("location"),
                "SDKs do not follow redirects of POST, and some follow none",
                "give clients the address that answers by itself",
            ));
            false
        }
        503 if text.contains("local flavour") => {
            tell(Finding::wrong(
                "flavour",
                &answer.asked,
                answer.shown(),
                "the local flavour of the edge was deployed, which runs only under Viceroy",
                "build the release package with `fastly compute build`, and deploy that",
            ));
            false
        }
        _ => {
            tell(Finding::wrong(
                "edge",
                &answer.asked,
                answer.shown(),
                "what answers here is no edge of Jackstaff, or something before it answers in its place",
                "check that the domain belongs to the service, and that nothing before it keeps /health for itself",
            ));
            false
        }
    }
}

fn clock(answer: &Answer, now: i64, tell: &mut dyn FnMut(Finding)) {
    let date = httpdate::parse_http_date(answer.header("date")).ok();
    let Some(date) = date.and_then(|date| Timestamp::try_from(date).ok()) else { return };
    let ahead = now - date.as_second();
    let came = format!("date: {}; the clock here is {ahead} s ahead of it", answer.header("date"));
    if ahead.abs() < CLOCK_NOTED {
        tell(Finding::sound("clock", &answer.asked, came));
        return;
    }
    let finding = Finding::wrong(
        "clock",
        &answer.asked,
        came,
        "revisions are seconds of the publisher's clock: one that is ahead makes edges wait for what is not there yet, and Flutter \
         compares with the device's",
        "set the clock of this machine, or of whatever is wrong, by NTP",
    );
    tell(if ahead.abs() < CLOCK_WRONG { finding.noted() } else { finding });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        for (address, expected) in [
            ("https://flags.example.com", Some(("https://flags.example.com", ""))),
            ("https://flags.example.com/", Some(("https://flags.example.com", ""))),
            ("HTTP://127.0.0.1:7676/api/v1/", Some(("http://127.0.0.1:7676", "/api/v1"))),
            ("http://[::1]:7676", Some(("http://[::1]:7676", ""))),
            ("https://flags.example.com?x", Some(("https://flags.example.com", "?x"))),
            ("flags.example.com", None),
            ("ftp://flags.example.com", None),
            ("https://", None),
            ("https://a b", None),
        ] {
            let expected = expected.map(|(edge, path)| (edge.to_owned(), path));
            assert_eq!(split(address), expected, "{address}");
        }
    }

    #[test]
    fn plain_http_is_for_this_machine() {
        for (edge, expected) in [
            ("https://flags.example.com", None),
            ("http://127.0.0.1:7676", None),
            ("http://[::1]:7676", None),
            ("http://edge.localhost", None),
            ("http://flags.example.com", Some("flags.example.com")),
            ("http://10.0.0.7:80", Some("10.0.0.7")),
        ] {
            assert_eq!(open_host(edge).as_deref(), expected, "{edge}");
        }
    }
}
