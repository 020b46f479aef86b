//! The `Link` header (RFC 8288), as far as it names the next page.

use ureq::http::HeaderMap;
use ureq::http::header::LINK;

use super::error::PageError;

/// The next page; none if this is the last. A header that cannot be read might hide one, so it is an error.
pub(crate) fn next(headers: &HeaderMap) -> Result<Option<String>, PageError> {
    for value in headers.get_all(LINK) {
        let value = value.to_str().map_err(|_| PageError::Link)?;
        for link in split(value, ',') {
            let mut parts = split(link, ';').into_iter();
            let target = parts.next().unwrap_or_default().trim();
            if parts.any(is_next) {
                let target = target.strip_prefix('<').and_then(|target| target.strip_suffix('>'));
                return target.map(|target| Some(target.trim().to_owned())).ok_or(PageError::Link);
            }
        }
    }
    Ok(None)
}

/// `rel="next"`, perhaps among others.
fn is_next(parameter: &str) -> bool {
    let Some((name, value)) = parameter.split_once('=') else { return false };
    let mut relations = value.trim().trim_matches('"').split_whitespace();
    name.trim().eq_ignore_ascii_case("rel") && relations.any(|relation| relation.eq_ignore_ascii_case("next"))
}

/// Splits at what stands neither in a target nor in quotes.
fn split(text: &str, separator: char) -> Vec<&str> {
    let (mut in_target, mut in_quotes) = (false, false);
    text.split(|character| {
        match character {
            '"' if !in_target => in_quotes = !in_quotes,
            '<' if !in_quotes => in_target = true,
            '>' if !in_quotes => in_target = false,
            _ => {}
        }
        character == separator && !in_target && !in_quotes
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links() {
        for (values, expected) in [
            (vec![], Ok(None)),
            (
                vec!["</a/?page_id=identity_override%3A1%3Ab>; rel=\"next\""],
                Ok(Some("/a/?page_id=identity_override%3A1%3Ab")),
            ),
            (vec!["<http://h/a?page_id=x:1:y>;REL=next"], Ok(Some("http://h/a?page_id=x:1:y"))),
            (
                vec!["</0>; rel=\"prev first\", </a,b;c>; title=\"x, y; rel=next\"; rel=\"last Next\""],
                Ok(Some("/a,b;c")),
            ),
            (vec!["</0>; rel=prev", "</1>; rel=next"], Ok(Some("/1"))),
            (vec!["</0>; rel=prev; title=\"rel=next\""], Ok(None)),
            (vec!["</0>; anchor=next"], Ok(None)),
            (vec!["/1; rel=next"], Err(PageError::Link)),
            (vec!["</1; rel=next"], Ok(None)),
        ] {
            let mut headers = HeaderMap::new();
            for value in &values {
                headers.append(LINK, value.parse().unwrap());
            }
            assert_eq!(next(&headers), expected.map(|target| target.map(str::to_owned)), "{values:?}");
        }
        let mut headers = HeaderMap::new();
        headers.append(LINK, b"</\xff>; rel=next".as_slice().try_into().unwrap());
        assert_eq!(next(&headers), Err(PageError::Link));
    }
}
