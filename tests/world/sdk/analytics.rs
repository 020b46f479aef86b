//! What SDKs count arrives at Flagsmith: real SDKs and many simulated ones, an edge, its log streaming, `jackstaff collect`, which is
//! killed, and a stand-in for Flagsmith, which goes away.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tests::flagsmith::{Flagsmith, Trouble, flagsmith};
use tests::machine::beside_others;
use tests::{
    Edge, Program, Tools, edge, eventually, fixture, folder, free_address, installed, is_full, program, say,
    tools,
};

use super::{CLIENT, SERVER};

const LOG: &str = "flag-usage";
const TOKEN: &str = "collect-token";
const KILLS: u32 = 3;
const PATIENCE: Duration = Duration::from_secs(60);
/// The feature of a running experiment, and its id.
const EXPERIMENT: &str = "button_colour";
const EXPERIMENT_ID: u64 = 77;
/// Simulated SDKs.
const SIMULATED: usize = 8;

/// How long SDKs count, and for how long of it Flagsmith is away.
fn times() -> (Duration, Duration) {
    let seconds = if is_full() { (90, 60) } else { (12, 4) };
    (Duration::from_secs(seconds.0), Duration::from_secs(seconds.1))
}

#[test]
fn what_sdks_count_is_counted_at_flagsmith_while_the_collector_is_killed_and_flagsmith_is_away() {
    let _machine = beside_others();
    let Some(tools) = tools() else { return };
    let Some(python) = installed("sdk/python/bin/python") else { return };
    let (Some(node), Some(browser)) = (installed("sdk/node"), installed("sdk/browser")) else { return };
    let document = with_experiment(fixture("sdk.json"));
    let edge = edge(&tools, &json!({ "analytics_log": LOG }));
    edge.publish(&document, SERVER);
    let flagsmith = flagsmith();
    flagsmith.has(&document, SERVER);
    let collector = Collecting::new(&tools, &flagsmith);
    let (time, away) = times();
    let features = features(&document);
    let sdks = [
        sdk(&edge, time, &python, "python", &["--experiment", EXPERIMENT], &features),
        sdk(&edge, time, Path::new("node"), "node", &["--modules", &node.display().to_string()], &features),
        sdk(
            &edge,
            time,
            Path::new("node"),
            "browser",
            &["--modules", &browser.display().to_string(), "--experiment", EXPERIMENT],
            &features,
        ),
    ];
    let is_over = AtomicBool::new(false);
    let (counts, events) = thread::scope(|scope| {
        let streaming = scope.spawn(|| stream(&edge, collector.address, &is_over));
        // A failure must not wait for it.
        let over = Over(&is_over);
        let simulated: Vec<_> = (0..SIMULATED)
            .map(|number| {
                let (edge, features) = (&edge, &features);
                scope.spawn(move || simulate(edge, time, number, features))
            })
            .collect();
        let running = collector.run(time, away, &flagsmith);
        let mut counts = BTreeMap::<String, u64>::new();
        let mut events = 0;
        let said = sdks.iter().map(|sdk| serde_json::from_str::<Value>(&sdk.says("{\"counts\"")).unwrap());
        for said in said {
            for (feature, count) in said["counts"].as_object().unwrap() {
                *counts.entry(feature.clone()).or_default() += count.as_u64().unwrap();
            }
            events += said["events"].as_array().unwrap().len();
        }
        for simulated in simulated {
            for (feature, count) in simulated.join().unwrap() {
                *counts.entry(feature).or_default() += count;
            }
        }
        let sum = |counts: &BTreeMap<String, u64>| counts.values().sum::<u64>();
        eventually("all is counted at Flagsmith", PATIENCE, || {
            let analytics = flagsmith.analytics();
            let counted = analytics.counts.get(CLIENT).map(sum).unwrap_or_default();
            let arrived = analytics.events.get(CLIENT).map(Vec::len).unwrap_or_default();
            (counted >= sum(&counts) && arrived >= events).then_some(())
        });
        collector.nothing_waits();
        drop(over);
        streaming.join().unwrap();
        assert!(running.terminate().success());
        (counts, events)
    });
    let analytics = flagsmith.analytics();
    let counted = &analytics.counts[CLIENT];
    let (at_sdks, at_flagsmith): (u64, u64) = (counts.values().sum(), counted.values().sum());
    let more = at_flagsmith.saturating_sub(at_sdks);
    let arrived = analytics.events[CLIENT].len();
    say(&format!(
        "analytics: {at_sdks} counted at SDKs, {at_flagsmith} at Flagsmith, {events} events at SDKs, {arrived} at Flagsmith; \
         {} requests of events twice; {KILLS} kills, Flagsmith away for {} s",
        analytics.repeated,
        away.as_secs()
    ));
    for (feature, count) in &counts {
        assert!(counted[feature] >= *count, "{feature}: {count} at SDKs, {} at Flagsmith", counted[feature]);
    }
    // Beside kills between an answer and its record there is no reason for more.
    assert!(more <= u64::from(KILLS) * analytics.largest, "{more} are counted twice");
    assert!(analytics.repeated <= u64::from(KILLS));
    if more == 0 {
        assert_eq!(*counted, counts);
    }
    let of = |sdk: &str| analytics.events[CLIENT].iter().filter(|(by, _)| by.starts_with(sdk)).count();
    assert!(of("flagsmith-python-sdk/") > 3 && of("flagsmith-js-sdk/") > 3, "{arrived} events");
    // Both record that an identity saw an experiment's flag, since the flag says that it is part of one.
    let is_exposure = |event: &Value| {
        event["event"] == "$flag_exposure" && event["metadata"]["experiment_id"] == EXPERIMENT_ID
    };
    let exposed = analytics.events[CLIENT].iter().filter(|(_, event)| is_exposure(event));
    let mut exposed: Vec<(&str, &str, &Value)> = exposed
        .map(|(by, event)| {
            (by.split('/').next().unwrap(), event["identifier"].as_str().unwrap(), &event["feature_name"])
        })
        .collect();
    exposed.sort_by_key(|(by, ..)| *by);
    let feature = json!(EXPERIMENT);
    let expected =
        [("flagsmith-js-sdk", "javascript", &feature), ("flagsmith-python-sdk", "python", &feature)];
    assert_eq!(exposed, expected);
}

/// A running experiment, as Flagsmith writes it into documents.
fn with_experiment(mut document: Value) -> Value {
    let metadata = json!({ "experiment": { "id": EXPERIMENT_ID, "name": "Colours", "in_experiment": true } });
    let with = |states: &mut Value| {
        let states = states.as_array_mut().unwrap().iter_mut();
        for state in states.filter(|state| state["feature"]["name"] == EXPERIMENT) {
            state["metadata"] = metadata.clone();
        }
    };
    with(&mut document["feature_states"]);
    document["project"]["segments"]
        .as_array_mut()
        .unwrap()
        .iter_mut()
        .for_each(|segment| with(&mut segment["feature_states"]));
    document
}

struct Over<'a>(&'a AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// The names of the features that client-side keys may see.
fn features(document: &Value) -> Vec<String> {
    let states = document["feature_states"].as_array().unwrap();
    let features = states.iter().map(|state| &state["feature"]);
    let hidden = document["project"]["server_key_only_feature_ids"].as_array().cloned().unwrap_or_default();
    let seen = features.filter(|feature| !hidden.contains(&feature["id"]));
    // The JavaScript SDK knows features by other names, if they hold capitals or blanks.
    let names = seen.map(|feature| feature["name"].as_str().unwrap().to_owned());
    names.filter(|name| name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')).collect()
}

fn sdk(
    edge: &Edge,
    time: Duration,
    interpreter: &Path,
    name: &str,
    further: &[&str],
    features: &[String],
) -> Program {
    let file = if name == "python" { "python/count.py".to_owned() } else { format!("{name}/count.mjs") };
    let mut command = Command::new(interpreter);
    command
        .arg(folder(&format!("sdk/{file}")))
        .args(["--edge", &edge.url(""), "--client-key", CLIENT, "--seconds", &time.as_secs().to_string()])
        .args(further)
        .args(features)
        .env("NO_PROXY", "127.0.0.1");
    program(name, &mut command)
}

/// A client that counts as SDKs do.
fn simulate(edge: &Edge, time: Duration, number: usize, features: &[String]) -> BTreeMap<String, u64> {
    let mut random = fastrand::Rng::with_seed(number as u64);
    let mut all = BTreeMap::<String, u64>::new();
    let until = Instant::now() + time;
    while Instant::now() < until {
        let mut counts = BTreeMap::<String, u64>::new();
        for _ in 0..random.usize(1..20) {
            *counts.entry(random.choice(features).unwrap().clone()).or_default() += random.u64(1..100);
        }
        let key = if number.is_multiple_of(2) { CLIENT } else { SERVER };
        let answer = edge.post("/api/v1/analytics/flags/", key, &json!(counts));
        assert_eq!(answer.status, 200, "{answer:?}");
        for (feature, count) in counts {
            *all.entry(feature).or_default() += count;
        }
        thread::sleep(Duration::from_millis(random.u64(50..250)));
    }
    all
}

/// Posts the lines of the edge's log twice a second, until they are taken, as Fastly's log streaming does.
fn stream(edge: &Edge, collector: SocketAddr, is_over: &AtomicBool) {
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .http_status_as_error(false)
        .timeout_global(Some(Duration::from_secs(5)))
        .build()
        .into();
    let prefix = format!("{LOG} :: ");
    let mut sent = 0;
    while !is_over.load(Ordering::Relaxed) {
        let log = edge.log();
        // The last line may not be whole yet.
        let whole = log.rfind('\n').map_or(0, |end| end + 1);
        let lines: Vec<&str> = log[sent..whole]
            .lines()
            .filter_map(|line| line.split_once(&prefix).map(|(_, line)| line))
            .collect();
        if !lines.is_empty() {
            eventually("lines are taken", PATIENCE, || {
                let request = agent.post(format!("http://{collector}/"));
                let answer = request.header("authorization", format!("Token {TOKEN}")).send(lines.join("\n"));
                answer.is_ok_and(|answer| answer.status() == 200).then_some(())
            });
        }
        sent = whole;
        thread::sleep(Duration::from_millis(500));
    }
}

/// A collector that is killed and started again.
struct Collecting<'a> {
    tools: &'a Tools,
    address: SocketAddr,
    folder: tempfile::TempDir,
    flagsmith: String,
}

impl<'a> Collecting<'a> {
    fn new(tools: &'a Tools, flagsmith: &Flagsmith) -> Collecting<'a> {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("token"), TOKEN).unwrap();
        Collecting { tools, address: free_address(), folder, flagsmith: flagsmith.url() }
    }

    fn start(&self) -> Program {
        let path = |name: &str| self.folder.path().join(name);
        let mut command = Command::new(&self.tools.jackstaff);
        command
            .args(["collect", "--flagsmith", &self.flagsmith, "--interval", "0.3", "--spool"])
            .arg(path("spool"))
            .args(["--listen", &self.address.to_string(), "--token-file"])
            .arg(path("token"))
            .args(["--events-url", &self.flagsmith.replace("/api/v1/", "/")]);
        program("collect", &mut command)
    }

    /// Runs it for so long, and kills it: before Flagsmith goes away, meanwhile, and after it is there again. The last one
    /// that is started goes on.
    fn run(&self, time: Duration, away: Duration, flagsmith: &Flagsmith) -> Program {
        let before = (time - away) / 4;
        let mut running = self.start();
        let kill = |running: &mut Program| {
            running.says("listening on");
            running.kill();
            *running = self.start();
        };
        thread::sleep(before);
        kill(&mut running);
        thread::sleep(before);
        flagsmith.trouble(Some(Trouble::Cut));
        thread::sleep(away / 2);
        kill(&mut running);
        flagsmith.trouble(Some(Trouble::Answer(503)));
        thread::sleep(away / 2);
        flagsmith.trouble(None);
        thread::sleep(before);
        kill(&mut running);
        thread::sleep(before);
        running
    }

    fn nothing_waits(&self) {
        let spool = self.folder.path().join("spool");
        eventually("nothing waits in the spool", PATIENCE, || {
            let mut entries = std::fs::read_dir(&spool).unwrap();
            let waits =
                entries.any(|entry| entry.unwrap().file_name().to_string_lossy().starts_with("segment"));
            (!waits).then_some(())
        });
    }
}
