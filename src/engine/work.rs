//! Counted work: what an evaluation costs, in steps.
//!
//! A step is about what comparing a value with a number costs in the guest: 10 ns of vCPU, of the 50 ms that Fastly
//! allows a request. `tests/bench/work.rs` measures it. The counts depend on the document and the context alone, so they
//! are the same on every machine. The cost of an environment before it is published, and the steps that one evaluation
//! took, are both counted by these functions.

/// Steps of vCPU time that a request may take on the platform: 50 ms.
pub(crate) const REFUSE: u64 = 5_000_000;
/// A tenth of [`REFUSE`]. An environment above it is warned of.
pub(crate) const WARN: u64 = REFUSE / 10;

/// Steps that an evaluation may take a second time, where flags form cycles. Seven flags that all read each other take
/// a few thousand.
pub(crate) const REPEATED: u64 = 100_000;

/// The longest identifier or text of a trait that a request can have, in characters and in bytes.
pub(crate) const CHARACTERS: u64 = 2_000;
pub(crate) const TEXT: u64 = 4 * CHARACTERS;
/// Bytes of the longest name of a trait that a request can have: 200 characters.
pub(crate) const TRAIT_NAME: u64 = 800;
/// Bytes of all traits of a request together: the limit of its body.
pub(crate) const TRAITS: u64 = 1 << 20;
/// Comparisons that find a trait by its name, among all that a body has room for.
pub(crate) const TRAIT_PROBES: u64 = 16;

/// The steps of each operation; `…_BYTES` is how many bytes one step covers.
pub(crate) const CONDITION: u64 = 1;
pub(crate) const RULE: u64 = 1;
pub(crate) const SEGMENT: u64 = 1;
pub(crate) const COMPARED_BYTES: u64 = 12;
pub(crate) const SEARCHED_BYTES: u64 = 4;
/// A text of up to so many bytes is searched each time.
pub(crate) const SHORT_TEXT: u64 = 128;
/// Searching a long text again for what it was searched for before.
pub(crate) const SEARCHED_AGAIN: u64 = 10;
/// Bytes of the text that is searched for, which are looked at to prepare the search.
pub(crate) const PREPARED_BYTES: u64 = 1;
/// Reading and comparing two versions, and each character of both.
pub(crate) const VERSION: u64 = 4;
pub(crate) const VERSION_CHARACTER: u64 = 2;
/// Reading a number from digits.
pub(crate) const DIGITS_BYTES: u64 = 40;
/// Reading a JSON text.
pub(crate) const JSON_BYTES: u64 = 4;
/// A remainder of floats, in the dearest case: a number of 300 digits. Others take two steps.
pub(crate) const MODULO: u64 = 8;
/// Writing the text of a number.
pub(crate) const NUMBER_TEXT: u64 = 20;
/// A comparison of a text with a member of a list of few, and of many: of those, each lies elsewhere in memory.
pub(crate) const FEW_MEMBERS: u64 = 4;
pub(crate) const PROBE: u64 = 4;
/// MD5, for each block of 64 bytes.
pub(crate) const HASHED_BLOCK: u64 = 8;
/// Matching a pattern by its table, for 64 characters.
pub(crate) const LOOKED_AT: u32 = 13;
/// Reading a character beyond ASCII, looking up its category, and whether the pattern has a symbol of its own for it; each
/// for 64 of them.
pub(crate) const CHARACTER: u32 = 26;
pub(crate) const CATEGORY: u32 = 64;
pub(crate) const EXCEPTION: u32 = 32;
/// Following one state or transition of a pattern that has no table, for 64 characters.
pub(crate) const FOLLOWED: u32 = 32;
/// What surrounds the hash.
pub(crate) const PERCENTAGE: u64 = 5;
/// Reading a flag that is resolved, and one that may be on a cycle.
pub(crate) const FLAG_READ: u64 = 1;
pub(crate) const CYCLIC_READ: u64 = 4;
/// Resolving a flag, or deciding and writing it.
pub(crate) const FLAG: u64 = 3;
/// Preparing the value of a property.
pub(crate) const PROPERTY: u64 = 2;
/// An override of the identity itself.
pub(crate) const OWN_OVERRIDE: u64 = 1;
/// Variants whose shares are compared.
pub(crate) const VARIANTS: u64 = 4;
/// Bytes of an answer that are copied.
pub(crate) const COPIED_BYTES: u64 = 32;
/// Bytes of a compiled environment that are read and checked.
pub(crate) const CHECKED_BYTES: u64 = 16;

/// What a condition does with its value.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Operation {
    Nothing,
    /// Compares with a text of so many bytes.
    Compare(u64),
    /// Compares with a version of so many bytes.
    Version(u64),
    /// Searches for a text of so many bytes.
    Search(u64),
    /// Matches a pattern; its steps are counted by the pattern.
    Pattern,
    Modulo,
    /// Looks for a member among so many, of which the longest has so many bytes.
    In {
        members: u64,
        longest: u64,
    },
    /// Hashes the value after a key of so many bytes.
    Split(u64),
}

/// The size of a value, or more.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Size {
    /// Bytes of its text.
    pub(crate) bytes: u64,
    pub(crate) characters: u64,
    /// Digits of the number that it is or denotes; 0 if it is none.
    pub(crate) digits: u64,
}

impl Size {
    pub(crate) const BOOL: Size = Size { bytes: 5, characters: 5, digits: 0 };
    /// A float, or an integer of 64 bits.
    pub(crate) const NUMBER: Size = Size { bytes: 24, characters: 24, digits: 24 };
    /// Of any trait that a request can have.
    pub(crate) const TRAIT: Size = Size { bytes: TEXT, characters: CHARACTERS, digits: CHARACTERS };

    /// Of a text that may denote a number.
    pub(crate) fn text(bytes: u64) -> Size {
        Size { bytes, characters: bytes, digits: bytes }
    }

    pub(crate) fn max(self, other: Size) -> Size {
        Size {
            bytes: self.bytes.max(other.bytes),
            characters: self.characters.max(other.characters),
            digits: self.digits.max(other.digits),
        }
    }
}

impl Operation {
    /// The same on a list whose longest member has so many bytes.
    pub(crate) fn with_longest(self, longest: u64) -> Operation {
        if let Operation::In { members, .. } = self { Operation::In { members, longest } } else { self }
    }

    /// The steps beyond those of [`rule`].
    pub(crate) fn steps(self, size: Size) -> u64 {
        let Size { bytes, characters, digits } = size;
        let text = if digits == 0 { 0 } else { NUMBER_TEXT + per(digits, COPIED_BYTES) };
        match self {
            Operation::Nothing => 0,
            Operation::Compare(other) => bytes.min(other) / COMPARED_BYTES,
            Operation::Version(other) => {
                VERSION + VERSION_CHARACTER * (characters + other) + bytes / COMPARED_BYTES
            }
            Operation::Search(other) => per(bytes, SEARCHED_BYTES) + per(other.min(bytes), PREPARED_BYTES),
            Operation::Pattern => text,
            Operation::Modulo => MODULO + per(digits, DIGITS_BYTES),
            Operation::In { members, longest } => {
                let compared = bytes.min(longest) / COMPARED_BYTES;
                text + match members {
                    0..=FEW => per(members, FEW_MEMBERS) + members * compared,
                    _ => (u64::from(members.ilog2()) + 1) * (PROBE + compared),
                }
            }
            Operation::Split(key) => text + hashed(key + 1 + bytes),
        }
    }
}

/// Up to so many members of a list are compared one by one.
pub(crate) const FEW: u64 = 8;

/// A search of a text that is searched for the same part again. A short text is searched anew.
pub(crate) fn searched_again(text: u64, part: u64) -> u64 {
    if text <= SHORT_TEXT {
        Operation::Search(part).steps(Size { bytes: text, ..Size::default() })
    } else {
        SEARCHED_AGAIN + part / COMPARED_BYTES
    }
}

/// A comparison of a value with a version, after it was compared with another one: whether it is a version is known, and
/// a version has a byte to each character.
pub(crate) fn version_again(size: Size, other: u64) -> u64 {
    VERSION + VERSION_CHARACTER * other + size.characters / COMPARED_BYTES
}

/// A rule and its conditions, without what is done with their values.
pub(crate) fn rule(conditions: usize) -> u64 {
    RULE + CONDITION * conditions as u64
}

/// A segment, and its overrides: those of one feature are found among them, or all are offered.
pub(crate) fn segment(overrides: usize) -> u64 {
    SEGMENT + overrides as u64
}

/// Choosing one of the variants of a feature, by the hash of a text of so many bytes.
pub(crate) fn variants(variants: usize, bytes: u64) -> u64 {
    hashed(bytes) + per(variants as u64, VARIANTS)
}

/// Hashing a text to a percentage: MD5 pads it by 9 bytes or more.
pub(crate) fn hashed(bytes: u64) -> u64 {
    PERCENTAGE + HASHED_BLOCK * ((bytes + 9).div_ceil(64))
}

/// Steps of which so many are taken for 64 characters.
pub(crate) fn pattern(steps: u32, characters: u64) -> u64 {
    u64::from(steps).saturating_mul(characters).div_ceil(64)
}

/// Preparing a value, and the number that it denotes.
pub(crate) fn value(size: Size) -> u64 {
    per(size.bytes, COPIED_BYTES) + per(size.digits, DIGITS_BYTES)
}

/// Finding a trait by its name, in so many comparisons of so many bytes.
pub(crate) fn name(probes: u64, bytes: u64) -> u64 {
    probes * (1 + bytes / COMPARED_BYTES)
}

/// Whole steps of `bytes`, of which one step covers so many.
pub(crate) fn per(bytes: u64, step: u64) -> u64 {
    bytes.div_ceil(step)
}
