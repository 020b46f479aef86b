//! Pages of the finished document: each is the whole document, but for the identity overrides, of which it has some. They are
//! not stored: a page is three ranges of the document, and a section says where it is cut.

use std::ops::Range;

use crate::flag_json::end_of_object;

/// Bytes of a page, but for what the last override of it adds, and where the document without overrides takes most of it.
const PAGE: usize = 1_000_000;
/// Bytes of overrides in a page, at least.
const OVERRIDES: usize = PAGE / 4;
/// A document with a page of more bytes is not cut: a page passes through the memory of the edge.
pub(crate) const PAGE_LIMIT: u64 = 4_000_000;

/// What stands before the list of overrides. It is the last member of a document, and in a text its quotes would be escaped.
const LIST: &str = "\"identity_overrides\":[";

/// The places where a document is cut, from its start: before the first override of each page, and behind the last override.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Pages(Vec<u64>);

impl Pages {
    /// Cuts a finished document. One without overrides is a single page, as is one that cannot be cut into pages of a bounded
    /// size.
    pub(crate) fn cut(document: &str) -> Pages {
        Pages::cut_at(document, PAGE)
    }

    fn cut_at(document: &str, page: usize) -> Pages {
        let start = document.find(LIST).map_or(document.len(), |at| at + LIST.len());
        let overrides = OVERRIDES.min(page).max(page.saturating_sub(start));
        let (mut cuts, mut end) = (vec![start], start);
        while let Some(length) = document.get(end..).and_then(end_of_object) {
            end += length;
            let is_last = !document[end..].starts_with(',');
            if is_last {
                break;
            }
            // The comma belongs to neither page.
            end += 1;
            if end - cuts.last().copied().unwrap_or_default() >= overrides {
                cuts.push(end);
            }
        }
        cuts.push(end);
        let pages = Pages(cuts.into_iter().map(|cut| cut as u64).collect());
        let length = document.len() as u64;
        let is_bounded = (0..pages.count()).all(|n| pages.bytes(n, length) <= PAGE_LIMIT);
        if is_bounded { pages } else { Pages(vec![start as u64, end as u64]) }
    }

    /// The section that says where the document is cut.
    pub(crate) fn section(&self) -> Vec<u8> {
        serde_json::to_vec(&self.0).unwrap_or_default()
    }

    /// Reads the section. None if it is damaged.
    pub(crate) fn read(section: &[u8]) -> Option<Pages> {
        let cuts: Vec<u64> = serde_json::from_slice(section).ok()?;
        (cuts.len() >= 2 && cuts.is_sorted()).then_some(Pages(cuts))
    }

    pub(crate) fn count(&self) -> usize {
        self.0.len() - 1
    }

    /// The ranges that a page of a document of this length is put together from. None if there is no such page.
    pub(crate) fn ranges(&self, page: usize, length: u64) -> Option<[Range<u64>; 3]> {
        let (first, last) = (*self.0.first()?, *self.0.last()?);
        let (start, next) = (*self.0.get(page)?, *self.0.get(page + 1)?);
        // Before the next page stands a comma.
        let end = if next == last { next } else { next.checked_sub(1)? };
        Some([0..first, start..end, last..length])
    }

    fn bytes(&self, page: usize, length: u64) -> u64 {
        let ranges = self.ranges(page, length).unwrap_or_default();
        ranges.iter().map(|range| range.end - range.start).sum()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn document(overrides: &[Value]) -> String {
        let tricky = json!({ "name": "\"identity_overrides\":[{}]", "identity_overrides": overrides });
        tricky.to_string()
    }

    fn page(pages: &Pages, document: &str, page: usize) -> Option<Value> {
        let ranges = pages.ranges(page, document.len() as u64)?;
        let text: String = ranges
            .iter()
            .map(|part| &document[usize::try_from(part.start).unwrap()..usize::try_from(part.end).unwrap()])
            .collect();
        Some(serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}")))
    }

    #[test]
    fn pages_are_the_document_with_some_of_its_overrides_each_once() {
        for count in [0, 1, 2, 3, 10] {
            let overrides: Vec<Value> =
                (0..count).map(|n| json!({ "identifier": format!("u{n}"), "odd": "},{\"]" })).collect();
            let document = document(&overrides);
            for bytes in [1, 60, 150, 1_000_000] {
                let pages = Pages::cut_at(&document, bytes);
                assert_eq!(Pages::read(&pages.section()), Some(pages.clone()));
                let read: Vec<Value> =
                    (0..pages.count()).map(|n| page(&pages, &document, n).unwrap()).collect();
                let all: Vec<Value> = read
                    .iter()
                    .flat_map(|page| page["identity_overrides"].as_array().unwrap().clone())
                    .collect();
                assert_eq!(all, overrides, "{count} overrides, {bytes} bytes");
                assert!(read.iter().all(|page| page["name"] == "\"identity_overrides\":[{}]"));
                assert_eq!(page(&pages, &document, pages.count()), None);
                match bytes {
                    1 => assert_eq!(pages.count(), count.max(1), "each override is a page"),
                    1_000_000 => assert_eq!(pages.count(), 1),
                    _ => {}
                }
            }
        }
    }

    #[test]
    fn a_document_with_a_great_page_is_not_cut() {
        let great = json!({ "identifier": "x".repeat(5_000_000) });
        let small = json!({ "identifier": "x".repeat(600_000) });
        assert_eq!(Pages::cut(&document(&[small.clone(), small.clone(), small.clone()])).count(), 2);
        assert_eq!(Pages::cut(&document(&[small.clone(), small, great])).count(), 1);
        let base = json!({ "name": "x".repeat(5_000_000), "identity_overrides": [{ "a": 1 }, { "a": 2 }] });
        assert_eq!(Pages::cut(&base.to_string()).count(), 1);
        assert_eq!(Pages::cut("{}"), Pages(vec![2, 2]), "no list");
    }

    #[test]
    fn a_damaged_section_has_no_pages() {
        for section in ["", "[]", "[1]", "[2,1]", "[-1,3]", "{}", "[1,\"2\"]"] {
            assert_eq!(Pages::read(section.as_bytes()), None, "{section}");
        }
    }
}
