//! What a browser asks before and while a page of another origin reads flags.

use http::Method;

use crate::asking::Asking;
use crate::finding::Finding;

/// Without this one, JavaScript's SDK fetches again whenever its stream connects anew.
const UPDATED_AT: &str = "x-flagsmith-document-updated-at";

pub(crate) fn examine(asking: &Asking, edge: &str, key: &str, page: &str, tell: &mut dyn FnMut(Finding)) {
    let url = format!("{edge}/api/v1/flags/");
    let before = [
        ("origin", page),
        ("access-control-request-method", "GET"),
        ("access-control-request-headers", "x-environment-key"),
    ];
    let allowed = |list: &str, wanted: &str| {
        let mut names = list.split(',').map(str::trim);
        names.any(|name| name == "*" || name.eq_ignore_ascii_case(wanted))
    };
    let todo = "name the page's origin in `allowed_origins` of the edge's settings, as browsers write it, and let nothing before the \
                edge answer OPTIONS or take headers off";
    match asking.ask(&Method::OPTIONS, &url, &before, "") {
        Ok(answer) => {
            let origins = answer.header("access-control-allow-origin");
            let is_allowed = (200..300).contains(&answer.status)
                && (origins == "*" || origins == page)
                && allowed(answer.header("access-control-allow-headers"), "x-environment-key")
                && allowed(answer.header("access-control-allow-methods"), "GET");
            let asked = format!("{} from a page of {page}", answer.asked);
            let came = format!(
                "{}, allowing headers: {}",
                answer.shown_with("access-control-allow-origin"),
                answer.header("access-control-allow-headers")
            );
            tell(if is_allowed {
                Finding::sound("preflight", asked, came)
            } else {
                Finding::wrong(
                    "preflight",
                    asked,
                    came,
                    "browsers let no page of this origin ask for flags",
                    todo,
                )
            });
        }
        Err((asked, error)) => {
            tell(Finding::wrong("preflight", asked, error, "browsers let no page ask for flags", todo));
        }
    }
    let Ok(answer) = asking.get(&url, &[("origin", page), ("x-environment-key", key)]) else { return };
    let asked = format!("{} from a page of {page}", answer.asked);
    let origins = answer.header("access-control-allow-origin");
    if origins != "*" && origins != page {
        let came = answer.shown_with("access-control-allow-origin");
        tell(Finding::wrong(
            "pages",
            asked,
            came,
            "browsers hide the answer from pages of this origin",
            todo,
        ));
    } else if !allowed(answer.header("access-control-expose-headers"), UPDATED_AT) {
        tell(Finding::wrong(
            "pages",
            asked,
            answer.shown_with("access-control-expose-headers"),
            "pages cannot read the revision, so JavaScript's SDK fetches flags again whenever a stream ends",
            "let Access-Control-Expose-Headers through as it is",
        ));
    } else {
        tell(Finding::sound("pages", asked, answer.shown_with("access-control-allow-origin")));
    }
}
