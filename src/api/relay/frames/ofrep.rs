//! The frames of OpenFeature's event streams (OFREP 0.3, `sseEvent`).

use super::{Current, Frames};
use crate::revision::Revision;

pub(super) const FRAMES: Frames = Frames { suffix: "/ofrep", current: Current::BeforePart, event };

/// Clients send `etag` and `lastModified` with the request for their flags that follows, and `id` when they connect again.
fn event(revision: Revision) -> String {
    format!(
        "id: {revision}\ndata: {{\"type\":\"refetchEvaluation\",\"etag\":\"{revision}\",\"lastModified\":{revision}}}\n\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_frame() {
        assert_eq!(
            event(Revision(1_772_450_553)),
            "id: 1772450553\n\
             data: {\"type\":\"refetchEvaluation\",\"etag\":\"1772450553\",\"lastModified\":1772450553}\n\n"
        );
    }
}
