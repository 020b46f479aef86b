use std::time::Duration;

use api::{Revision, signal};
use proptest::prelude::*;
use proptest::sample::select;

use super::cases;

/// A frame that is written, and what is to be read of it.
fn frame() -> BoxedStrategy<(String, Option<Revision>)> {
    let second = 0..=253_402_300_799_u64;
    prop_oneof![
        3 => second.prop_map(|second| (signal::event(Revision(second)), Some(Revision(second)))),
        2 => any::<String>().prop_map(|text| (signal::comment(&text), None)),
        1 => any::<u32>().prop_map(|wait| (signal::retry(Duration::from_millis(wait.into())), None)),
        1 => "[ -~é]{0,2000}".prop_map(|text| (format!("event: other\ndata: {text}\n\n"), None)),
    ]
    .boxed()
}

/// Parts of frames in any order, and bytes of any kind.
fn noise() -> BoxedStrategy<Vec<u8>> {
    let part = select(vec![
        "event: environment_updated",
        "data: {\"updated_at\": 5.0}",
        "data:",
        "data",
        ":",
        "\n",
        "\r",
        "\r\n",
        "\n\n",
        "id: 1",
        "retry: 1",
        "event: x",
        "\u{feff}",
        "{\"updated_at\":",
        "1e300}",
        "\0",
    ]);
    let part = prop_oneof![6 => part.prop_map(|part| part.as_bytes().to_vec()), 1 => any::<Vec<u8>>()];
    prop::collection::vec(part, 0..30).prop_map(|parts| parts.concat()).boxed()
}

proptest! {
    #![proptest_config(cases(200))]

    #[test]
    fn what_is_written_is_read_in_any_pieces(
        frames in prop::collection::vec(frame(), 0..8),
        pieces in prop::collection::vec(1_usize..60, 1..20),
    ) {
        let stream: String = frames.iter().map(|(text, _)| text.as_str()).collect();
        let mut reader = signal::Reader::default();
        let (mut rest, mut read) = (stream.as_bytes(), Vec::new());
        for length in pieces.into_iter().cycle() {
            if rest.is_empty() {
                break;
            }
            let (piece, behind) = rest.split_at(length.min(rest.len()));
            read.extend(reader.read(piece));
            rest = behind;
        }
        let read: Vec<Revision> = read.into_iter().map(|signal| signal.revision).collect();
        prop_assert_eq!(read, frames.into_iter().filter_map(|(_, expected)| expected).collect::<Vec<Revision>>());
    }

    #[test]
    fn any_stream(noise in noise()) {
        invariants::stream(&noise);
    }
}
