//! Where Flagsmith's API is.

use thiserror::Error;
use url::Url;

use super::error::PageError;

/// The path of the API at any server.
const ROOT: &str = "/api/v1";

/// Why nothing can be asked at a URL.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum FlagsmithUrlError {
    #[error("not a URL: {0}")]
    Unreadable(url::ParseError),
    #[error("not a URL of http or https")]
    Scheme,
    #[error("a user name, a password, a query or a fragment has no place in it")]
    Extras,
}

/// The base of the API.
#[derive(Debug, Clone)]
pub(crate) struct Address {
    base: String,
    document: Url,
}

impl Address {
    pub(crate) fn parse(text: &str) -> Result<Address, FlagsmithUrlError> {
        let url = Url::parse(text).map_err(FlagsmithUrlError::Unreadable)?;
        if !["http", "https"].contains(&url.scheme()) {
            return Err(FlagsmithUrlError::Scheme);
        }
        let has_extras = !url.username().is_empty()
            || url.password().is_some()
            || url.query().is_some()
            || url.fragment().is_some();
        if has_extras {
            return Err(FlagsmithUrlError::Extras);
        }
        let mut base = url.as_str().trim_end_matches('/').to_owned();
        if !base.ends_with(ROOT) {
            base.push_str(ROOT);
        }
        let document = Url::parse(&format!("{base}/environment-document/"));
        Ok(Address { document: document.map_err(FlagsmithUrlError::Unreadable)?, base })
    }

    pub(crate) fn base(&self) -> &str {
        &self.base
    }

    /// The document's first page.
    pub(crate) fn document(&self) -> Url {
        self.document.clone()
    }

    /// Where an answer from `here` sends, absolutely or relatively; never to another server.
    pub(crate) fn same_server(&self, here: &Url, target: &str) -> Result<Url, PageError> {
        let url = here.join(target).map_err(|_| PageError::Link)?;
        if url.origin() != self.document.origin() {
            // The rest of the URL may hold a key.
            return Err(PageError::Elsewhere { server: url.origin().ascii_serialization() });
        }
        Ok(url)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bases() {
        for (text, expected) in [
            ("https://edge.api.flagsmith.com/api/v1/", "https://edge.api.flagsmith.com/api/v1"),
            ("https://edge.api.flagsmith.com/api/v1", "https://edge.api.flagsmith.com/api/v1"),
            ("http://host:8000", "http://host:8000/api/v1"),
            ("http://host:8000/", "http://host:8000/api/v1"),
            ("http://host/flags//", "http://host/flags/api/v1"),
        ] {
            let address = Address::parse(text).unwrap();
            assert_eq!(address.base(), expected, "{text}");
            assert_eq!(address.document().as_str(), format!("{expected}/environment-document/"), "{text}");
        }
        for (text, expected) in [
            ("flagsmith:8000", FlagsmithUrlError::Scheme),
            ("flagsmith", FlagsmithUrlError::Unreadable(url::ParseError::RelativeUrlWithoutBase)),
            ("ftp://flagsmith", FlagsmithUrlError::Scheme),
            ("http://", FlagsmithUrlError::Unreadable(url::ParseError::EmptyHost)),
            ("http://me:secret@flagsmith", FlagsmithUrlError::Extras),
            ("http://flagsmith?key=ser.secret", FlagsmithUrlError::Extras),
        ] {
            assert_eq!(Address::parse(text).unwrap_err(), expected, "{text}");
        }
    }

    #[test]
    fn targets() {
        let address = Address::parse("http://host:8000/flags").unwrap();
        for (target, expected) in [
            (
                "?page_id=identity_override%3A1%3Ab",
                Ok("/flags/api/v1/environment-document/?page_id=identity_override%3A1%3Ab"),
            ),
            (
                "/api/v1/environment-document/?page_id=identity_override:1:b",
                Ok("/api/v1/environment-document/?page_id=identity_override:1:b"),
            ),
            ("http://host:8000/x", Ok("/x")),
            ("http://host:8001/x", Err("http://host:8001")),
            ("https://host:8000/x", Err("https://host:8000")),
            ("//other:8000/x?ser.secret", Err("http://other:8000")),
        ] {
            let expected = expected
                .map(|path| format!("http://host:8000{path}"))
                .map_err(|server| PageError::Elsewhere { server: server.into() });
            let url = address.same_server(&address.document(), target).map(String::from);
            assert_eq!(url, expected, "{target}");
        }
        assert_eq!(address.same_server(&address.document(), "http://"), Err(PageError::Link));
    }
}
