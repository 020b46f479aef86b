//! The inline flags of a pattern, such as those of `(?i)` and `(?s-i:…)`.

use alloc::borrow::ToOwned;
use alloc::format;
use alloc::string::String;

use crate::pattern::dialect::Reader;

#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct InlineFlags {
    pub(crate) ascii: bool,
    pub(crate) ignore_case: bool,
    pub(crate) multi_line: bool,
    pub(crate) dot_all: bool,
    pub(crate) verbose: bool,
}

impl InlineFlags {
    fn set(&mut self, letter: char, on: bool) -> Result<(), String> {
        match letter {
            'i' => self.ignore_case = on,
            'm' => self.multi_line = on,
            's' => self.dot_all = on,
            'x' => self.verbose = on,
            'a' if on => self.ascii = true,
            'u' if on => self.ascii = false,
            _ => return Err(format!("bad inline flag {letter:?}")),
        }
        Ok(())
    }
}

impl Reader<'_> {
    /// Reads inline flags, of which `letter` is the first. Returns the flags for the group; none if they are for the
    /// whole pattern.
    pub(crate) fn flags(
        &mut self,
        mut letter: char,
        outer: InlineFlags,
    ) -> Result<Option<InlineFlags>, String> {
        let mut letters = ["", ""].map(String::from);
        let mut off = 0;
        loop {
            match letter {
                '-' if off == 0 => off = 1,
                ':' | ')' => break,
                _ => letters[off].push(letter),
            }
            letter = self.rest.next().ok_or("unterminated inline flags")?;
        }
        let [on, off_letters] = &letters;
        let types = on.chars().filter(|c| matches!(c, 'a' | 'u')).map(|c| c == 'a');
        let mixed = types.clone().any(|ascii| ascii) && types.clone().any(|ascii| !ascii);
        if mixed || on.chars().any(|c| off_letters.contains(c)) {
            return Err("inline flags that exclude each other".to_owned());
        }
        let nothing = on.is_empty() && off_letters.is_empty();
        if nothing || off == 1 && (off_letters.is_empty() || letter == ')') {
            return Err("an inline flag or a colon is missing".to_owned());
        }
        let mut flags = if letter == ')' { self.global } else { outer };
        for (letters, on) in [(on, true), (off_letters, false)] {
            for letter in letters.chars() {
                flags.set(letter, on)?;
            }
        }
        if letter == ':' {
            return Ok(Some(flags));
        }
        self.global = flags;
        Ok(None)
    }
}
