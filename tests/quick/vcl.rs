//! The VCL files for Fastly and for Varnish agree, so tests of one hold for the other.

use std::collections::BTreeSet;
use std::fs;

use tests::workspace;

fn text(file: &str) -> String {
    let file = workspace().join(file);
    fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}

/// The lines of a file that begin so, without the rest of the language around them.
fn lines(file: &str, beginning: &str) -> BTreeSet<String> {
    let text = text(file);
    let lines = text.lines().map(str::trim).filter(|line| line.starts_with(beginning));
    lines.map(str::to_owned).collect()
}

#[test]
fn both_ask_the_origin_for_the_same() {
    for (file, beginning) in [
        ("collapse.vcl", "unset req.http."),
        ("collapse.vcl", "set req.http.Accept"),
        ("stream_part.vcl", "set bereq."),
        ("stream_part.vcl", "set resp.http."),
        ("cors.vcl", "set resp.http.Access-Control-Allow-Origin"),
    ] {
        let mut fastly = lines(&format!("vcl/{file}"), beginning);
        // Of the platform's own.
        fastly.retain(|line| !line.contains("req.http.Fastly-"));
        let varnish = lines(&format!("vcl/varnish/{file}"), beginning);
        assert!(!fastly.is_empty(), "{file}: {beginning}");
        assert_eq!(fastly, varnish, "{file}: {beginning}");
    }
}

#[test]
fn both_know_the_same_numbers_and_names() {
    for (file, words) in [
        ("collapse.vcl", r#""/sse/environments/jackstaff:silent/stream""#),
        ("collapse.vcl", r#""^/sse/environments/[A-Za-z0-9_:-][A-Za-z0-9_.:-]{0,255}/stream$""#),
        ("collapse.vcl", r#""/ser\.[^/]*/stream$""#),
        ("stream_part.vcl", "set beresp.ttl = 1s;"),
        ("stream_part.vcl", "beresp.ttl < 1s"),
        ("stream_part.vcl", "= 20s"),
        ("stream_part.vcl", "set beresp.grace = 0s;"),
        ("failure.vcl", "set beresp.ttl = 1s;"),
        ("failure.vcl", "{\"data: unavailable\n\n\"}"),
        ("cors.vcl", r#"Access-Control-Max-Age = "600""#),
        ("cors.vcl", r#"Access-Control-Allow-Methods = "GET, OPTIONS""#),
    ] {
        for file in [format!("vcl/{file}"), format!("vcl/varnish/{file}")] {
            assert!(text(&file).contains(words), "{file} lacks {words}");
        }
    }
    assert!(text("src/origin/stream_part.rs").contains(r#"SILENT: &str = "jackstaff:silent""#));
}
