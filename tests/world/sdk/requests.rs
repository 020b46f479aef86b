//! Clients that do not run here: their requests, byte for byte as their sources write them (`tests/sdk/requests`), to a running
//! edge; and its answers, read as their decoders read them.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use flate2::read::GzDecoder;
use serde_json::Value;
use tests::clients::{Access, clients, ran_client};
use tests::machine::beside_others;
use tests::{Edge, edge_with_identity_key, folder, say};

use super::shape::differences;
use super::{CLIENT, SERVER};

/// A member that every client reads, and its value for everybody.
const FEATURE: (&str, i64) = ("page_size", 25);

#[test]
fn every_request_of_a_client_that_does_not_run_here_is_answered_as_it_insists() {
    let _machine = beside_others();
    let Some(tools) = tests::tools() else { return };
    let settings = serde_json::json!({ "environments": { CLIENT: { "traits": "stored" } } });
    let edge = edge_with_identity_key(&tools, &settings);
    edge.publish_fixture("sdk.json", SERVER);
    let mut wrong = Vec::new();
    let mut names = Vec::new();
    let mut files: Vec<_> =
        fs::read_dir(folder("sdk/requests")).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    for file in files {
        let fixture: Value = serde_json::from_str(&fs::read_to_string(&file).unwrap()).unwrap();
        let (name, version) = (fixture["client"].as_str().unwrap(), fixture["version"].as_str().unwrap());
        let requests = fixture["requests"].as_array().unwrap();
        let before = wrong.len();
        for request in requests {
            let what = format!("{name}, {}", request["what"].as_str().unwrap());
            wrong.extend(faults(&edge, request).into_iter().map(|fault| format!("{what}: {fault}")));
        }
        if wrong.len() == before {
            ran_client(name, version, Access::Requests);
            say(&format!("SDK, {name} {version}: {} requests answered", requests.len()));
        }
        names.push(name.to_owned());
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let in_table = clients().into_iter().filter(|client| client.access == "its requests");
    let mut in_table: Vec<String> = in_table.map(|client| client.name).collect();
    in_table.sort();
    names.sort();
    assert_eq!(in_table, names, "the table of tests/sdk/README.md names other clients");
}

/// What is wrong with the answer to a request.
fn faults(edge: &Edge, request: &Value) -> Vec<String> {
    let answer = send(edge, request);
    let allowed = request["status"].as_array().unwrap().iter().filter_map(Value::as_u64);
    if !allowed.clone().any(|status| status == u64::from(answer.status)) {
        return vec![format!("{} instead of {:?}", answer.status, allowed.collect::<Vec<_>>())];
    }
    let Some(shape) = request.get("answer") else {
        return if answer.body.is_empty() {
            Vec::new()
        } else {
            vec!["a body where none is read".to_owned()]
        };
    };
    let Ok(body) = serde_json::from_slice::<Value>(&answer.body) else {
        return vec![format!("no JSON: {:?}", String::from_utf8_lossy(&answer.body))];
    };
    let mut faults = differences(shape, &body, "");
    let flags = body.get("flags").or_else(|| body.get("feature_states")).unwrap_or(&body);
    if let Some(flags) = flags.as_array() {
        let value = flags.iter().find(|flag| flag["feature"]["name"] == FEATURE.0);
        if value.map(|flag| &flag["feature_state_value"]) != Some(&Value::from(FEATURE.1)) {
            faults.push(format!("{} is {value:?}", FEATURE.0));
        }
    }
    faults
}

struct Answer {
    status: u16,
    body: Vec<u8>,
}

/// Sends a request as it stands in the fixture, with nothing added but what HTTP wants.
fn send(edge: &Edge, request: &Value) -> Answer {
    let text = |member: &str| request[member].as_str().unwrap();
    let key = match text("key") {
        "client" => CLIENT,
        "server" => SERVER,
        _ => "no-such-environment",
    };
    let mut head = format!("{} {} HTTP/1.1\r\nHost: {}\r\n", text("method"), text("path"), edge.address);
    for (name, value) in request["headers"].as_object().unwrap() {
        let now = || httpdate::fmt_http_date(std::time::SystemTime::now());
        let value = value.as_str().unwrap().replace("{key}", key).replace("{now}", &now());
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    let body = request.get("body").map_or("", |body| body.as_str().unwrap());
    if !body.is_empty() {
        head.push_str(&format!("Content-Length: {}\r\n", body.len()));
    }
    let mut connection = TcpStream::connect(edge.address).unwrap();
    connection.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    connection.write_all(format!("{head}\r\n{body}").as_bytes()).unwrap();
    read(&mut connection)
}

/// Reads an answer, as long as it says that it is, and takes its coding off.
fn read(connection: &mut TcpStream) -> Answer {
    let mut bytes = Vec::new();
    let end = loop {
        let mut piece = [0; 16 * 1024];
        let length = connection.read(&mut piece).unwrap();
        assert!(length > 0, "an answer that ends early: {:?}", String::from_utf8_lossy(&bytes));
        bytes.extend_from_slice(&piece[..length]);
        if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            break end + 4;
        }
    };
    let head = String::from_utf8(bytes[..end].to_vec()).unwrap().to_ascii_lowercase();
    let header = |name: &str| head.lines().find_map(|line| line.strip_prefix(&format!("{name}: ")));
    let status = head[9..12].parse().unwrap();
    let length: usize = header("content-length").map_or(0, |length| length.parse().unwrap());
    let mut body = bytes.split_off(end);
    let rest = length.checked_sub(body.len()).expect("a longer body than announced");
    let mut more = vec![0; rest];
    connection.read_exact(&mut more).unwrap();
    body.append(&mut more);
    let mut plain = Vec::new();
    match header("content-encoding") {
        Some("gzip") => drop(GzDecoder::new(body.as_slice()).read_to_end(&mut plain).unwrap()),
        Some("br") => brotli::BrotliDecompress(&mut body.as_slice(), &mut plain).unwrap(),
        _ => plain = body,
    }
    Answer { status, body: plain }
}
