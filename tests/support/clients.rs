//! The table of clients in `tests/sdk/README.md`: which SDKs were run against an edge, or whose requests were, and at which
//! version. A client that ran and stands there otherwise, or not at all, is a failure.

use std::env;
use std::fs::{self, File};
use std::io::Write;

use crate::files::folder;

/// How a client meets the edge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// The published SDK runs.
    Unmodified,
    /// Its requests are sent as its sources write them, and the answers are read as its sources read them.
    Requests,
}

impl Access {
    fn as_str(self) -> &'static str {
        match self {
            Access::Unmodified => "runs, unmodified",
            Access::Requests => "its requests",
        }
    }
}

/// A row of the table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Client {
    pub name: String,
    pub version: String,
    pub access: String,
}

/// The rows of the table: client, package, version, how it meets the edge.
#[track_caller]
pub fn clients() -> Vec<Client> {
    let text = fs::read_to_string(folder("sdk/README.md")).unwrap();
    let rows =
        text.lines().skip_while(|line| *line != "## Clients").skip_while(|line| !line.starts_with("|---"));
    let rows = rows.skip(1).take_while(|line| line.starts_with('|'));
    rows.map(|row| {
        let cells: Vec<&str> = row.trim_matches('|').split('|').map(str::trim).collect();
        let [name, _, version, access] = cells[..] else { panic!("a row of other columns: {row}") };
        Client { name: name.to_owned(), version: version.to_owned(), access: access.to_owned() }
    })
    .collect()
}

/// Records that a client ran and was content. `scripts/test` prints the table at its end, and fails if a client neither ran
/// nor is named among what did not run.
#[track_caller]
pub fn ran_client(name: &str, version: &str, access: Access) {
    let ran =
        Client { name: name.to_owned(), version: version.to_owned(), access: access.as_str().to_owned() };
    let all = clients();
    assert!(all.contains(&ran), "{ran:?} ran; the table of tests/sdk/README.md has {all:?}");
    let Some(record) = env::var_os("JACKSTAFF_CLIENTS") else { return };
    let mut file = File::options().create(true).append(true).open(record).unwrap();
    // One write a line: tests run in parallel.
    file.write_all(format!("{name}\t{version}\t{}\n", ran.access).as_bytes()).unwrap();
}
