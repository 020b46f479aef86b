//! Calls to Fastly's API, and what they were for.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use percent_encoding::percent_decode_str;
use tests::fastly::Event;

/// How many calls there were, each counted once.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Calls {
    /// Writes that took place.
    pub(crate) published: usize,
    /// Those that a change needs when nothing fails: the write, looks whether it is there, the purge.
    needed: usize,
    /// Those that failed, and looks at what became of a write that did.
    pub(crate) for_faults: usize,
    /// Looks and purges of what was not written since: when a program starts, and now and then.
    pub(crate) without_change: usize,
}

/// What happened to an item last.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Item {
    Settled,
    Written,
    InDoubt,
}

impl Calls {
    /// Counts what happened. A program that publishes was killed when there had been so many events, `before` of which
    /// are left out here: what it had begun is not finished by another.
    pub(crate) fn count(events: &[Event], kills: &[usize], before: usize) -> Calls {
        let kills: BTreeSet<usize> = kills.iter().map(|kill| kill - before).collect();
        let mut items: BTreeMap<String, Item> = BTreeMap::new();
        let mut calls = Calls::default();
        for (n, event) in events.iter().enumerate() {
            if kills.contains(&n) {
                items.clear();
            }
            match event {
                Event::Called { method, target, status, fault } if !target.starts_with("/sse/") => {
                    let item = items.entry(item(target)).or_insert(Item::Settled);
                    // An item that is not there yet is an answer.
                    let is_well =
                        fault.is_none() && status.is_some_and(|status| status == 200 || status == 404);
                    calls.add(method, item, is_well);
                }
                Event::Stored(_) => calls.published += 1,
                _ => {}
            }
        }
        calls
    }

    fn add(&mut self, method: &str, item: &mut Item, is_well: bool) {
        let kind = match (method, is_well, *item) {
            (_, false, _) => {
                // A read that failed leaves no doubt about a write that did not.
                if method == "PUT" {
                    *item = Item::InDoubt;
                }
                &mut self.for_faults
            }
            ("PUT", ..) => {
                *item = Item::Written;
                &mut self.needed
            }
            ("POST", _, Item::Written | Item::InDoubt) => {
                *item = Item::Settled;
                &mut self.needed
            }
            ("GET", _, Item::Written) => &mut self.needed,
            ("GET", _, Item::InDoubt) => &mut self.for_faults,
            _ => &mut self.without_change,
        };
        *kind += 1;
    }

    /// Zero without any change.
    #[expect(clippy::cast_precision_loss, reason = "numbers of this size are exact")]
    pub(crate) fn for_each_change(self) -> f64 {
        self.needed as f64 / self.published.max(1) as f64
    }
}

impl fmt::Display for Calls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Calls { published, needed, for_faults, without_change } = self;
        write!(
            f,
            "{published} published with {:.2} calls to Fastly's API each ({needed} needed); beside them {for_faults} that \
             failed, or looks at what became of those, and {without_change} at starts and now and then",
            self.for_each_change()
        )
    }
}

/// What a call is about.
fn item(target: &str) -> String {
    let path = target.split('?').next().unwrap_or_default();
    let segment = path.rsplit('/').next().unwrap_or_default();
    percent_decode_str(segment).decode_utf8_lossy().into_owned()
}
