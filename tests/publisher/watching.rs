//! Watching: bursts, outages, broken and removed files, in simulated time against the stand-in.

use std::collections::BTreeMap;
use std::time::Duration;

use api::bundle;
use engine::Anchoring;
use publisher::watch::{News, Polls, Seen, State, Watch};
use publisher::{Client, Clock, Options, Place, Quota};
use serde_json::{Value, json};
use tests::fastly::{Event, Fault, Kind};

use crate::world::{ITEM, NOW, World, document, document_of, keys, target};

const MARCH: &str = "2026-03-01T00:00:00Z";
const STEP: Duration = Duration::from_millis(100);

/// A watch that does one thing after the other, and what it said and did so far.
struct Watching {
    world: World,
    watch: Watch,
    options: Options,
    said: Vec<String>,
    /// When jobs that wrote began and ended.
    writings: Vec<(Duration, Duration)>,
    /// What files hold.
    files: BTreeMap<String, String>,
}

impl Watching {
    fn new() -> Watching {
        Watching {
            world: World::new(),
            watch: Watch::default(),
            options: Options::default(),
            said: Vec::new(),
            writings: Vec::new(),
            files: BTreeMap::new(),
        }
    }

    fn say(&mut self, news: Vec<News>) {
        self.said.extend(news.into_iter().map(|news| news.line));
    }

    fn saw(&mut self, file: &str, state: State) {
        if let State::Content(text) = &state {
            self.files.insert(file.to_owned(), text.clone());
        }
        let seen = Seen { place: Place::new(file), state };
        let news = self.watch.saw(seen, self.world.clock.elapsed());
        self.say(news);
    }

    fn has(&mut self, file: &str, document: &Value) {
        self.saw(file, State::Content(document.to_string()));
    }

    /// Does what is due.
    fn work(&mut self) {
        let clock = &self.world.clock;
        let mut said = self.watch.news(clock.elapsed());
        while let Some(job) = self.watch.next(clock.elapsed()) {
            let client = Client::new(target(&self.world.api), clock);
            let (began, before) = (clock.elapsed(), self.world.api.writes());
            let finished = job.perform(&client, &self.options);
            if self.world.api.writes() > before {
                self.writings.push((began, clock.elapsed()));
            }
            said.extend(self.watch.done(finished, clock.elapsed(), 7));
        }
        self.say(said);
        for place in self.watch.again() {
            let text = self.files[&place.to_string()].clone();
            self.saw(&place.to_string(), State::Content(text));
        }
    }

    /// Lets so much time pass, and does what is due meanwhile.
    fn pass(&mut self, time: Duration) {
        let until = self.world.clock.elapsed() + time;
        self.work();
        while self.world.clock.elapsed() < until {
            self.world.clock.advance(STEP);
            self.work();
        }
    }

    fn pass_seconds(&mut self, seconds: u64) {
        self.pass(Duration::from_secs(seconds));
    }

    /// What was said since this was asked last.
    fn said(&mut self) -> Vec<String> {
        std::mem::take(&mut self.said)
    }

    /// What happened to the stand-in, calls that were refused left out.
    fn story(&self) -> Vec<String> {
        let story = self.world.api.story();
        story.into_iter().filter(|line| !line.contains(" /")).collect()
    }

    fn writes(&self) -> Vec<String> {
        let events = self.world.api.events();
        let stored = events.iter().filter_map(|event| match event {
            Event::Stored(stored) => Some(value(&stored.value)),
            _ => None,
        });
        stored.collect()
    }
}

/// What a stored bundle answers for its one flag.
fn value(bundle: &[u8]) -> String {
    let text = String::from_utf8_lossy(bundle);
    let found = text.split("\"feature_state_value\":\"").nth(1).and_then(|rest| rest.split('"').next());
    found.unwrap_or_default().to_owned()
}

#[test]
fn a_burst_is_written_once_a_second_and_its_last_change_stays() {
    let mut watching = Watching::new();
    for number in 0..50 {
        watching.has("a.json", &document(&number.to_string(), MARCH));
        watching.pass(STEP);
    }
    watching.pass_seconds(5);
    let writes = watching.writes();
    assert_eq!(writes.first().map(String::as_str), Some("0"));
    assert_eq!(writes.last().map(String::as_str), Some("49"));
    assert!((5..=7).contains(&writes.len()), "one a second: {writes:?}");
    for pair in watching.writings.windows(2) {
        assert!(pair[1].0 >= pair[0].1 + Duration::from_secs(1), "{:?}", watching.writings);
    }
    assert!(watching.watch.unsettled().is_empty());
    let revision = watching.world.header().revision.0;
    assert!(revision <= NOW + watching.world.seconds(), "revisions do not run ahead of the clock");
}

#[test]
fn what_is_the_same_is_announced_at_the_start_and_not_written() {
    let mut watching = Watching::new();
    watching.world.given(&document("one", MARCH));
    watching.has("a.json", &document("one", MARCH));
    watching.pass_seconds(60);
    assert_eq!(watching.story(), ["softly purged environment/a", &format!("announced a {NOW}")]);
    assert_eq!(watching.said(), [format!("a.json: unchanged: environment `a` is stored as revision {NOW}")]);
}

#[test]
fn what_was_stored_hours_ago_is_purged_no_more() {
    let mut watching = Watching::new();
    watching.world.given(&document("one", MARCH));
    watching.world.clock.advance(Duration::from_secs(3 * 3_600));
    watching.has("a.json", &document("one", MARCH));
    watching.pass_seconds(60);
    assert_eq!(watching.story(), [format!("announced a {NOW}")]);
    assert!(watching.watch.unsettled().is_empty());
}

#[test]
fn after_an_outage_of_the_store_the_last_change_is_written() {
    let mut watching = Watching::new();
    watching.world.given(&document("one", MARCH));
    watching.world.api.fail(Kind::Read, ITEM, [Fault::Answer(503); 60]);
    for number in 2..20 {
        watching.has("a.json", &document(&number.to_string(), MARCH));
        watching.pass_seconds(2);
    }
    watching.pass_seconds(300);
    assert_eq!(watching.writes(), ["19"]);
    let said = watching.said();
    let [failed, .., published, recovered] = said.as_slice() else { panic!("{said:?}") };
    assert!(
        failed.starts_with("a.json: reading environment/a from the KV store: answered 503")
            && failed.ends_with("; it is tried again until it succeeds"),
        "{failed}"
    );
    assert!(published.starts_with("a.json: published environment `a` as revision"), "{published}");
    assert!(recovered.starts_with("a.json: recovered after 15 failed tries in "), "{recovered}");
    assert!(said.len() <= 6, "no flood: {said:?}");
}

#[test]
fn a_wrong_token_is_said_once_and_tried_on() {
    let mut watching = Watching::new();
    watching.world.api.fail(Kind::Read, ITEM, [Fault::Answer(401); 6]);
    watching.has("a.json", &document("one", MARCH));
    watching.pass_seconds(50);
    let said = watching.said();
    assert_eq!(said.len(), 3, "{said:?}");
    assert!(said[0].contains("answered 401"), "{said:?}");
    assert_eq!(watching.writes(), ["one"]);
}

#[test]
fn an_origin_that_was_away_hears_of_it_and_nothing_is_written_again() {
    let mut watching = Watching::new();
    watching.world.api.fail(Kind::Announce, "a", [Fault::Answer(503); 10]);
    watching.has("a.json", &document("one", MARCH));
    watching.pass_seconds(300);
    assert_eq!(
        watching.story(),
        ["stored environment/a", "softly purged environment/a", &format!("announced a {NOW}")]
    );
    let said = watching.said();
    assert_eq!(
        said[0].split(", ").next(),
        Some(&*format!("a.json: published environment `a` as revision {NOW}"))
    );
    assert!(said[1].starts_with("a.json: announcing a to the origin: answered 503"), "{said:?}");
    let last = &said[said.len() - 2..];
    assert_eq!(last[0], format!("a.json: environment `a`: revision {NOW} is announced now"));
    assert!(last[1].starts_with("a.json: recovered after 10 failed tries in "), "{said:?}");
}

#[test]
fn newer_flags_do_not_wait_for_an_origin_that_is_away() {
    let mut watching = Watching::new();
    watching.world.api.fail(Kind::Announce, "a", [Fault::Cut; 12]);
    for number in 0..30 {
        watching.has("a.json", &document(&number.to_string(), MARCH));
        watching.pass_seconds(1);
    }
    watching.pass_seconds(60);
    assert!(watching.writes().len() >= 25, "{:?}", watching.writes());
    let announced: Vec<u64> = watching
        .world
        .api
        .events()
        .iter()
        .filter_map(|event| match event {
            Event::Announced { revision, .. } => Some(*revision),
            _ => None,
        })
        .collect();
    assert_eq!(announced.last(), Some(&watching.world.header().revision.0));
    assert!(announced.is_sorted());
}

#[test]
fn what_could_not_be_purged_is_purged_later_and_announced_once() {
    let mut watching = Watching::new();
    watching.world.api.fail(Kind::Purge, ITEM, [Fault::Answer(500); 3]);
    watching.has("a.json", &document("one", MARCH));
    watching.pass_seconds(60);
    assert_eq!(
        watching.story(),
        ["stored environment/a", &format!("announced a {NOW}"), "softly purged environment/a"]
    );
}

#[test]
fn a_broken_file_is_said_once_and_what_was_published_stays() {
    let mut watching = Watching::new();
    let whole = document("one", MARCH).to_string();
    watching.saw("a.json", State::Content(whole.clone()));
    watching.pass_seconds(2);
    watching.said();
    // Half-written for a moment: nobody needs to hear of it.
    watching.saw("a.json", State::Content(whole[..40].to_owned()));
    watching.pass(STEP);
    watching.has("a.json", &document("two", MARCH));
    watching.pass_seconds(2);
    // Half-written for longer.
    watching.saw("a.json", State::Content(whole[..40].to_owned()));
    watching.pass_seconds(60);
    watching.has("a.json", &document("three", MARCH));
    watching.pass_seconds(2);
    assert_eq!(watching.writes(), ["one", "two", "three"]);
    let said = watching.said();
    assert_eq!(said.len(), 3, "{said:?}");
    assert!(said[1].starts_with("a.json: invalid JSON: "), "{said:?}");
    assert!(said[1].ends_with("; environment `a` stays as it was before"), "{said:?}");
}

#[test]
fn a_change_that_failed_is_not_lost_when_the_file_breaks() {
    let mut watching = Watching::new();
    watching.world.api.fail(Kind::Read, ITEM, [Fault::Answer(503); 20]);
    watching.has("a.json", &document("one", MARCH));
    watching.pass(STEP);
    watching.saw("a.json", State::Content("{".into()));
    watching.pass_seconds(120);
    assert_eq!(watching.writes(), ["one"]);
}

#[test]
fn a_removed_file_removes_nothing() {
    let mut watching = Watching::new();
    watching.has("a.json", &document("one", MARCH));
    watching.pass_seconds(2);
    watching.said();
    watching.saw("a.json", State::Missing);
    watching.saw("a.json", State::Gone);
    watching.pass_seconds(60);
    assert_eq!(
        watching.said(),
        ["a.json: is gone; environment `a` goes on being served as it is, until `jackstaff unpublish a`"]
    );
    assert_eq!(watching.writes(), ["one"]);
    watching.has("a.json", &document("two", MARCH));
    watching.pass_seconds(2);
    assert_eq!(watching.writes(), ["one", "two"]);
}

#[test]
fn an_older_document_is_refused_once() {
    let mut watching = Watching::new();
    watching.world.given(&document("one", MARCH));
    watching.has("a.json", &document("old", "2026-02-01T00:00:00Z"));
    watching.pass_seconds(600);
    assert_eq!(watching.writes(), Vec::<String>::new());
    let said = watching.said();
    assert_eq!(said.len(), 1, "{said:?}");
    assert!(said[0].starts_with("a.json: updated_at: 2026-02-01T00:00:00Z is earlier than"), "{said:?}");
    watching.has("a.json", &document("two", MARCH));
    watching.pass_seconds(2);
    assert_eq!(watching.writes(), ["two"]);
}

#[test]
fn an_announcement_is_owed_even_if_what_comes_next_is_refused() {
    let mut watching = Watching::new();
    watching.world.api.fail(Kind::Announce, "a", [Fault::Answer(503); 5]);
    watching.has("a.json", &document("one", MARCH));
    watching.pass(STEP);
    watching.has("a.json", &document("old", "2026-02-01T00:00:00Z"));
    watching.pass_seconds(60);
    assert!(watching.story().contains(&format!("announced a {NOW}")));
}

#[test]
fn of_two_files_with_one_environment_the_first_is_published() {
    let mut watching = Watching::new();
    watching.has("a.json", &document("one", MARCH));
    watching.has("b.json", &document("two", MARCH));
    watching.pass_seconds(5);
    assert_eq!(watching.writes(), ["one"]);
    assert_eq!(
        watching.said()[0],
        "b.json: api_key: environment `a` is that of a.json too, from which it goes on being published"
    );
    // The first holds another one now, so the second takes its place.
    watching.has("a.json", &document_of("c", "three", Some(MARCH)));
    watching.pass_seconds(5);
    assert_eq!(
        watching.said()[0],
        "a.json: holds environment `c` now; environment `a` is published from b.json"
    );
    let stored = ["environment/a", "environment/c"].map(|item| watching.world.api.stored(item).unwrap());
    assert_eq!(stored.map(|stored| value(&stored.value)), ["two", "three"]);
}

#[test]
fn a_renamed_file_goes_on_being_published() {
    let mut watching = Watching::new();
    watching.has("a.json", &document("one", MARCH));
    watching.pass_seconds(5);
    watching.said();
    watching.saw("a.json", State::Missing);
    watching.has("b.json", &document("two", MARCH));
    watching.pass_seconds(2);
    watching.saw("a.json", State::Gone);
    watching.pass_seconds(5);
    assert_eq!(watching.writes(), ["one", "two"]);
    let said = watching.said();
    assert_eq!(said.len(), 2, "{said:?}");
    assert_eq!(said[0], "b.json: holds environment `a` in place of a.json");
}

#[test]
fn server_keys_follow_their_manifest_on_their_own() {
    let mut watching = Watching::new();
    let manifest = |value: Value| [("a".to_owned(), keys(&value))].into();
    watching.watch.has_server_keys(manifest(json!(["ser.x"])), Duration::ZERO);
    // Refused, and a key waits for nothing.
    watching.world.given(&document("one", MARCH));
    watching.has("a.json", &document("old", "2026-02-01T00:00:00Z"));
    watching.pass_seconds(5);
    assert_eq!(watching.said().last().map(String::as_str), Some("a.json: 1 server-side key written"));
    watching.watch.has_server_keys(manifest(json!(["ser.x", "ser.y"])), Duration::ZERO);
    watching.pass_seconds(5);
    watching.watch.has_server_keys(manifest(json!(["ser.x", "ser.y"])), Duration::ZERO);
    watching.pass_seconds(5);
    assert_eq!(watching.said(), ["a.json: 1 server-side key written"]);
    watching.watch.has_server_keys([].into(), Duration::ZERO);
    watching.pass_seconds(5);
    assert_eq!(watching.said(), Vec::<String>::new(), "what is no longer listed stays as it was");
}

#[test]
fn environments_that_fail_leave_room_for_the_others() {
    let mut watching = Watching::new();
    let failing: Vec<String> = (0..20).map(|number| format!("failing-{number}")).collect();
    for key in &failing {
        let item = format!("environment/{key}");
        watching.world.api.fail(Kind::Read, &item, [Fault::Answer(401); 100]);
        watching.has(&format!("{key}.json"), &document_of(key, "one", Some(MARCH)));
    }
    watching.pass_seconds(5);
    // All of them are due again, and take as long as they like.
    watching.world.clock.advance(Duration::from_secs(60));
    let now = watching.world.clock.elapsed();
    let held: Vec<_> = std::iter::from_fn(|| watching.watch.next(now)).collect();
    assert_eq!(held.len(), 4);
    watching.has("a.json", &document("one", MARCH));
    watching.pass_seconds(1);
    assert_eq!(watching.writes(), ["one"]);
}

#[test]
fn announcements_that_nobody_takes_leave_room_for_writes() {
    let mut watching = Watching::new();
    for number in 0..20 {
        let key = format!("key-{number}");
        watching.has(&format!("{key}.json"), &document_of(&key, "one", Some(MARCH)));
    }
    // Whoever announces waits for an origin that does not answer.
    let now = watching.world.clock.elapsed();
    let client = Client::new(target(&watching.world.api), &watching.world.clock);
    let mut waiting = Vec::new();
    while let Some(job) = watching.watch.next(now) {
        if format!("{job:?}").contains("Announce") {
            waiting.push(job);
            continue;
        }
        let finished = job.perform(&client, &Options::default());
        watching.watch.done(finished, now, 7);
    }
    assert_eq!((waiting.len(), watching.writes().len()), (4, 20));
}

#[test]
fn what_is_under_way_at_the_end_is_announced() {
    let mut watching = Watching::new();
    let now = watching.world.clock.elapsed();
    watching.has("a.json", &document("one", MARCH));
    let writing = watching.watch.next(now).unwrap();
    watching.has("a.json", &document("two", MARCH));
    let client = Client::new(target(&watching.world.api), &watching.world.clock);
    assert!(watching.watch.last(now).is_none(), "nothing is written any more");
    let finished = writing.perform(&client, &Options::default());
    watching.watch.done(finished, now, 7);
    while let Some(job) = watching.watch.last(now) {
        let finished = job.perform(&client, &Options::default());
        watching.watch.done(finished, now, 7);
    }
    assert_eq!(
        watching.story(),
        ["stored environment/a", "softly purged environment/a", &format!("announced a {NOW}")]
    );
    assert!(!watching.watch.is_busy());
    assert_eq!(watching.watch.unsettled().len(), 1, "what came in meanwhile");
}

#[test]
fn through_all_faults_the_last_change_is_stored_and_everybody_told() {
    const ENVIRONMENTS: usize = 5;
    let mut watching = Watching::new();
    watching.world.api.fail_at_random(Some((20_260_302, 0.2)));
    let mut last = [0; ENVIRONMENTS];
    for number in 1..=300 {
        let one = number * 7 % ENVIRONMENTS;
        let key = format!("key-{one}");
        watching.has(&format!("{key}.json"), &document_of(&key, &number.to_string(), Some(MARCH)));
        last[one] = number;
        watching.pass(STEP);
    }
    watching.world.api.fail_at_random(None);
    watching.pass_seconds(120);
    assert!(watching.watch.unsettled().is_empty(), "{:?}", watching.watch.unsettled());
    let events = watching.world.api.events();
    for (number, last) in last.into_iter().enumerate() {
        let (key, item) = (format!("key-{number}"), format!("environment/key-{number}"));
        let stored = watching.world.api.stored(&item).unwrap();
        assert_eq!(value(&stored.value), last.to_string(), "{key}");
        let revision = bundle::check(&stored.value).unwrap().revision.0;
        let is_it = |event: &Event| matches!(event, Event::Stored(one) if one.value == stored.value);
        let after = &events[events.iter().position(is_it).unwrap()..];
        let of_this = |event: &&Event| match event {
            Event::Purged { key, .. } => *key == item,
            Event::Announced { key: of, revision: at } => *of == key && *at == revision,
            _ => false,
        };
        let purged = after.iter().filter(of_this).any(|event| matches!(event, Event::Purged { .. }));
        let announced = after.iter().filter(of_this).any(|event| matches!(event, Event::Announced { .. }));
        assert!(purged && announced, "{key}: {after:?}");
    }
}

fn calls_of_the_api(watching: &Watching) -> usize {
    let events = watching.world.api.events();
    events
        .iter()
        .filter(|event| matches!(event, Event::Called { target, .. } if !target.contains("/sse/")))
        .count()
}

#[test]
fn a_change_costs_a_write_a_look_whether_it_is_there_and_a_purge() {
    let mut watching = Watching::new();
    watching.has("a.json", &document("0", MARCH));
    watching.pass_seconds(2);
    let before = calls_of_the_api(&watching);
    for number in 1..=5 {
        watching.has("a.json", &document(&number.to_string(), MARCH));
        watching.pass_seconds(2);
    }
    assert_eq!(watching.writes(), ["0", "1", "2", "3", "4", "5"]);
    assert_eq!(calls_of_the_api(&watching) - before, 15);
}

#[test]
fn what_is_stored_already_costs_nothing() {
    let mut watching = Watching::new();
    watching.has("a.json", &document("one", MARCH));
    watching.pass_seconds(2);
    watching.story();
    // In other words, and back again before it was written.
    watching.saw("a.json", State::Content(document("one", MARCH).to_string() + "\n"));
    watching.pass_seconds(2);
    watching.has("a.json", &document("two", MARCH));
    watching.has("a.json", &document("one", MARCH));
    watching.pass_seconds(2);
    assert_eq!(watching.story(), Vec::<String>::new());
    assert!(watching.watch.unsettled().is_empty());
}

#[test]
fn what_somebody_else_stored_is_found_and_put_right() {
    let mut watching = Watching::new();
    watching.has("a.json", &document("one", MARCH));
    watching.pass_seconds(2);
    watching.world.given(&document("two", MARCH));
    watching.pass_seconds(60);
    assert_eq!(watching.writes(), ["one"], "after what the other wrote");
}

#[test]
fn who_remembers_what_is_not_there_any_more_reads_and_decides_anew() {
    let mut watching = Watching::new();
    watching.has("a.json", &document("one", MARCH));
    watching.pass_seconds(2);
    // Of the other watch, which was quicker.
    watching.world.given(&document("two", MARCH));
    let before = watching.writes().len();
    watching.has("a.json", &document("two", MARCH));
    watching.pass_seconds(2);
    assert_eq!(watching.writes().len(), before, "the store has it already");
    watching.has("a.json", &document("three", MARCH));
    watching.pass_seconds(2);
    assert_eq!(watching.writes().last().map(String::as_str), Some("three"));
}

fn with_operators(value: &str, operators: &[&str]) -> Value {
    let conditions: Vec<Value> = operators
        .iter()
        .map(|operator| json!({ "operator": operator, "property_": "p", "value": "1" }))
        .collect();
    let mut document = document(value, MARCH);
    document["project"]["segments"] = json!([{ "id": 1, "name": "s", "rules": [{ "type": "ALL", "rules": [], "conditions": conditions }] }]);
    document
}

#[test]
fn what_is_not_known_is_held_back_unless_it_was_stored_before() {
    let mut watching = Watching::new();
    watching.options.hold_unknown = true;
    watching.has("a.json", &document("one", MARCH));
    watching.pass_seconds(2);
    watching.said();
    watching.has("a.json", &with_operators("two", &["EQUAL", "NEWER", "REGEX", "OLDER"]));
    watching.pass_seconds(60);
    assert_eq!(watching.writes(), ["one"]);
    let held = "segment `s`, condition 2: unknown operator \"NEWER\" (and 1 more), so it is held back: flags might come \
                out wrong; `--unknown-operators publish` publishes it all the same, and what is unknown matches nothing";
    assert_eq!(watching.said(), [format!("a.json: {held}. What is stored goes on being served")]);
    let (time, now) = (watching.world.clock.now(), watching.world.clock.elapsed());
    let (environments, troubles) = watching.watch.progress(&Polls::new("", STEP), time, now);
    assert_eq!(troubles.iter().map(|trouble| trouble.why.as_str()).collect::<Vec<_>>(), [held]);
    assert!(environments[0].behind.is_some(), "{environments:?}");

    // A regular expression that nobody can match has no meaning that a later version may know.
    watching.has("a.json", &with_operators("three", &["EQUAL", "REGEX", "MODULO"]));
    watching.pass_seconds(2);
    assert_eq!(watching.writes(), ["one", "three"]);

    // Somebody published it, knowing what they did.
    watching.options.hold_unknown = false;
    watching.has("a.json", &with_operators("four", &["NEWER"]));
    watching.pass_seconds(2);
    watching.options.hold_unknown = true;
    watching.watch = Watch::default();
    watching.said();
    watching.has("a.json", &with_operators("four", &["NEWER"]));
    watching.pass_seconds(2);
    let said = watching.said();
    assert!(said[1].starts_with("a.json: unchanged"), "{said:?}");
    // Another way of regular expressions makes another bundle of it.
    watching.options.anchoring = Anchoring::Search;
    watching.watch = Watch::default();
    watching.has("a.json", &with_operators("four", &["NEWER"]));
    watching.pass_seconds(2);
    assert_eq!(watching.writes(), ["one", "three", "four", "four"]);
}

#[test]
fn what_never_matches_is_published_and_told_of_where_that_is_wanted() {
    let mut watching = Watching::new();
    watching.has("a.json", &with_operators("one", &["NEWER"]));
    watching.pass_seconds(2);
    assert_eq!(watching.writes(), ["one"]);
    let said = watching.said();
    assert!(said[0].starts_with("a.json: warning: segment `s`, condition 1: unknown operator"), "{said:?}");
    let (time, now) = (watching.world.clock.now(), watching.world.clock.elapsed());
    let (environments, troubles) = watching.watch.progress(&Polls::new("", STEP), time, now);
    assert_eq!(format!("a.json: {}", troubles[0].why), said[0]);
    assert_eq!((environments[0].behind, environments[0].published), (None, 1));
}

#[test]
fn when_the_api_takes_few_more_calls_changes_wait_for_each_other_and_the_last_is_written() {
    let mut watching = Watching::new();
    watching.has("a.json", &document("0", MARCH));
    watching.pass_seconds(2);
    // Ten changes in five minutes.
    let quota = Quota::new(30, NOW + 302);
    for number in 1..=100 {
        let news = watching.watch.has_quota(quota, watching.world.clock.now());
        watching.say(news.into_iter().collect());
        watching.has("a.json", &document(&number.to_string(), MARCH));
        watching.pass_seconds(1);
    }
    assert_eq!(
        watching.said()[1],
        "the API takes few more calls, so changes are written every 30.0 s until it takes more"
    );
    assert!((4..=6).contains(&watching.writes().len()), "{:?}", watching.writes());
    let news = watching.watch.has_quota(Quota::new(1_000, NOW + 3_902), watching.world.clock.now());
    assert_eq!(news.unwrap().line, "the API takes enough calls again");
    watching.pass_seconds(1);
    assert_eq!(watching.writes().last().map(String::as_str), Some("100"));
    assert!(watching.watch.unsettled().is_empty());
}
