//! Flagsmith's API, as far as it answers a server-side key with its environment's document (`src/api/PROTOCOL.md`, 6.1 and
//! 6.3).
//!
//! What this module never does: give a part of a document, put together pages of different states, send a key to another
//! server than the one that was named, or show a key.

mod address;
mod error;
mod link;
mod pages;
#[cfg(test)]
mod tests;

use api::Secret;
use std::io::Read;
use std::sync::Arc;
use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder};
use flate2::read::MultiGzDecoder;
use thiserror::Error;
use ureq::Agent;
use ureq::http::header::{ACCEPT, ACCEPT_ENCODING, CONTENT_ENCODING, HeaderValue, LOCATION};
use ureq::http::{HeaderMap, Request};
use ureq::tls::{PemItem, RootCerts, TlsConfig, parse_pem};
use url::Url;

pub use address::FlagsmithUrlError;
pub use error::{FlagsmithError, PageError};

use crate::client::asked_pause;
use crate::clock::Clock;
use crate::foreign::excerpt;
use address::Address;
use error::FlagsmithErrorKind;
use pages::Pages;

/// How long a document may take, with all its pages, pauses and further tries.
const DOCUMENT_TIMEOUT: Duration = Duration::from_secs(180);
/// How long one page may take.
const PAGE_TIME: Duration = Duration::from_secs(30);
/// Pauses between tries.
const FIRST_PAUSE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// The longest `Retry-After` that is waited for; a longer one ends the tries.
const LONGEST_ASKED_PAUSE: Duration = Duration::from_secs(30);
/// How often a document is begun that changes from page to page.
const BEGINNINGS: usize = 4;
/// Pages of a document. One has about a megabyte.
const PAGES: usize = 1_000;
/// How often one page may be said to be elsewhere.
const REDIRECTS: usize = 3;
/// Bytes of an answer that is not a document, of which some are shown.
const REFUSAL_LIMIT: u64 = 64 << 10;

/// Flagsmith's API.
#[derive(Debug)]
pub struct Flagsmith {
    address: Address,
    agent: Agent,
    /// Keeps no connection.
    agent_for_one: Agent,
}

/// How it is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Connection {
    /// Over a connection that is kept, if there is one.
    Kept,
    /// Over one of its own, which may lead to another of several processes.
    New,
}

impl Flagsmith {
    /// Of a base URL: `https://edge.api.flagsmith.com/api/v1`, or `http://host:8000`, to which `/api/v1` is added.
    ///
    /// # Errors
    /// If nothing can be asked at such a URL.
    pub fn new(url: &str) -> Result<Flagsmith, FlagsmithUrlError> {
        Ok(Flagsmith::at(Address::parse(url)?, &RootCerts::WebPki))
    }

    fn at(address: Address, trusted: &RootCerts) -> Flagsmith {
        let agent = |connection| agent(trusted.clone(), connection);
        Flagsmith { address, agent: agent(Connection::Kept), agent_for_one: agent(Connection::New) }
    }

    /// Trusts servers by these certificates (PEM) alone.
    ///
    /// # Errors
    /// If there is none, or one cannot be read.
    pub fn trusting(self, pem: &[u8]) -> Result<Flagsmith, CertificatesError> {
        let mut certificates = Vec::new();
        for item in parse_pem(pem) {
            if let PemItem::Certificate(certificate) = item.map_err(|_| CertificatesError::Unreadable)? {
                certificates.push(certificate);
            }
        }
        if certificates.is_empty() {
            return Err(CertificatesError::None);
        }
        Ok(Flagsmith::at(self.address, &RootCerts::Specific(Arc::new(certificates))))
    }

    /// The base, as it is shown: without a slash at its end.
    pub fn base(&self) -> &str {
        self.address.base()
    }

    /// The text of the document that a server-side key opens, whole: all its pages, and all of them of one state. What
    /// may pass is tried again so many times, pages and all.
    ///
    /// # Errors
    /// Why it could not be had.
    pub fn fetch(
        &self,
        key: &Secret,
        connection: Connection,
        clock: &dyn Clock,
        retries: usize,
    ) -> Result<String, FlagsmithError> {
        let pauses = ExponentialBuilder::default()
            .with_min_delay(FIRST_PAUSE)
            .with_max_delay(LONGEST_PAUSE)
            .with_max_times(retries)
            .with_jitter()
            .build();
        let deadline = clock.elapsed() + DOCUMENT_TIMEOUT;
        let mut fetching = Fetching { flagsmith: self, key, connection, clock, deadline, pauses };
        for _ in 0..BEGINNINGS {
            if let Some(text) = fetching.document()? {
                return Ok(text);
            }
        }
        Err(FlagsmithError::changing(BEGINNINGS))
    }
}

/// Why a file of certificates is of no use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum CertificatesError {
    #[error("a certificate in it cannot be read")]
    Unreadable,
    #[error("there is no certificate in it")]
    None,
}

fn agent(trusted: RootCerts, connection: Connection) -> Agent {
    let config = Agent::config_builder();
    let config = match connection {
        Connection::Kept => config,
        Connection::New => config.max_idle_connections(0).max_idle_connections_per_host(0),
    };
    config
        .http_status_as_error(false)
        .timeout_connect(Some(Duration::from_secs(5)))
        // A key is sent to no other server than the one that it is for.
        .max_redirects(0)
        .tls_config(TlsConfig::builder().root_certs(trusted).build())
        .user_agent(concat!("jackstaff/", env!("CARGO_PKG_VERSION")))
        .build()
        .into()
}

/// The fetching of one document.
struct Fetching<'a> {
    flagsmith: &'a Flagsmith,
    key: &'a Secret,
    connection: Connection,
    clock: &'a dyn Clock,
    deadline: Duration,
    /// Those that are left, for all pages together.
    pauses: ExponentialBackoff,
}

/// A page and what is said about the next.
struct Page {
    text: String,
    next: Option<Url>,
}

impl Fetching<'_> {
    /// All pages from the first on; none if the document changed on the way.
    fn document(&mut self) -> Result<Option<String>, FlagsmithError> {
        let mut pages = Pages::default();
        let mut next = Some(self.flagsmith.address.document());
        let mut asked = Vec::new();
        while let Some(url) = next {
            let number = asked.len() + 1;
            if asked.contains(&url) {
                return Err(FlagsmithError::of(number, PageError::Round));
            }
            if number > PAGES {
                return Err(FlagsmithError::of(number, PageError::TooMany { pages: PAGES }));
            }
            next = match self.page(number, &url, &mut pages)? {
                Some(page) => page.next,
                None => return Ok(None),
            };
            asked.push(url);
        }
        let whole = pages.whole().map_err(|kind| FlagsmithError::of(asked.len(), kind))?;
        Ok(Some(whole))
    }

    /// A page, which is added to those before it; none if it is of another state. Tried several times if need be.
    fn page(&mut self, number: usize, url: &Url, pages: &mut Pages) -> Result<Option<Page>, FlagsmithError> {
        loop {
            let kind = match self.ask(url) {
                Ok(page) => match pages.add(&page.text) {
                    Ok(true) => return Ok(Some(page)),
                    Ok(false) => return Ok(None),
                    Err(kind) => kind.into(),
                },
                Err(kind) => kind,
            };
            let failed = FlagsmithError::of(number, kind);
            let asked = failed.asked_pause().unwrap_or_default();
            let again = failed.is_transient() && asked <= LONGEST_ASKED_PAUSE;
            let pause = if again { self.pauses.next() } else { None };
            match pause.map(|pause| pause.max(asked)).filter(|pause| *pause < self.remaining()) {
                Some(pause) => self.clock.sleep(pause),
                None => return Err(failed),
            }
        }
    }

    fn remaining(&self) -> Duration {
        self.deadline.saturating_sub(self.clock.elapsed())
    }

    /// Asks once, and at another path of the same server if that is where the answer sends.
    fn ask(&self, url: &Url) -> Result<Page, FlagsmithErrorKind> {
        let mut url = url.clone();
        for _ in 0..=REDIRECTS {
            match self.get(&url)? {
                Answer::Page { text, headers } => {
                    let next = link::next(&headers)?;
                    let next = next.map(|target| self.flagsmith.address.same_server(&url, &target));
                    return Ok(Page { text, next: next.transpose()? });
                }
                Answer::Elsewhere { target } => {
                    url = self.flagsmith.address.same_server(&url, &target)?;
                }
            }
        }
        Err(PageError::Redirects.into())
    }

    fn get(&self, url: &Url) -> Result<Answer, FlagsmithErrorKind> {
        let remaining = self.remaining();
        if remaining.is_zero() {
            return Err(FlagsmithErrorKind::OutOfTime { after: DOCUMENT_TIMEOUT });
        }
        let mut key = HeaderValue::from_str(self.key.reveal()).map_err(ureq::http::Error::from)?;
        key.set_sensitive(true);
        let request =
            Request::get(url.as_str()).header("X-Environment-Key", key).header(ACCEPT, "application/json");
        let request = request.header(ACCEPT_ENCODING, "gzip");
        let agent = match self.connection {
            Connection::Kept => &self.flagsmith.agent,
            Connection::New => &self.flagsmith.agent_for_one,
        };
        let request =
            agent.configure_request(request.body(())?).timeout_global(Some(remaining.min(PAGE_TIME)));
        let (parts, mut body) = agent.run(request.build())?.into_parts();
        let location = parts.headers.get(LOCATION).and_then(|location| location.to_str().ok());
        if parts.status.is_redirection()
            && let Some(target) = location
        {
            return Ok(Answer::Elsewhere { target: target.to_owned() });
        }
        if parts.status != ureq::http::StatusCode::OK {
            let mut refusal = Vec::new();
            // One that breaks off has said enough.
            let _ = body.as_reader().take(REFUSAL_LIMIT).read_to_end(&mut refusal);
            if is_gzip(&parts.headers) {
                refusal = unzipped(&refusal).unwrap_or_default();
            }
            return Err(FlagsmithErrorKind::Status {
                status: parts.status,
                detail: excerpt(&refusal, [self.key]),
                asked: asked_pause(parts.status, &parts.headers, self.clock.now()),
            });
        }
        let mut bytes = body.with_config().limit(pages::BYTES).read_to_vec()?;
        if is_gzip(&parts.headers) {
            bytes = unzipped(&bytes)?;
        }
        let text = String::from_utf8(bytes).map_err(|_| PageError::Encoding)?;
        Ok(Answer::Page { text, headers: parts.headers })
    }
}

fn is_gzip(headers: &HeaderMap) -> bool {
    headers.get(CONTENT_ENCODING).is_some_and(|coding| coding.as_bytes().eq_ignore_ascii_case(b"gzip"))
}

/// What was compressed, as long as that is no more than a document may have.
fn unzipped(bytes: &[u8]) -> Result<Vec<u8>, PageError> {
    let mut whole = Vec::new();
    let read = MultiGzDecoder::new(bytes).take(pages::BYTES + 1).read_to_end(&mut whole);
    read.map_err(|_| PageError::Gzip)?;
    if whole.len() as u64 > pages::BYTES {
        return Err(PageError::TooLarge { bytes: pages::BYTES });
    }
    Ok(whole)
}

enum Answer {
    Page { text: String, headers: HeaderMap },
    Elsewhere { target: String },
}
