//! Streams in parts through a cache that is no edge: `jackstaff origin --stream-seconds` behind Varnish, with the twin of
//! `vcl/` (`vcl/varnish/`). What Fastly's own dialect says is tested beside it, by falco (`scripts/check`).
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test says what it expects by panicking")]

mod collapse;
mod crowd;
mod failures;
mod replay;
mod sdk;
mod twins;
mod world;
