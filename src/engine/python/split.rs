//! Hashing of identities into percentages (`SEMANTICS.md`, 6.1).

use md5::block_api::compress;
use md5::{Digest, Md5};

/// The percentage in `[0, 100)` that a list of ids is hashed to.
///
/// MD5 of the ids joined with commas, as a 128-bit integer, modulo 9999, divided by 9998. The one remainder that
/// gives exactly 100 is hashed again with the list repeated once more.
#[inline]
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
    let short = (repeats == 1).then(|| digest_of_one_block(ids)).flatten();
    let digest = short.unwrap_or_else(|| {
        let mut hash = Md5::new();
        for round in 0..repeats {
            if round > 0 {
                hash.update(b",");
            }
            hash.update(ids[0]);
            hash.update(b",");
            hash.update(ids[1]);
        }
        hash.finalize().into()
    });
    let n = u128::from_be_bytes(digest);
    // 128-bit division is slow in wasm; computing with the two halves gives the same remainder.
    #[expect(clippy::cast_possible_truncation, reason = "takes the lower half")]
    let (high, low) = ((n >> 64) as u64, n as u64);
    const TWO_TO_64: u64 = ((1_u128 << 64) % 9999) as u64;
    let n = ((high % 9999) * TWO_TO_64 + low % 9999) % 9999;
    n as u16
}

/// The MD5 of two ids, without buffering; none if they do not fit into one block with its padding. Nearly all do.
fn digest_of_one_block(ids: [&str; 2]) -> Option<[u8; 16]> {
    /// RFC 1321, 3.3.
    const START: [u32; 4] = [0x6745_2301, 0xefcd_ab89, 0x98ba_dcfe, 0x1032_5476];
    let [first, second] = ids.map(str::as_bytes);
    let length = first.len() + 1 + second.len();
    let mut block = [0; 64];
    // The text is followed by one bit, and by its length in the last eight bytes.
    let text = block.get_mut(..55)?.get_mut(..length)?;
    text[..first.len()].copy_from_slice(first);
    text[first.len()] = b',';
    text[first.len() + 1..].copy_from_slice(second);
    block[length] = 0x80;
    block[56..].copy_from_slice(&(8 * length as u64).to_le_bytes());
    let mut state = START;
    compress(&mut state, &[block]);
    let mut digest = [0; 16];
    for (bytes, word) in digest.chunks_exact_mut(4).zip(state) {
        bytes.copy_from_slice(&word.to_le_bytes());
    }
    Some(digest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_block_or_several_hash_alike() {
        for length in 0..70 {
            let id = "é".repeat(length / 2) + &"x".repeat(length % 2);
            let mut hash = Md5::new();
            hash.update(alloc::format!("12,{id}"));
            let whole: [u8; 16] = hash.finalize().into();
            let short = digest_of_one_block(["12", &id]);
            assert_eq!(short, (length + 3 <= 55).then_some(whole), "{length}");
        }
    }

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
