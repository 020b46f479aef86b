//! The parts of streams: objects of the cache that are read while they are written.

use std::collections::BTreeMap;
use std::time::Duration;

/// The parts, by the names of their objects, and by number.
#[derive(Default)]
pub(crate) struct Parts {
    /// The number of the part that a name stands for, and until when it is found.
    names: BTreeMap<String, (usize, Duration)>,
    obligations: BTreeMap<String, u32>,
    parts: Vec<Part>,
    /// No part can be looked up.
    pub(crate) fail: bool,
}

struct Part {
    sandbox: u32,
    /// The name of its object; none for a single client's.
    name: Option<String>,
    text: String,
    end: End,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// It is still being written.
    Open,
    /// It was ended cleanly.
    Clean,
    /// Its writer died.
    Broken,
}

pub(crate) enum LookUp {
    Vacant,
    Taken { part: usize, over: bool },
    Wait,
}

impl Parts {
    pub(crate) fn look_up(&mut self, name: &str, now: Duration, sandbox: u32) -> LookUp {
        if let Some((part, until)) = self.names.get(name)
            && now < *until
        {
            return LookUp::Taken { part: *part, over: self.parts[*part].end == End::Clean };
        }
        if self.obligations.contains_key(name) {
            return LookUp::Wait;
        }
        self.obligations.insert(name.to_owned(), sandbox);
        LookUp::Vacant
    }

    pub(crate) fn give_up(&mut self, name: &str, sandbox: u32) {
        if self.obligations.get(name) == Some(&sandbox) {
            self.obligations.remove(name);
        }
    }

    pub(crate) fn begin(&mut self, name: &str, first: &str, until: Duration, sandbox: u32) -> usize {
        self.obligations.remove(name);
        let part = self.begin_alone(first, sandbox);
        self.parts[part].name = Some(name.to_owned());
        self.names.insert(name.to_owned(), (part, until));
        part
    }

    /// A stream for a single client, which no look-up finds.
    pub(crate) fn begin_alone(&mut self, first: &str, sandbox: u32) -> usize {
        self.parts.push(Part { sandbox, name: None, text: first.to_owned(), end: End::Open });
        self.parts.len() - 1
    }

    pub(crate) fn write(&mut self, part: usize, frame: &str) -> bool {
        let part = &mut self.parts[part];
        if part.end == End::Open {
            part.text.push_str(frame);
        }
        part.end == End::Open
    }

    pub(crate) fn end(&mut self, part: usize, end: End) {
        let part = &mut self.parts[part];
        if part.end == End::Open {
            part.end = end;
        }
    }

    pub(crate) fn end_of(&self, part: usize) -> End {
        self.parts[part].end
    }

    /// All that was written to a part so far.
    pub(crate) fn text(&self, part: usize) -> &str {
        &self.parts[part].text
    }

    /// Whether a part is that which clients look up first, or a single client's.
    pub(crate) fn is_first(&self, part: usize) -> bool {
        self.parts[part].name.as_ref().is_none_or(|name| !name.ends_with("/ofrep"))
    }

    /// The part that clients look up first, of the leader that writes this one.
    pub(crate) fn first_of_leader(&self, part: usize) -> Option<usize> {
        let leader = self.parts[part].sandbox;
        let is_first = |other: &usize| self.parts[*other].sandbox == leader && self.is_first(*other);
        (0..self.parts.len()).rfind(is_first)
    }

    /// Whether a part can be read from its start: nothing of one that broke off can.
    pub(crate) fn starts_with(&self, part: usize, first: &str) -> bool {
        let part = &self.parts[part];
        part.end != End::Broken && part.text.starts_with(first)
    }

    /// Breaks the objects that clients look up first, or the others.
    pub(crate) fn break_objects(&mut self, is_first: bool) {
        for part in 0..self.parts.len() {
            if self.is_first(part) == is_first {
                self.end(part, End::Broken);
            }
        }
    }

    pub(crate) fn break_all(&mut self, sandbox: u32) {
        self.obligations.retain(|_, obliged| *obliged != sandbox);
        for part in self.parts.iter_mut().filter(|part| part.sandbox == sandbox && part.end == End::Open) {
            part.end = End::Broken;
        }
    }
}
