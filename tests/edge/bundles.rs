//! Bundles that are damaged, cut, of another format, or forged.

use api::{Label, Revision, Section, bundle};
use serde_json::{Value, json};
use tests::Edge;

use crate::forged::Forged;
use crate::{
    CLIENT, DOCUMENT, FLAGS, IDENTITIES, IDENTITY, NAME, SECRET, SERVER, assert_sound, contains, demo_edge,
};

/// Every way by which a client-side key may ask for flags.
fn answers_of_a_client_side_key(edge: &Edge) -> Vec<(String, u16, Vec<u8>)> {
    let key = ("x-environment-key", CLIENT);
    let mut answers = Vec::new();
    for path in [FLAGS, IDENTITY, DOCUMENT] {
        for further in [("accept", "*/*"), ("accept-encoding", "gzip"), ("range", "bytes=0-99999999")] {
            let answer = edge.call("GET", path, &[key, further], b"");
            answers.push((format!("{path} with {further:?}"), answer.status, answer.body));
        }
    }
    answers
}

/// Stores a bundle over the good one, and checks that everything is served as before.
#[track_caller]
fn is_refused(edge: &Edge, what: &str, forged: &Forged, with_metadata: bool, complaint: &str) {
    edge.set(&json!({}));
    let before = answers_of_a_client_side_key(edge);
    edge.store(NAME, &forged.bytes, with_metadata.then_some(forged.metadata.as_str()));
    edge.soft_purge(NAME);
    let after = answers_of_a_client_side_key(edge);
    assert_eq!(before.len(), after.len());
    for ((ask, status, body), (_, status_after, body_after)) in before.iter().zip(&after) {
        assert_eq!((status, body), (status_after, body_after), "{what}: {ask}");
        assert!(!contains(body_after, SECRET), "{what}: {ask}");
    }
    assert!(edge.log().contains(complaint), "{what}: {complaint:?} is not in the log");
    assert_eq!(edge.get(FLAGS, CLIENT).header("jackstaff-source"), "stale", "{what}: it is labelled");
}

/// The next revision of a stored bundle, with a header that is changed further.
fn next(stored: &[u8], change: impl FnOnce(&mut Value)) -> Forged {
    Forged::with_header(stored, |header| {
        header["revision"] = json!(header["revision"].as_u64().unwrap() + 1);
        change(header);
    })
}

#[test]
fn offsets_that_overlap_exceed_or_run_backwards_are_refused_and_leak_nothing() {
    let Some(edge) = demo_edge(&json!({})) else { return };
    let stored = edge.stored(NAME).unwrap().body;
    let server = |header: &Value| header["sections"]["flags-server"].clone();
    let total = stored.len() as u64;
    type Change<'a> = Box<dyn Fn(&mut Value) + 'a>;
    let with = |member: &'static str, value: u64| -> Change<'_> {
        Box::new(move |header: &mut Value| header["sections"]["flags-client"][member] = json!(value))
    };
    let hostile: Vec<(&str, Change<'_>)> = vec![
        (
            "the client's section lies over the server's",
            Box::new(|header| header["sections"]["flags-client"] = server(header)),
        ),
        ("a section begins in the header", with("start", 0)),
        ("a section begins before the body", with("start", 2_047)),
        ("a section exceeds the bundle", with("length", total)),
        ("a section begins at the end", with("start", total)),
        ("a section begins beyond the end", with("start", total + 1)),
        ("a section runs around the address space", with("start", u64::MAX)),
        ("a section is as long as the address space", with("length", u64::MAX)),
        (
            "start and length add up to nothing",
            Box::new(|header| {
                header["sections"]["flags-client"]["start"] = json!(u64::MAX - 10);
                header["sections"]["flags-client"]["length"] = json!(u64::MAX);
            }),
        ),
    ];
    for (what, change) in &hostile {
        let forged = next(&stored, change);
        for with_metadata in [true, false] {
            is_refused(&edge, what, &forged, with_metadata, "is outside of the bundle, or overlaps another");
        }
    }
    for (what, change, complaint) in [
        ("backwards", "-1", "unreadable header"),
        ("a fraction", "2048.5", "unreadable header"),
        ("a text", "\"2048\"", "unreadable header"),
    ] {
        let value: Value = serde_json::from_str(change).unwrap();
        let forged = next(&stored, |header| header["sections"]["flags-client"]["start"] = value);
        is_refused(&edge, what, &forged, true, complaint);
    }
    assert_sound(&edge);
}

#[test]
fn bundles_that_are_cut_or_changed_or_of_another_format_are_refused() {
    let Some(edge) = demo_edge(&json!({})) else { return };
    let stored = edge.stored(NAME).unwrap().body;
    let good = next(&stored, |_| {});
    let cut = |length: usize| Forged { bytes: good.bytes[..length].to_vec(), ..good.clone() };
    let changed = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut forged = good.clone();
        change(&mut forged.bytes);
        forged
    };
    let version = |version: &str| {
        let rest = &good.bytes[good.bytes.iter().position(|byte| *byte == b'\n').unwrap()..];
        Forged { bytes: [format!("jackstaff-bundle {version}").as_bytes(), rest].concat(), ..good.clone() }
    };
    let half = good.bytes.len() / 2;
    let [older, newer] = [bundle::OLDEST - 1, bundle::FORMAT + 1].map(|version| version.to_string());
    for (what, forged, complaint) in [
        ("empty", cut(0), "not a bundle"),
        ("one byte", cut(1), "not a bundle"),
        ("half a header", cut(1_000), "not a bundle"),
        ("only a header", cut(2_048), "2048 bytes long instead of"),
        ("half a body", cut(half), "bytes long instead of"),
        ("all but one byte", cut(good.bytes.len() - 1), "bytes long instead of"),
        ("one byte too many", changed(&|bytes| bytes.push(b' ')), "bytes long instead of"),
        ("one bit changed", changed(&|bytes| *bytes.last_mut().unwrap() ^= 1), "does not match"),
        ("half of it zeros", changed(&|bytes| bytes[half..].fill(0)), "does not match"),
        ("an older format", version(&older), &*format!("format version {older} is not known here")),
        ("a newer format", version(&newer), &*format!("format version {newer} is not known here")),
        ("a format far away", version("4294967295"), "format version 4294967295 is not known here"),
        ("a format that is no number", version("one"), "not a bundle"),
        ("a format below zero", version("-1"), "not a bundle"),
        ("another magic", changed(&|bytes| bytes[0] = b'J'), "not a bundle"),
        ("HTML", changed(&|bytes| *bytes = b"<html>".repeat(1_000)), "not a bundle"),
        ("no UTF-8", changed(&|bytes| bytes[30] = 0xff), "unreadable header"),
    ] {
        for with_metadata in [true, false] {
            is_refused(&edge, what, &forged, with_metadata, complaint);
        }
    }
    assert_sound(&edge);
}

/// An upgrade deploys the edge before anything is published anew: the bundles that there are lack brotli and pages.
#[test]
fn a_bundle_of_the_version_before_is_served_without_what_it_lacks() {
    let Some(edge) = demo_edge(&json!({})) else { return };
    let stored = edge.stored(NAME).unwrap().body;
    let mut older = next(&stored, |header| {
        let sections = header["sections"].as_object_mut().unwrap();
        sections.retain(|name, _| !name.ends_with("-brotli") && name != "document-pages" && name != "texts");
    });
    let [magic, former] =
        [bundle::FORMAT, bundle::OLDEST].map(|version| format!("jackstaff-bundle {version}\n"));
    assert!(older.bytes.starts_with(magic.as_bytes()));
    older.bytes[..magic.len()].copy_from_slice(former.as_bytes());
    let before = edge.get(FLAGS, CLIENT);
    edge.store(NAME, &older.bytes, Some(&older.metadata));
    edge.soft_purge(NAME);
    let after = edge.get(FLAGS, CLIENT);
    assert_ne!(after.header("jackstaff-revision"), before.header("jackstaff-revision"));
    assert_eq!((after.status, after.header("jackstaff-source"), &after.body), (200, "kv", &before.body));
    for (path, key) in [
        (FLAGS, CLIENT),
        (FLAGS, SERVER),
        (DOCUMENT, SERVER),
        ("/api/v1/environment-document/?page_id=", SERVER),
    ] {
        for (accepted, coding) in [("gzip, br", "gzip"), ("br", ""), ("gzip", "gzip")] {
            let headers = [("x-environment-key", key), ("accept-encoding", accepted)];
            let answer = edge.call("GET", path, &headers, b"");
            assert_eq!(
                (answer.status, answer.header("content-encoding")),
                (200, coding),
                "{path} {accepted}"
            );
        }
    }
    assert_eq!(edge.get(IDENTITY, CLIENT).status, 200);
    assert_sound(&edge);
}

/// The places where a document is cut are read as data. Whatever they say, a page is of the document, and of nothing else.
#[test]
fn cuts_beyond_the_document_or_backwards_give_no_page() {
    let Some(edge) = demo_edge(&json!({})) else { return };
    let document = br#"{"name":"of the document","identity_overrides":[{"a":1},{"b":2}]}"#;
    let server = br#"[{"feature":{"id":1,"name":"of the flags"},"enabled":true,"feature_state_value":1}]"#;
    for (n, (cuts, status)) in [
        ("[48,56,63]", 200),
        ("[48,56,99999999]", 503),
        ("[0,18446744073709551615,18446744073709551615]", 503),
        ("[56,48,63]", 503),
        ("[-1,5,63]", 503),
        ("[]", 503),
        ("no JSON", 503),
        ("[0,0,0]", 200),
    ]
    .into_iter()
    .enumerate()
    {
        let sections = [
            (Section::Document, document.to_vec()),
            (Section::FlagsServer, server.to_vec()),
            (Section::FlagsClient, server.to_vec()),
            (Section::DocumentPages, cuts.as_bytes().to_vec()),
        ];
        let label = Label { source_hash: "0".repeat(64), ..Label::new(Revision(4_000_000_000 + n as u64)) };
        let (header, bytes) = bundle::write(&label, &sections).unwrap();
        edge.store(NAME, &bytes, Some(&header.metadata()));
        edge.soft_purge(NAME);
        let page = edge.get("/api/v1/environment-document/?page_id=", SERVER);
        assert_eq!(page.status, status, "{cuts}: {:?}", String::from_utf8_lossy(&page.body));
        assert!(!contains(&page.body, "of the flags"), "{cuts}");
        assert_eq!(edge.get(DOCUMENT, SERVER).body, document, "{cuts}");
        if n == 0 {
            assert_eq!(page.json()["identity_overrides"], json!([{ "a": 1 }]));
        }
    }
    assert_sound(&edge);
}

/// Metadata and body are always written together. Here they differ.
#[test]
fn the_header_of_the_bundle_counts_if_the_metadata_differ() {
    let Some(edge) = demo_edge(&json!({})) else { return };
    let stored = edge.stored(NAME).unwrap().body;
    let before = edge.get(FLAGS, CLIENT);
    let ahead = next(&stored, |header| header["revision"] = json!(4_000_000_000u64));
    for metadata in [ahead.metadata.as_str(), "{", "{}", "", &"x".repeat(1_900)] {
        edge.store(NAME, &stored, Some(metadata));
        edge.soft_purge(NAME);
        for _ in 0..2 {
            let answer = edge.get(FLAGS, CLIENT);
            assert_eq!((answer.status, &answer.body), (200, &before.body), "{metadata}");
            assert_eq!(answer.header("jackstaff-revision"), before.header("jackstaff-revision"));
        }
    }
    // A header of another environment's bundle, whose sections have other offsets.
    edge.publish_fixture("sdk.json", "ser.sdk");
    let other = edge.stored("environment/sdk-environment-key").unwrap();
    let metadata = Forged::with_header(&other.body, |header| header["revision"] = json!(1)).metadata;
    edge.store(NAME, &stored, Some(&metadata));
    edge.hard_purge(NAME);
    assert_eq!(edge.get(FLAGS, CLIENT).body, before.body, "the bundle's own header counts");
    assert_sound(&edge);
}

/// A compiled environment with random damage and a correct checksum is refused or evaluated. The guest never traps.
#[test]
fn a_damaged_compiled_environment_never_traps() {
    let Some(edge) = demo_edge(&json!({})) else { return };
    let stored = edge.stored(NAME).unwrap().body;
    let header = Forged::with_header(&stored, |_| {}).metadata;
    let header: Value = serde_json::from_str(&header).unwrap();
    let span =
        |member: &str| usize::try_from(header["sections"]["compiled"][member].as_u64().unwrap()).unwrap();
    let (start, length) = (span("start"), span("length"));
    assert_eq!(edge.get(FLAGS, CLIENT).status, 200, "there is a good copy to begin with");
    let mut refused = 0;
    for round in 0..60usize {
        // Scattered over the section, most of it near its end, where the root and its lists are.
        let place = if round % 2 == 0 { length - 1 - round * 3 } else { round * 7_919 % length };
        let mut bytes = stored.clone();
        bytes[start + place] ^= [0xff, 0x80, 0x01][round % 3];
        let checksum = format!("{:016x}", xxhash_rust::xxh3::xxh3_64(&bytes[start..start + length]));
        let forged = Forged::with_header(&bytes, |header| {
            header["revision"] = json!(header["revision"].as_u64().unwrap() + 1 + round as u64);
            header["sections"]["compiled"]["checksum"] = json!(checksum);
        });
        edge.store(NAME, &forged.bytes, Some(&forged.metadata));
        edge.soft_purge(NAME);
        for _ in 0..2 {
            let body =
                json!({ "identifier": "user-7", "traits": [{ "trait_key": "plan", "trait_value": "gold" }] });
            let answer = edge.post(IDENTITIES, CLIENT, &body);
            assert_eq!(answer.status, 200, "round {round}");
            refused += usize::from(answer.header("jackstaff-source") == "stale");
        }
        assert_eq!(edge.get(FLAGS, CLIENT).status, 200, "round {round}");
    }
    assert!(refused > 0, "some of it must have been refused");
    assert_sound(&edge);
}
