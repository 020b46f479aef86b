//! Nothing is lost, and what is counted twice is known.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use serde_json::json;
use tests::flagsmith::Trouble;
use tests::{eventually, free_address};

use super::{PATIENCE, Setup, counts, line, waiting};

/// Posts lines until they are acknowledged, as log streaming does.
fn deliver(url: &str, lines: &str) {
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .http_status_as_error(false)
        .timeout_global(Some(Duration::from_secs(5)))
        .build()
        .into();
    eventually("lines are acknowledged", PATIENCE, || {
        let answer = agent.post(url).send(lines.as_bytes());
        answer.is_ok_and(|answer| answer.status() == 200).then_some(())
    });
}

/// Eight senders, while the collector is killed and Flagsmith is away. What is counted is what was sent, and at most one request
/// of each kind more for each kill: the one that Flagsmith had counted, and that was not recorded yet.
#[test]
fn what_is_sent_is_counted_whenever_the_collector_is_killed() {
    const KILLS: u64 = 6;
    let setup = Setup::new();
    let address = free_address();
    let listen = address.to_string();
    let start = || {
        let events = setup.flagsmith.url().replace("/api/v1/", "/");
        let arguments = ["--listen", &listen, "--interval", "0.1", "--events-url", &events];
        tests::program("collect", &mut setup.command(&arguments))
    };
    let (sent, next, is_over) = (AtomicU64::new(0), AtomicU64::new(1), AtomicBool::new(false));
    let url = format!("http://{address}/");
    thread::scope(|scope| {
        for sender in 0..8_u64 {
            let (sent, next, is_over, url) = (&sent, &next, &is_over, &url);
            scope.spawn(move || {
                while !is_over.load(Ordering::Relaxed) {
                    let id = next.fetch_add(10, Ordering::Relaxed);
                    let environment = if sender % 2 == 0 { "a" } else { "b" };
                    let count = |id: u64| counts(id, environment, &json!({ "f": 1 }));
                    let mut lines: Vec<String> = (id..id + 9).map(count).collect();
                    lines.push(line(
                        id + 9,
                        environment,
                        &format!(r#""events":[{{"event":"e","value":{id}}}]"#),
                    ));
                    deliver(url, &lines.join("\n"));
                    sent.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        for kill in 0..KILLS {
            let collect = start();
            collect.says("listening on");
            setup.flagsmith.trouble((kill % 3 == 1).then_some(Trouble::Answer(503)));
            thread::sleep(Duration::from_millis(300 + 37 * kill));
            collect.kill();
        }
        setup.flagsmith.trouble(None);
        let collect = start();
        thread::sleep(Duration::from_millis(300));
        is_over.store(true, Ordering::Relaxed);
        // Senders whose lines wait are still served.
        eventually("all is sent and forwarded", PATIENCE, || {
            let are_sent = 10 * sent.load(Ordering::Relaxed) == next.load(Ordering::Relaxed) - 1;
            (are_sent && waiting(&setup.spool()).is_empty()).then_some(())
        });
        assert!(collect.terminate().success());
    });
    let (sent, counted) = (sent.load(Ordering::Relaxed), setup.counted_f("a") + setup.counted_f("b"));
    let analytics = setup.flagsmith.analytics();
    let (repeated, largest) = (analytics.repeated, analytics.largest);
    let more = counted.saturating_sub(9 * sent);
    tests::say(&format!(
        "collect: {} counted at senders, {more} more at Flagsmith, and {repeated} requests of events twice, with {KILLS} kills",
        9 * sent
    ));
    assert!(sent > 100, "{sent}");
    assert!(counted >= 9 * sent, "{counted} of {} are counted", 9 * sent);
    assert!(more <= KILLS * largest, "{more} are counted twice, of requests of {largest} at most");
    let events: BTreeSet<String> =
        analytics.events.values().flatten().map(|(_, event)| event["value"].to_string()).collect();
    assert_eq!(events.len() as u64, sent);
    assert!(repeated <= KILLS, "{repeated} requests of events came twice");
}

/// An answer that is lost is the one thing that nobody can tell from a request that was.
#[test]
fn what_is_counted_twice_is_what_answers_were_lost_of() {
    let setup = Setup::new();
    let collect = setup.listen(&[]);
    let url = collect.url();
    deliver(&url, &counts(1, "a", &json!({ "f": 1 })));
    eventually("one", PATIENCE, || (setup.counted_f("a") == 1).then_some(()));
    setup.flagsmith.trouble(Some(Trouble::LoseAnswers));
    deliver(&url, &counts(2, "a", &json!({ "f": 100 })));
    eventually("an answer is lost", PATIENCE, || {
        (setup.flagsmith.analytics().lost_answers > 0).then_some(())
    });
    setup.flagsmith.trouble(None);
    eventually("nothing waits", PATIENCE, || waiting(&setup.spool()).is_empty().then_some(()));
    deliver(&url, &counts(3, "a", &json!({ "f": 1 })));
    let expected = 2 + 100 * (1 + setup.flagsmith.analytics().lost_answers);
    eventually("the others count once", PATIENCE, || (setup.counted_f("a") == expected).then_some(()));
}
