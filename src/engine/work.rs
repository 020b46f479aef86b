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

/// Bytes of the longest identifier or text of a trait that a request can have: 2,000 characters.
pub(crate) const TEXT: u64 = 8_000;
/// Bytes of the longest number that a request can have, which has a character to each byte.
pub(crate) const DIGITS: u64 = 2_000;
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
pub(crate) const COMPARED_BYTES: u64 = 8;
pub(crate) const SEARCHED_BYTES: u64 = 4;
/// Reading one of the two versions of a comparison.
pub(crate) const VERSION_BYTES: u64 = 4;
/// Reading a number from digits.
pub(crate) const DIGITS_BYTES: u64 = 4;
/// Reading a JSON text.
pub(crate) const JSON_BYTES: u64 = 4;
/// A remainder of floats, in the dearest case.
pub(crate) const MODULO: u64 = 50;
/// Writing the text of a number.
pub(crate) const NUMBER_TEXT: u64 = 20;
/// MD5, for each block of 64 bytes.
pub(crate) const HASHED_BLOCK: u64 = 40;
/// Matching a pattern by its table, for 64 bytes of a text.
pub(crate) const LOOKED_AT: u32 = 16;
/// The same, if characters beyond ASCII are looked up.
pub(crate) const LOOKED_UP: u32 = 64;
/// Following one state or transition of a pattern that has no table, for 64 bytes of a text.
pub(crate) const FOLLOWED: u32 = 32;
/// What surrounds the hash.
pub(crate) const PERCENTAGE: u64 = 10;
/// Reading a flag that is resolved.
pub(crate) const FLAG_READ: u64 = 4;
/// Resolving a flag, or deciding it.
pub(crate) const FLAG: u64 = 10;
/// Preparing the value of a property.
pub(crate) const PROPERTY: u64 = 4;
/// An override of the identity itself.
pub(crate) const OWN_OVERRIDE: u64 = 2;
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
    /// Digits of the number that it is or denotes; 0 if it is none.
    pub(crate) digits: u64,
}

impl Size {
    pub(crate) const BOOL: Size = Size { bytes: 5, digits: 0 };
    /// A float, or an integer of 64 bits.
    pub(crate) const NUMBER: Size = Size { bytes: 24, digits: 24 };
    /// Of any trait that a request can have.
    pub(crate) const TRAIT: Size = Size { bytes: TEXT, digits: DIGITS };

    /// Of a text that may denote a number.
    pub(crate) fn text(bytes: u64) -> Size {
        Size { bytes, digits: bytes }
    }

    pub(crate) fn max(self, other: Size) -> Size {
        Size { bytes: self.bytes.max(other.bytes), digits: self.digits.max(other.digits) }
    }
}

impl Operation {
    /// The same on a list whose longest member has so many bytes.
    pub(crate) fn with_longest(self, longest: u64) -> Operation {
        if let Operation::In { members, .. } = self { Operation::In { members, longest } } else { self }
    }

    /// The steps beyond those of [`rule`].
    pub(crate) fn steps(self, size: Size) -> u64 {
        let Size { bytes, digits } = size;
        let text = if digits == 0 { 0 } else { NUMBER_TEXT + per(digits, COPIED_BYTES) };
        match self {
            Operation::Nothing => 0,
            Operation::Compare(other) => per(bytes.min(other), COMPARED_BYTES),
            Operation::Version(other) => per(bytes + other, VERSION_BYTES),
            Operation::Search(other) => per(bytes + other.min(bytes), SEARCHED_BYTES),
            Operation::Pattern => text,
            Operation::Modulo => MODULO + per(digits, DIGITS_BYTES),
            Operation::In { members, longest } => {
                let probes = if members <= FEW { members } else { u64::from(members.ilog2()) + 1 };
                text + probes * (1 + bytes.min(longest) / COMPARED_BYTES)
            }
            Operation::Split(key) => text + hashed(key + 1 + bytes),
        }
    }
}

/// Up to so many members of a list are compared one by one.
pub(crate) const FEW: u64 = 8;

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

/// Matching a pattern that takes so many steps for 64 bytes.
pub(crate) fn pattern(steps: u32, bytes: u64) -> u64 {
    (u64::from(steps) * bytes).div_ceil(64)
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
