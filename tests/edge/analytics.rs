//! Analytics at the running edge: what the log endpoint gets.

use std::io::Write;
use std::time::{Duration, Instant};

use flate2::Compression;
use flate2::write::GzEncoder;
use jiff::Timestamp;
use serde_json::{Value, json};
use tests::{Edge, eventually, say};

use crate::{CLIENT, PATIENCE, assert_sound, demo_edge};

const COUNTS: &str = "/api/v1/analytics/flags/";
const EVALUATIONS: &str = "/api/v2/analytics/flags/";
const EVENTS: &str = "/v1/events";
const JSON: (&str, &str) = ("content-type", "application/json");

/// The lines of a log endpoint so far, as the local runtime prints them.
fn lines(edge: &Edge, log: &str) -> Vec<Value> {
    let prefix = format!("{log} :: ");
    let log = edge.log();
    let lines = log.lines().filter_map(|line| line.split_once(&prefix).map(|(_, line)| line.to_owned()));
    lines.map(|line| serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"))).collect()
}

#[test]
fn counts_are_written_to_the_log_that_the_settings_name() {
    let Some(edge) = demo_edge(&json!({ "analytics_log": "flag usage" })) else { return };
    let counted = edge.post(COUNTS, CLIENT, &json!({ "welcome_message": 3, "made up": 9 }));
    assert_eq!((counted.status, counted.body.len()), (200, 0), "{counted:?}");
    let evaluation = json!({ "feature_name": "welcome_message", "enabled_when_evaluated": true, "count": 2 });
    let told = edge.post(EVALUATIONS, CLIENT, &json!({ "evaluations": [evaluation] }));
    assert_eq!((told.status, told.body.len()), (204, 0), "{told:?}");
    let found = eventually("both lines", PATIENCE, || {
        let found = lines(&edge, "flag usage");
        (found.len() == 2).then_some(found)
    });
    assert_eq!(found[0]["environment"], CLIENT);
    assert_eq!(found[0]["counts"], json!({ "welcome_message": 3 }));
    assert_eq!(found[1]["evaluations"][0]["count"], 2);
}

#[test]
fn events_are_written_to_the_same_log_compressed_or_not() {
    let Some(edge) = demo_edge(&json!({ "analytics_log": "flag usage" })) else { return };
    let event = |name: &str| json!({ "event": name, "timestamp": Timestamp::now().as_millisecond() });
    let body = |name: &str| json!({ "events": [event(name), { "event": "$reserved" }] }).to_string();
    let key = ("x-environment-key", CLIENT);
    let accepted = json!({ "accepted": 1, "rejected": [{
        "index": 1, "error": "events[1].event begins with `$`, which is reserved, and is not a known system event"
    }] });
    let plain = edge.call("POST", EVENTS, &[key, JSON], body("plain").as_bytes());
    assert_eq!((plain.status, plain.json()), (202, accepted.clone()));
    let compressed = gzip(body("compressed").as_bytes());
    let compressed = edge.call("POST", EVENTS, &[key, JSON, ("content-encoding", "gzip")], &compressed);
    assert_eq!((compressed.status, compressed.json()), (202, accepted));
    let found = eventually("both lines", PATIENCE, || {
        let found = lines(&edge, "flag usage");
        (found.len() == 2).then_some(found)
    });
    let names: Vec<&Value> = found.iter().map(|line| &line["events"][0]["event"]).collect();
    assert_eq!(names, ["plain", "compressed"]);
    assert_ne!(found[0]["id"], found[1]["id"]);
}

/// What the client gets, and that flags are still served.
#[test]
fn bodies_beyond_a_limit_are_refused_and_flags_served() {
    let Some(edge) = demo_edge(&json!({ "analytics_log": "flag usage" })) else { return };
    let key = ("x-environment-key", CLIENT);
    let padded = |length: usize| format!("{{{}}}", " ".repeat(length - 2)).into_bytes();
    for path in [COUNTS, EVALUATIONS, EVENTS] {
        for (length, expected) in
            [(1 << 20, [200, 400, 422].as_slice()), ((1 << 20) + 1, &[413]), (20 << 20, &[413])]
        {
            let answer = edge.call("POST", path, &[key, JSON], &padded(length));
            assert!(expected.contains(&answer.status), "{path}, {length} bytes: {answer:?}");
        }
    }
    let gzipped = |body: &[u8]| edge.call("POST", EVENTS, &[key, JSON, ("content-encoding", "gzip")], body);
    for (bomb, expected) in [
        (gzip(&vec![b' '; 45 << 20]), 413),
        (gzip(&padded((1 << 20) + 1)), 413),
        (vec![0; (48 << 10) + 1], 413),
        (codes((48 << 10) - 20), 400),
    ] {
        let before = Instant::now();
        let answer = gzipped(&bomb);
        assert_eq!(answer.status, expected, "{} bytes: {answer:?}", bomb.len());
        say(&format!("analytics: {} bytes of gzip are refused in {:?}", bomb.len(), before.elapsed()));
        assert_eq!(edge.get("/api/v1/flags/", CLIENT).status, 200);
    }
    for path in [COUNTS, EVALUATIONS] {
        let answer = edge.call("POST", path, &[key, JSON, ("content-encoding", "gzip")], &gzip(b"{}"));
        assert_eq!(answer.status, 415, "{path}");
    }
    let many = vec![json!({ "event": "e", "timestamp": 1 }); 5_000];
    assert_eq!(edge.post(EVENTS, CLIENT, &json!({ "events": many })).status, 400);
    assert_sound(&edge);
}

/// Gzip of blocks that each describe a code, and hold nothing.
fn codes(length: usize) -> Vec<u8> {
    let mut bits = Bits { bytes: vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255], rest: 0, count: 0 };
    while bits.bytes.len() + 16 < length {
        // Not the last block; a code of its own; 257 lengths and one, of which 18 are of a code for the lengths.
        bits.put(0b100, 3);
        bits.put(14 << 10, 14);
        // The order is 16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1: there are 18 and 1.
        (0..18).for_each(|place| bits.put(u64::from(place == 2 || place == 17), 3));
        // 255 lengths of zero; then two letters, of which the last one ends the block; and a distance.
        for zeros in [138, 117] {
            bits.put(1, 1);
            bits.put(zeros - 11, 7);
        }
        bits.put(0, 3);
        bits.put(1, 1);
    }
    bits.put(0, 64 - 7);
    bits.bytes
}

struct Bits {
    bytes: Vec<u8>,
    rest: u64,
    count: u32,
}

impl Bits {
    fn put(&mut self, value: u64, count: u32) {
        for place in 0..count {
            self.rest |= (value >> place & 1) << self.count;
            self.count += 1;
            if self.count == 8 {
                self.bytes.push(u8::try_from(self.rest).unwrap());
                (self.rest, self.count) = (0, 0);
            }
        }
    }
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn without_a_log_or_with_one_that_cannot_be_all_is_taken_and_flags_served() {
    let names = ["stdout", "stderr", "a:b", "", "a\nb", "no such \u{0}endpoint \u{1f600}"];
    let long = "x".repeat(5_000);
    let names = names.into_iter().chain([long.as_str()]).map(|name| json!({ "analytics_log": name }));
    for settings in names.chain([json!({}), json!({ "analytics_log": 7 })]) {
        let Some(edge) = demo_edge(&settings) else { return };
        let shown: String = settings.to_string().chars().take(60).collect();
        let counted = edge.post(COUNTS, CLIENT, &json!({ "welcome_message": 3 }));
        assert_eq!((counted.status, counted.body.len()), (200, 0), "{shown}: {counted:?}");
        let evaluation =
            json!({ "feature_name": "welcome_message", "enabled_when_evaluated": true, "count": 2 });
        let told = edge.post(EVALUATIONS, CLIENT, &json!({ "evaluations": [evaluation] }));
        assert_eq!((told.status, told.body.len()), (204, 0), "{shown}: {told:?}");
        let event = json!({ "event": "e", "timestamp": Timestamp::now().as_millisecond() });
        let taken = edge.post(EVENTS, CLIENT, &json!({ "events": [event] }));
        assert_eq!((taken.status, taken.json()["accepted"].as_u64()), (202, Some(1)), "{shown}: {taken:?}");
        assert_eq!(edge.get("/api/v1/flags/", CLIENT).status, 200, "{shown}");
        assert_sound(&edge);
        let is_name = settings["analytics_log"].as_str().is_some_and(|name| name.len() > 10);
        if !is_name {
            std::thread::sleep(Duration::from_millis(200));
            assert!(!edge.log().contains("\"counts\""), "{shown}: {}", edge.log());
        }
    }
}
