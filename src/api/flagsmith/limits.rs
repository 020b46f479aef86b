//! What a request may hold: counted, not timed. `README.md` of this crate lists all limits, with their reasons.

/// Bytes of a request's body that are accepted.
pub const BODY_LIMIT: usize = 1 << 20;

/// Characters of an identifier, of a trait's value and of a feature's name. Flagsmith's own limits for the three.
pub(super) const TEXT_LIMIT: usize = 2_000;

/// Characters of a trait's key. Flagsmith's own limit.
pub(super) const KEY_LIMIT: usize = 200;
