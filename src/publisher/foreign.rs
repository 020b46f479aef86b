//! Text of others on its way to a line of the log, a table or an answer: what a server answered, names in a document. It may
//! repeat a secret that was sent to the server, forge a line by a line break, and be of any length.

use api::Secret;
use url::Url;

/// Characters of an answer that are shown.
const ANSWER: usize = 300;
/// Characters of a line.
const LINE: usize = 4_000;

/// The start of an answer that is not what was asked for, on one line and without the secrets that were sent; empty if it
/// says nothing.
pub(crate) fn excerpt<'s>(body: &[u8], secrets: impl IntoIterator<Item = &'s Secret>) -> String {
    let text = String::from_utf8_lossy(body).into_owned();
    let text = secrets.into_iter().fold(text, |text, secret| without(&text, secret));
    let words: Vec<&str> = text.split(|c: char| c.is_whitespace() || c.is_control()).collect();
    let words: Vec<&str> = words.into_iter().filter(|word| !word.is_empty()).collect();
    let line: String = words.join(" ").chars().take(ANSWER).collect();
    if line.is_empty() { line } else { format!(": {line}") }
}

/// Also as JSON and URLs write it.
fn without(text: &str, secret: &Secret) -> String {
    let plain = secret.reveal();
    let as_json = serde_json::to_string(plain).unwrap_or_default();
    let in_url = crate::client::url_encoded(plain);
    let text = text.replace(plain, "…").replace(as_json.trim_matches('"'), "…");
    text.replace(&in_url, "…")
}

/// Where an answer is not the JSON that it should be. The parser's own words may quote a part of it.
pub(crate) fn place_in_json(error: &serde_json::Error) -> String {
    format!("line {}, column {}", error.line(), error.column())
}

/// A URL as it is shown: without the name and the password that it may have.
pub(crate) fn shown_url(url: &str) -> String {
    let Ok(mut parsed) = Url::parse(url) else { return url.to_owned() };
    if parsed.username().is_empty() && parsed.password().is_none() {
        return url.to_owned();
    }
    if parsed.set_username("").is_err() || parsed.set_password(None).is_err() {
        return "a URL with a password".to_owned();
    }
    parsed.as_str().trim_end_matches('/').to_owned()
}

/// A text on one line of a terminal, of a bounded length: names may hold line breaks and escape sequences.
pub fn on_one_line(text: &str) -> String {
    let shown = |c: char| if c.is_control() || is_separator(c) { '\u{fffd}' } else { c };
    match text.char_indices().nth(LINE) {
        Some((end, _)) => text[..end].chars().map(shown).chain(['…']).collect(),
        None => text.chars().map(shown).collect(),
    }
}

/// Line and paragraph separators, and the characters that turn the direction of writing around.
fn is_separator(c: char) -> bool {
    matches!(c, '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shown_of_an_answer() {
        let key = Secret::parse_token("ser.abc").unwrap();
        for (body, expected) in [
            ("", String::new()),
            (" \r\n", String::new()),
            (
                "{\n  \"message\": \"unknown key 'ser.abc'\"\n}",
                ": { \"message\": \"unknown key '…'\" }".into(),
            ),
            ("\x1b[31mred", ": [31mred".into()),
            (&"é".repeat(400), format!(": {}", "é".repeat(300))),
        ] {
            assert_eq!(excerpt(body.as_bytes(), [&key]), expected, "{body:?}");
        }
    }

    #[test]
    fn secrets_are_left_out_however_they_are_written() {
        let secrets = ["to\"ken/1", "other"].map(|text| Secret::parse(text).unwrap());
        for body in
            [r#"Fastly-Key: to"ken/1"#, r#"{"Fastly-Key":"to\"ken/1"}"#, "key=to%22ken%2F1", "Token other"]
        {
            let shown = excerpt(body.as_bytes(), &secrets);
            assert!(shown.contains('…') && !shown.contains("ken") || shown == ": Token …", "{body}: {shown}");
        }
    }

    #[test]
    fn a_url_is_shown_without_its_password() {
        for (url, expected) in [
            ("https://edge.example/x", "https://edge.example/x"),
            ("http://me:secret@edge.example:8080", "http://edge.example:8080"),
            ("http://secret@edge.example/x", "http://edge.example/x"),
            ("edge.example", "edge.example"),
        ] {
            assert_eq!(shown_url(url), expected, "{url}");
        }
    }

    #[test]
    fn a_line_is_one_line_and_bounded() {
        let text = "a\nb\r\x1b[31m\u{2028}c\u{202e}d\0é\u{301}";
        assert_eq!(on_one_line(text), "a\u{fffd}b\u{fffd}\u{fffd}[31m\u{fffd}c\u{fffd}d\u{fffd}é\u{301}");
        assert_eq!(on_one_line(&"é".repeat(4_000)), "é".repeat(4_000));
        assert_eq!(on_one_line(&"é".repeat(5_000)), "é".repeat(4_000) + "…");
    }
}
