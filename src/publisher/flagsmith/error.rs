//! What went wrong while a document was fetched. No message shows a key.

use api::EnvironmentKey;
use std::time::Duration;

use thiserror::Error;
use ureq::http::StatusCode;

/// Why a document could not be fetched.
#[derive(Debug, Error)]
#[error("{}: {kind}", what(*.page))]
pub struct FlagsmithError {
    /// From 1.
    page: usize,
    kind: FlagsmithErrorKind,
}

fn what(page: usize) -> String {
    if page > 1 {
        format!("fetching page {page} of the environment document")
    } else {
        "fetching the environment document".to_owned()
    }
}

/// In which way it failed.
#[derive(Debug, Error)]
pub(crate) enum FlagsmithErrorKind {
    #[error("{0}")]
    Transport(#[from] ureq::Error),
    #[error("answered {status}{detail}{}", to_be_asked_again(*.asked))]
    Status { status: StatusCode, detail: String, asked: Option<Duration> },
    #[error(transparent)]
    Page(#[from] PageError),
    #[error("it changed from one page to the next, {beginnings} times over")]
    Changing { beginnings: usize },
    #[error("not tried any more after {} s", after.as_secs())]
    OutOfTime { after: Duration },
}

/// What is wrong with an answer.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum PageError {
    #[error("the answer is not UTF-8")]
    Encoding,
    #[error("the answer is labelled gzip, and is not gzip or breaks off")]
    Gzip,
    /// The parser's place, and no text of the document.
    #[error("the answer is not a JSON object: line {line}, column {column}")]
    Json { line: usize, column: usize },
    #[error("identity_overrides of the answer is not a list")]
    Overrides,
    #[error("the answer's Link header cannot be read")]
    Link,
    #[error("the answer sends to another server, {server}, which is not followed")]
    Elsewhere { server: String },
    #[error("the answers redirect too often")]
    Redirects,
    #[error("the next page is one that was read before")]
    Round,
    #[error("there are more than {pages} pages")]
    TooMany { pages: usize },
    #[error("there are more than {bytes} bytes")]
    TooLarge { bytes: u64 },
}

impl From<ureq::http::Error> for FlagsmithErrorKind {
    fn from(error: ureq::http::Error) -> Self {
        FlagsmithErrorKind::Transport(error.into())
    }
}

fn to_be_asked_again(asked: Option<Duration>) -> String {
    asked.map_or_else(String::new, |asked| format!(" (to be asked again after {} s)", asked.as_secs()))
}

impl FlagsmithError {
    pub(crate) fn of(page: usize, kind: impl Into<FlagsmithErrorKind>) -> FlagsmithError {
        FlagsmithError { page, kind: kind.into() }
    }

    pub(crate) fn changing(beginnings: usize) -> FlagsmithError {
        FlagsmithError::of(1, FlagsmithErrorKind::Changing { beginnings })
    }

    /// How long the server asked not to be asked again.
    pub fn asked_pause(&self) -> Option<Duration> {
        match &self.kind {
            FlagsmithErrorKind::Status { asked, .. } => *asked,
            _ => None,
        }
    }

    /// In which way it failed, without what differs from one time to the next.
    pub fn kind(&self) -> String {
        match &self.kind {
            FlagsmithErrorKind::Transport(_) => "transport".to_owned(),
            FlagsmithErrorKind::Status { status, .. } => status.to_string(),
            FlagsmithErrorKind::Page(PageError::Json { .. }) => "not a JSON object".to_owned(),
            kind => kind.to_string(),
        }
    }

    /// Whether the key opens nothing, or there is no such API, so that another try soon is of no use.
    pub fn is_final(&self) -> bool {
        let refusals = [StatusCode::UNAUTHORIZED, StatusCode::FORBIDDEN, StatusCode::NOT_FOUND];
        matches!(&self.kind, FlagsmithErrorKind::Status { status, .. } if refusals.contains(status))
    }

    /// Whether the server refused the key.
    pub fn is_refusal(&self) -> bool {
        let refusals = [StatusCode::UNAUTHORIZED, StatusCode::FORBIDDEN];
        matches!(&self.kind, FlagsmithErrorKind::Status { status, .. } if refusals.contains(status))
    }

    /// What a refused key may mean, and what to do.
    pub fn advice(&self, environment: &EnvironmentKey) -> Option<String> {
        self.is_refusal().then(|| {
            format!(
                "was the key deleted in Flagsmith? List another one in the manifest. The environment? `jackstaff \
                 unpublish {environment}` removes it here, too. Or Flagsmith serves the organisation no more"
            )
        })
    }

    /// Whether another try at once may succeed.
    pub(crate) fn is_transient(&self) -> bool {
        match &self.kind {
            FlagsmithErrorKind::Transport(error) => !matches!(
                error,
                ureq::Error::BadUri(_) | ureq::Error::Http(_) | ureq::Error::BodyExceedsLimit(_)
            ),
            FlagsmithErrorKind::Status { status, .. } => {
                [StatusCode::TOO_MANY_REQUESTS, StatusCode::REQUEST_TIMEOUT].contains(status)
                    || status.is_server_error()
            }
            // An answer that broke off may look so.
            FlagsmithErrorKind::Page(kind) => {
                matches!(kind, PageError::Json { .. } | PageError::Encoding | PageError::Gzip)
            }
            FlagsmithErrorKind::Changing { .. } | FlagsmithErrorKind::OutOfTime { .. } => false,
        }
    }
}
