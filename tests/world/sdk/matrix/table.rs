//! The cells of the table, and how it is printed.

use std::collections::BTreeMap;

use serde_json::Value;
use tests::say;

use super::documents::{Variation, columns};
use super::versions::Version;
use super::{Document, Questions};

/// The letters of a cell, the worst first.
const LEGEND: [(char, &str); 6] = [
    ('x', "the document is refused: local evaluation fails or goes remote"),
    ('v', "local evaluation gives other flags than the edge"),
    ('X', "an answer to remote evaluation is refused"),
    ('V', "remote evaluation gives other flags than the edge"),
    ('-', "no reading: the program ended before"),
    (
        'k',
        "refused or evaluated otherwise, as is known of this version: Flagsmith's document fares no better",
    ),
];

const DIGITS: [char; 10] = ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9'];

#[derive(Default)]
pub(super) struct Table {
    rows: Vec<(String, String)>,
    pub(super) failures: Vec<String>,
}

/// What failed in a column, by document.
pub(super) struct Failure {
    column: usize,
    letter: char,
    what: String,
}

/// Compares what a version read with what the edge answers.
pub(super) fn judge(
    version: &Version,
    variations: &[Variation],
    questions: &Questions,
    readings: &BTreeMap<String, Value>,
) -> Vec<Failure> {
    let columns = columns();
    let mut failures = Vec::new();
    for (variation, document) in variations.iter().zip(&questions.documents) {
        let is_known = version.is_known(&columns[variation.column]);
        let mut fail = |letter, what: String| {
            let letter = if is_known { 'k' } else { letter };
            let what = format!("{letter} {}, {}: {what}", version.name, document.name);
            failures.push(Failure { column: variation.column, letter, what });
        };
        let Some(reading) = readings.get(&document.name) else {
            fail('-', String::new());
            continue;
        };
        if let Some(error) = reading["parsed"]["error"].as_str() {
            fail('x', error.to_owned());
        }
        for (mode, refused, differs) in [("local", 'x', 'v'), ("remote", 'X', 'V')] {
            let Some(answers) = reading.get(mode) else { continue };
            if let Some(error) = answers["error"].as_str() {
                fail(refused, error.to_owned());
            } else if let Some(difference) = difference(version, document, mode, answers) {
                fail(differs, difference);
            }
        }
    }
    failures
}

/// The first flag that is another than the edge's.
fn difference(version: &Version, document: &Document, mode: &str, answers: &Value) -> Option<String> {
    let answers = answers.as_array()?;
    if answers.len() != document.answers.len() {
        return Some(format!("{} answers", answers.len()));
    }
    for (place, (got, expected)) in answers.iter().zip(&document.answers).enumerate() {
        let (got, expected) = (got.as_object()?, expected.as_object()?);
        let names = got.keys().chain(expected.keys());
        for name in names.filter(|name| !(mode == "local" && version.ignores(place, name))) {
            let (got, expected) = (got.get(name), expected.get(name));
            let is_own = mode == "local" && place == 0 && alike(got, document.own.get(name));
            if !alike(got, expected) && !is_own {
                return Some(format!("question {place}, {name}: {got:?}, not {expected:?}"));
            }
        }
    }
    None
}

/// Numbers of one value are alike: JavaScript has only one kind.
fn alike(one: Option<&Value>, other: Option<&Value>) -> bool {
    match (one, other) {
        (Some(Value::Array(one)), Some(Value::Array(other))) => {
            one.len() == other.len()
                && one.iter().zip(other).all(|(one, other)| alike(Some(one), Some(other)))
        }
        (Some(Value::Number(one)), Some(Value::Number(other))) => one.as_f64() == other.as_f64(),
        (one, other) => one == other,
    }
}

impl Table {
    pub(super) fn row(&mut self, name: &str, failures: Vec<Failure>) {
        let worst = |column: usize| {
            let letters = failures.iter().filter(|failure| failure.column == column);
            letters
                .map(|failure| failure.letter)
                .min_by_key(|letter| LEGEND.iter().position(|(known, _)| known == letter))
        };
        let cells = (0..columns().len()).map(|column| worst(column).unwrap_or('.')).collect();
        self.rows.push((name.to_owned(), cells));
        let unknown = failures.into_iter().filter(|failure| failure.letter != 'k');
        self.failures.extend(unknown.map(|failure| failure.what));
    }

    /// One row a version, a letter for each column; below, what the columns are, and each failure.
    pub(super) fn print(&self) {
        let columns = columns();
        let width = self.rows.iter().map(|(name, _)| name.len()).max().unwrap_or_default();
        let digits = |unit: usize| -> String {
            (1..=columns.len()).map(|number| DIGITS[number / unit % 10]).collect()
        };
        let mut lines = vec!["SDK versions by optional members, each absent and null".to_owned()];
        lines.extend([100, 10, 1].map(|unit| format!("{:width$}  {}", "", digits(unit))));
        lines.extend(self.rows.iter().map(|(name, cells)| format!("{name:width$}  {cells}")));
        lines.push(". read, and answered as by the edge".to_owned());
        lines.extend(LEGEND.iter().map(|(letter, meaning)| format!("{letter} {meaning}")));
        let names: Vec<String> =
            columns.iter().enumerate().map(|(place, name)| format!("{} {name}", place + 1)).collect();
        lines.push(names.join("; "));
        lines.extend(self.failures.iter().cloned());
        say(&lines.join("\n"));
    }
}
