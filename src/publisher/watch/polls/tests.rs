use std::ops::Range;

use api::Revision;

use crate::basis::KnownBundle;
use crate::server_keys::parse_server_keys;
use crate::watch::attempt_error::AttemptError;

use super::*;

const INTERVAL: Duration = Duration::from_secs(10);
/// 2026-03-02T11:22:33Z.
const TIME: Timestamp = Timestamp::constant(1_772_450_553, 0);

fn at(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

fn polls(manifest: &str) -> Polls {
    let mut polls = Polls::new("flagsmith", INTERVAL);
    assert!(set_manifest(&mut polls, manifest).is_empty());
    polls
}

fn set_manifest(polls: &mut Polls, manifest: &str) -> Vec<Observation> {
    polls.set_manifest(&parse_server_keys(manifest).unwrap(), Duration::ZERO)
}

fn text(key: &str, value: u64) -> String {
    format!(
        r#"{{"id": 7, "api_key": "{key}", "project": {{"segments": []}}, "feature_states": [], "name": "{value}"}}"#
    )
}

/// What a Flagsmith answers that has this text.
fn answers(fetch: Fetch, text: &str) -> Fetched {
    fetch.answered(text)
}

/// Nothing is stored yet, which is known.
fn nothing(_: &EnvironmentKey) -> Option<Basis> {
    Some(Basis::default())
}

fn fails(fetch: &Fetch) -> Fetched {
    Fetched {
        environment: fetch.environment.clone(),
        result: Err(AttemptError::of("flagsmith: 503".into()).into()),
    }
}

/// Asks whenever it is time to, until a moment; when that was, and whether there was something new.
fn ask(polls: &mut Polls, text: &str, from: u64, until: u64) -> Vec<(u64, bool)> {
    let mut asked = Vec::new();
    for now in (from..until).step_by(10) {
        if let Some(fetch) = polls.next_on(TIME, at(now), nothing) {
            let fetched = answers(fetch, text);
            asked.push((now, polls.done(fetched, TIME, at(now), 7).0.is_some()));
        }
    }
    asked
}

fn environment(name: &str) -> Changed {
    Changed::Environment(EnvironmentKey::parse(name).unwrap())
}

#[test]
fn an_environment_is_asked_for_once_an_interval_and_reported_when_it_changed() {
    let mut polls = polls(r#"{"a": ["ser.a"]}"#);
    assert!(!polls.asked_all(|_| false));
    let asked = ask(&mut polls, &text("a", 1), 0, 25_000);
    assert_eq!(asked, [(0, true), (10_000, false), (20_000, false)]);
    assert!(polls.asked_all(|_| false));
    assert_eq!(ask(&mut polls, &text("a", 2), 25_000, 45_000), [(30_000, true), (40_000, false)]);
}

#[test]
fn what_may_have_changed_is_asked_for_at_once_and_again_until_it_shows() {
    let mut polls = polls(r#"{"a": ["ser.a"]}"#);
    ask(&mut polls, &text("a", 1), 0, 1_000);
    assert!(!polls.changed(&environment("b"), at(1_000)));
    assert!(polls.changed(&environment("a"), at(1_000)));
    let looks = ask(&mut polls, &text("a", 1), 1_000, 15_000);
    let times: Vec<u64> = looks.iter().map(|(time, _)| *time).collect();
    assert_eq!(times, [1_000, 1_200, 1_700, 2_700, 5_700], "and then once an interval");
    // By Flagsmith's own number.
    assert!(!polls.changed(&Changed::Number(8), at(15_000)));
    assert!(polls.changed(&Changed::Number(7), at(15_000)));
    assert_eq!(ask(&mut polls, &text("a", 2), 15_000, 24_000), [(15_000, true)], "it shows at once");
}

/// A webhook that was sent again ten times a second made Flagsmith be asked a hundred times a second.
#[test]
fn signals_make_it_be_asked_for_once_a_second() {
    let mut polls = polls(r#"{"a": ["ser.a"]}"#);
    ask(&mut polls, &text("a", 1), 0, 1_000);
    let mut asked = Vec::new();
    for now in (1_000..61_000).step_by(10) {
        if now % 100 == 0 {
            polls.changed(&environment("a"), at(now));
        }
        if let Some(fetch) = polls.next_on(TIME, at(now), nothing) {
            asked.push(now);
            polls.done(answers(fetch, &text("a", 1)), TIME, at(now), 7);
        }
    }
    assert_eq!(asked[..6], [1_000, 1_200, 1_700, 2_000, 3_000, 4_000]);
    assert!(asked.len() <= 62, "{} times in a minute", asked.len());
}

/// The second of two signals may be the one whose change is not in the document yet.
#[test]
fn a_signal_soon_after_another_is_not_lost() {
    let mut polls = polls(r#"{"a": ["ser.a"]}"#);
    ask(&mut polls, &text("a", 1), 0, 1_000);
    polls.changed(&environment("a"), at(1_000));
    let fetch = polls.next_on(TIME, at(1_000), nothing).unwrap();
    polls.changed(&environment("a"), at(1_010));
    polls.changed(&environment("a"), at(1_020));
    polls.done(answers(fetch, &text("a", 2)), TIME, at(1_030), 7);
    let asked = ask(&mut polls, &text("a", 2), 1_030, 2_500);
    assert_eq!(
        asked,
        [(2_000, false)],
        "what came with the first signal was new, so no second looks are needed"
    );
    assert_eq!(ask(&mut polls, &text("a", 3), 2_500, 9_000), [(3_000, true)]);
}

/// A Flagsmith that takes seconds for an answer is asked first for what may have changed, but not for ever.
#[test]
fn what_may_have_changed_is_asked_for_before_what_is_due() {
    let mut polls = polls(r#"{"a": ["ser.a"], "b": ["ser.b"], "c": ["ser.c"]}"#);
    let next = |polls: &mut Polls, now: u64| {
        polls.next_on(TIME, at(now), nothing).map(|fetch| fetch.environment.to_string()).unwrap_or_default()
    };
    polls.changed(&environment("c"), at(0));
    assert_eq!([next(&mut polls, 0), next(&mut polls, 0)], ["c", "a"]);
    // The second one waits for longer than an interval by now.
    polls.environments.values_mut().for_each(|poll| poll.is_busy = false);
    polls.changed(&environment("c"), at(12_000));
    assert_eq!([next(&mut polls, 12_000), next(&mut polls, 12_000)], ["a", "b"]);
    assert_eq!(next(&mut polls, 12_000), "c");
}

#[test]
fn a_change_while_it_is_being_asked_for_is_not_lost() {
    let mut polls = polls(r#"{"a": ["ser.a"]}"#);
    let fetch = polls.next_on(TIME, at(0), nothing).unwrap();
    polls.changed(&environment("a"), at(10));
    assert!(polls.next_on(TIME, at(10), nothing).is_none());
    polls.done(answers(fetch, &text("a", 1)), TIME, at(50), 7);
    assert_eq!(ask(&mut polls, &text("a", 2), 50, 5_000), [(50, true)]);
}

#[test]
fn a_place_is_reported_again_if_it_is_needed() {
    let mut polls = polls(r#"{"a": ["ser.a"]}"#);
    ask(&mut polls, &text("a", 1), 0, 100);
    assert!(polls.report_again(&Place::new("flagsmith: environment `a`"), at(100)));
    assert!(!polls.report_again(&Place::new("a.json"), at(100)));
    assert_eq!(ask(&mut polls, &text("a", 1), 100, 5_000)[0], (100, true));
}

#[test]
fn a_flagsmith_that_is_away_is_tried_by_one_and_asked_for_all_when_it_is_back() {
    let names: Vec<String> = (0..40).map(|number| format!(r#""e{number}": ["ser.{number}"]"#)).collect();
    let mut polls = polls(&format!("{{{}}}", names.join(",")));
    let mut said = 0;
    // For a minute.
    for now in (0..60_000).step_by(10) {
        let mut under_way = Vec::new();
        while let Some(fetch) = polls.next_on(TIME, at(now), nothing) {
            under_way.push(fetch);
        }
        assert!(under_way.len() <= if now == 0 { AT_ONCE } else { 1 }, "{now}: {}", under_way.len());
        for fetch in under_way {
            said += polls.done(fails(&fetch), TIME, at(now), 7).1.len();
        }
    }
    assert_eq!(said, 40, "each is logged once");
    assert_eq!(polls.troubles().len(), 40);
    // Back: the one that tries it finds it so, and the others follow at once.
    let mut reported = 0;
    for now in (60_000..92_000).step_by(10) {
        while let Some(fetch) = polls.next_on(TIME, at(now), nothing) {
            let name = fetch.environment.to_string();
            reported +=
                usize::from(polls.done(answers(fetch, &text(&name, 1)), TIME, at(now), 7).0.is_some());
        }
        if reported > 1 {
            break;
        }
    }
    assert_eq!(reported, 40);
    assert!(polls.troubles().is_empty());
}

#[test]
fn a_manifest_says_which_environments_are_asked_for_and_with_which_key() {
    let mut polls = polls(
        r#"{"a": [{"key": "ser.old", "active": false}, {"key": "ser.gone", "expires_at": "2020-01-01T00:00:00Z"}, "ser.a"],
            "b": [{"key": "ser.b", "active": false}], "c": ["ser.c"]}"#,
    );
    let mut fetches: Vec<Fetch> = std::iter::from_fn(|| polls.next_on(TIME, at(0), nothing)).collect();
    let asked: Vec<(&str, &str)> =
        fetches.iter().map(|fetch| (fetch.environment.as_str(), fetch.key.secret.reveal())).collect();
    assert_eq!(asked, [("a", "ser.a"), ("c", "ser.c")]);
    let gone = set_manifest(&mut polls, r#"{"a": ["ser.a"]}"#);
    assert!(matches!(gone.as_slice(), [Observation { state: PlaceState::Gone, .. }]));
    // What is heard of it later is nothing.
    assert!(polls.done(answers(fetches.remove(1), &text("c", 1)), TIME, at(10), 7).0.is_none());
}

fn is_refused(fetch: &Fetch) -> Fetched {
    let error = AttemptError { kind: "403 Forbidden".into(), ..AttemptError::of("flagsmith: 403".into()) };
    let failure = FetchFailure { error, refused: Some(fetch.key.number) };
    Fetched { environment: fetch.environment.clone(), result: Err(failure) }
}

/// The number of the key that it is asked with until a moment, if the source refuses some of them; and what is logged.
fn keys_asked(polls: &mut Polls, refused: &[usize], times: Range<u64>) -> (Vec<(u64, usize)>, Vec<String>) {
    let (mut asked, mut said) = (Vec::new(), Vec::new());
    for now in times.step_by(10) {
        let time = TIME + at(now);
        said.extend(polls.check_keys(time, at(now)));
        let Some(fetch) = polls.next_on(time, at(now), nothing) else { continue };
        let number = fetch.key.number;
        asked.push((now, number));
        let fetched =
            if refused.contains(&number) { is_refused(&fetch) } else { answers(fetch, &text("a", 1)) };
        said.extend(polls.done(fetched, time, at(now), 7).1);
    }
    (asked, said.iter().map(ToString::to_string).collect())
}

/// The key of an environment was chosen once, so one that expired was asked with for ever.
#[test]
fn an_environment_is_asked_for_with_the_key_that_opens_it_then() {
    let mut polls = polls(r#"{"a": [{"key": "ser.old", "expires_at": "2026-03-02T11:22:48Z"}, "ser.new"]}"#);
    let (asked, said) = keys_asked(&mut polls, &[], 0..25_000);
    assert_eq!(asked, [(0, 1), (10_000, 1), (20_000, 2)]);
    assert_eq!(said, Vec::<String>::new());
}

#[test]
fn after_a_key_that_is_refused_the_next_one_is_asked_with_at_once() {
    let mut polls = polls(r#"{"a": ["ser.gone", "ser.new", "ser.third"]}"#);
    let (asked, said) = keys_asked(&mut polls, &[1], 0..25_000);
    assert_eq!(asked, [(0, 1), (10, 2), (10_010, 2), (20_010, 2)]);
    let line = "flagsmith: environment `a`: server-side key 1 of the manifest was refused (403 Forbidden), so key 2 is asked \
                with from now on";
    assert_eq!(said, [line]);
    assert!(polls.troubles().is_empty());
    // Of another manifest, each key is new.
    set_manifest(&mut polls, r#"{"a": ["ser.new", "ser.gone"]}"#);
    assert_eq!(keys_asked(&mut polls, &[2], 25_000..26_000).0, [(25_000, 1)]);
}

/// While all keys are refused, they are all tried, after pauses, and logged once.
#[test]
fn an_environment_whose_keys_are_all_refused_is_a_trouble_until_one_is_not() {
    let mut polls = polls(r#"{"a": ["ser.a", "ser.b"]}"#);
    let (asked, said) = keys_asked(&mut polls, &[1, 2], 0..60_000);
    assert_eq!(asked[..2], [(0, 1), (10, 2)]);
    assert!(asked.len() < 30, "{asked:?}");
    assert!(asked.chunks(2).all(|pair| pair.iter().map(|(_, number)| number).eq([&1, &2])), "{asked:?}");
    assert_eq!(said.len(), 2, "{said:?}");
    assert!(said[1].ends_with("flagsmith: 403; it is tried again until it succeeds"), "{said:?}");
    assert_eq!(polls.troubles().len(), 1);
    let (_, said) = keys_asked(&mut polls, &[1], 60_000..100_000);
    assert!(said.len() == 1 && said[0].contains("recovered after"), "{said:?}");
    assert!(polls.troubles().is_empty());
}

#[test]
fn an_environment_that_no_key_opens_any_more_is_a_trouble() {
    let manifest = r#"{"a": [{"key": "ser.a", "expires_at": "2026-03-02T11:22:34Z"}]}"#;
    let mut polls = polls(manifest);
    let (asked, said) = keys_asked(&mut polls, &[], 0..30_000);
    assert_eq!(asked, [(0, 1)]);
    let why = "flagsmith: environment `a`: no server-side key of the manifest opens it: key 1 expired at 2026-03-02T11:22:34Z; \
               what was published stays served";
    assert_eq!(said, [why]);
    let troubles: Vec<String> = polls.troubles().into_iter().map(|trouble| trouble.why).collect();
    assert_eq!((troubles, polls.due()), (vec![why.to_owned()], None));
    set_manifest(&mut polls, r#"{"a": ["ser.b"]}"#);
    let (asked, _) = keys_asked(&mut polls, &[], 30_000..31_000);
    assert_eq!(asked, [(30_000, 1)]);
    assert!(polls.troubles().is_empty());
}

/// Eight failures in a row mean that Flagsmith is away. One that refuses keys is there.
#[test]
fn refused_keys_delay_no_other_environment() {
    let names: Vec<String> = (0..40).map(|number| format!(r#""e{number}": ["ser.{number}"]"#)).collect();
    let mut polls = polls(&format!("{{{}}}", names.join(",")));
    let mut answered = 0;
    for now in (0..1_000).step_by(10) {
        while let Some(fetch) = polls.next_on(TIME, at(now), nothing) {
            let name = fetch.environment.to_string();
            let is_open = name == "e9";
            let fetched = if is_open { answers(fetch, &text(&name, 1)) } else { is_refused(&fetch) };
            answered += usize::from(polls.done(fetched, TIME, at(now), 7).0.is_some());
            assert!(!polls.is_away());
        }
    }
    assert_eq!((answered, polls.troubles().len()), (1, 39));
}

#[test]
fn a_key_of_another_environment_is_refused() {
    let mut polls = polls(r#"{"a": ["ser.a"]}"#);
    let fetch = polls.next_on(TIME, at(0), nothing).unwrap();
    let (seen, _) = polls.done(answers(fetch, &text("b", 1)), TIME, at(10), 7);
    let Some(Observation { state: PlaceState::Unusable(why), .. }) = seen else { panic!("{seen:?}") };
    assert_eq!(
        why,
        "flagsmith: environment `a`: api_key: the server-side key opens environment `b`, and not `a`, for which the \
         manifest lists it"
    );
}

/// A manifest lists the environments of files, too, which Flagsmith need not know.
#[test]
fn an_environment_that_is_published_from_elsewhere_is_not_asked_for() {
    let mut polls = polls(r#"{"a": ["ser.a"]}"#);
    let fetch = polls.next_on(TIME, at(0), nothing).unwrap();
    polls.done(fails(&fetch), TIME, at(0), 7);
    assert_eq!(polls.troubles().len(), 1);
    polls.pause_elsewhere(|_, _| true, at(10));
    assert!(polls.troubles().is_empty() && polls.asked_all(|_| false));
    assert!(polls.changed(&environment("a"), at(20)));
    assert_eq!((ask(&mut polls, &text("a", 1), 20, 30_000), polls.due()), (vec![], None));
    polls.pause_elsewhere(|_, _| false, at(30_000));
    assert_eq!(ask(&mut polls, &text("a", 1), 30_000, 31_000)[0], (30_000, true));
}

/// Two answers of a process that is behind, with nothing but failures between them, are no agreement.
#[test]
fn a_doubtful_answer_between_failures_is_believed_after_several() {
    let stale = |updated_at: &str| {
        format!(
            r#"{{"id": 7, "api_key": "a", "updated_at": "{updated_at}", "project": {{"segments": []}}, "feature_states": []}}"#
        )
    };
    let known = KnownBundle {
        revision: Revision(5),
        source_updated_at: Some("2026-03-02T00:00:00Z".into()),
        source_hash: "stored".into(),
        replaced: Vec::new(),
        settings: String::new(),
        tombstone: false,
        sound: true,
    };
    let basis = |_: &EnvironmentKey| {
        Some(Basis { generation: Some("1".into()), known: Some(known.clone()), is_own: false })
    };
    let mut polls = polls(r#"{"a": ["ser.a"]}"#);
    let (mut asked, mut answered, mut believed) = (0, 0, Vec::new());
    for now in (0..120_000).step_by(10) {
        let Some(fetch) = polls.next_on(TIME, at(now), basis) else { continue };
        // One request in six is answered.
        let fetched =
            if asked % 6 == 0 { answers(fetch, &stale("2026-03-01T00:00:00Z")) } else { fails(&fetch) };
        asked += 1;
        answered += u32::from(fetched.result.is_ok());
        if polls.done(fetched, TIME, at(now), 7).0.is_some() {
            believed.push(answered);
        }
    }
    assert_eq!(believed, [4]);
}
