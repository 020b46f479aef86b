//! The origin: publishers announce here that an environment changed, and edges hear of it.
//!
//! It holds no flags, no documents and no keys of clients: per environment it knows one number, the latest revision that
//! was announced, and the streams that are open. It writes nothing to disk and can be lost and restarted with nothing to
//! restore, since edges also look at the KV store on their own.
//!
//! [`run`] serves [`app`] on a listener that the caller opened, until the caller says so:
//!
//! ```no_run
//! # async fn example() -> std::io::Result<()> {
//! use origin::{Origin, Settings};
//!
//! let origin = Origin::new(Settings::default());
//! if origin.accepts_everyone() {
//!     eprintln!("no token is configured: anybody who reaches this address can announce changes");
//! }
//! let listener = origin::listen(([127, 0, 0, 1], 7678).into())?;
//! let shutdown = async { drop(tokio::signal::ctrl_c().await) };
//! origin::run(listener, origin, shutdown).await;
//! # Ok(())
//! # }
//! ```

mod admission;
mod announced;
mod app;
mod bus;
mod client_address;
mod connections;
mod control;
mod edge_tokens;
mod health;
mod hub;
mod listener;
mod metrics;
mod part_number;
mod queue_change;
mod request;
mod request_error;
mod serve;
mod state;
mod stream;
mod stream_part;
mod watch_metrics;
mod webhook;

pub use app::app;
pub use bus::{BusAddress, BusAddressError};
pub use client_address::{TrustedProxy, TrustedProxyError};
pub use control::Control;
pub use edge_tokens::{EdgeTokens, EdgeTokensError};
pub use hub::HubError;
pub use serve::{listen, run};
pub use state::{Origin, Settings};
pub use stream_part::StreamPart;
