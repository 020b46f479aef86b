//! The names of the service's stores and its backend, and of what lies in stores under a fixed name.

/// KV store: `environment/<client-side key>`, `server-key/<hash>` and `identity/<client-side key>/<hash>`.
pub(crate) const KV_STORE: &str = "jackstaff";

/// Config store, with one key.
pub(crate) const CONFIG_STORE: &str = "jackstaff";
pub(crate) const SETTINGS: &str = "settings";

/// Secret store: the token by which the origin knows edges, and what identifiers are hashed with. None of them has to be
/// there.
pub(crate) const SECRET_STORE: &str = "jackstaff";
pub(crate) const EDGE_TOKEN: &str = "edge_token";
pub(crate) const IDENTITY_KEY: &str = "identity_key";

/// Rate counter and penalty box: who writes traits too often.
pub(crate) const WRITES: &str = "jackstaff_trait_writes";
pub(crate) const WRITERS: &str = "jackstaff_trait_writers";

/// Backend: the origin of change signals.
pub(crate) const ORIGIN: &str = "origin";
