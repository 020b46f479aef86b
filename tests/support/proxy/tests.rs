use std::time::{Duration, Instant};

use super::*;
use crate::eventually;
use crate::server::Server;
use crate::stream::stand_in::{Step, comment, stand_in, tell};
use crate::stream::{Clients, End, History, Listening, Reconnect, clients};

const SOON: Duration = Duration::from_secs(10);
/// Long enough for what is on its way to arrive.
const A_WHILE: Duration = Duration::from_millis(300);

fn milliseconds(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

/// A server that tells of a revision now, and of the next one some time later, behind a proxy in this mode; and a client.
fn world(mode: Mode, later: Duration, reconnect: Reconnect) -> (Server, Proxy, Clients) {
    let server = stand_in(vec![vec![comment("hello"), tell(1), Step::Wait(later), tell(2)]], 2);
    let proxy = proxy(&server.url());
    proxy.set(mode);
    let clients = clients(&Listening { reconnect, ..Listening::to(proxy.url(), "a", 1) });
    (server, proxy, clients)
}

fn ended(history: &History, how: &End) -> bool {
    history.connections.first().and_then(|first| first.ended.as_ref()).is_some_and(|(_, end)| end == how)
}

/// What a client has heard after a while.
fn heard_after_a_while(clients: &Clients) -> Vec<u64> {
    std::thread::sleep(A_WHILE);
    clients.history(0).heard().map(|heard| heard.revision).collect()
}

#[test]
fn it_forwards_and_counts() {
    let (_server, proxy, clients) = world(Mode::Pass, milliseconds(50), Reconnect::Never);
    clients.wait_until_signalled(2, SOON);
    let one = Count { open: 1, most: 1, total: 1 };
    assert_eq!(proxy.counts(), Counts { connections: one, streams: one });
    drop(clients);
    let none = Count { open: 0, ..one };
    eventually("the connection is gone", SOON, || {
        (proxy.counts() == Counts { connections: none, streams: none }).then_some(())
    });
}

#[test]
fn it_cuts() {
    let (_server, proxy, clients) = world(Mode::Pass, SOON, Reconnect::Never);
    clients.wait_until_signalled(1, SOON);
    proxy.cut();
    clients.wait_for_all("the stream breaks", SOON, |history| ended(history, &End::Broken));
}

#[test]
fn a_cut_is_for_those_who_are_there() {
    let (_server, proxy, clients) = world(Mode::Pass, SOON, Reconnect::AtOnce);
    clients.wait_until_signalled(1, SOON);
    proxy.cut();
    clients.wait_for_all("it has connected again", SOON, |history| {
        history.connections.len() == 2 && history.is_listening()
    });
    assert_eq!(proxy.counts().streams, Count { open: 1, most: 1, total: 2 });
}

#[test]
fn one_environment_and_no_other() {
    let server = stand_in(vec![vec![comment("hello"), tell(1)]], 1);
    let proxy = proxy(&server.url());
    let [a, b] = ["a", "b"].map(|key| {
        let clients =
            clients(&Listening { reconnect: Reconnect::AtOnce, ..Listening::to(proxy.url(), key, 1) });
        clients.wait_until_signalled(1, SOON);
        clients
    });
    proxy.set_for("a", Mode::Refuse);
    proxy.cut_for("a");
    a.wait_for_all("it is cut", SOON, |history| ended(history, &End::Broken));
    a.wait_for_all("it is refused", SOON, |history| {
        history.connections.get(1).is_some_and(|second| second.ended.is_some())
    });
    proxy.set(Mode::Pass);
    a.wait_for_all("it has connected again", SOON, History::is_listening);
    assert_eq!(b.history(0).connections.len(), 1);
    assert!(b.history(0).is_listening());
}

#[test]
fn it_refuses() {
    let (_server, proxy, clients) = world(Mode::Refuse, SOON, Reconnect::Never);
    clients.wait_for_all("it is refused", SOON, |history| ended(history, &End::Unreached));
    assert_eq!(proxy.counts(), Counts::default());
}

#[test]
fn an_upstream_that_is_not_there() {
    let proxy = proxy("http://127.0.0.1:1");
    let clients = clients(&Listening { reconnect: Reconnect::AtOnce, ..Listening::to(proxy.url(), "a", 1) });
    clients.wait_for_all("it fails", SOON, |history| ended(history, &End::Unreached));
    let server = stand_in(vec![vec![tell(1)]], 1);
    proxy.forward_to(&server.url());
    clients.wait_until_signalled(1, SOON);
}

#[test]
fn it_stalls_and_goes_on() {
    let (_server, proxy, clients) = world(Mode::Pass, milliseconds(200), Reconnect::Never);
    clients.wait_until_signalled(1, SOON);
    proxy.set(Mode::Stall);
    assert_eq!(heard_after_a_while(&clients), [1]);
    proxy.set(Mode::Pass);
    clients.wait_until_signalled(2, SOON);
    assert_eq!(clients.history(0).connections.len(), 1);
}

#[test]
fn half_open_it_never_answers() {
    let (_server, proxy, clients) = world(Mode::HalfOpen, SOON, Reconnect::Never);
    eventually("the connection is there", SOON, || (proxy.counts().streams.open == 1).then_some(()));
    assert_eq!(heard_after_a_while(&clients), [] as [u64; 0]);
    let history = clients.history(0);
    assert!(history.connections[0].opened.is_none() && history.connections[0].ended.is_none(), "{history:?}");
    drop(clients);
    eventually("it is seen that the client went", SOON, || (proxy.counts().streams.open == 0).then_some(()));
}

#[test]
fn half_open_after_the_fact() {
    let (_server, proxy, clients) = world(Mode::Pass, milliseconds(100), Reconnect::Never);
    clients.wait_until_signalled(1, SOON);
    proxy.set(Mode::HalfOpen);
    assert_eq!(heard_after_a_while(&clients), [1]);
    assert!(clients.history(0).is_listening());
}

#[test]
fn it_is_slow() {
    let slow = Mode::Slow { bytes: 7, pause: milliseconds(20) };
    let begun = Instant::now();
    let (_server, _proxy, clients) = world(slow, Duration::ZERO, Reconnect::Never);
    clients.wait_until_signalled(2, SOON);
    // Two events of 62 bytes.
    assert!(begun.elapsed() > milliseconds(300), "{:?}", begun.elapsed());
}

#[test]
fn it_answers_itself() {
    let (_server, proxy, clients) = world(Mode::Answer(503), SOON, Reconnect::Never);
    clients.wait_for_all("it is answered", SOON, |history| ended(history, &End::Refused(503)));
    assert_eq!(proxy.counts().streams.total, 1);
}

#[test]
fn it_ends_streams_early_and_cleanly() {
    let early = Mode::EndEarly(milliseconds(100));
    let (_server, proxy, clients) = world(early, SOON, Reconnect::AtOnce);
    clients.wait_for_all("it has connected again and again", SOON, |history| history.connections.len() > 3);
    let histories = clients.histories();
    for connection in &histories[0].connections[..3] {
        let (at, end) = connection.ended.clone().unwrap();
        let lasted = at - connection.opened.unwrap();
        assert_eq!((end, connection.heard.len()), (End::Clean, 1));
        assert!(lasted > milliseconds(50), "{lasted:?}");
    }
    eventually("all connections are counted", SOON, || (proxy.counts().streams.total > 3).then_some(()));
}

#[test]
fn it_swallows_events_and_no_comments() {
    let server = stand_in(
        vec![vec![
            tell(1),
            Step::Wait(milliseconds(200)),
            tell(2),
            tell(3),
            Step::Wait(milliseconds(200)),
            tell(4),
        ]],
        0,
    );
    let proxy = proxy(&server.url());
    let clients = clients(&Listening::to(proxy.url(), "a", 1));
    clients.wait_until_signalled(1, SOON);
    proxy.set(Mode::DropEvents);
    std::thread::sleep(A_WHILE);
    proxy.set(Mode::Pass);
    clients.wait_until_signalled(4, SOON);
    let heard: Vec<u64> = clients.history(0).heard().map(|heard| heard.revision).collect();
    assert_eq!(heard, [1, 4]);

    let mut part = b": a\n\nevent: x\ndata: 1\n\nretry: 5\n\n: b".to_vec();
    assert_eq!(super::pump::comments(&mut part), b": a\n\nretry: 5\n\n");
    part.extend(b"\n\n");
    assert_eq!(super::pump::comments(&mut part), b": b\n\n");
}
