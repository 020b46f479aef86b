//! The setting `allowed_origins`. Whatever is wrong with it, no page gets more than was meant.

use serde_json::Value;

type Origins = Option<Vec<String>>;

/// Reads the list; with it comes a text about each origin that no browser can send. A list that holds `*` allows every
/// origin.
pub(super) fn parse(value: &Value) -> Result<(Origins, Vec<String>), &'static str> {
    let list =
        value.as_array().and_then(|list| list.iter().map(Value::as_str).collect::<Option<Vec<&str>>>());
    let list = list.ok_or("not a list of strings, so no origin is allowed")?;
    if list.contains(&"*") {
        return Ok((None, Vec::new()));
    }
    let hopeless = list.iter().filter_map(|origin| {
        let why = why_hopeless(origin)?;
        Some(format!("{origin:?} allows no page: {why}"))
    });
    let hopeless = hopeless.collect();
    Ok((Some(list.into_iter().map(str::to_owned).collect()), hopeless))
}

/// Whether a member that is not known here was meant to be the list.
pub(super) fn is_misspelt(member: &str) -> bool {
    member != "allowed_origins" && member.to_ascii_lowercase().contains("origin")
}

/// Why no browser sends this text as an origin. Browsers send scheme, host and port: in lower case, hosts of other
/// alphabets in their ASCII form, without the default port, and nothing behind it. `null` is sent, too.
fn why_hopeless(origin: &str) -> Option<&'static str> {
    if origin == "null" {
        return None;
    }
    let Some((scheme, authority)) = origin.split_once("://").filter(|(scheme, _)| is_scheme(scheme)) else {
        return Some("an origin starts with a scheme, as in https://shop.example");
    };
    if authority.contains(['/', '?', '#', '\\']) {
        return Some("an origin ends with its host or port, without a slash or a path");
    }
    if origin.contains('*') {
        return Some("only a bare \"*\" stands for others");
    }
    if origin.contains(|c: char| c.is_uppercase()) {
        return Some("browsers send origins in lower case");
    }
    if !authority.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'@') {
        return Some("only ASCII letters, digits and dots stand in a host, as browsers write it");
    }
    let after_brackets = authority.rfind(']').map_or(0, |end| end + 1);
    let (host, port) = match authority[after_brackets..].split_once(':') {
        Some((host, port)) => (&authority[..after_brackets + host.len()], Some(port)),
        None => (authority, None),
    };
    if host.is_empty() {
        return Some("there is no host");
    }
    match (scheme, port) {
        (_, None) => None,
        ("https", Some("443")) | ("http", Some("80")) => Some("browsers leave the default port out"),
        (_, Some(port)) if !is_port(port) => Some("the port is not a number from 0 to 65535"),
        _ => None,
    }
}

fn is_scheme(scheme: &str) -> bool {
    let mut bytes = scheme.bytes();
    bytes.next().is_some_and(|first| first.is_ascii_alphabetic())
        && bytes.all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte))
}

/// As browsers write it, without zeros in front.
fn is_port(port: &str) -> bool {
    port.parse::<u16>().is_ok_and(|number| number.to_string() == port)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins_that_no_browser_sends_are_named() {
        for origin in [
            "https://shop.example",
            "http://shop.example",
            "https://shop.example:8443",
            "https://shop.example:80",
            "http://localhost:3000",
            "http://127.0.0.1",
            "http://[::1]:5173",
            "https://[2001:db8::1]",
            "https://xn--bcher-kva.example",
            "capacitor://localhost",
            "chrome-extension://abcdefghijklmnop",
            "null",
        ] {
            assert_eq!(why_hopeless(origin), None, "{origin}");
        }
        for (origin, why) in [
            ("https://shop.example/", "without a slash or a path"),
            ("https://shop.example/app", "without a slash or a path"),
            ("https://shop.example?x", "without a slash or a path"),
            ("https://Shop.example", "lower case"),
            ("HTTPS://shop.example", "lower case"),
            ("https://*.shop.example", "\"*\""),
            ("*.shop.example", "scheme"),
            ("shop.example", "scheme"),
            ("//shop.example", "scheme"),
            ("localhost:3000", "scheme"),
            ("", "scheme"),
            ("https:shop.example", "scheme"),
            (" https://shop.example", "scheme"),
            ("https://shop.example ", "ASCII"),
            ("https://bücher.example", "ASCII"),
            ("https://user@shop.example", "ASCII"),
            ("https://", "no host"),
            ("https://:8443", "no host"),
            ("https://shop.example:443", "default port"),
            ("http://shop.example:80", "default port"),
            ("https://shop.example:", "the port"),
            ("https://shop.example:08443", "the port"),
            ("https://shop.example:99999", "the port"),
        ] {
            let found = why_hopeless(origin).unwrap_or_default();
            assert!(found.contains(why), "{origin}: {found:?}");
        }
    }

    #[test]
    fn the_others_of_the_list_count() {
        let (origins, hopeless) =
            parse(&serde_json::json!(["https://a.example", "https://b.example/"])).unwrap();
        assert_eq!(origins, Some(vec!["https://a.example".to_owned(), "https://b.example/".to_owned()]));
        let expected = "\"https://b.example/\" allows no page: an origin ends with its host or port, without a \
                        slash or a path";
        assert_eq!(hopeless, [expected]);
        assert_eq!(parse(&serde_json::json!(["https://a.example/", "*"])), Ok((None, vec![])));
        assert_eq!(parse(&serde_json::json!([])), Ok((Some(vec![]), vec![])));
    }
}
