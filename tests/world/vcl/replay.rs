//! A stream that has ended is not served again from the cache.

use std::time::{Duration, Instant};

use tests::eventually;
use tests::machine::beside_others;
use tests::proxy::Mode;
use tests::stream::{End, History};

use super::world::{JOIN, PART, SOON, World, came_together};

fn ends(history: &History) -> Vec<End> {
    history.connections.iter().filter_map(|connection| Some(connection.ended.clone()?.1)).collect()
}

#[test]
fn a_part_that_ended_is_not_replayed() {
    let _machine = beside_others();
    let Some(world) = World::new() else { return };
    let clients = world.clients(20);
    let change = world.change();
    let has_second_event =
        |history: &History| history.connections.get(1).is_some_and(|it| !it.heard.is_empty());
    clients.wait_for_all("the part ends, and another begins", PART + SOON, has_second_event);
    for history in clients.histories() {
        assert_eq!(ends(&history), [End::Clean]);
        let first = &history.connections[0];
        let lasted = first.ended.clone().unwrap().0 - first.opened.unwrap();
        assert!(lasted > PART - JOIN * 2, "{lasted:?}");
        // The next part begins with the current revision.
        let heard: Vec<u64> = history.connections[1].heard.iter().map(|heard| heard.revision).collect();
        assert_eq!(heard, [change.revision]);
    }
    // All clients connected again at once, and to the same part.
    if came_together(&clients.histories(), JOIN) {
        assert_eq!(world.streams(), 2);
    }
}

#[test]
fn a_fetch_that_broke_is_not_replayed() {
    let _machine = beside_others();
    let Some(world) = World::new() else { return };
    let clients = world.clients(20);
    let streams = world.streams();
    world.change();
    world.proxy.cut();
    clients.wait_for_all("the stream breaks", SOON, |history| history.connections[0].ended.is_some());
    clients.wait_until_connected(SOON);
    for history in clients.histories() {
        assert_eq!(ends(&history), [End::Broken]);
        assert_eq!(history.connections.len(), 2);
    }
    let change = world.change();
    clients.wait_until_signalled(change.revision, SOON);
    if came_together(&clients.histories(), JOIN) {
        assert_eq!(world.streams(), streams + 1);
    }
}

/// Jackstaff never ends a stream too soon. If something between cache and origin ends one cleanly, clients receive it
/// again from the cache, but only as long as it is fresh.
#[test]
fn a_stream_that_ended_too_soon_is_replayed_only_while_it_is_fresh() {
    let _machine = beside_others();
    let Some(world) = World::new() else { return };
    world.proxy.set(Mode::EndEarly(Duration::from_millis(300)));
    let begun = Instant::now();
    let client = world.clients(1);
    eventually("the stream ends", SOON, || client.history(0).connections[0].ended.clone());
    world.proxy.set(Mode::Pass);
    let stable = eventually("a stream that lasts", SOON, || {
        let history = client.history(0);
        let opened = history.connections.last()?.opened?;
        (opened.elapsed() > JOIN).then_some(opened)
    });
    // A stream that was fetched in the meantime was fresh for a time too.
    let passed = stable - begun;
    assert!(passed < JOIN * 2 + Duration::from_secs(2), "{passed:?}");
    let change = world.change();
    client.wait_until_signalled(change.revision, SOON);
}

/// To the platform, a fetch that it cut off has ended. By then it cannot be joined any more.
#[test]
fn a_fetch_that_the_platform_cut_off_is_not_replayed() {
    let _machine = beside_others();
    if !tests::is_full() {
        return tests::not_run(tests::ONLY_FULL);
    }
    let Some(world) = World::with(Duration::from_secs(90), 100) else { return };
    let clients = world.clients(20);
    world.proxy.set(Mode::Stall);
    clients.wait_for_all("the fetch is cut off", 2 * SOON, |history| history.connections[0].ended.is_some());
    world.proxy.set(Mode::Pass);
    clients.wait_until_connected(SOON);
    let change = world.change();
    clients.wait_until_signalled(change.revision, SOON);
    let connections = clients.histories().iter().map(|history| history.connections.len()).max();
    assert_eq!((connections, world.streams()), (Some(2), 2));
}
