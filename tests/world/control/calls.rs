//! Calls to Fastly's API, counted by purpose.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use percent_encoding::percent_decode_str;
use tests::fastly::Event;

/// How many calls there were, each counted once.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Calls {
    /// Successful writes.
    pub(crate) published: usize,
    /// Calls that a change needs when nothing fails: the write, reads that check it, the purge.
    needed: usize,
    /// Calls that failed, and reads that check the outcome of a failed write.
    pub(crate) for_faults: usize,
    /// Reads and purges without a write: when a program starts, and from time to time.
    pub(crate) without_change: usize,
}

/// The last event of an item.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Item {
    Settled,
    Written,
    InDoubt,
}

impl Calls {
    /// Counts events. `kills` are the numbers of events after which the publishing program was killed; `before` of the
    /// events are left out here. The next program does not finish the work of a killed one.
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
                    // That an item does not exist yet is a successful answer.
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

    /// Zero if there was no change.
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

/// The item that a call concerns.
fn item(target: &str) -> String {
    let path = target.split('?').next().unwrap_or_default();
    let name = path.rsplit('/').next().unwrap_or_default();
    percent_decode_str(name).decode_utf8_lossy().into_owned()
}
