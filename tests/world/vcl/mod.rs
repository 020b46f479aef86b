//! Streams in parts through a cache that is no edge: `jackstaff origin --stream-seconds` behind Varnish, with the twin of
//! `vcl/` (`vcl/varnish/`). What Fastly's own dialect says is tested beside it, by falco (`scripts/check`).

mod collapse;
mod failures;
mod many_clients;
mod replay;
mod sdk;
mod world;
