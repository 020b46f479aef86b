//! Compression, for clients that ask for it (`PROTOCOL.md`, 1.7).

use api::{Coding, Section};

use crate::ask::{DOCUMENT, FLAGS};
use crate::compare::compare;
use crate::documents::shop;
use crate::edge::{CLIENT, SERVER, edge};

#[test]
fn answers_are_in_the_coding_that_the_client_prefers_and_plain_unless_it_asks() {
    let edge = edge(&shop());
    let situations: [(&[&str], Coding); 45] = [
        (&[], Coding::Plain),
        (&["gzip"], Coding::Gzip),
        (&["GZIP"], Coding::Gzip),
        (&["x-gzip"], Coding::Gzip),
        (&["gzip, deflate"], Coding::Gzip),
        (&["deflate, gzip"], Coding::Gzip),
        (&["deflate,gzip;q=0.5"], Coding::Gzip),
        (&["gzip;q=1"], Coding::Gzip),
        (&["gzip; q=0.001"], Coding::Gzip),
        (&["deflate", "gzip"], Coding::Gzip),
        (&["gzip;q=0"], Coding::Plain),
        (&["gzip;q=0.0"], Coding::Plain),
        (&["gzip;q=0.000"], Coding::Plain),
        (&["gzip; q=0"], Coding::Plain),
        (&["gzip ;q=0"], Coding::Plain),
        (&["gzip;Q=0"], Coding::Plain),
        (&["gzip;q=0, deflate"], Coding::Plain),
        (&["identity"], Coding::Plain),
        (&["identity;q=1, *;q=0"], Coding::Plain),
        (&["deflate"], Coding::Plain),
        (&["*;q=0"], Coding::Plain),
        (&["not-gzip"], Coding::Plain),
        (&["brotli"], Coding::Plain),
        (&[""], Coding::Plain),
        // What browsers send.
        (&["gzip, deflate, br"], Coding::Brotli),
        (&["gzip, deflate, br, zstd"], Coding::Brotli),
        (&["br"], Coding::Brotli),
        (&["BR"], Coding::Brotli),
        (&["br;q=0.5, gzip;q=0.5"], Coding::Brotli),
        (&["br;q=1.0, gzip;q=0.8, *;q=0.1"], Coding::Brotli),
        (&["br;q=0.8, gzip;q=1.0"], Coding::Gzip),
        (&["gzip", "br"], Coding::Brotli),
        (&["br;q=0, gzip"], Coding::Gzip),
        (&["br;q=0, gzip;q=0"], Coding::Plain),
        (&["*"], Coding::Brotli),
        (&["*;q=0.1"], Coding::Brotli),
        (&["br;q=0, *"], Coding::Gzip),
        (&["gzip, *;q=0.5"], Coding::Gzip),
        (&["gzip, *;q=0"], Coding::Gzip),
        (&["identity;q=0, gzip"], Coding::Gzip),
        (&["identity;q=0, *"], Coding::Brotli),
        // There is nothing else, and an answer is better than none.
        (&["identity;q=0"], Coding::Plain),
        (&["identity, gzip;q=0.5"], Coding::Plain),
        (&["identity;q=0.5, gzip"], Coding::Gzip),
        (&["br;q=x"], Coding::Brotli),
    ];
    compare(situations.into_iter().flat_map(|(accepted, coding)| {
        let paths = [
            (FLAGS, CLIENT, Section::FlagsClient),
            (FLAGS, SERVER, Section::FlagsServer),
            (DOCUMENT, SERVER, Section::Document),
        ];
        let edge = &edge;
        paths.map(move |(path, key, plain)| {
            let ask = edge.get(path).key(key);
            let answer = accepted.iter().fold(ask, |ask, line| ask.header("accept-encoding", line)).answer();
            let varies = answer.header("vary").contains("accept-encoding");
            let found = (answer.status, answer.section, answer.header("content-encoding"), varies);
            let uncompressed = edge.get(path).key(key).answer().text();
            let (text, named) = match coding {
                Coding::Plain => (uncompressed, ""),
                coding => (format!("{} of {uncompressed}", coding.name()), coding.name()),
            };
            let expected = (200, plain.coded(coding), named.to_owned(), true);
            (format!("{path} {key} {accepted:?}"), (found, answer.text() == text), (expected, true))
        })
    }));
}

/// A bundle that an earlier publisher wrote.
#[test]
fn without_brotli_in_the_bundle_a_client_gets_gzip() {
    let edge = edge(&shop()).of_version_3();
    let coding = |path: &str, key: &str, accepted: &str| {
        let answer = edge.get(path).key(key).header("accept-encoding", accepted).answer();
        (answer.status, answer.header("content-encoding"))
    };
    compare([(FLAGS, CLIENT), (FLAGS, SERVER), (DOCUMENT, SERVER)].into_iter().flat_map(|(path, key)| {
        [("gzip, br", "gzip"), ("br", ""), ("*", "gzip"), ("gzip;q=0.1, br", "gzip")].map(
            |(accepted, expected)| {
                (format!("{path} {key} {accepted}"), coding(path, key, accepted), (200, expected.to_owned()))
            },
        )
    }));
}

#[test]
fn dynamic_answers_ask_the_platform_to_compress() {
    let edge = edge(&shop());
    let hint = |path: &str, accepted: &str| {
        let answer = edge.get(path).key(CLIENT).header("accept-encoding", accepted).answer();
        [answer.header("x-compress-hint"), answer.header("content-encoding"), answer.header("vary")]
    };
    let (identity, flag) = ("/api/v1/identities/?identifier=ann", "/api/v1/flags/?feature=banner");
    let with_hint =
        |hint: &str| [hint.to_owned(), String::new(), "x-environment-key, accept-encoding".to_owned()];
    compare([
        ("identity, gzip", hint(identity, "gzip"), with_hint("on")),
        ("identity, no gzip", hint(identity, "gzip;q=0"), with_hint("")),
        ("one flag, gzip", hint(flag, "gzip"), with_hint("on")),
        ("one flag, brotli", hint(flag, "br, deflate"), with_hint("on")),
        ("one flag, other codings", hint(flag, "deflate, zstd"), with_hint("")),
    ]);
}

#[test]
fn one_flag_is_read_from_the_plain_list() {
    let answer = edge(&shop())
        .get("/api/v1/flags/?feature=banner")
        .key(CLIENT)
        .header("accept-encoding", "gzip")
        .answer();
    assert_eq!((answer.status, answer.json().1["feature_state_value"].clone()), (200, "blue".into()));
}
