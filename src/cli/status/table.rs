//! The status as a table, for people.

use std::time::Duration;

use api::bundle::{Section, Span};
use api::{Header, Revision};
use engine::Cost;
use jiff::Timestamp;
use publisher::on_one_line;
use publisher::status::{
    EdgeAnswer, EnvironmentStatus, Status, StoredBundle, VALUE_LIMIT, key_warnings, problems, warnings,
};

use crate::columns::aligned;

const HEADINGS: [&str; 11] = [
    "ENVIRONMENT",
    "REVISION",
    "AGE",
    "SOURCE",
    "BYTES",
    "LIMIT",
    "COMPILED",
    "FLAGS",
    "DOCUMENT",
    "WORK",
    "EDGE",
];
/// Columns of numbers, which end in one line.
const NUMBERS: [usize; 7] = [2, 4, 5, 6, 7, 8, 9];

type Row = [String; HEADINGS.len()];

/// A row for each environment, and below a line for each problem and each warning.
pub(super) fn table(status: &Status, now: Timestamp) -> String {
    let keys = key_warnings(status, now);
    if status.environments.is_empty() && status.unanswered.is_empty() && keys.is_empty() {
        return "there is no environment\n".to_owned();
    }
    let mut rows = vec![HEADINGS.map(str::to_owned)];
    rows.extend(status.environments.iter().map(|environment| row(environment, now)));
    let mut text = if status.environments.is_empty() { String::new() } else { aligned(&rows, &NUMBERS) };
    let mut lines: Vec<String> = Vec::new();
    for environment in &status.environments {
        lines.extend(
            problems(environment).iter().map(|what| format!("environment `{}`: {what}", environment.key)),
        );
        lines.extend(
            warnings(environment, now)
                .iter()
                .map(|what| format!("environment `{}`: warning: {what}", environment.key)),
        );
    }
    lines.extend(status.troubles());
    lines.extend(keys.iter().map(|what| format!("warning: {what}")));
    if !lines.is_empty() {
        text.push('\n');
    }
    for line in lines {
        text.push_str(&on_one_line(&line));
        text.push('\n');
    }
    text
}

fn row(status: &EnvironmentStatus, now: Timestamp) -> Row {
    let mut row: Row = Default::default();
    row[0] = status.key.to_string();
    match &status.stored {
        Some(StoredBundle::Sound(header)) => stored(&mut row, header, now),
        Some(StoredBundle::Unusable { revision, .. }) => {
            row[1] = revision.map_or("broken".to_owned(), |revision| format!("{revision} broken"));
        }
        Some(StoredBundle::Missing) => row[1] = "missing".to_owned(),
        None => row[1] = "?".to_owned(),
    }
    row[10] = match &status.edge {
        Some(EdgeAnswer::Serves { revision, source, age }) => {
            let age = age.map_or(String::new(), |age| format!(" {}", short(Duration::from_secs(age))));
            format!("{revision} {source}{age}")
        }
        Some(EdgeAnswer::Refuses) => "403".to_owned(),
        Some(EdgeAnswer::Fails { status }) => status.to_string(),
        None => "-".to_owned(),
    };
    row
}

fn stored(row: &mut Row, header: &Header, now: Timestamp) {
    let bytes = |sections: &[Section]| -> String {
        let spans = sections.iter().filter_map(|section| header.span(*section));
        spans.map(Span::bytes).sum::<u64>().to_string()
    };
    let removed = if header.tombstone { " removed" } else { "" };
    row[1] = format!("{}{removed}", header.revision);
    row[2] = short(age(header.revision, now));
    row[3] = header.source_updated_at.clone().unwrap_or_else(|| "-".to_owned());
    row[4] = header.total.to_string();
    row[5] = format!("{} %", (header.total * 100).div_ceil(VALUE_LIMIT));
    row[6] = bytes(&[Section::Compiled, Section::Texts]);
    row[7] = bytes(&[
        Section::FlagsClient,
        Section::FlagsClientGzip,
        Section::FlagsClientBrotli,
        Section::FlagsServer,
        Section::FlagsServerGzip,
        Section::FlagsServerBrotli,
    ]);
    row[8] =
        bytes(&[Section::Document, Section::DocumentGzip, Section::DocumentBrotli, Section::DocumentPages]);
    row[9] = header.steps.map_or_else(|| "-".to_owned(), percent);
}

/// What a request may cost, of what the platform allows.
fn percent(steps: u64) -> String {
    format!("{} %", u128::from(steps).saturating_mul(100).div_ceil(u128::from(Cost::REFUSE)))
}

/// How long ago a revision was published: it is named after that second.
pub(super) fn age(revision: Revision, now: Timestamp) -> Duration {
    let now = u64::try_from(now.as_second()).unwrap_or_default();
    Duration::from_secs(now.saturating_sub(revision.0))
}

/// A duration in its greatest unit.
fn short(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match seconds {
        0..120 => format!("{seconds}s"),
        120..7_200 => format!("{}m", seconds / 60),
        7_200..172_800 => format!("{}h", seconds / 3_600),
        _ => format!("{}d", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use api::EnvironmentKey;
    use api::bundle::{self, Label};

    use super::*;

    fn environment(key: &str, stored: Option<StoredBundle>, edge: Option<EdgeAnswer>) -> EnvironmentStatus {
        EnvironmentStatus { key: EnvironmentKey::parse(key).unwrap(), stored, edge, watched: None }
    }

    fn stored(tombstone: bool) -> Option<StoredBundle> {
        let source_updated_at = (!tombstone).then(|| "2026-03-02T11:22:33Z".into());
        let steps = (!tombstone).then_some(130_000);
        let label = Label { source_updated_at, tombstone, steps, ..Label::new(Revision(1_772_450_553)) };
        let sections = [
            (Section::Compiled, vec![0; 1_000]),
            (Section::FlagsClient, vec![0; 20]),
            (Section::FlagsServerGzip, vec![0; 3]),
            (Section::Document, vec![0; 400_000]),
        ];
        let sections = if tombstone { &[][..] } else { &sections[..] };
        Some(StoredBundle::Sound(bundle::write(&label, sections).unwrap().0))
    }

    #[test]
    fn a_table() {
        let serves =
            EdgeAnswer::Serves { revision: Revision(1_772_450_553), source: "pop".into(), age: Some(7) };
        let older =
            EdgeAnswer::Serves { revision: Revision(1_772_450_500), source: "stale".into(), age: Some(300) };
        let broken = StoredBundle::Unusable { revision: Some(Revision(5)), why: "not a bundle".into() };
        let status = Status {
            environments: vec![
                environment("production", stored(false), Some(serves)),
                environment("staging", stored(false), Some(older)),
                environment("old", stored(true), Some(EdgeAnswer::Refuses)),
                environment("damaged", Some(broken), Some(EdgeAnswer::Fails { status: 503 })),
                environment("wanted", Some(StoredBundle::Missing), None),
                environment("unknown", None, None),
            ],
            ..Status::default()
        };
        let now = Timestamp::from_second(1_772_450_553 + 3 * 3_600).unwrap();
        let expected = "\
ENVIRONMENT  REVISION            AGE  SOURCE                 BYTES  LIMIT  COMPILED  FLAGS  DOCUMENT  WORK  EDGE
production   1772450553           3h  2026-03-02T11:22:33Z  403071    2 %      1000     23    400000   3 %  1772450553 pop 7s
staging      1772450553           3h  2026-03-02T11:22:33Z  403071    2 %      1000     23    400000   3 %  1772450500 stale 5m
old          1772450553 removed   3h  -                       2048    1 %         0      0         0     -  403
damaged      5 broken                                                                                       503
wanted       missing                                                                                        -
unknown      ?                                                                                              -

environment `staging`: the edge serves revision 1772450500, and revision 1772450553 is stored
environment `damaged`: what is stored is broken, so edges keep what they have: not a bundle
environment `damaged`: the edge answers 503
environment `wanted`: it is not in the store
";
        assert_eq!(table(&status, now), expected);
        assert_eq!(table(&Status::default(), now), "there is no environment\n");
    }

    #[test]
    fn durations() {
        for (seconds, expected) in
            [(0, "0s"), (119, "119s"), (120, "2m"), (7_200, "2h"), (172_799, "47h"), (172_800, "2d")]
        {
            assert_eq!(short(Duration::from_secs(seconds)), expected);
        }
    }
}
