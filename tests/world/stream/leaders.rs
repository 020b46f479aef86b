//! The leader of a part is the request of one client, which may leave.

use serde_json::json;
use tests::eventually;
use tests::machine::beside_others;
use tests::stream::{Clients, End};

use super::world::{SOON, World, report, seconds};

/// The one client that leads, among those that are still there.
fn leader(clients: &Clients) -> usize {
    let histories = clients.histories();
    let leads = |client: &usize| histories[*client].left.is_none() && histories[*client].role() == "leader";
    let leaders: Vec<usize> = (0..histories.len()).filter(leads).collect();
    assert_eq!(leaders.len(), 1, "{leaders:?}");
    leaders[0]
}

#[test]
fn the_client_of_a_leader_leaves_and_then_the_leader_dies() {
    let _machine = beside_others();
    // The leader dies before its part has expired, so the next client finds the part. It dies late enough: the changed
    // settings have reached the sandbox of the next leader by then.
    let mut settings = json!({ "join_seconds": 30, "fault": { "leader_dies_ms": 20_000, "tireless": true } });
    let Some(world) = World::new(&settings) else { return };
    let clients = world.clients(30);
    settings["fault"] = json!({ "tireless": true });
    world.edge.set(&settings);
    let mut changes = Vec::new();
    let mut change = || {
        let change = world.change();
        clients.wait_until_signalled(change.revision, seconds(5));
        changes.push(change);
    };

    change();
    let first = leader(&clients);
    clients.leave(first);
    change();
    // Long enough for the leader to notice.
    std::thread::sleep(seconds(3));
    change();
    let others = |clients: &Clients| {
        let histories = clients.histories();
        histories.into_iter().filter(|history| history.left.is_none()).collect::<Vec<_>>()
    };
    assert!(others(&clients).iter().all(|history| history.connections.len() == 1 && history.is_listening()));
    assert_eq!(world.proxy.counts().streams.total, 1);

    clients.wait_for_all("all streams break", SOON, |history| {
        history.connections[0].ended.as_ref().is_some_and(|(_, end)| *end == End::Broken)
    });
    clients.wait_until_connected(seconds(5));
    leader(&clients);
    let parts: Vec<_> = others(&clients).iter().map(|it| it.connections[1].part.clone()).collect();
    assert!(parts.iter().flatten().all(|it| it.ends_with(" 1")), "{parts:?}");
    change();
    eventually("the relay is at the origin", SOON, || (world.proxy.counts().streams.open == 1).then_some(()));
    change();

    let report = report(&clients, &changes, seconds(5));
    tests::say(&format!("a leader dies: {report}"));
    assert_eq!(report.faults(), Vec::<String>::new());
    assert_eq!((report.reconnects, report.most_reconnects), (29, 1), "{report}");
    assert_eq!(world.proxy.counts().streams.total, 2);
}
