use api::bundle::{self, section_of};
use api::{Header, Section};
use engine::Compiled;

/// Bytes are refused, or are a bundle whose sections lie inside of it and do not overlap. Bytes of a compiled environment
/// are refused or evaluated.
pub fn bundle(bytes: &[u8]) {
    if let Ok(header) = bundle::check(bytes) {
        do_not_overlap(&header, bytes.len() as u64);
        for section in Section::ALL {
            let Some(span) = header.span(section) else { continue };
            assert!(span.matches(section_of(bytes, span)), "{section:?}");
        }
        assert_eq!(Header::parse(header.metadata().as_bytes()), Ok(header.clone()));
        if let Some(span) = header.span(Section::Compiled) {
            compiled(section_of(bytes, span));
        }
    }
    if let Ok(header) = Header::parse(bytes) {
        do_not_overlap(&header, header.total);
    }
    compiled(bytes);
}

fn do_not_overlap(header: &Header, total: u64) {
    let spans = Section::ALL.iter().filter_map(|section| Some(header.span(*section)?.range()));
    let mut spans: Vec<_> = spans.collect();
    spans.sort_by_key(|range| (range.start, range.end));
    let mut end = 0;
    for range in spans {
        assert!(range.start >= end && range.end <= total, "{range:?} in {total}");
        end = range.end;
    }
}

fn compiled(bytes: &[u8]) {
    let Ok(compiled) = Compiled::decode(bytes.to_vec()) else { return };
    for identity in crate::audience(&["ann"]) {
        // The values in the bytes need not be JSON.
        let result = serde_json::to_string(&compiled.evaluate(identity.as_ref())).unwrap();
        assert_eq!(result, serde_json::to_string(&compiled.evaluate(identity.as_ref())).unwrap());
    }
}
