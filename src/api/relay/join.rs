//! Which part of a stream a client joins, and in which role.

use std::time::Duration;

use http::{HeaderName, HeaderValue, Response};

use super::frames::Protocol;
use super::part::{Channel, FIRST, Subscription};
use super::ports::{PartState, Parts};
use crate::pop::ports::Log;

/// How many parts are looked at before a client is served alone. Each dead one takes a number until its time is over, and
/// leaders do not die often.
const TRIES: u32 = 4;

/// How long a client waits for another one to begin a part, a matter of milliseconds.
pub(super) const WAIT_FOR_FIRST_FRAME: Duration = Duration::from_secs(2);

/// The role of a client.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Role<O, S> {
    /// It writes the part of this number.
    Leader(u32, O),
    /// It reads what the leader of this number writes.
    Follower(u32, S),
    /// There is no part to be had. It is served by itself, since no client is ever sent away.
    Alone,
}

/// Joins a client to the first living part, or makes it the leader of the first vacant one.
///
/// A part is dead if it is over, or cannot be read. Dead ones are found until their time to be joined is over; then the
/// lowest number is vacant again.
pub(super) fn join<P: Parts + Log>(
    Subscription { channel, protocol, .. }: &Subscription,
    ports: &P,
) -> Role<P::Obligation, P::Part> {
    for n in 0..TRIES {
        // Of all objects of a part, this one says whether there is a leader.
        let first = channel.part(n, Protocol::Flagsmith);
        let own = channel.part(n, *protocol);
        let joined = match look_up(&first, ports) {
            Some(PartState::Vacant(obligation)) => return Role::Leader(n, obligation),
            Some(PartState::Taken { over: false, .. }) if own != first => look_up(&own, ports),
            state => state,
        };
        if let Some(PartState::Taken { mut part, over: false }) = joined
            && ports.starts_with(&mut part, FIRST)
        {
            return Role::Follower(n, part);
        }
    }
    Role::Alone
}

fn look_up<P: Parts + Log>(name: &str, ports: &P) -> Option<PartState<P::Obligation, P::Part>> {
    let state = ports.look_up_part(name, WAIT_FOR_FIRST_FRAME);
    state.inspect_err(|error| ports.log(format_args!("{name} could not be looked up: {error}"))).ok()
}

/// Says in which role a client was joined.
const STREAM: HeaderName = HeaderName::from_static("jackstaff-stream");

/// Labels the head of an answer with the role of its client: `leader 0`, `follower 2`, `alone`; with `silent` before it
/// where no event will come.
pub(super) fn label<O, S>(head: &mut Response<()>, channel: &Channel, role: &Role<O, S>) {
    let role = match role {
        Role::Leader(n, _) => format!("leader {n}"),
        Role::Follower(n, _) => format!("follower {n}"),
        Role::Alone => "alone".to_owned(),
    };
    let text = if *channel == Channel::Silent { format!("silent {role}") } else { role };
    if let Ok(value) = HeaderValue::from_str(&text) {
        head.headers_mut().insert(STREAM, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key::EnvironmentKey;
    use crate::pop::ports::PortError;

    #[derive(Clone, Copy)]
    enum Object {
        Vacant,
        Living,
        Over,
        Broken,
        Failing,
    }

    /// The objects that clients look up first, and those of OFREP.
    struct Objects([Object; 4], [Object; 4]);

    impl Log for Objects {
        fn log(&self, _: std::fmt::Arguments<'_>) {}
    }

    impl Parts for Objects {
        type Obligation = String;
        type Part = bool;
        type Writer = ();

        fn look_up_part(&self, name: &str, _: Duration) -> Result<PartState<String, bool>, PortError> {
            let n = name.strip_prefix("stream/demo/").unwrap();
            let (n, objects) = n.strip_suffix("/ofrep").map_or((n, self.0), |n| (n, self.1));
            Ok(match objects[n.parse::<usize>().unwrap()] {
                Object::Vacant => PartState::Vacant(name.to_owned()),
                Object::Living => PartState::Taken { part: true, over: false },
                Object::Over => PartState::Taken { part: true, over: true },
                Object::Broken => PartState::Taken { part: false, over: false },
                Object::Failing => return Err(PortError("no cache".to_owned())),
            })
        }

        fn starts_with(&self, part: &mut bool, _: &str) -> bool {
            *part
        }

        fn begin_part(&self, _: String, _: &str, _: Duration, _: &str) -> Result<((), bool), PortError> {
            unreachable!("joining begins no part")
        }

        fn replace_part(&self, _: &str, _: Duration, _: &str) -> Result<(), PortError> {
            unreachable!("joining begins no part")
        }

        fn answer_with_part(&self, _: Response<()>, _: String, _: bool) {
            unreachable!("joining answers nobody")
        }

        fn answer_alone(&self, _: Response<()>, _: &str) -> Result<(), PortError> {
            unreachable!("joining answers nobody")
        }

        fn write(&self, (): &mut (), _: &str) -> Result<(), PortError> {
            unreachable!("joining writes nothing")
        }

        fn finish(&self, (): ()) -> Result<(), PortError> {
            unreachable!("joining ends no part")
        }
    }

    #[test]
    fn who_leads_and_who_follows() {
        use Object::{Broken, Failing, Living, Over, Vacant};
        let leader = |n| Role::Leader(n, format!("stream/demo/{n}"));
        for (situation, objects, expected) in [
            ("the first client", [Vacant; 4], leader(0)),
            ("the next ones", [Living, Vacant, Vacant, Vacant], Role::Follower(0, true)),
            ("after a leader that ended early", [Over, Vacant, Vacant, Vacant], leader(1)),
            ("after a leader that died", [Broken, Living, Vacant, Vacant], Role::Follower(1, true)),
            ("a leader that never begins", [Failing, Vacant, Vacant, Vacant], leader(1)),
            ("one after the other", [Over, Broken, Failing, Living], Role::Follower(3, true)),
            ("all dead", [Broken; 4], Role::Alone),
            ("no cache", [Failing; 4], Role::Alone),
        ] {
            let by = |protocol, own| join(&subscription(protocol), &Objects(objects, own));
            assert_eq!(by(Protocol::Flagsmith, [Failing; 4]), expected, "{situation}");
            assert_eq!(by(Protocol::Ofrep, objects), expected, "{situation}, for OFREP");
        }
    }

    #[test]
    fn a_client_reads_the_object_of_its_protocol_where_there_is_a_leader() {
        use Object::{Broken, Living, Over, Vacant};
        let leader = |n| Role::Leader(n, format!("stream/demo/{n}"));
        for (situation, objects, own, expected) in [
            ("it is there", [Living, Vacant, Vacant, Vacant], [Living; 4], Role::Follower(0, true)),
            ("an old one, without a leader", [Vacant; 4], [Living; 4], leader(0)),
            ("its writing failed", [Living, Vacant, Vacant, Vacant], [Broken; 4], leader(1)),
            (
                "it is not there",
                [Living, Living, Vacant, Vacant],
                [Vacant, Living, Over, Over],
                Role::Follower(1, true),
            ),
        ] {
            let joined = join(&subscription(Protocol::Ofrep), &Objects(objects, own));
            assert_eq!(joined, expected, "{situation}");
        }
    }

    fn subscription(protocol: Protocol) -> Subscription {
        let channel = Channel::Environment(EnvironmentKey::parse("demo").unwrap());
        Subscription { channel, protocol, heard: None }
    }

    #[test]
    fn the_label_is_the_role_of_the_client() {
        let environment = Channel::Environment(EnvironmentKey::parse("demo").unwrap());
        for (channel, role, expected) in [
            (&environment, Role::Leader(0, ()), "leader 0"),
            (&environment, Role::Follower(2, ()), "follower 2"),
            (&environment, Role::Alone, "alone"),
            (&Channel::Silent, Role::Leader(1, ()), "silent leader 1"),
        ] {
            let mut head = crate::relay::head();
            label(&mut head, channel, &role);
            assert_eq!(head.headers()["jackstaff-stream"], expected);
        }
    }
}
