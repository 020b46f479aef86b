//! Decompresses bodies, up to a bound.

use std::io::Read;

use flate2::read::GzDecoder;

/// Why a body cannot be decompressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum GunzipError {
    /// It holds more than the limit. The rest was not looked at.
    TooLarge,
    /// It is not gzip, breaks off, or its checksum is wrong.
    Broken,
}

/// The content of the first member of a gzip file. Further members are not read: each one that is empty would cost as much as
/// some kilobytes.
///
/// # Errors
/// If there is more than `limit`, or it is not gzip.
pub(crate) fn gunzip(bytes: &[u8], limit: usize) -> Result<Vec<u8>, GunzipError> {
    let mut content = Vec::new();
    let most = u64::try_from(limit).map_or(u64::MAX, |limit| limit.saturating_add(1));
    let read = GzDecoder::new(bytes).take(most).read_to_end(&mut content);
    if content.len() > limit {
        return Err(GunzipError::TooLarge);
    }
    read.map(|_| content).map_err(|_| GunzipError::Broken)
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn what_is_within_the_limit_is_decompressed_whole() {
        let zeros = gzip(&[0; 1_000]);
        assert_eq!(gunzip(&zeros, 1_000), Ok(vec![0; 1_000]));
        assert_eq!(gunzip(&zeros, 999), Err(GunzipError::TooLarge));
        assert_eq!(gunzip(&gzip(&[0; 50_000_000]), 1 << 20), Err(GunzipError::TooLarge));
        for broken in [&b""[..], b"{}", &zeros[..zeros.len() - 1], &zeros[..5], &[0x1f, 0x8b]] {
            assert_eq!(gunzip(broken, 1_000), Err(GunzipError::Broken), "{broken:?}");
        }
        let mut wrong = zeros.clone();
        let checksum = wrong.len() - 8;
        wrong[checksum] ^= 1;
        assert_eq!(gunzip(&wrong, 1_000), Err(GunzipError::Broken));
        assert_eq!(gunzip(&[&zeros[..], &zeros[..]].concat(), 1_000), Ok(vec![0; 1_000]));
    }
}
