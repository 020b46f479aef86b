//! Which segment a client joins, and as what.

use super::channel::Channel;

/// How many segments are looked at before a client is served alone. Each dead one takes a number until its time is over,
/// and leaders do not die often.
const TRIES: u32 = 4;

/// The cache objects of segments.
pub trait Segments {
    /// The duty to write a segment that nobody writes: a value, which is used up by writing.
    type Obligation;
    /// A segment that somebody writes, or wrote.
    type Segment;

    /// Looks a segment up by its name; waits while somebody is about to begin it, but not for long.
    ///
    /// # Errors
    /// If the cache fails, or who is about to begin does not.
    fn look_up(&mut self, name: &str) -> Result<Seen<Self::Obligation, Self::Segment>, String>;

    /// Whether the first bytes of a segment can be read. Those of one that broke off cannot.
    fn is_readable(&mut self, segment: &mut Self::Segment) -> bool;
}

/// What a look at a segment's object finds.
#[derive(Debug, PartialEq, Eq)]
pub enum Seen<O, S> {
    /// Nobody writes it: the one who sees this does.
    Vacant(O),
    /// Somebody writes it; or did, if it is over.
    Taken { segment: S, over: bool },
}

/// What becomes of a client.
#[derive(Debug, PartialEq, Eq)]
pub enum Role<O, S> {
    /// It leads the segment of this number.
    Leader(u32, O),
    /// It is given what the leader of this number writes.
    Follower(u32, S),
    /// There is no segment to be had. It is served by itself, for no client is ever sent away.
    Alone,
}

/// Joins a client to the first living segment, or lets it lead the first vacant one.
///
/// A segment is dead if it is over, or cannot be read. Dead ones are fresh until their time to be joined is over; then
/// the lowest number is vacant again by itself.
pub fn join<P: Segments>(channel: &Channel, segments: &mut P) -> Role<P::Obligation, P::Segment> {
    for n in 0..TRIES {
        match segments.look_up(&channel.segment(n)) {
            Ok(Seen::Vacant(obligation)) => return Role::Leader(n, obligation),
            Ok(Seen::Taken { over: true, .. }) | Err(_) => {}
            Ok(Seen::Taken { mut segment, over: false }) => {
                if segments.is_readable(&mut segment) {
                    return Role::Follower(n, segment);
                }
            }
        }
    }
    Role::Alone
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Clone, Copy)]
    enum Object {
        Vacant,
        Living,
        Over,
        Broken,
        Failing,
    }

    impl Segments for Vec<Object> {
        type Obligation = String;
        type Segment = bool;

        fn look_up(&mut self, name: &str) -> Result<Seen<String, bool>, String> {
            let n: usize = name.strip_prefix("silent/").unwrap().parse().unwrap();
            Ok(match self[n] {
                Object::Vacant => Seen::Vacant(name.to_owned()),
                Object::Living => Seen::Taken { segment: true, over: false },
                Object::Over => Seen::Taken { segment: true, over: true },
                Object::Broken => Seen::Taken { segment: false, over: false },
                Object::Failing => return Err("fault".to_owned()),
            })
        }

        fn is_readable(&mut self, segment: &mut bool) -> bool {
            *segment
        }
    }

    #[test]
    fn who_leads_and_who_follows() {
        use Object::{Broken, Failing, Living, Over, Vacant};
        for (situation, objects, expected) in [
            ("the first client", [Vacant; 4], Role::Leader(0, "silent/0".to_owned())),
            ("the next ones", [Living, Vacant, Vacant, Vacant], Role::Follower(0, true)),
            (
                "after a leader that ended early",
                [Over, Vacant, Vacant, Vacant],
                Role::Leader(1, "silent/1".into()),
            ),
            ("after a leader that died", [Broken, Living, Vacant, Vacant], Role::Follower(1, true)),
            (
                "a leader that never begins",
                [Failing, Vacant, Vacant, Vacant],
                Role::Leader(1, "silent/1".into()),
            ),
            ("one after the other", [Over, Broken, Failing, Living], Role::Follower(3, true)),
            ("all dead", [Broken; 4], Role::Alone),
            ("no cache", [Failing; 4], Role::Alone),
        ] {
            assert_eq!(join(&Channel::Silent, &mut objects.to_vec()), expected, "{situation}");
        }
    }
}
