//! Requests of hostile shape, as bytes on the wire: no client library stands between them and the edge.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::{Value, json};
use tests::{Edge, fixtures};

use crate::{CLIENT, SECRET, SERVER, assert_sound, contains, demo_edge};

/// Sends bytes, and reads until the end of the connection. The status is 0 if it was cut without an answer.
fn send(edge: &Edge, bytes: &[u8]) -> (u16, Vec<u8>) {
    let mut stream = TcpStream::connect(edge.address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    // A server that refuses a request early does not read it to its end.
    let _ = stream.write_all(bytes);
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    let status = answer.get(9..12).and_then(|digits| std::str::from_utf8(digits).ok()?.parse().ok());
    (status.unwrap_or(0), answer)
}

/// A request with the client-side key, and further headers.
fn request(line: &str, further: &str, body: &[u8]) -> Vec<u8> {
    let length = if body.is_empty() { String::new() } else { format!("content-length: {}\r\n", body.len()) };
    let head = format!(
        "{line} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\nx-environment-key: {CLIENT}\r\n{further}{length}\r\n"
    );
    [head.as_bytes(), body].concat()
}

/// Sends each request; its status must be one of those expected, and no answer holds what client-side keys must not
/// see.
#[track_caller]
fn all_are_answered(edge: &Edge, requests: &[(&str, Vec<u8>, &[u16])]) {
    let mut wrong = Vec::new();
    for (what, bytes, expected) in requests {
        let (status, answer) = send(edge, bytes);
        if !expected.contains(&status) || contains(&answer, SECRET) {
            let answer = String::from_utf8_lossy(&answer[..answer.len().min(400)]).into_owned();
            wrong.push(format!("{what}: {status} instead of {expected:?}: {answer}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_sound(edge);
}

/// What `HEAD` is answered, byte by byte: the head of `GET`, and no body.
#[test]
fn head_is_the_head_of_get_with_its_length_and_nothing_more() {
    let Some(edge) = demo_edge(&json!({})) else { return };
    edge.publish(&fixtures::large(), "ser.large");
    let ask = |method: &str, path: &str, further: &str| {
        let (_, answer) = send(&edge, &request(&format!("{method} {path}"), further, b""));
        let end = answer.windows(4).position(|four| four == b"\r\n\r\n").unwrap() + 4;
        let head = String::from_utf8(answer[..end].to_vec()).unwrap().to_ascii_lowercase();
        let varies = |line: &&str| !line.starts_with("date:") && !line.starts_with("age:");
        let mut lines: Vec<String> = head.lines().filter(varies).map(str::to_owned).collect();
        lines.sort();
        (lines, answer.len() - end)
    };
    // From here on, all answers are from the copy.
    assert_eq!(edge.get("/api/v1/flags/", CLIENT).status, 200);
    let mut wrong = Vec::new();
    for (path, further) in [
        ("/api/v1/flags/", ""),
        ("/api/v1/flags/", "accept-encoding: br\r\n"),
        ("/api/v1/flags/", "if-none-match: *\r\n"),
        ("/api/v1/flags/?feature=welcome_message", ""),
        ("/api/v1/flags/?feature=unknown", ""),
        ("/api/v1/identities/?identifier=user-7", ""),
        ("/api/v1/identities/", ""),
        ("/api/v1/environment-document/", ""),
        ("/health", ""),
        ("/nothing", ""),
    ] {
        let ((get, length), (head, nothing)) = (ask("GET", path, further), ask("HEAD", path, further));
        let announced = format!("content-length: {length}");
        if head != get || nothing != 0 || (!further.starts_with("if-") && !head.contains(&announced)) {
            wrong.push(format!("{path} {further}: {head:?} and {nothing} bytes instead of {get:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    // One that the host streams from the cache.
    for method in ["GET", "HEAD"] {
        let ask =
            edge.call(method, "/api/v1/environment-document/", &[("x-environment-key", "ser.large")], b"");
        let length: usize = ask.header("content-length").parse().unwrap();
        assert!(length > 900_000, "{method}: {length}");
        assert_eq!(ask.body.len(), if method == "GET" { length } else { 0 });
    }
}

#[test]
fn paths_queries_and_methods_of_hostile_shape() {
    let Some(edge) = demo_edge(&json!({})) else { return };
    let get = |path: &str| request(&format!("GET {path}"), "", b"");
    let long = "a".repeat(7_000);
    all_are_answered(
        &edge,
        &[
            ("up and down", get("/api/v1/flags/../environment-document/"), &[403, 404]),
            ("up and down, encoded", get("/api/v1/flags/%2e%2e/environment-document/"), &[403, 404]),
            ("the document, for a client", get("/api/v1/environment-document/"), &[403]),
            ("an encoded slash", get("/api/v1%2fflags/"), &[404]),
            ("an encoded nothing", get("/api/v1/flags/%00"), &[404]),
            ("broken percent encoding", get("/api/v1/%zz/"), &[400, 404]),
            ("a path of semicolons", get("/api/v1/flags;key=ser.demo/"), &[404]),
            ("capitals", get("/API/V1/FLAGS/"), &[404]),
            ("a thousand slashes", get(&format!("/api/v1/flags{}", "/".repeat(1_000))), &[200]),
            ("a long path", get(&format!("/{long}")), &[404, 414]),
            ("a long query", get(&format!("/api/v1/flags/?x={long}")), &[200]),
            (
                "ten thousand parameters",
                get(&format!("/api/v1/flags/?{}", "a&".repeat(10_000))),
                &[200, 414, 431],
            ),
            ("broken encoding in a query", get("/api/v1/identities/?identifier=%ff%zz%"), &[200]),
            ("nothing in a query", get("/api/v1/identities/?identifier=%00"), &[200]),
            (
                "an identifier too long",
                get(&format!("/api/v1/identities/?identifier={}", &long[..2_001])),
                &[400],
            ),
            ("a feature that nobody has", get(&format!("/api/v1/flags/?feature={long}")), &[404]),
            ("a feature for others", get(&format!("/api/v1/flags/?feature={}", "fraud%5frules")), &[404]),
            (
                "a feature of an identity, for others",
                get("/api/v1/identities/?identifier=i&feature=fraud%5Frules"),
                &[404],
            ),
            ("a whole address", get("http://elsewhere.example/api/v1/flags/"), &[200, 400, 404]),
            ("a star", request("OPTIONS *", "", b""), &[200, 400, 404]),
            ("a method in small letters", request("get /api/v1/flags/", "", b""), &[400, 405]),
            ("a method of its own", request("FLY /api/v1/flags/", "", b""), &[400, 405]),
            (
                "a method a thousand letters long",
                request(&format!("{} /api/v1/flags/", "A".repeat(1_000)), "", b""),
                &[400, 405],
            ),
            ("a trace", request("TRACE /api/v1/flags/", "", b""), &[405]),
            ("a connect", request("CONNECT localhost:80", "", b""), &[0, 400, 404, 405]),
            ("a purge by anybody", request("PURGE /api/v1/flags/", "", b""), &[405]),
            ("no HTTP at all", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03".to_vec(), &[0, 400]),
        ],
    );
}

#[test]
fn duplicated_parameters_count_by_the_last() {
    let Some(edge) = demo_edge(&json!({})) else { return };
    let (status, answer) = send(
        &edge,
        &request("GET /api/v1/identities/?identifier=first&identifier=last&identifier=", "", b""),
    );
    assert_eq!(status, 400, "the last one is empty: {}", String::from_utf8_lossy(&answer));
    let (_, answer) =
        send(&edge, &request("GET /api/v1/identities/?identifier=first&identifier=last", "", b""));
    assert!(contains(&answer, r#""identifier":"last""#), "{}", String::from_utf8_lossy(&answer));
}

#[test]
fn headers_of_hostile_shape() {
    let Some(edge) = demo_edge(&json!({})) else { return };
    let get = |further: &str| request("GET /api/v1/flags/", further, b"");
    let with_key = |key: &[u8]| {
        [
            b"GET /api/v1/flags/ HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\nx-environment-key: ",
            key,
            b"\r\n\r\n",
        ]
        .concat()
    };
    let many: String = (0..90).map(|n| format!("x-{n}: {n}\r\n")).collect();
    all_are_answered(
        &edge,
        &[
            ("a range", get("range: bytes=0-99999999\r\n"), &[200]),
            ("a range from behind", get("range: bytes=-100000\r\n"), &[200]),
            ("ninety headers", get(&many), &[200]),
            ("a thousand headers", get(&many.repeat(12)), &[0, 400, 431]),
            ("a long header", get(&format!("x-long: {}\r\n", "y".repeat(60_000))), &[200, 400, 431]),
            ("a header of no text", with_key(b"demo-environment-key\r\nx-odd: \xff\xfe\xfd"), &[200]),
            ("another method, by header", get("x-http-method-override: POST\r\n"), &[200]),
            ("another path, by header", get("x-original-url: /api/v1/environment-document/\r\n"), &[200]),
            ("a second key, of a server", get(&format!("x-environment-key: {SERVER}x\r\n")), &[200]),
            ("a coding that nobody knows", get("accept-encoding: zstd, \u{1}\r\n"), &[200, 400]),
            (
                "a weight that is no number",
                get("accept-encoding: gzip;q=NaN, gzip;q=-1, gzip;q=1e400\r\n"),
                &[200],
            ),
            (
                "a date that is none",
                get("if-modified-since: yesterday\r\nif-none-match: W/\"\", \"\r\n"),
                &[200],
            ),
            ("an origin of no text", get("origin: \u{e9}\u{0}\r\n"), &[200, 400]),
            ("no key", with_key(b""), &[403]),
            ("a key of no text", with_key(b"\xff\xfe\xfd"), &[403]),
            ("a key that goes up", with_key(b"../server-key/x"), &[403]),
            ("a key of another kind", with_key(b"environment/demo-environment-key"), &[403]),
            ("a key with a query", with_key(b"demo-environment-key?x"), &[403]),
            ("a key, encoded", with_key(b"demo%2denvironment%2dkey"), &[403]),
            ("a key that is too long", with_key(&[b'k'; 5_000]), &[403]),
            (
                "a server-side key that is too long",
                with_key(&[b"ser.".as_slice(), &[b'k'; 5_000]].concat()),
                &[403],
            ),
            ("half a server-side key", with_key(b"ser."), &[403]),
            (
                "the hash of a server-side key",
                with_key(api::ServerKeyHash::of(SERVER).unwrap().store_key().as_bytes()),
                &[403],
            ),
            ("the name of a lock, as a key", with_key(b"lock/environment/demo-environment-key"), &[403]),
        ],
    );
}

#[test]
fn bodies_of_hostile_shape() {
    let Some(edge) = demo_edge(&json!({})) else { return };
    let post = |body: &[u8]| request("POST /api/v1/identities/", "content-type: application/json\r\n", body);
    let json = |value: &Value| post(value.to_string().as_bytes());
    let traits = |traits: &Value| json(&json!({ "identifier": "user-7", "traits": traits }));
    let one = |value: &Value| traits(&json!([{ "trait_key": "k", "trait_value": value }]));
    let many = |count: usize| {
        let list: Vec<Value> =
            (0..count).map(|n| json!({ "trait_key": n.to_string(), "trait_value": n })).collect();
        traits(&Value::from(list))
    };
    let nested = |open: &str, close: &str, depth: usize| {
        format!(
            r#"{{"identifier":"i","traits":[{{"trait_key":"k","trait_value":{}{}}}]}}"#,
            open.repeat(depth),
            close.repeat(depth)
        )
    };
    let chunked = |chunks: &str| {
        request(
            "POST /api/v1/identities/",
            "content-type: application/json\r\ntransfer-encoding: chunked\r\n",
            b"",
        )
        .into_iter()
        .chain(chunks.bytes())
        .collect::<Vec<u8>>()
    };
    let mut short = post(br#"{"identifier":"i"}"#);
    short.truncate(short.len() - 5);
    let coded = |coding: &str| {
        let further = format!("content-type: application/json\r\ncontent-encoding: {coding}\r\n");
        request("POST /api/v1/identities/", &further, b"\x1f\x8b\x08\x00")
    };
    let of_trait = |value: &str| format!(r#"{{"traits":[{{"trait_key":"k","trait_value":{value}}}]}}"#);
    let deep = of_trait(&format!("{}{}", "[".repeat(400_000), "]".repeat(400_000)));
    let blank = of_trait(&format!("[{}]", " ".repeat(900_000)));
    all_are_answered(
        &edge,
        &[
            ("nothing", post(b""), &[400]),
            ("no UTF-8", post(b"{\"identifier\":\"\xff\xfe\"}"), &[400]),
            ("half a surrogate", post(br#"{"identifier":"\ud800"}"#), &[400]),
            ("a zero", post(br#"{"identifier":"\u0000"}"#), &[400]),
            (
                "an endless number",
                post(format!(r#"{{"identifier":{}}}"#, "9".repeat(1_000_000)).as_bytes()),
                &[400],
            ),
            ("a number beyond all", one(&json!(0)), &[200]),
            (
                "1e999999",
                post(br#"{"identifier":"i","traits":[{"trait_key":"k","trait_value":1e999999}]}"#),
                &[200, 400],
            ),
            ("NaN", post(br#"{"identifier":"i","traits":[{"trait_key":"k","trait_value":NaN}]}"#), &[400]),
            ("duplicate members", post(br#"{"identifier":"a","identifier":"b"}"#), &[200, 400]),
            ("a list", post(b"[]"), &[400]),
            ("traits that are no list", traits(&json!("all")), &[400]),
            ("a trait that is an object", one(&json!({ "a": { "b": [] } })), &[200]),
            ("a trait of lists in lists", post(deep.as_bytes()), &[400]),
            ("a trait of many blanks", post(blank.as_bytes()), &[200]),
            ("a trait too long", one(&json!("x".repeat(2_001))), &[400]),
            ("a key too long", traits(&json!([{ "trait_key": "k".repeat(201), "trait_value": 1 }])), &[400]),
            ("a thousand traits", many(1_000), &[200]),
            ("twenty thousand traits", many(20_000), &[400]),
            ("half a million numbers as traits", traits(&json!(vec![0; 500_000])), &[400]),
            ("lists in lists", post(nested("[", "]", 200_000).as_bytes()), &[400]),
            ("objects in objects", post(nested("{\"a\":", "}", 60_000).as_bytes()), &[400]),
            ("lists that never close", post("[".repeat(1_000_000).as_bytes()), &[400]),
            ("a mebibyte of blanks", post(&vec![b' '; 1 << 20]), &[400]),
            ("more than a mebibyte", post(&vec![b' '; (1 << 20) + 1]), &[413]),
            ("an identifier too long", json(&json!({ "identifier": "i".repeat(2_001) })), &[400]),
            ("chunks", chunked("12\r\n{\"identifier\":\"i\"}\r\n0\r\n\r\n"), &[200]),
            ("chunks of a false length", chunked("ffffffffffffffffff\r\n{}\r\n0\r\n\r\n"), &[0, 400]),
            ("chunks without an end", chunked("2\r\n{}\r\n"), &[0, 400]),
            ("compressed", coded("gzip"), &[415]),
            ("compressed in a way that nobody knows", coded("\u{7f}"), &[400, 415]),
        ],
    );
    let (status, _) = {
        let mut stream = TcpStream::connect(edge.address).unwrap();
        stream.write_all(&short).unwrap();
        stream.shutdown(std::net::Shutdown::Write).unwrap();
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        (answer.get(9..12).map(<[u8]>::to_vec), answer)
    };
    assert_ne!(status, Some(b"200".to_vec()), "a body that breaks off is not answered as if it were whole");
    assert_sound(&edge);
}

/// Bodies that are sent slowly, or never to their end, delay no other request.
#[test]
fn clients_that_hang_delay_no_other() {
    let Some(edge) = demo_edge(&json!({})) else { return };
    let body = request("POST /api/v1/identities/", "content-length: 1000\r\n", b"");
    let hanging: Vec<TcpStream> = (0..50)
        .map(|n| {
            let mut stream = TcpStream::connect(edge.address).unwrap();
            stream.write_all(if n % 2 == 0 { &body } else { b"GET /api/v1/fl" }).unwrap();
            stream
        })
        .collect();
    for _ in 0..20 {
        assert_eq!(edge.get("/api/v1/flags/", CLIENT).status, 200);
    }
    drop(hanging);
    assert_eq!(edge.get("/api/v1/flags/", CLIENT).status, 200);
}
