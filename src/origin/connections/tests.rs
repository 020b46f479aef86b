//! Situations of connections, and which of them are closed.

use futures_util::FutureExt;

use super::*;

/// Numbers of connections and requests that the test holds, and a clock.
struct Test {
    connections: Arc<Connections>,
    now: Instant,
}

fn bounds(strangers: usize, per_address: usize) -> Test {
    let quarter = (strangers / 4).max(1);
    let bounds = Bounds { strangers, closing: quarter, idle: quarter, per_address };
    Test { connections: Arc::new(Connections::new(bounds, Arc::new(Metrics::new()))), now: Instant::now() }
}

fn address(text: &str) -> ClientAddress {
    ClientAddress::of(text.parse().unwrap())
}

impl Test {
    fn passes(&mut self, milliseconds: u64) {
        self.now += Duration::from_millis(milliseconds);
    }

    /// None if there is no room now.
    fn enter(&self, from: &str) -> Option<Arc<Connection>> {
        self.connections.try_enter(Some(address(from)), self.now).ok()
    }

    fn enter_by_proxy(&self) -> Arc<Connection> {
        self.connections.try_enter(None, self.now).unwrap()
    }

    fn request(&self, connection: &Arc<Connection>, is_known: bool) -> Result<UnderWay, AddressLimitError> {
        self.request_of(connection, is_known, connection.address.unwrap())
    }

    fn request_of(
        &self,
        connection: &Arc<Connection>,
        is_known: bool,
        client: ClientAddress,
    ) -> Result<UnderWay, AddressLimitError> {
        connection.request(is_known, client, self.now)
    }

    /// (open, strangers, closed for others, addresses that are counted)
    fn counts(&self) -> (i64, i64, u64, usize) {
        let Metrics { open_connections, strangers, connections_closed, .. } = &*self.connections.metrics;
        let counted = self.connections.state().of_address.len();
        (open_connections.get(), strangers.get(), connections_closed.get(), counted)
    }
}

fn must_close(connection: &Connection) -> bool {
    connection.must_close().now_or_never().is_some()
}

#[test]
fn a_new_connection_takes_the_place_of_the_stranger_that_is_silent_for_longest() {
    let mut test = bounds(2, 9);
    let first = test.enter("192.0.2.1").unwrap();
    test.passes(10);
    let second = test.enter("192.0.2.2").unwrap();
    test.passes(1);
    // A request is a sign of life, but the time that it takes is none.
    let slow = test.request(&first, false).unwrap();
    assert!(test.enter("192.0.2.3").is_none(), "the second has had its place for a millisecond");
    test.passes(90);
    let third = test.enter("192.0.2.3").unwrap();
    assert!(must_close(&second) && !must_close(&first) && !must_close(&third));
    drop(second);
    test.passes(100);
    let fourth = test.enter("192.0.2.4").unwrap();
    assert!(must_close(&first) && !must_close(&third));
    assert_eq!(test.counts(), (3, 2, 2, 2));
    drop((slow, first, third, fourth));
    assert_eq!(test.counts(), (0, 0, 2, 0));
    assert_eq!(test.connections.state().closing, 0);
}

#[test]
fn a_known_connection_leaves_the_place_of_a_stranger_and_is_not_closed_while_it_works() {
    let mut test = bounds(1, 9);
    let known = test.enter("192.0.2.1").unwrap();
    let at_work = test.request(&known, true).unwrap();
    let mut latest = test.enter("192.0.2.1").unwrap();
    for _ in 0..100 {
        test.passes(100);
        let next = test.enter("192.0.2.1").unwrap();
        assert!(must_close(&latest) && !must_close(&known));
        latest = next;
    }
    drop(at_work);
    assert!(!must_close(&known), "it is idle, as the only one");
    test.passes(1);
    // It is a stranger's again, by a request without the token.
    let _slow = test.request(&known, false).unwrap();
    assert!(must_close(&latest));
    assert_eq!(test.counts().1, 1);
}

#[test]
fn of_known_connections_the_longest_idle_one_makes_room_and_none_that_works() {
    let test = bounds(8, 9);
    let known: Vec<_> = (0..4)
        .map(|_| {
            let connection = test.enter("192.0.2.1").unwrap();
            (test.request(&connection, true).unwrap(), connection)
        })
        .collect();
    assert_eq!(test.counts(), (4, 0, 0, 0));
    let mut idle = Vec::new();
    for (at_work, connection) in known {
        drop(at_work);
        idle.push(connection);
    }
    // A quarter of eight.
    assert_eq!(idle.iter().map(|it| must_close(it)).collect::<Vec<_>>(), [true, true, false, false]);
}

#[tokio::test(start_paused = true)]
async fn a_stream_of_a_stranger_is_not_closed_for_others_and_counts_for_its_address() {
    let mut test = bounds(1, 2);
    let stream = test.enter("192.0.2.1").unwrap();
    let at_work = test.request(&stream, false).unwrap();
    at_work.begin_stream();
    assert_eq!(test.counts(), (1, 0, 0, 1));
    test.passes(1_000);
    let second = test.enter("192.0.2.1").unwrap();
    let third = test.enter("192.0.2.1");
    assert!(third.is_none(), "the second has its place since now");
    test.passes(100);
    let third = test.enter("192.0.2.1").unwrap();
    assert!(must_close(&second) && !must_close(&stream));
    assert!(!third.is_beyond());
    tokio::time::advance(Duration::from_millis(1_200)).await;
    // A stream in parts ends, and its connection stays.
    drop(at_work);
    assert_eq!(test.counts().1, 1);
    assert!(must_close(&third) && !must_close(&stream));
}

#[test]
fn an_address_with_too_many_connections_may_only_show_a_token() {
    let mut test = bounds(9, 2);
    let streams: Vec<_> = (0..2)
        .map(|_| {
            let connection = test.enter("2001:db8::1").unwrap();
            let at_work = test.request(&connection, false).unwrap();
            at_work.begin_stream();
            (at_work, connection)
        })
        .collect();
    test.passes(1_000);
    let beyond = test.enter("2001:db8::2").unwrap();
    assert!(beyond.is_beyond());
    assert_eq!(test.request(&beyond, false).err(), Some(AddressLimitError(2)));
    // Those that were there go on, and so do other addresses.
    assert!(test.request(&streams[0].1, false).is_ok());
    let other = test.enter("2001:db8:0:1::1").unwrap();
    assert!(!other.is_beyond() && test.request(&other, false).is_ok());
    // With a token it does not count, and without one it does again.
    assert!(test.request(&beyond, true).is_ok());
    assert!(test.request(&beyond, false).is_err());
    assert_eq!(test.connections.metrics.requests_refused.get(), 2);
    drop(streams);
    assert!(test.request(&beyond, false).is_ok());
}

#[test]
fn an_address_with_too_many_connections_loses_its_own_longest_silent_one() {
    let mut test = bounds(9, 2);
    let other = test.enter("192.0.2.9").unwrap();
    test.passes(100);
    let own: Vec<_> = (0..2).map(|_| test.enter("192.0.2.1").unwrap()).collect();
    let young = test.enter("192.0.2.1").unwrap();
    assert!(young.is_beyond() && own.iter().all(|it| !must_close(it)));
    drop(young);
    test.passes(100);
    let next = test.enter("192.0.2.1").unwrap();
    assert!(!next.is_beyond());
    assert_eq!(own.iter().map(|it| must_close(it)).collect::<Vec<_>>(), [true, false]);
    assert!(!must_close(&other));
}

#[test]
fn requests_through_a_proxy_count_for_the_address_that_they_come_from() {
    let test = bounds(99, 2);
    let proxied: Vec<_> = (0..4).map(|_| test.enter_by_proxy()).collect();
    assert!(proxied.iter().all(|connection| !connection.is_beyond()));
    let (one, other) = (address("192.0.2.1"), address("192.0.2.2"));
    let first = test.request_of(&proxied[0], false, one).unwrap();
    first.begin_stream();
    let second = test.request_of(&proxied[1], false, one).unwrap();
    assert_eq!(test.request_of(&proxied[2], false, one).err(), Some(AddressLimitError(2)));
    assert!(test.request_of(&proxied[2], true, one).is_ok());
    let third = test.request_of(&proxied[3], false, other).unwrap();
    assert_eq!(test.counts().3, 2);
    drop(second);
    assert!(test.request_of(&proxied[2], false, one).is_ok());
    drop((first, third));
    assert_eq!(test.counts(), (4, 4, 0, 0), "what is over is not remembered");
}

#[test]
fn only_some_connections_are_closing_at_a_time() {
    let mut test = bounds(100, 200);
    let mut strangers: Vec<_> = (0..100).map(|_| test.enter("192.0.2.1").unwrap()).collect();
    test.passes(100);
    let newer: Vec<_> = (0..100).map_while(|_| test.enter("192.0.2.2")).collect();
    assert_eq!(newer.len(), 25);
    strangers.retain(|it| !must_close(it));
    assert_eq!(strangers.len(), 75);
    assert!(test.enter("192.0.2.2").is_some());
}

/// The head may be there, and was not read yet.
#[test]
fn a_request_that_came_before_its_connection_was_closed_is_answered() {
    let mut test = bounds(1, 9);
    let [known, stranger] = [true, false].map(|is_known| {
        let connection = test.enter("192.0.2.1").unwrap();
        test.passes(100);
        let next = test.enter("192.0.2.2").unwrap();
        assert_eq!(test.connections.state().closing, 1);
        test.passes(1);
        drop(test.request(&connection, is_known).unwrap());
        assert!(!must_close(&connection), "{is_known}");
        // A stranger takes a place, a known connection none.
        assert_eq!(must_close(&next), !is_known);
        drop(next);
        assert_eq!(test.connections.state().closing, 0);
        test.passes(100);
        connection
    });
    assert_eq!(test.counts(), (2, 1, 3, 1));
    drop((known, stranger));
    assert_eq!(test.counts(), (0, 0, 3, 0));
}

#[test]
fn when_no_file_may_be_opened_a_stranger_goes_first() {
    let test = bounds(8, 9);
    let known = test.enter("192.0.2.1").unwrap();
    drop(test.request(&known, true).unwrap());
    let stranger = test.enter("192.0.2.1").unwrap();
    test.connections.close_one();
    assert!(must_close(&stranger) && !must_close(&known));
    test.connections.close_one();
    assert!(must_close(&known));
    test.connections.close_one();
    assert_eq!(test.counts(), (2, 0, 2, 0));
}

#[tokio::test(start_paused = true)]
async fn a_connection_waits_until_there_is_room() {
    let test = bounds(1, 9);
    let first = test.connections.enter(None).await;
    let begun = Instant::now();
    let second = test.connections.enter(None).await;
    assert!((LEAST..2 * LEAST).contains(&begun.elapsed()), "{:?}", begun.elapsed());
    assert!(must_close(&first));
    drop((first, second));
    let begun = Instant::now();
    let _third = test.connections.enter(None).await;
    assert_eq!(begun.elapsed(), Duration::ZERO);
}
