//! Secrets that would go over a network that anybody on it can read.

use std::net::IpAddr;

use crate::log::complain;

/// Warns, in the name of a `command`, if what an `option` sends to a URL is neither encrypted nor for this machine.
pub(crate) fn warn(command: &str, option: &str, url: &str) {
    if let Some(host) = open_host(url) {
        complain!(
            "jackstaff {command}: warning: {option}: tokens and keys go to {host} over plain http, where others can read them"
        );
    }
}

/// The host of a URL of plain http that is not this machine.
fn open_host(url: &str) -> Option<&str> {
    let (scheme, rest) = url.split_once("://")?;
    if !scheme.eq_ignore_ascii_case("http") {
        return None;
    }
    let authority = rest.split(['/', '?', '#']).next()?;
    // Before an `@` there may be a password.
    let (_, authority) = authority.rsplit_once('@').unwrap_or(("", authority));
    let host = match authority.strip_prefix('[') {
        Some(rest) => rest.split(']').next()?,
        None => authority.split(':').next()?,
    };
    let is_loopback = host.eq_ignore_ascii_case("localhost")
        || host.to_ascii_lowercase().ends_with(".localhost")
        || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
    (!is_loopback).then_some(host)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_http_is_warned_of_unless_it_stays_on_this_machine() {
        for (url, expected) in [
            ("https://flags.example.com", None),
            ("http://127.0.0.1:7676", None),
            ("http://127.9.9.9/api", None),
            ("http://[::1]:8000/", None),
            ("http://localhost:8000", None),
            ("http://LOCALHOST", None),
            ("http://flagsmith.localhost", None),
            ("http://flags.example.com", Some("flags.example.com")),
            ("HTTP://flags.example.com:80/x", Some("flags.example.com")),
            ("http://10.0.0.7:8000", Some("10.0.0.7")),
            ("http://[fd00::7]:8000", Some("fd00::7")),
            ("http://localhost.example.com", Some("localhost.example.com")),
            ("http://user:secret@host:8000/?a@b", Some("host")),
            ("http://localhost@host", Some("host")),
            ("host:8000", None),
        ] {
            assert_eq!(open_host(url), expected, "{url}");
        }
    }
}
