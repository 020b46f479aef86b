use api::{Revision, signal};

/// A stream gives the same revisions in pieces of any size, and not more of them than it has data; and the next event is
/// read, whatever stands before it.
pub fn stream(bytes: &[u8]) {
    let whole = signal::Reader::default().read(bytes);
    let mentions = bytes.windows(4).filter(|window| window == b"data").count();
    assert!(whole.len() <= mentions, "{whole:?} of {mentions}");
    for length in [1, 2, 3, 7, 64] {
        let mut reader = signal::Reader::default();
        let pieces: Vec<signal::Signal> = bytes.chunks(length).flat_map(|piece| reader.read(piece)).collect();
        assert_eq!(pieces, whole, "in pieces of {length}");
    }
    let revision = Revision(1_772_450_553);
    let mut reader = signal::Reader::default();
    reader.read(bytes);
    reader.read(b"\n\n");
    let frames = [signal::comment("ping"), signal::event(revision)].concat();
    assert_eq!(reader.read(frames.as_bytes()), [signal::Signal { revision, ahead: false }]);
    let comment = signal::comment(&String::from_utf8_lossy(bytes));
    assert_eq!(signal::Reader::default().read(comment.as_bytes()), []);
}
