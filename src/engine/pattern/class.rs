//! Characters and classes of characters, as `regex` reads them.

use alloc::borrow::ToOwned;
use alloc::format;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;

use crate::pattern::dialect::Reader;
use crate::pattern::inline_flags::InlineFlags;

/// One character, or a class of them.
#[derive(Default)]
pub(crate) struct Class {
    ranges: Vec<(char, char)>,
    categories: Vec<Category>,
}

/// A part of a class.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Member {
    Character(char),
    Category(Category),
}

/// The characters of words, in Python: letters and numbers of any kind, `²` and `Ⅷ` among them, and no combining marks.
pub(crate) const WORD: &str = r"\p{L}\p{N}_";
pub(crate) const DIGIT: &str = r"\d";
/// In Python, the four separators among the control characters are white space.
pub(crate) const SPACE: &str = r"\s\x1C-\x1F";

/// The meaning of `\d`, `\s`, `\w` and their opposites.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Category {
    letter: char,
    negated: bool,
}

impl Category {
    pub(crate) fn named(letter: char) -> Option<Category> {
        let negated = letter.is_ascii_uppercase();
        let letter = letter.to_ascii_lowercase();
        matches!(letter, 'd' | 's' | 'w').then_some(Category { letter, negated })
    }

    /// Its members, for use within brackets.
    fn written(self, ascii: bool) -> String {
        let members = match (self.letter, ascii) {
            ('d', false) => DIGIT,
            ('d', true) => "0-9",
            ('s', false) => SPACE,
            ('s', true) => r"\t-\r\x20",
            (_, false) => WORD,
            (_, true) => "0-9A-Za-z_",
        };
        if self.negated { format!("[^{members}]") } else { String::from(members) }
    }
}

impl From<Category> for Class {
    fn from(category: Category) -> Class {
        Class { ranges: Vec::new(), categories: vec![category] }
    }
}

impl Class {
    pub(crate) fn of(c: char) -> Class {
        Class { ranges: vec![(c, c)], categories: Vec::new() }
    }

    pub(crate) fn add(&mut self, member: Member) {
        match member {
            Member::Character(c) => self.add_range(c, c),
            Member::Category(category) => self.categories.push(category),
        }
    }

    pub(crate) fn add_range(&mut self, low: char, high: char) {
        self.ranges.push((low, high));
    }

    pub(crate) fn written(mut self, negated: bool, flags: InlineFlags) -> String {
        if let ([], [category]) = (&self.ranges[..], &self.categories[..])
            && !negated
        {
            let members = category.written(flags.ascii);
            let alone = members.starts_with("[^") || members == DIGIT;
            return if alone { members } else { format!("[{members}]") };
        }
        if flags.ignore_case {
            self.fold(flags.ascii);
        }
        let mut members = String::new();
        for (low, high) in self.ranges {
            members += &literal(low);
            if low != high {
                members.push('-');
                members += &literal(high);
            }
        }
        for category in self.categories {
            members += &category.written(flags.ascii);
        }
        let class = if negated { format!("[^{members}]") } else { format!("[{members}]") };
        if flags.ignore_case && !flags.ascii { format!("(?i:{class})") } else { class }
    }

    /// Adds other cases of the same letters that Python knows and `regex` does not.
    fn fold(&mut self, ascii: bool) {
        let has =
            |ranges: &[(char, char)], c: char| ranges.iter().any(|(low, high)| (*low..=*high).contains(&c));
        if ascii {
            for (upper, lower) in ('A'..='Z').zip('a'..='z') {
                for (one, other) in [(upper, lower), (lower, upper)] {
                    if has(&self.ranges, one) && !has(&self.ranges, other) {
                        self.ranges.push((other, other));
                    }
                }
            }
            return;
        }
        // In Python, Turkish's dotted capital I and dotless small i are cases of the same letter too.
        const OF_I: [char; 4] = ['i', 'I', '\u{130}', '\u{131}'];
        if OF_I.into_iter().any(|c| has(&self.ranges, c)) {
            let lacking = OF_I[2..].iter().filter(|c| !has(&self.ranges, **c)).map(|c| (*c, *c));
            let lacking: Vec<(char, char)> = lacking.collect();
            let dotless_alone = !has(&self.ranges, 'i') && !has(&self.ranges, 'I');
            self.ranges.extend(lacking);
            if dotless_alone {
                self.ranges.push(('i', 'i'));
            }
        }
    }
}

impl Reader<'_> {
    /// Reads a class after its opening bracket.
    pub(crate) fn class(&mut self, flags: InlineFlags) -> Result<String, String> {
        let negated = self.rest.next_if_eq(&'^').is_some();
        let mut class = Class::default();
        let mut first = true;
        loop {
            if !first && self.rest.next_if_eq(&']').is_some() {
                return Ok(class.written(negated, flags));
            }
            first = false;
            let low = self.member()?;
            if self.rest.next_if_eq(&'-').is_none() {
                class.add(low);
                continue;
            }
            if self.rest.peek() == Some(&']') {
                class.add(low);
                class.add(Member::Character('-'));
                continue;
            }
            match (low, self.member()?) {
                (Member::Character(low), Member::Character(high)) if low <= high => {
                    class.add_range(low, high);
                }
                _ => return Err("bad character range".to_owned()),
            }
        }
    }

    fn member(&mut self) -> Result<Member, String> {
        match self.rest.next().ok_or("unterminated character class")? {
            '\\' => match self.category() {
                Some(category) => Ok(Member::Category(category)),
                None => self.escaped(true).map(Member::Character),
            },
            c => Ok(Member::Character(c)),
        }
    }
}

/// One character; it is written alike inside and outside of brackets.
pub(crate) fn literal(c: char) -> String {
    if c.is_ascii_alphanumeric()
        || matches!(c, '_' | ' ' | '@' | '"' | '\'' | '/' | ':' | ',' | '<' | '>' | '=' | '!' | '%' | ';')
    {
        return String::from(c);
    }
    if c.is_ascii() {
        return format!("\\x{:02X}", u32::from(c));
    }
    format!("\\x{{{:X}}}", u32::from(c))
}
