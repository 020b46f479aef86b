//! Hashing of identities into percentages (engine semantics, 6.1).

use md5::{Digest, Md5};

/// The percentage in `[0, 100)` that a list of ids falls on.
///
/// MD5 of the ids joined with commas, as a 128-bit integer, modulo 9999, divided by 9998. The one remainder that
/// gives exactly 100 is hashed again with the list repeated once more.
pub(crate) fn percentage(ids: [&str; 2]) -> f64 {
    let mut repeats = 1;
    loop {
        let value = f64::from(remainder(ids, repeats)) / 9998.0 * 100.0;
        if value < 100.0 {
            return value;
        }
        repeats += 1;
    }
}

fn remainder(ids: [&str; 2], repeats: usize) -> u16 {
    let mut hash = Md5::new();
    for round in 0..repeats {
        if round > 0 {
            hash.update(b",");
        }
        hash.update(ids[0]);
        hash.update(b",");
        hash.update(ids[1]);
    }
    let digest: [u8; 16] = hash.finalize().into();
    let n = u128::from_be_bytes(digest);
    // The 128-bit division of the guest is slow; the two halves give the same remainder.
    #[expect(clippy::cast_possible_truncation, reason = "takes the lower half")]
    let (high, low) = ((n >> 64) as u64, n as u64);
    const TWO_TO_64: u64 = ((1_u128 << 64) % 9999) as u64;
    let n = ((high % 9999) * TWO_TO_64 + low % 9999) % 9999;
    n as u16
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_published_vectors() {
        for (ids, expected) in [
            (["12", "93"], 27.655531106221243),
            (["1", "2"], 26.59531906381276),
            (["10", "env_u"], 60.46209241848369),
            (["1", "é"], 69.9739947989598),
            (["a,b", "c"], 5.761152230446089),
            (["", ""], 51.200240048009604),
            (["seg", "日本"], 21.904380876175235),
            (["10", "id5365"], 0.0),
            (["10", "id11651"], 50.0),
            (["10", "id7364"], 57.25145029005802),
            (["10", "id7476"], 0.9201840368073614),
            (["10", "id7322"], 99.98999799959992),
        ] {
            assert_eq!(percentage(ids), expected, "{ids:?}");
        }
    }
}
