//! One input in a segment: a line that says how long it is and what its checksum is, and its lines.

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64;

#[derive(Debug, PartialEq, Eq)]
pub(super) struct Record<'a> {
    /// The file that the lines are from, and where they end in it.
    pub(super) position: Option<(String, u64)>,
    /// Each with a line break at its end.
    pub(super) lines: &'a str,
}

#[derive(Serialize, Deserialize)]
struct Head {
    length: usize,
    check: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    position: Option<(String, u64)>,
}

impl Record<'_> {
    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let check = check(self.position.as_ref(), self.lines);
        let head = Head { length: self.lines.len(), check, position: self.position.clone() };
        // Numbers and texts always are JSON.
        let mut bytes = serde_json::to_vec(&head).unwrap_or_default();
        bytes.push(b'\n');
        bytes.extend_from_slice(self.lines.as_bytes());
        bytes
    }
}

/// The records that a segment begins with, and where the last of them ends.
pub(super) fn read(bytes: &[u8]) -> (Vec<Record<'_>>, usize) {
    let mut records = Vec::new();
    let mut at = 0;
    while let Some((record, length)) = first(&bytes[at..]) {
        records.push(record);
        at += length;
    }
    (records, at)
}

fn first(bytes: &[u8]) -> Option<(Record<'_>, usize)> {
    let end = bytes.iter().position(|&byte| byte == b'\n')?;
    let head: Head = serde_json::from_slice(&bytes[..end]).ok()?;
    let start = end + 1;
    let length = start.checked_add(head.length)?;
    let lines = std::str::from_utf8(bytes.get(start..length)?).ok()?;
    (head.check == check(head.position.as_ref(), lines))
        .then_some((Record { position: head.position, lines }, length))
}

fn check(position: Option<&(String, u64)>, lines: &str) -> u64 {
    let seed = position.map_or(0, |(file, end)| xxh3_64(format!("{end} {file}").as_bytes()));
    xxh3_64(lines.as_bytes()) ^ seed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_read_up_to_the_first_that_is_damaged() {
        let records = [
            Record { position: None, lines: "a\nb\n" },
            Record { position: Some(("file".to_owned(), 7)), lines: "" },
            Record { position: Some(("file \n".to_owned(), 9)), lines: "é\n" },
        ];
        let parts: Vec<Vec<u8>> = records.iter().map(Record::to_bytes).collect();
        let whole = parts.concat();
        assert_eq!(read(&whole), (Vec::from(records), whole.len()));
        let two = parts[0].len() + parts[1].len();
        for length in two..whole.len() {
            assert_eq!((read(&whole[..length]).0.len(), read(&whole[..length]).1), (2, two), "{length}");
        }
        for at in two..whole.len() {
            let mut damaged = whole.clone();
            damaged[at] ^= 0x10;
            let (found, sound) = read(&damaged);
            assert!(found.len() == 2 && sound == two, "byte {at}: {found:?}");
        }
    }
}
