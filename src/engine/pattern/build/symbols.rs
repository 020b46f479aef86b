//! Rewrites a pattern so that it reads symbols in place of characters.
//!
//! 1. The classes of characters that the pattern names are collected; a single character is a class too.
//! 2. They cut the characters beyond ASCII into ranges. A range is in some of the classes, and not in the others.
//!    Ranges that are in the same classes have the same symbol: the pattern does not tell them apart.
//! 3. Each class becomes a class of symbols. ASCII characters are their own symbols.
//!
//! `\b` asks whether a character belongs to a word, which an automaton over bytes knows of ASCII bytes alone. So in a
//! pattern with `\b` the symbols of word characters are moved to the bytes of ASCII's word characters, and all others
//! elsewhere.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;

use regex_syntax::hir::{Class, ClassBytes, ClassBytesRange, Hir, HirKind, Look, Repetition};
use regex_syntax::is_word_byte;

use super::unicode::{Points, Unicode};
use crate::limits;
use crate::pattern::alphabet::{Alphabet, CATEGORIES, Exception};

/// A pattern over symbols.
pub(super) struct OverSymbols {
    pub(super) hir: Hir,
    pub(super) alphabet: Alphabet,
    /// Which symbols stand for word characters.
    pub(super) words: [bool; 256],
    /// How many characters beyond ASCII a match has at most; none if there is no limit.
    pub(super) characters_beyond_ascii: Option<u32>,
}

impl OverSymbols {
    /// Whether the symbols of word characters are the bytes of ASCII's.
    pub(super) fn has_ascii_words(&self) -> bool {
        self.words == ascii_words()
    }
}

/// The classes that a character belongs to, by their indices.
type Membership = Vec<u16>;

const BEYOND_ASCII: u32 = 0x80;
const LAST: u32 = char::MAX as u32;

/// Rewrites a pattern.
///
/// # Errors
/// Why no automaton can match it.
pub(super) fn rewrite(hir: &Hir, unicode: &Unicode) -> Result<OverSymbols, String> {
    let mut found = Found::default();
    found.collect(hir)?;
    if found.unicode_words && found.ascii_words {
        return Err("`\\b` and `\\B` are used with and without the flag `a`".into());
    }
    if found.unicode_words {
        found.classes.insert(unicode.words().clone());
    }
    let classes: Vec<Points> = found.classes.into_iter().collect();
    let Some(mut symbols) = Symbols::new(classes, unicode) else {
        return bytes(hir, found.unicode_words);
    };
    let words = if found.unicode_words { symbols.set_words_apart(unicode) } else { ascii_words() };
    Ok(OverSymbols {
        hir: symbols.pattern(hir),
        alphabet: symbols.alphabet(),
        words,
        characters_beyond_ascii: characters_beyond_ascii(hir),
    })
}

/// Leaves the pattern as it is: it reads the bytes of UTF-8.
fn bytes(hir: &Hir, unicode_words: bool) -> Result<OverSymbols, String> {
    if unicode_words {
        return Err("it tells too many characters apart for a pattern with `\\b` or `\\B`".into());
    }
    let alphabet = Alphabet {
        symbols: identity(),
        reads_bytes: true,
        by_category: [0; CATEGORIES],
        needs_categories: false,
        exceptions: Vec::new(),
    };
    Ok(OverSymbols { hir: hir.clone(), alphabet, words: ascii_words(), characters_beyond_ascii: None })
}

fn identity() -> [u8; 256] {
    let mut bytes = [0; 256];
    (0..=u8::MAX).zip(&mut bytes).for_each(|(byte, own)| *own = byte);
    bytes
}

fn ascii_words() -> [bool; 256] {
    identity().map(is_word_byte)
}

fn characters_beyond_ascii(hir: &Hir) -> Option<u32> {
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => Some(0),
        HirKind::Literal(literal) => {
            u32::try_from(literal.0.iter().filter(|byte| !byte.is_ascii()).count()).ok()
        }
        HirKind::Class(class) => {
            Some(u32::from(points(class).last().is_some_and(|(_, last)| *last >= BEYOND_ASCII)))
        }
        HirKind::Repetition(repetition) => {
            match (characters_beyond_ascii(&repetition.sub)?, repetition.max) {
                (0, _) => Some(0),
                (of_one, max) => of_one.checked_mul(max?),
            }
        }
        HirKind::Capture(capture) => characters_beyond_ascii(&capture.sub),
        HirKind::Concat(parts) => {
            parts.iter().try_fold(0_u32, |sum, part| sum.checked_add(characters_beyond_ascii(part)?))
        }
        HirKind::Alternation(parts) => {
            parts.iter().try_fold(0_u32, |most, part| Some(most.max(characters_beyond_ascii(part)?)))
        }
    }
}

/// What a pattern names.
#[derive(Default)]
struct Found {
    classes: BTreeSet<Points>,
    unicode_words: bool,
    ascii_words: bool,
}

impl Found {
    fn collect(&mut self, hir: &Hir) -> Result<(), String> {
        match hir.kind() {
            HirKind::Empty => {}
            HirKind::Literal(literal) => self.classes.extend(characters(&literal.0)?.map(single)),
            HirKind::Class(class) => {
                self.classes.insert(points(class));
            }
            HirKind::Look(Look::WordUnicode | Look::WordUnicodeNegate) => self.unicode_words = true,
            HirKind::Look(Look::WordAscii | Look::WordAsciiNegate) => self.ascii_words = true,
            HirKind::Look(_) => {}
            HirKind::Repetition(repetition) => self.collect(&repetition.sub)?,
            HirKind::Capture(capture) => self.collect(&capture.sub)?,
            HirKind::Concat(parts) | HirKind::Alternation(parts) => {
                parts.iter().try_for_each(|part| self.collect(part))?;
            }
        }
        Ok(())
    }
}

fn characters(literal: &[u8]) -> Result<impl Iterator<Item = char>, String> {
    let text = core::str::from_utf8(literal).map_err(|_| "it has a literal that is no text")?;
    Ok(text.chars())
}

fn single(c: char) -> Points {
    vec![(c.into(), c.into())]
}

fn points(class: &Class) -> Points {
    match class {
        Class::Unicode(class) => class.iter().map(|r| (r.start().into(), r.end().into())).collect(),
        Class::Bytes(class) => class.iter().map(|r| (r.start().into(), r.end().into())).collect(),
    }
}

/// The symbols of all characters. Symbols below 0x80 are ASCII characters, all others stand for characters beyond ASCII,
/// until they are moved.
struct Symbols {
    classes: Vec<Points>,
    /// The classes that the characters of a symbol belong to; the first is that of the symbol 0x80.
    memberships: Vec<Membership>,
    by_category: [u8; CATEGORIES],
    exceptions: Vec<Exception>,
    /// Where each symbol was moved to.
    places: [u8; 256],
}

impl Symbols {
    /// None if the pattern tells too many characters apart.
    fn new(classes: Vec<Points>, unicode: &Unicode) -> Option<Symbols> {
        let ranges = cut(&classes, unicode);
        let mut numbers = Numbers::default();
        let mut by_category = [0; CATEGORIES];
        for (symbol, membership) in by_category.iter_mut().zip(usual_memberships(&ranges, unicode)) {
            *symbol = numbers.of(&membership)?;
        }
        let mut exceptions: Vec<Exception> = Vec::new();
        for (first, last, membership) in ranges {
            let symbol = numbers.of(&membership)?;
            if symbol == by_category[unicode.category_of(first)] {
                continue;
            }
            match exceptions.last_mut() {
                Some(before) if before.last + 1 == first && before.symbol == symbol => before.last = last,
                _ => exceptions.push(Exception { first, last, symbol }),
            }
        }
        if exceptions.len() > limits::ALPHABET_EXCEPTIONS {
            return None;
        }
        let memberships = numbers.memberships;
        Some(Symbols { classes, memberships, by_category, exceptions, places: identity() })
    }

    /// Moves the symbols of word characters to the bytes of ASCII's, and gives which symbols stand for word characters. If
    /// there are too many of them, all stay where they are.
    fn set_words_apart(&mut self, unicode: &Unicode) -> [bool; 256] {
        let words = self.classes.binary_search(unicode.words()).unwrap_or(usize::MAX);
        let is_word = |membership: &Membership| membership.iter().any(|class| usize::from(*class) == words);
        let mut free_words: Vec<u8> = (0..=u8::MAX).filter(|byte| is_word_byte(*byte)).collect();
        // A line break stays what it is, since `^` and `$` ask for it.
        let is_other = |byte: &u8| !is_word_byte(*byte) && *byte != b'\n';
        let mut free_others: Vec<u8> = (0..=u8::MAX).filter(is_other).collect();
        let mut places_of: BTreeMap<Membership, u8> = BTreeMap::new();
        let mut places = identity();
        let mut unmoved = [false; 256];
        let mut has_room = true;
        for symbol in (0..=u8::MAX).filter(|symbol| *symbol != b'\n') {
            let Some(membership) = self.membership(symbol) else { continue };
            unmoved[usize::from(symbol)] = is_word(&membership);
            let free = if is_word(&membership) { &mut free_words } else { &mut free_others };
            match places_of.get(&membership).copied().or_else(|| free.pop()) {
                Some(place) => {
                    places[usize::from(symbol)] = place;
                    places_of.insert(membership, place);
                }
                None => has_room = false,
            }
        }
        if !has_room {
            return unmoved;
        }
        self.places = places;
        ascii_words()
    }

    /// The classes that the characters of a symbol belong to; none if the symbol stands for no character.
    fn membership(&self, symbol: u8) -> Option<Membership> {
        let point = u32::from(symbol);
        if let Some(beyond) = point.checked_sub(BEYOND_ASCII) {
            return self.memberships.get(beyond as usize).cloned();
        }
        let has = |class: &Points| class.iter().any(|(first, last)| (*first..=*last).contains(&point));
        Some((0..).zip(&self.classes).filter(|(_, class)| has(class)).map(|(index, _)| index).collect())
    }

    fn pattern(&self, hir: &Hir) -> Hir {
        match hir.kind() {
            HirKind::Empty => Hir::empty(),
            HirKind::Literal(literal) => {
                let characters = characters(&literal.0).into_iter().flatten();
                Hir::concat(characters.map(|c| self.class(&single(c))).collect())
            }
            HirKind::Class(class) => self.class(&points(class)),
            HirKind::Look(Look::WordUnicode) => Hir::look(Look::WordAscii),
            HirKind::Look(Look::WordUnicodeNegate) => Hir::look(Look::WordAsciiNegate),
            HirKind::Look(look) => Hir::look(*look),
            HirKind::Repetition(repetition) => {
                let sub = self.pattern(&repetition.sub).into();
                Hir::repetition(Repetition { sub, ..repetition.clone() })
            }
            HirKind::Capture(capture) => self.pattern(&capture.sub),
            HirKind::Concat(parts) => Hir::concat(parts.iter().map(|part| self.pattern(part)).collect()),
            HirKind::Alternation(parts) => {
                Hir::alternation(parts.iter().map(|part| self.pattern(part)).collect())
            }
        }
    }

    /// The symbols of the characters of a class.
    fn class(&self, class: &Points) -> Hir {
        let index = self.classes.binary_search(class).ok().and_then(|index| u16::try_from(index).ok());
        let ascii = class.iter().flat_map(|(first, last)| *first..=*last.min(&(BEYOND_ASCII - 1)));
        let has = |membership: &Membership| index.is_some_and(|index| membership.contains(&index));
        let beyond = (BEYOND_ASCII..).zip(&self.memberships).filter(|(_, membership)| has(membership));
        let symbols = ascii.chain(beyond.map(|(symbol, _)| symbol));
        let places = symbols.map(|symbol| self.places[symbol as usize]);
        Hir::class(Class::Bytes(ClassBytes::new(places.map(|place| ClassBytesRange::new(place, place)))))
    }

    fn alphabet(self) -> Alphabet {
        let places = self.places;
        let place = |symbol: u8| places[usize::from(symbol)];
        let exceptions = self.exceptions.into_iter();
        Alphabet {
            symbols: identity().map(place),
            reads_bytes: false,
            by_category: self.by_category.map(place),
            needs_categories: self.by_category.iter().any(|symbol| *symbol != self.by_category[0]),
            exceptions: exceptions.map(|e| Exception { symbol: place(e.symbol), ..e }).collect(),
        }
    }
}

/// Numbers memberships from 0x80.
#[derive(Default)]
struct Numbers {
    memberships: Vec<Membership>,
    known: BTreeMap<Membership, u8>,
}

impl Numbers {
    /// None if there are too many.
    fn of(&mut self, membership: &Membership) -> Option<u8> {
        if let Some(number) = self.known.get(membership) {
            return Some(*number);
        }
        let number = u8::try_from(BEYOND_ASCII as usize + self.memberships.len()).ok()?;
        self.memberships.push(membership.clone());
        self.known.insert(membership.clone(), number);
        Some(number)
    }
}

/// Cuts the characters beyond ASCII into ranges that no class divides: first, last, and the classes that they belong to.
fn cut(classes: &[Points], unicode: &Unicode) -> Vec<(u32, u32, Membership)> {
    let beyond = |(first, last): &(u32, u32)| {
        let first = *first.max(&BEYOND_ASCII);
        (first <= *last).then_some((first, *last))
    };
    let mut starts: BTreeSet<u32> = unicode.starts().collect();
    for (first, last) in classes.iter().flatten().filter_map(beyond) {
        starts.insert(first);
        starts.insert(last + 1);
    }
    starts.remove(&(LAST + 1));
    let starts: Vec<u32> = starts.into_iter().collect();
    let mut memberships: Vec<Membership> = vec![Vec::new(); starts.len()];
    for (class, index) in classes.iter().zip(0..) {
        for (first, last) in class.iter().filter_map(beyond) {
            let from = starts.partition_point(|start| *start < first);
            let to = starts.partition_point(|start| *start <= last);
            memberships[from..to].iter_mut().for_each(|membership| membership.push(index));
        }
    }
    let lasts = starts.iter().skip(1).map(|next| next - 1).chain([LAST]);
    starts.iter().copied().zip(lasts).zip(memberships).map(|((first, last), m)| (first, last, m)).collect()
}

/// What most ranges of each category belong to.
fn usual_memberships(ranges: &[(u32, u32, Membership)], unicode: &Unicode) -> [Membership; CATEGORIES] {
    let mut counts: [BTreeMap<&Membership, usize>; CATEGORIES] = Default::default();
    for (first, _, membership) in ranges {
        *counts[unicode.category_of(*first)].entry(membership).or_default() += 1;
    }
    counts.map(|counts| {
        let most = counts.into_iter().max_by_key(|(_, count)| *count);
        most.map(|(membership, _)| membership.clone()).unwrap_or_default()
    })
}
