//! The properties that conditions read: a trait, or a member path such as `$.identity.identifier` (`SEMANTICS.md`, 3).

use alloc::string::String;
use alloc::vec::Vec;
use core::iter::Peekable;
use core::str::Chars;

use rkyv::{Archive, Serialize};

/// A property, resolved once for all conditions that name it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Archive, Serialize)]
pub struct Property {
    /// A trait of exactly this name takes precedence over a path.
    pub(crate) trait_name: Option<String>,
    /// The member that the path denotes.
    pub(crate) target: Option<Target>,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Archive, Serialize)]
#[rkyv(derive(PartialEq, Eq, PartialOrd, Ord))]
pub enum Target {
    EnvironmentKey,
    EnvironmentName,
    Identifier,
    IdentityKey,
    Trait(String),
    Flag { feature: u32, field: Field },
}

/// A member of a flag's result.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Archive, Serialize)]
#[rkyv(derive(PartialEq, Eq, PartialOrd, Ord))]
pub enum Field {
    Enabled,
    Value,
    Variant,
    Name,
    Reason,
    /// A path into the feature's metadata.
    Metadata(Vec<String>),
    /// Any other member. It has no value, but reading it resolves the flag, which may close a cycle.
    Nothing,
}

/// The kinds of texts that start with `$.`.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Path {
    Leads(Target),
    /// A path to a member that can have no value here.
    Nowhere,
    /// Not a path: only a trait can have such a name.
    Invalid,
}

impl Property {
    /// The property that a percentage split reads if it names none.
    pub(crate) fn identity_key() -> Property {
        Property { trait_name: None, target: Some(Target::IdentityKey) }
    }

    /// Reads a condition's property, and classifies its path if it looks like one; `feature` gives the index of a
    /// feature's name.
    pub(crate) fn parse(text: &str, feature: impl Fn(&str) -> Option<u32>) -> (Property, Option<Path>) {
        let trait_name = Some(String::from(text));
        if !text.starts_with("$.") {
            return (Property { trait_name, target: None }, None);
        }
        let path = parse_path(text, feature);
        let target = if let Path::Leads(target) = &path { Some(target.clone()) } else { None };
        (Property { trait_name, target }, Some(path))
    }
}

fn parse_path(text: &str, feature: impl Fn(&str) -> Option<u32>) -> Path {
    let Some(members) = members(text) else {
        return if other_selectors(text) { Path::Nowhere } else { Path::Invalid };
    };
    let names: Vec<&str> = members.iter().map(String::as_str).collect();
    let owned = |name: &str| String::from(name);
    let target = match names.as_slice() {
        ["environment", "key"] => Target::EnvironmentKey,
        ["environment", "name"] => Target::EnvironmentName,
        ["identity", "identifier"] => Target::Identifier,
        ["identity", "key"] => Target::IdentityKey,
        ["identity", "traits", name] => Target::Trait(owned(name)),
        ["flags", name, field @ ..] => {
            let Some(feature) = feature(name) else { return Path::Nowhere };
            let field = match field {
                ["enabled"] => Field::Enabled,
                ["value"] => Field::Value,
                ["variant"] => Field::Variant,
                ["name"] => Field::Name,
                ["reason"] => Field::Reason,
                ["metadata", path @ ..] if !path.is_empty() => {
                    Field::Metadata(path.iter().map(|name| owned(name)).collect())
                }
                _ => Field::Nothing,
            };
            Target::Flag { feature, field }
        }
        _ => return Path::Nowhere,
    };
    Path::Leads(target)
}

/// The member names of a path of names only (RFC 9535: `$`, then `.name` or `['name']`, blanks between them).
fn members(text: &str) -> Option<Vec<String>> {
    let mut rest = text.strip_prefix('$')?.chars().peekable();
    let mut names = Vec::new();
    while rest.peek().is_some() {
        skip_blanks(&mut rest);
        match rest.next() {
            Some('.') => names.push(shorthand(&mut rest)?),
            Some('[') => {
                skip_blanks(&mut rest);
                names.push(quoted(&mut rest)?);
                skip_blanks(&mut rest);
                if rest.next() != Some(']') {
                    return None;
                }
            }
            _ => return None,
        }
    }
    Some(names)
}

fn skip_blanks(rest: &mut Peekable<Chars<'_>>) {
    while rest.next_if(|c| matches!(c, ' ' | '\t' | '\n' | '\r')).is_some() {}
}

fn shorthand(rest: &mut Peekable<Chars<'_>>) -> Option<String> {
    // The reference engine refuses characters beyond the basic plane too, emoji for example.
    let first = |c: &char| c.is_ascii_alphabetic() || matches!(c, '_' | '\u{80}'..='\u{ffff}');
    let mut name = String::from(rest.next_if(first)?);
    // RFC 9535 allows no hyphen here. The reference engine does, and many names of features have one.
    while let Some(c) = rest.next_if(|c| first(c) || c.is_ascii_digit() || *c == '-') {
        name.push(c);
    }
    Some(name)
}

fn quoted(rest: &mut Peekable<Chars<'_>>) -> Option<String> {
    let quote = rest.next_if(|c| matches!(c, '\'' | '"'))?;
    let mut name = String::new();
    loop {
        match rest.next()? {
            c if c == quote => return Some(name),
            '\\' => name.push(escaped(quote, rest)?),
            c if c < ' ' => return None,
            c => name.push(c),
        }
    }
}

fn escaped(quote: char, rest: &mut Peekable<Chars<'_>>) -> Option<char> {
    Some(match rest.next()? {
        'b' => '\u{8}',
        'f' => '\u{c}',
        'n' => '\n',
        'r' => '\r',
        't' => '\t',
        c @ ('/' | '\\') => c,
        c if c == quote => c,
        'u' => match hexadecimal(rest)? {
            high @ 0xd800..=0xdbff => {
                let low = (rest.next()? == '\\' && rest.next()? == 'u').then(|| hexadecimal(rest))??;
                char::decode_utf16([high, low]).next()?.ok()?
            }
            // The reference engine accepts escaped control characters by their letters only.
            unit => char::from_u32(u32::from(unit)).filter(|c| *c >= ' ')?,
        },
        _ => return None,
    })
}

fn hexadecimal(rest: &mut Peekable<Chars<'_>>) -> Option<u16> {
    let mut unit = 0_u16;
    for _ in 0..4 {
        unit = unit << 4 | u16::try_from(rest.next()?.to_digit(16)?).ok()?;
    }
    Some(unit)
}

/// Whether the text looks like a path with selectors other than names. Only the wording of a warning depends on it.
fn other_selectors(text: &str) -> bool {
    text.contains("..") || text.contains('*') || text.contains('[')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths() {
        let leads = |target| Path::Leads(target);
        let features = ["x", "my feature"];
        let index =
            |name: &str| features.into_iter().zip(0..).find(|(known, _)| *known == name).map(|(_, at)| at);
        let flag = |name: &str, field| leads(Target::Flag { feature: index(name).unwrap(), field });
        for (text, expected) in [
            ("$.identity.identifier", leads(Target::Identifier)),
            ("$.identity.key", leads(Target::IdentityKey)),
            ("$.identity['key']", leads(Target::IdentityKey)),
            ("$.identity [ \"key\" ]", leads(Target::IdentityKey)),
            ("$.identity .key", leads(Target::IdentityKey)),
            ("$.environment.name", leads(Target::EnvironmentName)),
            ("$.identity.traits.tamaño", leads(Target::Trait("tamaño".into()))),
            ("$.identity.traits['[$the.size$]']", leads(Target::Trait("[$the.size$]".into()))),
            (r"$.identity.traits['it\'s \u00e9\ud83d\ude00']", leads(Target::Trait("it's é😀".into()))),
            ("$.flags.x['enabled']", flag("x", Field::Enabled)),
            ("$.flags['my feature'].variant", flag("my feature", Field::Variant)),
            ("$.flags.x.metadata.id", flag("x", Field::Metadata(alloc::vec!["id".into()]))),
            ("$.flags.x", flag("x", Field::Nothing)),
            ("$.flags.x.value.y", flag("x", Field::Nothing)),
            ("$.flags.y.enabled", Path::Nowhere),
            ("$.flags", Path::Nowhere),
            ("$.identity", Path::Nowhere),
            ("$.identity.traits", Path::Nowhere),
            ("$.leads.to.nowhere", Path::Nowhere),
            ("$.identity.traits.*", Path::Nowhere),
            ("$.identity.traits.my-trait", leads(Target::Trait("my-trait".into()))),
            ("$.identity.traits.-trait", Path::Invalid),
            ("$.identity.traits.😀", Path::Invalid),
            (r"$.identity.traits['\n']", leads(Target::Trait("\n".into()))),
            (r"$.identity.traits['\u000a']", Path::Nowhere),
            ("$.  i am not\" a valid jsonpath", Path::Invalid),
            ("$. identity", Path::Invalid),
            ("$.identity.key ", Path::Invalid),
            ("$.", Path::Invalid),
        ] {
            assert_eq!(Property::parse(text, index).1, Some(expected), "{text}");
        }
    }
}
