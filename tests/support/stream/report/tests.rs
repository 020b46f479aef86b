use super::*;
use crate::stream::{Announced, Found, Heard, Refetch};

const WITHIN: Duration = Duration::from_secs(5);

fn seconds(seconds: f64) -> Duration {
    Duration::from_secs_f64(seconds)
}

/// What happened at which second.
struct Time(Instant);

impl Time {
    fn connection(&self, from: f64, heard: &[(f64, u64)], end: Option<(f64, End)>) -> Connection {
        let at = |second| self.0 + seconds(second);
        Connection {
            tried: at(from),
            opened: Some(at(from)),
            part: Some("follower 0".into()),
            heard: heard
                .iter()
                .map(|(second, revision)| Heard { at: at(*second), revision: *revision })
                .collect(),
            ended: end.map(|(second, end)| (at(second), end)),
        }
    }

    fn change(&self, begun: f64, revision: u64) -> Change {
        let sent = self.0 + seconds(begun + 0.25);
        let announced = Some(Announced { sent, accepted: sent });
        Change { revision, begun: self.0 + seconds(begun), stored: sent, announced }
    }

    /// The report of a minute in which 11 was published at second 10, and 21 at second 20.
    fn report(&self, connections: Vec<Connection>, refetches: Vec<Refetch>) -> Report {
        let history = History { connections, refetches, ..History::default() };
        let changes = [self.change(10.0, 11), self.change(20.0, 21)];
        Report::new(&[history], &changes, WITHIN, self.0 + seconds(60.0))
    }
}

#[test]
fn all_is_well() {
    let time = Time(Instant::now());
    let report = time.report(vec![time.connection(0.0, &[(0.0, 1), (11.0, 11), (20.5, 21)], None)], vec![]);
    assert_eq!(report.faults(), Vec::<String>::new());
    assert_eq!(
        report.from_publication,
        Delays { count: 2, p50: 500.0, p95: 1000.0, p99: 1000.0, max: 1000.0 }
    );
    assert_eq!(report.from_announcement, Delays { count: 2, p50: 250.0, p95: 750.0, p99: 750.0, max: 750.0 });
    assert_eq!((report.events, report.skipped, report.reconnects), ((3, 3), 0, 0));
}

#[test]
fn every_fault_is_found() {
    let time = Time(Instant::now());
    let clean = |at| Some((at, End::Clean));
    for (situation, connections, expected) in [
        (
            "a change that was never heard of",
            vec![time.connection(0.0, &[(0.0, 1), (11.0, 11)], None)],
            &["missed: client 0: 21 was never heard"][..],
        ),
        (
            "a change that was heard of too late",
            vec![time.connection(0.0, &[(11.0, 11), (26.0, 21)], None)],
            &["missed: client 0: 21 was heard 6s after"],
        ),
        ("only the later change in time", vec![time.connection(0.0, &[(14.0, 21)], None)], &[]),
        (
            "twice on a connection",
            vec![time.connection(0.0, &[(11.0, 11), (12.0, 11), (21.0, 21)], None)],
            &["duplicated: client 0: 11 twice"],
        ),
        (
            "backwards on a connection",
            vec![time.connection(0.0, &[(11.0, 11), (21.0, 21), (22.0, 11)], None)],
            &["backwards: client 0: 11 after 21"],
        ),
        (
            "what is known, on a new connection",
            vec![
                time.connection(0.0, &[(11.0, 11), (21.0, 21)], clean(30.0)),
                time.connection(30.0, &[(30.0, 21)], None),
            ],
            &[],
        ),
        (
            "a part from its beginning",
            vec![
                time.connection(0.0, &[(11.0, 11), (21.0, 21)], clean(30.0)),
                time.connection(30.0, &[(30.0, 11), (30.1, 21)], None),
            ],
            &[],
        ),
        (
            "a connection that stays behind",
            vec![
                time.connection(0.0, &[(11.0, 11), (21.0, 21)], clean(30.0)),
                time.connection(30.0, &[(30.0, 11), (31.1, 21)], None),
            ],
            &["behind: client 0: stayed at [11, 21], knowing 21"],
        ),
        (
            "a connection that ends behind",
            vec![
                time.connection(0.0, &[(11.0, 11), (21.0, 21)], clean(59.0)),
                time.connection(59.2, &[(59.2, 11)], clean(59.5)),
            ],
            &["behind: client 0: stayed at [11], knowing 21"],
        ),
        (
            "a connection that may still come to the present",
            vec![
                time.connection(0.0, &[(11.0, 11), (21.0, 21)], clean(59.0)),
                time.connection(59.5, &[(59.5, 11)], None),
            ],
            &[],
        ),
    ] {
        assert_eq!(time.report(connections, vec![]).faults(), expected, "{situation}");
    }
}

#[test]
fn refetches() {
    let time = Time(Instant::now());
    let refetch = |signalled, found, answered| Refetch {
        signalled,
        at: time.0,
        answered: time.0 + seconds(answered),
        found,
    };
    let found = |revision| Ok(Found { revision, source: "stale".into() });
    let report = time.report(
        vec![time.connection(0.0, &[(11.0, 11), (21.0, 21)], None)],
        vec![
            refetch(11, found(11), 11.25),
            refetch(11, found(21), 21.5),
            refetch(21, found(11), 20.25),
            refetch(21, Err("answered 503".into()), 20.25),
        ],
    );
    assert_eq!(
        report.faults(),
        ["stale: client 0: found 11 (stale) after 21 was signalled", "failed: client 0: answered 503"]
    );
    assert_eq!(report.until_read, Delays { count: 2, p50: 1250.0, p95: 1500.0, p99: 1500.0, max: 1500.0 });
}

#[test]
fn what_is_not_due_yet_is_no_fault() {
    let time = Time(Instant::now());
    let history = History { connections: vec![time.connection(0.0, &[], None)], ..History::default() };
    let at = |second| {
        Report::new(
            std::slice::from_ref(&history),
            &[time.change(10.0, 11)],
            WITHIN,
            time.0 + seconds(second),
        )
    };
    assert_eq!(at(15.0).faults(), Vec::<String>::new());
    assert_eq!(at(16.0).faults(), ["missed: client 0: 11 was never heard"]);
    let gone = History { left: Some(time.0 + seconds(12.0)), ..history.clone() };
    let report = Report::new(&[gone], &[time.change(10.0, 11)], WITHIN, time.0 + seconds(60.0));
    assert_eq!(report.faults(), Vec::<String>::new());
}

#[test]
fn reconnects_and_what_was_heard_by_them() {
    let time = Time(Instant::now());
    let report = time.report(
        vec![
            time.connection(0.0, &[(0.0, 1)], Some((9.0, End::Broken))),
            time.connection(10.5, &[(10.5, 11)], Some((30.0, End::Clean))),
            time.connection(30.0, &[(30.0, 21)], None),
        ],
        vec![],
    );
    // 21 was heard ten seconds after it was published, by connecting again.
    assert_eq!(report.faults(), ["missed: client 0: 21 was heard 10s after"]);
    assert_eq!((report.heard_on_reconnect, report.reconnects, report.most_reconnects), (1, 2, 2));
    assert!((report.reconnects_per_minute - 2.0).abs() < 1e-9);
    assert_eq!(report.ends, BTreeMap::from([("broken".into(), 1), ("clean".into(), 1)]));
    assert_eq!(report.roles, BTreeMap::from([("follower".into(), 3)]));
}
