//! Origins that share announcements through a real Redis: while it runs, while it is stopped, after it started again
//! empty, and after the name of it leads to another one.

mod renewal;

use std::collections::BTreeMap;
use std::fs;
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::Command;
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use api::signal::Reader;
use serde_json::{Value, json};
use tests::fastly::{SERVICE, STORE, TOKEN, fastly_api};
use tests::machine::beside_others;
use tests::redis::{Redis, absent_redis, redis, redis_with};
use tests::stream::{announce, variant};
use tests::{
    Program, Tools, eventually, fixture, free_address, is_full, jackstaff, not_run, program, say, tools,
};

/// How long the other replicas may take to receive an announcement while Redis runs. On an idle machine they take
/// milliseconds.
const SOON: Duration = Duration::from_secs(10);
/// How long until replicas notice that Redis runs again, and agree.
const BACK: Duration = Duration::from_secs(20);
/// How long an announcement may take, in any state of Redis. Flagsmith's caller gives up after two seconds.
const AT_ONCE: Duration = Duration::from_secs(1);

/// A replica, with the environment variable that names the bus.
#[track_caller]
fn replica(tools: &Tools, bus: &str, arguments: &[&str]) -> (Program, String) {
    let mut command = Command::new(&tools.jackstaff);
    command.args(["origin", "--listen", "127.0.0.1:0"]).args(arguments).env("JACKSTAFF_BUS", bus);
    let program = program("a replica", &mut command);
    let url = program.url();
    (program, url)
}

#[track_caller]
fn replicas<const N: usize>(tools: &Tools, redis: &Redis) -> [(Program, String); N] {
    let replicas = [(); N].map(|()| replica(tools, &redis.url(), &[]));
    for (replica, _) in &replicas {
        replica.says("is up");
    }
    replicas
}

/// The revision `n`: always the same one, and long ago.
fn revision(n: u64) -> u64 {
    static BEFORE: LazyLock<u64> =
        LazyLock::new(|| u64::try_from(jiff::Timestamp::now().as_second()).unwrap() - 100_000);
    *BEFORE + n
}

/// The events of a stream, as they come.
struct Stream {
    connection: TcpStream,
    reader: Reader,
    events: Vec<u64>,
}

#[track_caller]
fn listen(url: &str, key: &str) -> Stream {
    let mut connection = TcpStream::connect(url.trim_start_matches("http://")).unwrap();
    connection.set_read_timeout(Some(Duration::from_millis(20))).unwrap();
    let request = format!("GET /sse/environments/{key}/stream HTTP/1.1\r\nhost: origin\r\n\r\n");
    connection.write_all(request.as_bytes()).unwrap();
    let mut stream = Stream { connection, reader: Reader::default(), events: Vec::new() };
    // The current revision comes with the first comment, in one write.
    eventually("a stream began", SOON, || {
        let bytes = stream.read()?;
        bytes.windows(9).any(|bytes| bytes == b"jackstaff").then_some(())
    });
    stream
}

impl Stream {
    /// The received bytes; none after some milliseconds. Headers and chunk sizes among them are not lines of an event.
    fn read(&mut self) -> Option<Vec<u8>> {
        let mut bytes = [0; 8_192];
        let length = match self.connection.read(&mut bytes) {
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => return None,
            read => read.unwrap(),
        };
        assert!(length > 0, "the stream was closed after {:?}", self.events);
        self.events.extend(self.reader.read(&bytes[..length]).into_iter().map(|signal| signal.revision.0));
        Some(bytes[..length].to_vec())
    }

    /// Waits for this many events.
    #[track_caller]
    fn hears(&mut self, count: usize) -> &[u64] {
        eventually(&format!("event {count} of a stream"), SOON, || {
            self.read();
            (self.events.len() >= count).then_some(())
        });
        &self.events
    }
}

/// The first revision of a new stream of an environment.
#[track_caller]
fn stands(url: &str, key: &str) -> Option<u64> {
    listen(url, key).events.last().copied()
}

/// Waits until a replica has this revision of each environment.
#[track_caller]
fn agrees(url: &str, within: Duration, revisions: &BTreeMap<String, u64>) {
    for (key, revision) in revisions {
        let what = format!("revision {revision} of {key} at {url}");
        eventually(&what, within, || (stands(url, key) == Some(*revision)).then_some(()));
    }
}

/// Announces a revision, and checks that it takes no time, whatever the state of Redis.
#[track_caller]
fn announce_at_once(url: &str, key: &str, revision: u64) {
    let announced = announce(url, None, key, revision);
    let took = announced.accepted - announced.sent;
    assert!(took < AT_ONCE, "announcing {key} took {took:?}");
}

#[track_caller]
fn get(url: &str, path: &str) -> Value {
    let mut response = ureq::get(format!("{url}{path}")).call().unwrap();
    serde_json::from_str(&response.body_mut().read_to_string().unwrap()).unwrap()
}

#[track_caller]
fn metric(url: &str, name: &str) -> String {
    let text = ureq::get(format!("{url}/metrics")).call().unwrap().body_mut().read_to_string().unwrap();
    let value = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ').map(str::to_owned));
    value.unwrap_or_else(|| panic!("no {name}: {text}"))
}

#[test]
fn an_announcement_at_one_replica_reaches_the_streams_of_all() {
    let _machine = beside_others();
    let (Some(tools), Some(redis)) = (tools(), redis()) else { return };
    let [(_a, a), (_b, b), (_c, c)] = replicas(&tools, &redis);
    let mut streams = [&a, &b, &c].map(|url| listen(url, "demo"));
    let mut delays = Vec::new();
    // An announcement of the same revision gives an event too: the store was written.
    let announced: Vec<u64> = (1..=20).flat_map(|n| [n, n]).map(revision).collect();
    for (count, revision) in announced.iter().enumerate() {
        let begun = Instant::now();
        announce_at_once([&a, &b, &c][count % 3], "demo", *revision);
        for stream in &mut streams {
            stream.hears(count + 1);
        }
        delays.push(begun.elapsed());
    }
    for stream in &mut streams {
        assert_eq!(stream.events, announced, "each exactly once");
    }
    delays.sort_unstable();
    say(&format!(
        "until all of three replicas passed on an announcement: median {:?}, at most {:?}",
        delays[20], delays[39]
    ));
    assert_eq!(stands(&b, "other"), None);
    assert_eq!(redis.ask("HLEN jackstaff:revisions"), ":1");
    for url in [&a, &b, &c] {
        assert_eq!(get(url, "/health/readiness"), json!({ "status": "ok", "bus": "up", "behind": [] }));
        assert_eq!(metric(url, "jackstaff_origin_bus_up"), "1");
        assert_eq!(metric(url, "jackstaff_origin_bus_reconnects_total"), "0");
    }
}

/// Announces at each replica in turn, and remembers the greatest revision of each environment.
struct Announcing<'a> {
    urls: [&'a str; 3],
    revisions: BTreeMap<String, u64>,
    random: fastrand::Rng,
}

impl Announcing<'_> {
    fn some(&mut self, count: u64) {
        for _ in 0..count {
            let key = format!("environment-{}", self.random.u8(0..40));
            // Out of order, as task queues deliver.
            let revision = revision(self.random.u64(0..90_000));
            announce_at_once(self.urls[self.random.usize(0..3)], &key, revision);
            let known = self.revisions.entry(key).or_default();
            *known = revision.max(*known);
        }
    }
}

#[test]
fn no_final_revision_is_lost_if_redis_is_killed_and_starts_empty() {
    let _machine = beside_others();
    let (Some(tools), Some(mut redis)) = (tools(), redis()) else { return };
    let [(_a, a), (_b, b), (_c, c)] = replicas(&tools, &redis);
    let mut announcing =
        Announcing { urls: [&a, &b, &c], revisions: BTreeMap::new(), random: fastrand::Rng::with_seed(7) };
    for round in 1..=3 {
        announcing.some(60);
        redis.kill();
        let mut stream = listen(&a, "announced-here");
        announce_at_once(&a, "announced-here", revision(round));
        stream.hears(stream.events.len() + 1);
        announcing.some(60);
        announcing.revisions.insert("announced-here".to_owned(), revision(round));
        redis.start();
        announcing.some(20);
        for url in [&a, &b, &c] {
            agrees(url, BACK, &announcing.revisions);
            eventually("the bus is up", BACK, || (get(url, "/health")["bus"] == "up").then_some(()));
            let reconnects: u64 = metric(url, "jackstaff_origin_bus_reconnects_total").parse().unwrap();
            assert!(reconnects >= round, "{reconnects} in round {round}");
        }
    }
    let (late, url) = replica(&tools, &redis.url(), &[]);
    late.says("is up");
    agrees(&url, Duration::ZERO, &announcing.revisions);
    assert_eq!(redis.ask("HLEN jackstaff:revisions"), format!(":{}", announcing.revisions.len()));
}

#[test]
fn replicas_agree_on_the_greatest_revisions_whatever_happens_to_redis() {
    let _machine = beside_others();
    let (Some(tools), Some(mut redis)) = (tools(), redis()) else { return };
    let [(_a, a), (_b, b), (_c, c)] = replicas(&tools, &redis);
    let mut announcing =
        Announcing { urls: [&a, &b, &c], revisions: BTreeMap::new(), random: fastrand::Rng::with_seed(11) };
    let rounds = if is_full() { 100 } else { 10 };
    for _ in 0..rounds {
        announcing.some(20);
        match announcing.random.u8(0..5) {
            0 => {
                redis.kill();
                announcing.some(20);
                redis.start();
            }
            1 => {
                redis.hang();
                announcing.some(100);
                redis.go_on();
            }
            2 => drop(redis.ask("CLIENT KILL TYPE pubsub")),
            3 => drop(redis.ask("CLIENT KILL TYPE normal")),
            _ => {
                redis.ask("FLUSHALL");
                announcing.some(1);
                redis.ask("CLIENT KILL TYPE normal");
            }
        }
        announcing.some(20);
    }
    for url in [&a, &b, &c] {
        agrees(url, BACK, &announcing.revisions);
    }
    let known = || redis.ask("HLEN jackstaff:revisions") == format!(":{}", announcing.revisions.len());
    eventually("Redis knows all", BACK, || known().then_some(()));
}

#[test]
fn no_replica_waits_for_a_redis_that_is_down_at_the_start() {
    let _machine = beside_others();
    let (Some(tools), Some(mut redis)) = (tools(), absent_redis("")) else { return };
    let [(first, a), (_second, b)] = [(); 2].map(|()| replica(&tools, &redis.url(), &[]));
    let why = first.says("is down");
    assert!(why.ends_with("Connection refused (os error 111)"), "{why}");
    assert_eq!(get(&a, "/health/readiness"), json!({ "status": "ok", "bus": "down", "behind": [] }));
    announce_at_once(&a, "a", revision(1));
    announce_at_once(&b, "b", revision(2));
    assert_eq!((stands(&a, "a"), stands(&b, "a")), (Some(revision(1)), None));
    redis.start();
    let all = BTreeMap::from([("a".to_owned(), revision(1)), ("b".to_owned(), revision(2))]);
    agrees(&a, BACK, &all);
    agrees(&b, BACK, &all);
    assert_eq!(first.count("is down"), 1, "said once, however often it was tried");
    assert_eq!(metric(&a, "jackstaff_origin_bus_reconnects_total"), "0", "there was none to lose");
}

#[test]
fn a_redis_that_hangs_delays_no_replica() {
    let _machine = beside_others();
    let (Some(tools), Some(redis)) = (tools(), redis()) else { return };
    let [(first, a), (_second, b)] = replicas(&tools, &redis);
    let mut stream = listen(&a, "demo");
    redis.hang();
    for n in 1..=5 {
        announce_at_once(&a, "demo", revision(n));
        stream.hears(usize::try_from(n).unwrap());
    }
    first.says("is down, so other replicas hear nothing until it is up: it did not answer within 2 seconds");
    announce_at_once(&a, "demo", revision(6));
    announce_at_once(&b, "other", revision(7));
    redis.go_on();
    let all = BTreeMap::from([("demo".to_owned(), revision(6)), ("other".to_owned(), revision(7))]);
    agrees(&a, BACK, &all);
    agrees(&b, BACK, &all);
}

#[test]
fn a_password_is_refused_on_the_command_line_and_a_wrong_one_is_logged() {
    let _machine = beside_others();
    let (Some(tools), Some(redis)) = (tools(), redis_with("requirepass s3cret\n")) else { return };
    let with = |password: &str| redis.url().replace("://", &format!("://:{password}@"));
    for (bus, said) in
        [(redis.url(), "it wants a password"), (with("wr0ng"), "it refuses the user or the password")]
    {
        let (replica, url) = replica(&tools, &bus, &[]);
        let line = replica.says("is down");
        assert!(line.ends_with(said), "{line}");
        announce_at_once(&url, "demo", revision(1));
        assert!(!replica.said().concat().contains("wr0ng"), "{:?}", replica.said());
    }
    let (right, _) = replica(&tools, &with("s3cret"), &[]);
    right.says("is up");
    let file = redis.folder().join("password");
    fs::write(&file, "s3cret\n").unwrap();
    let (right, _) =
        replica(&tools, "nothing", &["--bus", &redis.url(), "--bus-password-file", file.to_str().unwrap()]);
    right.says("is up");

    fs::write(&file, "\n").unwrap();
    let (url, secret) = (redis.url(), with("s3cret"));
    for (arguments, error) in [
        (&["--bus", &secret][..], "--bus: other users of this machine can read a password on a command line"),
        (
            &["--bus", "redis.example"],
            "--bus: the URL of the bus does not start with `redis://` or `rediss://`",
        ),
        (
            &["--bus", "redis://:s3cret@host:port"],
            "--bus: the URL of the bus is not of the form redis://HOST:PORT/DB",
        ),
        (&["--bus-password-file", "x"], "--bus-password-file: there is no bus"),
        (&["--bus", &url, "--bus-password-file", file.to_str().unwrap()], "password: the secret is empty"),
    ] {
        let ended = jackstaff(&tools, &[&["origin", "--listen", "127.0.0.1:0"], arguments].concat(), "");
        assert_eq!(ended.code, 1, "{arguments:?}");
        assert!(
            ended.errors.contains(error) && !ended.errors.contains("s3cret"),
            "{arguments:?}: {}",
            ended.errors
        );
    }
}

#[test]
fn by_tls_only_a_server_with_a_trusted_certificate_is_used() {
    let _machine = beside_others();
    let port = free_address().port();
    let settings = "tls-cert-file server.pem\ntls-key-file server.key\ntls-ca-cert-file server.pem\ntls-auth-clients no\n";
    let redis = absent_redis(&format!("tls-port {port}\n{settings}"));
    let (Some(tools), Some(mut redis)) = (tools(), redis) else { return };
    let made = Command::new("openssl")
        .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"])
        .args(["-keyout", "server.key", "-out", "server.pem", "-days", "2", "-subj", "/CN=a Redis of a test"])
        .args(["-addext", "subjectAltName=IP:127.0.0.1", "-addext", "basicConstraints=critical,CA:FALSE"])
        .current_dir(redis.folder())
        .output();
    match made {
        Err(error) if error.kind() == ErrorKind::NotFound => {
            return not_run("there is no openssl to make a certificate with");
        }
        made => assert!(made.as_ref().unwrap().status.success(), "{made:?}"),
    }
    redis.start();
    let url = format!("rediss://127.0.0.1:{port}");
    let start = |trusted: Option<PathBuf>| {
        let mut command = Command::new(&tools.jackstaff);
        command.args(["origin", "--listen", "127.0.0.1:0", "--bus", &url]);
        program("a replica", command.envs(trusted.map(|file| ("SSL_CERT_FILE", file))))
    };
    start(Some(redis.folder().join("server.pem"))).says("is up");
    let line = start(None).says("is down");
    assert!(line.contains("certificate"), "{line}");
}

#[test]
fn garbage_in_redis_is_ignored_and_logged_once() {
    let _machine = beside_others();
    let (Some(tools), Some(redis)) = (tools(), redis()) else { return };
    let good = revision(5);
    for entry in [
        "\"no key\" 1".to_owned(),
        "word revision".to_owned(),
        "float 17.5".to_owned(),
        "far 9999999999999".to_owned(),
        "endless 99999999999999999999999999".to_owned(),
        "\"\\xff\\x00\" \"\\xff\"".to_owned(),
        format!("good {good}"),
    ] {
        assert_eq!(redis.ask(&format!("HSET jackstaff:revisions {entry}")), ":1", "{entry}");
    }
    let [(replica, a), (_other, b)] = replicas(&tools, &redis);
    for payload in
        ["nonsense", "\"\"", "\"x announced 5 a b\"", "\"x announced 9999999999999 far\"", "\"\\xff\""]
    {
        assert_eq!(redis.ask(&format!("PUBLISH jackstaff:announcements:0 {payload}")), ":2", "{payload}");
    }
    // Garbage keeps no revision from being stored.
    let mut all = BTreeMap::from([("good".to_owned(), good)]);
    for key in ["word", "float", "far", "endless"] {
        announce_at_once(&a, key, revision(9));
        all.insert(key.to_owned(), revision(9));
    }
    agrees(&b, SOON, &all);
    let (late, c) = self::replica(&tools, &redis.url(), &[]);
    late.says("is up");
    agrees(&c, Duration::ZERO, &all);
    assert_eq!(replica.count("is not a revision and is ignored"), 1, "{:?}", replica.said());

    assert_eq!(redis.ask("DEL jackstaff:revisions"), ":1");
    assert_eq!(redis.ask("SET jackstaff:revisions x"), "+OK");
    announce_at_once(&a, "good", revision(6));
    replica.says("WRONGTYPE");
    announce_at_once(&a, "good", revision(7));
    assert_eq!(redis.ask("DEL jackstaff:revisions"), ":1");
    all.insert("good".to_owned(), revision(7));
    for url in [&a, &b, &c] {
        agrees(url, BACK, &all);
    }
}

#[test]
fn revisions_from_the_bus_are_bounded_as_announcements_are() {
    let _machine = beside_others();
    let (Some(tools), Some(redis)) = (tools(), redis()) else { return };
    let (small, a) = replica(&tools, &redis.url(), &["--max-environments", "2"]);
    let (large, b) = replica(&tools, &redis.url(), &[]);
    small.says("is up");
    large.says("is up");
    announce_at_once(&a, "own", revision(1));
    for n in 0..20 {
        announce_at_once(&b, &format!("environment-{n}"), revision(n));
    }
    announce_at_once(&b, "own", revision(2));
    agrees(&a, SOON, &BTreeMap::from([("own".to_owned(), revision(2))]));
    assert_eq!(metric(&a, "jackstaff_origin_environments"), "2");
    assert_eq!(metric(&b, "jackstaff_origin_environments"), "21");
    let said = small.says("some revisions from the bus are ignored");
    assert!(said.contains("this origin already has 2 environments, its limit"), "{said}");
    assert_eq!(small.count("some revisions from the bus are ignored"), 1);
}

/// The origin does not accept a revision from the future, at any replica.
#[test]
fn all_replicas_count_an_announcement_from_the_future() {
    let (Some(tools), Some(redis)) = (tools(), redis()) else { return };
    let [(_one, a), (_other, b)] = replicas(&tools, &redis);
    announce_at_once(&a, "demo", revision(200_000));
    let ahead = |url: &str| metric(url, "jackstaff_origin_announcements_ahead_total");
    eventually("both replicas know of it", SOON, || (ahead(&b) == "1").then_some(()));
    assert_eq!(ahead(&a), "1");
    let mut stream = TcpStream::connect(b.trim_start_matches("http://")).unwrap();
    stream.set_read_timeout(Some(SOON)).unwrap();
    stream.write_all(b"GET /sse/environments/demo/stream HTTP/1.1\r\nhost: origin\r\n\r\n").unwrap();
    let mut text = String::new();
    let mut bytes = [0; 1_024];
    while !text.contains("updated_at") {
        let length = stream.read(&mut bytes).unwrap();
        text.push_str(std::str::from_utf8(&bytes[..length]).unwrap());
    }
    assert!(text.contains(r#", "ahead": true}"#), "{text}");
}

#[test]
fn the_last_announcement_before_the_end_reaches_other_replicas() {
    let _machine = beside_others();
    let (Some(tools), Some(redis)) = (tools(), redis()) else { return };
    let [(first, a), (_second, b)] = replicas(&tools, &redis);
    for n in 1..=300 {
        announce_at_once(&a, &format!("environment-{n}"), revision(n));
    }
    assert_eq!(first.terminate().code(), Some(0));
    let all = (1..=300).map(|n| (format!("environment-{n}"), revision(n))).collect();
    agrees(&b, SOON, &all);
    assert_eq!(first.count("ends before the bus"), 0);

    redis.hang();
    let (lonely, url) = replica(&tools, &redis.url(), &[]);
    announce_at_once(&url, "lonely", revision(1));
    let begun = Instant::now();
    assert_eq!(lonely.terminate().code(), Some(0));
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    lonely.says("ends before the bus had all that was announced here");
}

#[test]
fn a_change_that_one_replica_publishes_is_signalled_by_all() {
    let _machine = beside_others();
    let (Some(tools), Some(mut redis)) = (tools(), redis()) else { return };
    let api = fastly_api();
    let folder = tempfile::tempdir().unwrap();
    let document = fixture("demo.json");
    let key = document["api_key"].as_str().unwrap().to_owned();
    // As an editor saves a file: it never contains half a document.
    let save = |n: usize| {
        let draft = folder.path().join("draft");
        fs::write(&draft, variant(&document, n).to_string()).unwrap();
        fs::rename(draft, folder.path().join("environment.json")).unwrap();
    };
    let serve = || {
        let mut command = Command::new(&tools.jackstaff);
        command.args(["serve", "--listen", "127.0.0.1:0", "--interval", "50", "--bus", &redis.url()]);
        command.args(["--api", &api.url(), "--store", STORE, "--service", SERVICE]).arg(folder.path());
        let program = program("a server", command.env("FASTLY_API_TOKEN", TOKEN));
        let url = program.url();
        program.says("is up");
        (program, url)
    };
    save(0);
    // Both watch the same folder.
    let [(_a, a), (other, b)] = [serve(), serve()];
    let (_c, c) = replica(&tools, &redis.url(), &[]);
    let mut streams = [&a, &b, &c].map(|url| listen(url, &key));
    let agree = |what: &str, streams: &mut [Stream; 3], before: Option<u64>| {
        eventually(what, BACK, || {
            let events = streams.each_mut().map(|stream| {
                stream.read();
                stream.events.last().copied()
            });
            let [Some(first), ..] = events else { return None };
            (events == [Some(first); 3] && before.is_none_or(|before| first > before)).then_some(first)
        })
    };
    let first = agree("all have the first document", &mut streams, None);
    save(1);
    let second = agree("all have a change", &mut streams, Some(first));
    redis.kill();
    save(2);
    eventually("the change is stored", BACK, || (api.writes() == 3).then_some(()));
    redis.start();
    agree("all have a change that was made without Redis", &mut streams, Some(second));
    assert_eq!(get(&a, "/health")["behind"], json!([]));
    // The other server announces what it found stored, soon or late. All of it comes before the mark.
    assert_eq!(other.terminate().code(), Some(0));
    announce_at_once(&c, "mark", revision(1));
    eventually("the mark arrives", SOON, || stands(&a, "mark"));
    // Flagsmith's call is a trigger where something is published, and nothing has changed since.
    let before = metric(&a, "jackstaff_origin_announcements_total");
    announce_at_once(&a, &key, revision(0));
    assert_eq!(metric(&a, "jackstaff_origin_triggers_total"), "1");
    assert_eq!(metric(&a, "jackstaff_origin_announcements_total"), before);
    assert_eq!(api.wrong_calls(), Vec::<String>::new());
}

#[test]
fn databases_do_not_share_announcements() {
    let _machine = beside_others();
    let (Some(tools), Some(redis)) = (tools(), redis()) else { return };
    let (first, a) = replica(&tools, &redis.url(), &[]);
    let (second, b) = replica(&tools, &format!("{}/1", redis.url()), &[]);
    let (third, c) = replica(&tools, &format!("{}/1", redis.url()), &[]);
    for replica in [&first, &second, &third] {
        replica.says("is up");
    }
    announce_at_once(&b, "demo", revision(1));
    agrees(&c, SOON, &BTreeMap::from([("demo".to_owned(), revision(1))]));
    assert_eq!(stands(&a, "demo"), None);
}

#[test]
fn a_redis_that_is_emptied_while_connected_receives_all_revisions_again() {
    let _machine = beside_others();
    let (Some(tools), Some(redis)) = (tools(), redis()) else { return };
    let [(_first, a)] = replicas(&tools, &redis);
    announce_at_once(&a, "demo", revision(1));
    eventually("Redis knows", SOON, || (redis.ask("HLEN jackstaff:revisions") == ":1").then_some(()));
    assert_eq!(redis.ask("FLUSHALL"), "+OK");
    let again = Duration::from_secs(45);
    eventually("Redis knows again", again, || (redis.ask("HLEN jackstaff:revisions") == ":1").then_some(()));
}
