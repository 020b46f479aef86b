//! The environment document.

use crate::Opened;
use crate::finding::Finding;
use crate::keys::FoundDocument;

/// Bytes that a document may have.
const LIMIT: usize = 25_000_000;
/// From here on, it is near that.
const NEAR: usize = LIMIT / 5 * 4;

pub(crate) fn examine(found: &FoundDocument, opened: Option<Opened<'_>>, tell: &mut dyn FnMut(Finding)) {
    let FoundDocument { asked, bytes, client_key: of_document } = found;
    if let Some(Opened { key, .. }) = opened
        && key != of_document
    {
        tell(Finding::wrong(
            "environment",
            asked,
            format!("the document of {of_document}"),
            "the two keys are of different environments, so local and remote evaluation differ",
            &format!("give servers a server-side key of {key}"),
        ));
    }
    let came = format!("{bytes} of {LIMIT} bytes");
    if *bytes >= NEAR {
        let finding = Finding::wrong(
            "document",
            asked,
            came,
            "a document beyond the limit is refused, and the last one stays",
            "delete what nobody needs: overrides of identities, archived features; `jackstaff lint` says what costs most",
        );
        tell(finding);
    } else {
        tell(Finding::sound("document", asked, came));
    }
}
