//! Streams in parts through a cache without the edge: `jackstaff origin --stream-seconds` behind Varnish, with the
//! Varnish version of `vcl/` (`vcl/varnish/`). The files for Fastly are tested by falco (`scripts/check`).

mod collapse;
mod edge_token;
mod failures;
mod many_clients;
mod replay;
mod sdk;
mod world;
