//! The Python SDK, as published. It ignores the status, so its behaviour after an answer that ends has to be observed.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use tests::machine::beside_others;
use tests::proxy::Mode;
use tests::{installed, workspace};

use super::world::{KEY, SOON, World};

/// How long the SDK is observed.
const WATCHED: Duration = Duration::from_secs(3);

/// A running SDK that holds a stream open.
struct Sdk {
    process: Child,
    /// A line for each event.
    events: Receiver<String>,
}

impl Sdk {
    fn start(python: &std::path::Path, world: &World, key: &str) -> Sdk {
        let mut process = Command::new(python)
            .arg(workspace().join("tests/sdk/python/listen.py"))
            .args(["--edge", &world.varnish.url(), "--stream-of", key])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let (sender, events) = channel();
        thread::spawn(move || lines.map_while(Result::ok).try_for_each(|line| sender.send(line)));
        Sdk { process, events }
    }
}

impl Drop for Sdk {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[test]
fn python_connects_at_most_once_a_second_and_listens_again_after_the_failure() {
    let _machine = beside_others();
    let Some(python) = installed("sdk/python/bin/python") else { return };
    let Some(world) = World::new() else { return };
    // One request is held, the other is refused.
    world.proxy.set_for(KEY, Mode::Answer(503));
    let before = world.varnish.requests();
    let _held = Sdk::start(&python, &world, "ser.abc");
    let sent_away = Sdk::start(&python, &world, KEY);
    tests::eventually("both have asked", SOON, || (world.varnish.requests() >= before + 2).then_some(()));
    let begun = Instant::now();
    thread::sleep(WATCHED);
    let asked = world.varnish.requests() - before;
    // Without an event that it cannot decode, it would connect hundreds of times a second.
    assert!(asked <= begun.elapsed().as_secs() + 4, "{asked} requests");
    assert!(asked >= 3, "{asked} requests");

    world.proxy.set_for(KEY, Mode::Pass);
    world.change();
    let event = sent_away.events.recv_timeout(SOON).unwrap();
    assert!(event.starts_with("\"2026-03-02T"), "{event}");
}
