//! The frames of Flagsmith's SDKs (`PROTOCOL.md`, 7.2).

use super::{Current, Frames};
use crate::signal;

pub(super) const FRAMES: Frames = Frames { suffix: "", current: Current::InPart, event: signal::event };
