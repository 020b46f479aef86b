//! The names of the service's stores and its backend, and of what lies in stores under a fixed name.

/// KV store: `environment/<client-side key>` and `server-key/<hash>`.
pub(crate) const KV_STORE: &str = "jackstaff";

/// Config store, with one key.
pub(crate) const CONFIG_STORE: &str = "jackstaff";
pub(crate) const SETTINGS: &str = "settings";

/// Secret store, with one secret: the token by which the origin knows edges. Neither has to be there.
pub(crate) const SECRET_STORE: &str = "jackstaff";
pub(crate) const EDGE_TOKEN: &str = "edge_token";

/// Backend: the origin of change signals.
pub(crate) const ORIGIN: &str = "origin";
