//! Semantic versions (SemVer 2.0.0) with numbers of any size, as in the reference engine.

use core::cmp::Ordering;

/// The parts of a version that decide its precedence. Build metadata must be well-formed, and is dropped.
#[derive(Debug)]
pub(crate) struct Version<'a> {
    release: [&'a str; 3],
    prerelease: Option<&'a str>,
    build: Option<&'a str>,
}

impl<'a> Version<'a> {
    pub(crate) fn parse(text: &'a str) -> Option<Version<'a>> {
        Version::split(text).filter(Version::is_sound)
    }

    /// Takes a text apart that may not be a version.
    pub(crate) fn split(text: &'a str) -> Option<Version<'a>> {
        let (text, build) = split_off(text, '+');
        let (release, prerelease) = split_off(text, '-');
        let mut numbers = release.split('.');
        let release = [numbers.next()?, numbers.next()?, numbers.next()?];
        numbers.next().is_none().then_some(Version { release, prerelease, build })
    }

    /// Whether all of its identifiers are well-formed. It takes longer than to take the text apart.
    pub(crate) fn is_sound(&self) -> bool {
        self.release.into_iter().all(is_number)
            && self.prerelease.is_none_or(|ids| ids.split('.').all(|id| is_number(id) || is_text(id)))
            && self.build.is_none_or(|ids| ids.split('.').all(|id| is_digits(id) || is_text(id)))
    }

    pub(crate) fn compare(&self, other: &Version<'_>) -> Ordering {
        let release = self.release.map(Identifier::new).cmp(&other.release.map(Identifier::new));
        release.then_with(|| match (self.prerelease, other.prerelease) {
            (Some(a), Some(b)) => a.split('.').map(Identifier::new).cmp(b.split('.').map(Identifier::new)),
            // A pre-release comes before its release.
            (a, b) => a.is_none().cmp(&b.is_none()),
        })
    }
}

/// The numbers of a version without pre-release and build metadata, as nearly all are; none for every other text.
pub(crate) fn plain(text: &str) -> Option<[u64; 3]> {
    /// Numbers of up to so many digits fit into 64 bits.
    const DIGITS: usize = 19;
    let mut numbers = [0; 3];
    let mut parts = text.as_bytes().split(|byte| *byte == b'.');
    for number in &mut numbers {
        let digits = parts.next()?;
        if digits.is_empty() || digits.len() > DIGITS || (digits[0] == b'0' && digits.len() > 1) {
            return None;
        }
        for digit in digits {
            *number = *number * 10 + u64::from(digit.is_ascii_digit().then(|| digit - b'0')?);
        }
    }
    parts.next().is_none().then_some(numbers)
}

/// One of the parts between dots; numbers are less than texts.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Identifier<'a> {
    /// Without leading zeros, so the longer one is the greater.
    Number {
        length: usize,
        digits: &'a str,
    },
    Text(&'a str),
}

impl<'a> Identifier<'a> {
    fn new(id: &'a str) -> Identifier<'a> {
        if is_digits(id) { Identifier::Number { length: id.len(), digits: id } } else { Identifier::Text(id) }
    }
}

fn split_off(text: &str, mark: char) -> (&str, Option<&str>) {
    text.split_once(mark).map_or((text, None), |(text, rest)| (text, Some(rest)))
}

fn is_digits(id: &str) -> bool {
    !id.is_empty() && id.bytes().all(|b| b.is_ascii_digit())
}

fn is_number(id: &str) -> bool {
    is_digits(id) && (id == "0" || !id.starts_with('0'))
}

fn is_text(id: &str) -> bool {
    !is_digits(id) && !id.is_empty() && id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn precedence() {
        let ordered = [
            "0.0.0",
            "1.0.0-0",
            "1.0.0-2",
            "1.0.0-10",
            "1.0.0-99999999999999999999",
            "1.0.0--",
            "1.0.0-1a",
            "1.0.0-alpha",
            "1.0.0-alpha.1",
            "1.0.0-alpha.beta",
            "1.0.0",
            "1.2.0",
            "1.10.0",
            "18446744073709551616.0.0",
        ];
        for (i, a) in ordered.iter().enumerate() {
            for (j, b) in ordered.iter().enumerate() {
                let (a, b) = (Version::parse(a).unwrap(), Version::parse(b).unwrap());
                assert_eq!(a.compare(&b), i.cmp(&j), "{a:?} {b:?}");
            }
        }
        let [a, b] = ["1.0.0+01.b-c", "1.0.0"].map(|text| Version::parse(text).unwrap());
        assert_eq!(a.compare(&b), Ordering::Equal);
    }

    #[test]
    fn plain_versions_have_no_prerelease_and_no_build() {
        let texts = ["0.0.0", "1.2.3", "1.2.4", "1.10.0", "10.0.0", "1.0.9999999999999999999", "2.0.0"];
        for a in texts {
            for b in texts {
                let by_text = Version::parse(a).unwrap().compare(&Version::parse(b).unwrap());
                assert_eq!(plain(a).unwrap().cmp(&plain(b).unwrap()), by_text, "{a} {b}");
            }
        }
        for text in [
            "",
            "1.2",
            "1.2.3.4",
            "01.2.3",
            "1.2.3-a",
            "1.2.3+b",
            "1..3",
            "1.2.3 ",
            "1.2.10000000000000000000",
        ] {
            assert_eq!(plain(text), None, "{text:?}");
        }
    }

    #[test]
    fn malformed_versions_are_refused() {
        for text in [
            "",
            "1",
            "1.2",
            "1.2.3.4",
            "v1.2.3",
            "01.2.3",
            "1.2.3-",
            "1.2.3-01",
            "1.2.3-a..b",
            "1.2.3-a_b",
            "1.2.3+",
            "1.2.3+a+b",
            " 1.2.3",
            "1.2.3\n",
            "-1.2.3",
            "1.2.3-é",
        ] {
            assert!(Version::parse(text).is_none(), "{text:?}");
        }
    }
}
