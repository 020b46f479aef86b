//! The `jackstaff serve` that other commands ask.

use std::path::PathBuf;

use anyhow::Result;
use api::Secret;
use clap::Args;

use crate::plain_http;
use crate::target::ORIGIN_TOKEN;

#[derive(Args)]
pub(crate) struct ServeArguments {
    /// The `jackstaff serve` that publishes to the edge; it is asked how publishing goes
    #[arg(long, value_name = "URL")]
    pub(crate) serve: Option<String>,
    /// A file with its token
    #[arg(long, value_name = "FILE", requires = "serve")]
    serve_token_file: Option<PathBuf>,
}

impl ServeArguments {
    /// The token for it, if there is one. Warns, in the name of a `command`, if others can read it on its way.
    ///
    /// # Errors
    /// The file cannot be read.
    pub(crate) fn token(&self, command: &str) -> Result<Option<Secret>> {
        let Some(url) = &self.serve else { return Ok(None) };
        let token = Secret::read_token(self.serve_token_file.as_deref(), ORIGIN_TOKEN)?;
        if token.is_some() {
            plain_http::warn(command, "--serve", url);
        }
        Ok(token)
    }
}
