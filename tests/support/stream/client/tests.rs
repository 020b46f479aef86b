use std::time::Duration;

use super::*;
use crate::stream::stand_in::{Step, comment, stand_in, tell};
use crate::stream::{Clients, Listening, clients};

const SOON: Duration = Duration::from_secs(10);

/// One client of a server with these scripts, and flags of revision 7.
fn client(scripts: Vec<Vec<Step>>, reconnect: Reconnect) -> (crate::server::Server, Clients) {
    let server = stand_in(scripts, 7);
    let listening = Listening { reconnect, refetching: 1, ..Listening::to(server.url(), "a", 1) };
    let clients = clients(&listening);
    (server, clients)
}

/// What it heard on each connection, and how that ended.
fn story(history: &History) -> Vec<(Vec<u64>, Option<End>)> {
    let connections = history.connections.iter();
    let story = connections.map(|connection| {
        let revisions = connection.heard.iter().map(|heard| heard.revision).collect();
        (revisions, connection.ended.clone().map(|(_, end)| end))
    });
    story.collect()
}

#[test]
fn what_is_heard_and_how_it_ends() {
    for (script, heard, end) in [
        (vec![comment("hello"), tell(7), tell(8), Step::End], vec![7, 8], End::Clean),
        (vec![comment("hello"), tell(7), Step::Break], vec![7], End::Broken),
        (vec![Step::Answer(503)], vec![], End::Refused(503)),
        (vec![Step::End], vec![], End::Clean),
    ] {
        let (_server, clients) = client(vec![script], Reconnect::Never);
        clients.wait_for_all("the stream has ended", SOON, |history| {
            history.connections.first().is_some_and(|connection| connection.ended.is_some())
        });
        assert_eq!(story(&clients.history(0)), [(heard, Some(end))]);
    }
}

#[test]
fn nobody_there() {
    let listening = Listening { reconnect: Reconnect::Never, ..Listening::to("http://127.0.0.1:1", "a", 1) };
    let clients = clients(&listening);
    clients.wait_for_all("it was tried", SOON, |history| !history.connections.is_empty());
    clients.wait_for_all("it failed", SOON, |history| story(history) == [(vec![], Some(End::Unreached))]);
}

#[test]
fn it_connects_again_at_once() {
    let ended = vec![tell(7), Step::End];
    let (_server, clients) = client(vec![ended.clone(), ended, vec![tell(8)]], Reconnect::AtOnce);
    clients.wait_until_signalled(8, SOON);
    let history = clients.history(0);
    let clean = (vec![7], Some(End::Clean));
    assert_eq!(story(&history), [clean.clone(), clean, (vec![8], None)]);
    let [first, _, last] = history.connections.as_slice() else { unreachable!("there are three") };
    assert!(last.tried - first.tried < PAUSE, "{history:?}");
    assert_eq!((history.role(), history.is_listening(), history.reconnects()), ("follower", true, 2));
}

#[test]
fn it_connects_again_when_the_stream_said() {
    let ended = vec![Step::Say(signal::retry(Duration::from_millis(300))), Step::End];
    let (_server, clients) = client(vec![ended, vec![tell(8)]], Reconnect::AfterRetry);
    clients.wait_until_signalled(8, SOON);
    let history = clients.history(0);
    let pause = history.connections[1].tried - history.connections[0].ended.as_ref().unwrap().0;
    assert!((Duration::from_millis(300)..RETRY).contains(&pause), "{pause:?}");
}

#[test]
fn it_asks_for_flags_when_it_hears_of_something_newer() {
    let script = vec![tell(6), tell(6), tell(5), tell(8)];
    let (_server, clients) = client(vec![script], Reconnect::Never);
    clients.wait_until_signalled(8, SOON);
    clients.wait_until_refetched(SOON);
    let mut asked: Vec<_> =
        clients.history(0).refetches.iter().map(|it| (it.signalled, it.found.clone())).collect();
    asked.sort_by_key(|(signalled, _)| *signalled);
    let found = |revision| Ok(crate::stream::Found { revision, source: "pop".into() });
    assert_eq!(asked, [(6, found(7)), (8, found(7))]);
}

#[test]
fn one_may_leave() {
    let server = stand_in(vec![vec![tell(7)]], 7);
    let clients = clients(&Listening::to(server.url(), "a", 3));
    clients.wait_until_connected(SOON);
    clients.leave(1);
    clients.wait_until_signalled(7, SOON);
    assert_eq!(clients.count(|history| history.left.is_some()), 1);
}
