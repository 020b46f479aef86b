//! Escapes of patterns, as Python reads them.

use alloc::borrow::ToOwned;
use alloc::format;
use alloc::string::String;

use crate::pattern::class::{Category, Class};
use crate::pattern::dialect::Reader;
use crate::pattern::inline_flags::InlineFlags;

impl Reader<'_> {
    /// Translates an escape outside of classes. The second value: whether it is a position rather than a character.
    pub(super) fn escape(&mut self, flags: InlineFlags) -> Result<(String, bool), String> {
        let c = *self.rest.peek().ok_or("a backslash at the end")?;
        let position = match c {
            'A' => "\\A",
            'Z' | 'z' => "\\z",
            'b' if flags.ascii => "(?-u:\\b)",
            'b' => "\\b",
            'B' if flags.ascii => "(?-u:\\B)",
            'B' => "\\B",
            '1'..='9' if !self.is_octal() => return Err("back-references are not supported".to_owned()),
            _ => {
                if let Some(category) = self.category() {
                    return Ok((Class::from(category).written(false, flags), false));
                }
                let c = self.escaped(false)?;
                return Ok((Self::literal(c, flags), false));
            }
        };
        self.rest.next();
        Ok((position.to_owned(), true))
    }

    /// Whether three octal digits follow.
    fn is_octal(&self) -> bool {
        let mut ahead = self.rest.clone();
        (0..3).all(|_| ahead.next().is_some_and(|c| c.is_digit(8)))
    }

    pub(crate) fn category(&mut self) -> Option<Category> {
        let category = Category::named(*self.rest.peek()?)?;
        self.rest.next();
        Some(category)
    }

    /// Reads an escape after its backslash, and returns the character that it denotes.
    pub(crate) fn escaped(&mut self, in_class: bool) -> Result<char, String> {
        let c = self.rest.next().ok_or("a backslash at the end")?;
        Ok(match c {
            'a' => '\x07',
            'b' if in_class => '\x08',
            'f' => '\x0c',
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            'v' => '\x0b',
            'x' => self.hexadecimal(2)?,
            'u' => self.hexadecimal(4)?,
            'U' => self.hexadecimal(8)?,
            'N' => return Err("characters by name (`\\N`) are not supported".to_owned()),
            '0'..='7' => {
                let mut point = c.to_digit(8).unwrap_or_default();
                for _ in 0..2 {
                    if let Some(digit) = self.rest.next_if(|c| c.is_digit(8)) {
                        point = point * 8 + digit.to_digit(8).unwrap_or_default();
                    }
                }
                let character = char::from_u32(point).filter(|_| point <= 0o377);
                character.ok_or("an octal escape above \\377")?
            }
            '8' | '9' => return Err(format!("bad escape \\{c}")),
            c if c.is_ascii_alphabetic() => return Err(format!("bad escape \\{c}")),
            c => c,
        })
    }

    fn hexadecimal(&mut self, digits: usize) -> Result<char, String> {
        let mut point = 0_u32;
        for _ in 0..digits {
            let digit = self.rest.next_if(char::is_ascii_hexdigit).and_then(|c| c.to_digit(16));
            point = point << 4 | digit.ok_or("an escape with too few digits")?;
        }
        char::from_u32(point).ok_or_else(|| "an escape that denotes no character".to_owned())
    }
}
