//! Pages of the document (`PROTOCOL.md`, 6.3): for clients that ask for them, and all of one revision.

use serde_json::{Value, json};

use crate::ask::{DOCUMENT, detail};
use crate::compare::compare;
use crate::documents::{With, shop};
use crate::edge::{CLIENT, Edge, REVISION, SERVER, edge};

/// More overrides than a page has room for.
const OVERRIDES: usize = 2_000;

/// The shop with identities whose overrides take more than two pages.
fn great_shop() -> Value {
    let mut state = shop()["feature_states"][0].clone();
    state["feature_state_value"] = json!("x".repeat(1_000));
    let overrides: Vec<Value> = (0..OVERRIDES)
        .map(|n| json!({ "identifier": format!("u{n:06}"), "identity_features": [state] }))
        .collect();
    shop().with("/identity_overrides", overrides.into())
}

fn page_id(n: usize) -> String {
    format!("{DOCUMENT}?page_id={REVISION}.{n}")
}

fn next_of(link: &str) -> Option<String> {
    let path = link.strip_prefix('<')?.strip_suffix(">; rel=\"next\"")?;
    Some(path.to_owned())
}

/// What a client gets that follows links.
fn follow(edge: &Edge, first: &str, headers: &[(&str, &str)]) -> Vec<Value> {
    let mut pages = Vec::new();
    let mut next = Some(first.to_owned());
    while let Some(path) = next {
        let ask =
            headers.iter().fold(edge.get(&path).key(SERVER), |ask, (name, value)| ask.header(name, value));
        let answer = ask.answer();
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        assert!(answer.body.len() < 1_100_000, "{path}: {} bytes", answer.body.len());
        next = next_of(&answer.header("link"));
        pages.push(answer.json().1);
        assert!(pages.len() < 20, "pages without an end");
    }
    pages
}

#[test]
fn pages_are_for_clients_that_ask_and_the_whole_document_for_all_others() {
    let edge = edge(&great_shop());
    let whole = edge.get(DOCUMENT).key(SERVER).answer();
    assert_eq!(whole.header("link"), "");
    let whole = whole.json().1;
    assert_eq!(whole["identity_overrides"].as_array().unwrap().len(), OVERRIDES);
    let first = format!("{DOCUMENT}?page_id=");
    for (path, headers) in [(first.as_str(), &[][..]), (DOCUMENT, &[("jackstaff-pages", "1")][..])] {
        let mut pages = follow(&edge, path, headers);
        assert!(pages.len() > 2, "{} pages", pages.len());
        let mut overrides = Vec::new();
        for page in &mut pages {
            overrides.append(page["identity_overrides"].as_array_mut().unwrap());
            page["identity_overrides"] = json!([]);
            assert_eq!(
                *page,
                whole.clone().with("/identity_overrides", json!([])),
                "{path}: the same but for overrides"
            );
        }
        assert_eq!(json!(overrides), whole["identity_overrides"], "{path}");
    }
}

#[test]
fn a_token_has_no_character_that_a_client_may_decode_twice() {
    let edge = edge(&great_shop());
    let link = edge.get(&format!("{DOCUMENT}?page_id=")).key(SERVER).answer().header("link");
    assert_eq!(link, format!("</api/v1/environment-document/?page_id={REVISION}.1>; rel=\"next\""));
}

/// All pages of a fetch are of one revision, or it fails, and SDKs begin again.
#[test]
fn a_page_of_another_revision_is_gone() {
    let edge = edge(&great_shop());
    let gone = "There is no such page of the current revision. Ask for the first page again.";
    let later = REVISION + 1;
    let ids = [
        format!("{}.1", REVISION - 1),
        format!("{later}.1"),
        format!("{REVISION}"),
        format!("{REVISION}."),
        format!("{REVISION}.x"),
        format!("{REVISION}.-1"),
        format!("{REVISION}.99"),
        format!("{REVISION}.18446744073709551615"),
        format!("0{REVISION}.1"),
        "2".to_owned(),
        "identity_override:10:0c5a".to_owned(),
    ];
    compare(ids.map(|id| {
        let answer = edge.get(&format!("{DOCUMENT}?page_id={id}")).key(SERVER).answer();
        (id, (answer.json(), answer.header("link")), ((410, detail(gone)), String::new()))
    }));
}

#[test]
fn a_small_document_is_one_page_and_so_is_any_of_a_bundle_without_pages() {
    let situations =
        [("small", edge(&shop())), ("of an earlier version", edge(&great_shop()).of_version_3())];
    for (what, edge) in situations {
        let whole = edge.get(DOCUMENT).key(SERVER).answer();
        let first = edge.get(&format!("{DOCUMENT}?page_id=")).key(SERVER).answer();
        assert_eq!((first.status, first.header("link")), (200, String::new()), "{what}");
        assert_eq!((first.body, first.section), (whole.body, whole.section), "{what}");
        assert_eq!(edge.get(&page_id(1)).key(SERVER).status(), 410, "{what}");
    }
}

#[test]
fn pages_are_for_server_side_keys_and_have_conditions_of_their_own() {
    let edge = edge(&great_shop());
    let pages = [format!("{DOCUMENT}?page_id="), page_id(1), page_id(2)];
    let mut tags = Vec::new();
    for path in &pages {
        assert_eq!(edge.get(path).key(CLIENT).status(), 403, "{path}");
        let answer = edge.get(path).key(SERVER).answer();
        let tag = answer.header("etag");
        assert!(tag.starts_with("W/"), "the platform may compress it: {tag}");
        let known = edge.get(path).key(SERVER).header("if-none-match", &tag).answer();
        assert_eq!(
            (known.status, known.body.len(), known.header("link")),
            (304, 0, answer.header("link")),
            "{path}"
        );
        assert_eq!(answer.header("vary"), "jackstaff-pages, x-environment-key, accept-encoding");
        tags.push(tag);
    }
    tags.sort();
    tags.dedup();
    assert_eq!(tags.len(), pages.len());
}
