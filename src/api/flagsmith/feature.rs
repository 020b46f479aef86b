//! `?feature=`: the one flag that a request asks for. One rule for all routes (`PROTOCOL.md`, 3).

use http::Request;

use super::error::RequestError;
use super::limits::{TEXT_LIMIT, is_longer};
use crate::negotiate::parameter;

/// The name of the feature that is asked for.
pub(super) struct FeatureName {
    name: String,
    /// The name without regard to case, made once, however many features it is compared with.
    folded: Vec<char>,
}

impl FeatureName {
    /// Reads the parameter. None if all flags are asked for.
    ///
    /// # Errors
    /// A name that is longer than the name of any feature belongs to none, which is known before any flag is looked at.
    pub(super) fn read(request: &Request<()>) -> Result<Option<FeatureName>, RequestError> {
        match parameter(request, "feature") {
            Some(name) if is_longer(&name, TEXT_LIMIT) => Err(RequestError::FeatureNotFound),
            name => Ok(name.map(FeatureName::new)),
        }
    }

    fn new(name: String) -> FeatureName {
        let folded = name.chars().map(folded).collect();
        FeatureName { name, folded }
    }

    /// The flag of exactly this name; if there is none, the first whose name differs in case alone. Flags that the client
    /// may not see must not be among these.
    pub(super) fn find<T, N: AsRef<str>>(
        &self,
        flags: impl Iterator<Item = (N, T)>,
    ) -> Result<T, RequestError> {
        let mut in_another_case = None;
        for (name, flag) in flags {
            let name = name.as_ref();
            if name == self.name {
                return Ok(flag);
            }
            if in_another_case.is_none() && self.is_equal_but_for_case(name.chars()) {
                in_another_case = Some(flag);
            }
        }
        in_another_case.ok_or(RequestError::FeatureNotFound)
    }

    /// Reads no further than to the first difference: all comparisons together take as many steps as all names have
    /// characters, at most.
    fn is_equal_but_for_case(&self, name: impl Iterator<Item = char>) -> bool {
        name.map(folded).eq(self.folded.iter().copied())
    }
}

/// One letter in place of all that differ from it in case. A letter never becomes two, so ß is not ss: Flagsmith's database
/// compares names in the same way.
fn folded(c: char) -> char {
    if c.is_ascii() {
        return c.to_ascii_lowercase();
    }
    let upper = only_one(c.to_uppercase()).unwrap_or(c);
    only_one(upper.to_lowercase()).unwrap_or(upper)
}

fn only_one(mut chars: impl Iterator<Item = char>) -> Option<char> {
    let first = chars.next()?;
    chars.next().is_none().then_some(first)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found<'a>(name: &str, names: &[&'a str]) -> Option<&'a str> {
        FeatureName::new(name.to_owned()).find(names.iter().map(|name| (name, *name))).ok()
    }

    #[test]
    fn the_exact_name_is_found_before_names_in_another_case() {
        let names = ["Banner", "BANNER", "banner", "bannər"];
        assert_eq!(found("banner", &names), Some("banner"));
        assert_eq!(found("BANNER", &names), Some("BANNER"));
        assert_eq!(found("bAnner", &names), Some("Banner"));
        assert_eq!(found("BANNƏR", &names), Some("bannər"));
        for name in ["banne", "bannerr", " banner", "bänner"] {
            assert_eq!(found(name, &names), None, "{name}");
        }
    }

    /// Each pair of letters, and whether they are one.
    #[test]
    fn case_beyond_ascii() {
        for (a, b, same) in [
            ("ÖFFNUNG", "öffnung", true),
            ("ſ", "s", true),
            ("\u{212a}", "k", true),
            ("\u{212b}", "å", true),
            ("ΟΔΟΣ", "οδος", true),
            ("ΟΔΟΣ", "οδοσ", true),
            ("ǅ", "ǆ", true),
            ("ẞ", "ß", true),
            ("ı", "I", true),
            ("𐐀", "𐐨", true),
            ("ß", "SS", false),
            ("İ", "i", false),
            ("İ", "i\u{307}", false),
            ("ﬁ", "FI", false),
            ("é", "e\u{301}", false),
        ] {
            assert_eq!((found(a, &[b]).is_some(), found(b, &[a]).is_some()), (same, same), "{a} {b}");
        }
    }

    /// The whole of a long name was once folded anew for each of 20,000 features.
    #[test]
    fn a_comparison_ends_at_the_first_difference() {
        let asked = FeatureName::new("İ".repeat(TEXT_LIMIT));
        for (name, most) in [("banner", 1), ("İİx", 3), ("İİ", 2), ("İ".repeat(3_000).as_str(), 2_001)] {
            let mut read = 0;
            assert!(!asked.is_equal_but_for_case(name.chars().inspect(|_| read += 1)));
            assert_eq!(read, most, "{name:.20}");
        }
    }
}
