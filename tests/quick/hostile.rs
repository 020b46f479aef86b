//! An origin among strangers who take what they can: connections, streams, places, files.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;
use tests::fastly::{SERVICE, STORE, TOKEN, fastly_api};
use tests::fixtures::one_feature;
use tests::strangers::{answers, strangers};
use tests::{Program, eventually, is_full, not_run, program, say};

use crate::JACKSTAFF;

const ORIGIN_TOKEN: &str = "s3cret";

/// Files that the origin may open. Strangers want more.
const FILES: u64 = 1_024;

/// Runs `jackstaff` with a limit of open files.
fn limited(files: u64, arguments: &[&str]) -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", &format!("ulimit -n {files} && exec \"$0\" \"$@\""), JACKSTAFF]).args(arguments);
    command.env("JACKSTAFF_ORIGIN_TOKEN", ORIGIN_TOKEN);
    command
}

/// The value of a metric.
fn metric(origin: &Program, name: &str) -> u64 {
    let text =
        ureq::get(format!("{}/metrics", origin.url())).call().unwrap().body_mut().read_to_string().unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix(&format!("jackstaff_origin_{name} ")));
    line.unwrap_or_else(|| panic!("{name}: {text}")).parse().unwrap()
}

/// Ten thousand connections that do nothing, or almost nothing, a thousand announcements without the token a second, and as many
/// streams as there may be: an announcement *with* the token waited 26 seconds.
#[test]
fn strangers_do_not_delay_those_with_a_token() {
    let (wanted, seconds) = if is_full() { (10_000, 20) } else { (2_000, 4) };
    let files = rlimit::increase_nofile_limit(wanted + 1_000).unwrap();
    let connections = wanted.min(files.saturating_sub(1_000));
    if connections < wanted {
        say(&format!(
            "hostile: {connections} connections in place of {wanted}, since {files} files may be open"
        ));
    }
    let origin = program("origin", &mut limited(FILES, &["origin", "--listen", "127.0.0.1:0"]));
    let url = origin.url();
    let crowd = strangers(&url, usize::try_from(connections).unwrap(), 1_000);
    let [announced, streamed] = answers(&url, ORIGIN_TOKEN, Duration::from_secs(seconds));
    let closed = metric(&origin, "connections_closed_total");
    say(&format!(
        "hostile: {connections} connections of strangers and 1000 announcements a second, {FILES} files: announcements {}; \
         streams {}; {closed} closed",
        announced.figures(),
        streamed.figures()
    ));
    announced.are_within(Duration::from_secs(1));
    streamed.are_within(Duration::from_secs(1));
    assert!(closed > 0, "the strangers held back");
    drop(crowd);
}
