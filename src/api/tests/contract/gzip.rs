//! Compression, for clients that ask for it (`PROTOCOL.md`, 1.7).

use api::Section;

use crate::ask::{DOCUMENT, FLAGS};
use crate::compare::compare;
use crate::documents::shop;
use crate::edge::{CLIENT, SERVER, edge};

#[test]
fn gzip_only_for_clients_that_ask() {
    let edge = edge(&shop());
    let situations: [(&[&str], bool); 24] = [
        (&[], false),
        (&["gzip"], true),
        (&["GZIP"], true),
        (&["gzip, deflate"], true),
        (&["deflate, gzip"], true),
        (&["deflate,gzip;q=0.5"], true),
        (&["br;q=1.0, gzip;q=0.8, *;q=0.1"], true),
        (&["gzip;q=1"], true),
        (&["gzip; q=0.001"], true),
        (&["deflate", "gzip"], true),
        (&["gzip;q=0"], false),
        (&["gzip;q=0.0"], false),
        (&["gzip;q=0.000"], false),
        (&["gzip; q=0"], false),
        (&["gzip ;q=0"], false),
        (&["gzip;Q=0"], false),
        (&["gzip;q=0, deflate"], false),
        (&["identity"], false),
        (&["identity;q=1, *;q=0"], false),
        (&["br"], false),
        (&["deflate"], false),
        (&["*;q=0"], false),
        (&["not-gzip"], false),
        (&[""], false),
    ];
    compare(situations.into_iter().flat_map(|(accepted, gzip)| {
        let paths = [
            (FLAGS, CLIENT, Section::FlagsClient, Section::FlagsClientGzip),
            (FLAGS, SERVER, Section::FlagsServer, Section::FlagsServerGzip),
            (DOCUMENT, SERVER, Section::Document, Section::DocumentGzip),
        ];
        let edge = &edge;
        paths.map(move |(path, key, plain, compressed)| {
            let ask = edge.get(path).key(key);
            let answer = accepted.iter().fold(ask, |ask, line| ask.header("accept-encoding", line)).answer();
            let varies = answer.header("vary").contains("accept-encoding");
            let found = (answer.status, answer.section, answer.header("content-encoding"), varies);
            let uncompressed = edge.get(path).key(key).answer().text();
            let fake = answer.text() == format!("gzip of {uncompressed}");
            let expected = if gzip { (compressed, "gzip") } else { (plain, "") };
            let expected = (200, Some(expected.0), expected.1.to_owned(), true);
            (format!("{path} {key} {accepted:?}"), (found, fake), (expected, gzip))
        })
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
        ("one flag, other codings", hint(flag, "br, deflate"), with_hint("")),
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
