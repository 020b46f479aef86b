//! The connection to Redis is renewed now and then, since the name of the bus may lead to another server while the one of
//! before lives on, and nothing cuts a connection. Replicas in this process, whose connections are renewed often.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use origin::{BusAddress, Origin, Settings};
use tests::forward::forward;
use tests::machine::beside_others;
use tests::redis::{redis, redis_with};
use tests::{eventually, free_address, say};
use tokio::sync::oneshot;

use super::{Announcing, BACK, SOON, agrees, announce_at_once, get, listen, metric, revision};

/// So often that a test sees many renewals.
const OFTEN: Duration = Duration::from_millis(50);

/// An origin in this process, ended on drop.
struct Replica {
    url: String,
    said: Arc<Mutex<Vec<String>>>,
    end: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

#[track_caller]
fn replica(redis: SocketAddr, renewal: Duration) -> Replica {
    let said: Arc<Mutex<Vec<String>>> = Arc::default();
    let log = Arc::clone(&said);
    let bus = BusAddress::parse(&format!("redis://{redis}")).unwrap();
    let log = move |line: &str| log.lock().unwrap().push(line.to_owned());
    let origin = Origin::new(Settings::default()).with_bus_renewed(bus, renewal, log);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let listener = runtime.block_on(async { origin::listen("127.0.0.1:0".parse().unwrap()).unwrap() });
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (end, ended) = oneshot::channel::<()>();
    let thread = thread::spawn(move || {
        runtime.block_on(origin::run(listener, origin, async {
            let _ = ended.await;
        }));
    });
    let replica = Replica { url, said, end: Some(end), thread: Some(thread) };
    eventually("the bus is up", SOON, || replica.is_up().then_some(()));
    replica
}

impl Replica {
    fn said(&self) -> Vec<String> {
        self.said.lock().unwrap().clone()
    }

    fn is_up(&self) -> bool {
        get(&self.url, "/health")["bus"] == "up"
    }

    /// It was always connected, and has said so once.
    #[track_caller]
    fn was_never_down(&self) {
        assert!(self.is_up());
        assert_eq!(metric(&self.url, "jackstaff_origin_bus_reconnects_total"), "0");
        let connection = |line: &&String| line.ends_with(" is up") || line.contains(" is down");
        assert_eq!(self.said().iter().filter(connection).count(), 1, "{:?}", self.said());
    }
}

impl Drop for Replica {
    fn drop(&mut self) {
        drop(self.end.take());
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

/// Replicas of before the switch and after it did not hear of each other, and all said that the bus is up.
#[test]
fn replicas_agree_after_the_bus_has_become_another_server_without_a_cut() {
    let _machine = beside_others();
    let (Some(first), Some(second)) = (redis(), redis()) else { return };
    let name = forward(first.address());
    let before = [(); 2].map(|()| replica(name.address(), OFTEN));
    announce_at_once(&before[0].url, "demo", revision(1));
    name.to(second.address());
    let after = replica(name.address(), OFTEN);
    // Known at the server of before alone, and nowhere else announced.
    agrees(&after.url, SOON, &BTreeMap::from([("demo".to_owned(), revision(1))]));
    let urls = [&before[0].url, &before[1].url, &after.url];
    for (url, n) in urls.into_iter().zip(2..) {
        announce_at_once(url, "demo", revision(n));
        for url in urls {
            agrees(url, SOON, &BTreeMap::from([("demo".to_owned(), revision(n))]));
        }
    }
    for replica in &before {
        let switched = || replica.said().iter().any(|line| line.contains("is another server than before"));
        eventually("the switch is logged", SOON, || switched().then_some(()));
        assert_eq!(replica.said().len(), 2, "{:?}", replica.said());
    }
    before.iter().chain([&after]).for_each(Replica::was_never_down);
    assert_eq!(first.ask("PUBLISH jackstaff:announcements:0 none"), ":0", "nobody uses the one of before");
}

#[test]
fn renewals_neither_lose_nor_repeat_an_announcement() {
    let _machine = beside_others();
    let Some(redis) = redis() else { return };
    let [a, b] = [(); 2].map(|()| replica(redis.address(), OFTEN));
    let mut streams = [&a, &b].map(|replica| listen(&replica.url, "demo"));
    let begun = Instant::now();
    let mut announced = Vec::new();
    while announced.len() < 400 || begun.elapsed() < OFTEN * 40 {
        // The same revision again and again is an event each time too.
        let revision = revision(announced.len() as u64 / 10);
        announce_at_once(&[&a, &b][announced.len() % 2].url, "demo", revision);
        announced.push(revision);
        for stream in &mut streams {
            stream.hears(announced.len());
        }
    }
    thread::sleep(OFTEN * 4);
    for stream in &mut streams {
        stream.read();
        let differs = announced.iter().zip(&stream.events).position(|(announced, heard)| announced != heard);
        assert_eq!((stream.events.len(), differs), (announced.len(), None), "each exactly once");
    }
    say(&format!("{} announcements in {:?}, with renewals each {OFTEN:?}", announced.len(), begun.elapsed()));
    for replica in [&a, &b] {
        replica.was_never_down();
        assert_eq!(replica.said().len(), 1, "{:?}", replica.said());
    }
    let listeners = || redis.ask("PUBLISH jackstaff:announcements:0 none");
    eventually("each replica has one connection", SOON, || (listeners() == ":2").then_some(()));
}

#[test]
fn no_final_revision_is_lost_while_the_bus_becomes_another_server_again_and_again() {
    let _machine = beside_others();
    let (Some(first), Some(second)) = (redis(), redis()) else { return };
    let name = forward(first.address());
    let replicas = [(); 3].map(|()| replica(name.address(), OFTEN));
    let urls = replicas.each_ref().map(|replica| &*replica.url);
    let random = fastrand::Rng::with_seed(13);
    let mut announcing = Announcing { urls, revisions: BTreeMap::new(), random };
    for round in 0..40 {
        name.to(if round % 2 == 0 { second.address() } else { first.address() });
        announcing.some(20);
    }
    for url in urls {
        agrees(url, BACK, &announcing.revisions);
    }
    replicas.iter().for_each(Replica::was_never_down);
}

#[test]
fn a_connection_that_cannot_be_renewed_stays_and_one_line_says_so() {
    let _machine = beside_others();
    let (Some(first), Some(protected)) = (redis(), redis_with("requirepass s3cret\n")) else { return };
    let followed = format!("replicaof {} {}\n", first.address().ip(), first.address().port());
    let Some(copy) = redis_with(&followed) else { return };
    let name = forward(first.address());
    let [a, b] = [(); 2].map(|()| replica(name.address(), OFTEN));
    let lines = |replica: &Replica| {
        let said = replica.said();
        said.into_iter().filter(|line| line.contains("takes no new connection")).collect::<Vec<_>>()
    };
    let targets = [free_address(), protected.address(), copy.address()];
    for (round, target) in targets.into_iter().enumerate() {
        name.to(target);
        for replica in [&a, &b] {
            eventually("it is logged", SOON, || (lines(replica).len() == round + 1).then_some(()));
        }
        let mut stream = listen(&b.url, "demo");
        for n in 0..20 {
            let heard = stream.events.len();
            announce_at_once(&a.url, "demo", revision(n));
            stream.hears(heard + 1);
            thread::sleep(OFTEN / 4);
        }
        for replica in [&a, &b] {
            replica.was_never_down();
            assert_eq!(lines(replica).len(), round + 1, "said once, however often it was tried");
        }
        name.to(first.address());
        // Until it was renewed. Then a failure is news again.
        thread::sleep(OFTEN * 6);
    }
    let [_, refused, of_copy] = &*lines(&a) else { panic!("{:?}", a.said()) };
    assert!(refused.ends_with(": it wants a password"), "{refused}");
    assert!(of_copy.ends_with(": it is a copy of another server, and takes no writes"), "{of_copy}");
}
