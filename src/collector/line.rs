//! One line of the edge's analytics log (`src/api/PROTOCOL.md`, 10.3).

use std::borrow::Cow;
use std::collections::BTreeMap;

use api::EnvironmentKey;
use serde::Deserialize;
use serde_json::value::RawValue;

/// A line, as far as it is needed.
#[derive(Debug)]
pub(crate) struct Line<'a> {
    /// None of an older edge.
    pub(crate) id: Option<u64>,
    pub(crate) environment: EnvironmentKey,
    pub(crate) content: Content<'a>,
}

/// What a line is of.
#[derive(Debug)]
pub(crate) enum Content<'a> {
    /// How often each flag was asked for.
    Counts(BTreeMap<Cow<'a, str>, u64>),
    Evaluations(Vec<Evaluation>),
    Events {
        /// The name and version of the SDK that sent them.
        sdk: Option<String>,
        events: Vec<&'a RawValue>,
    },
}

/// What was evaluated for whom, and how often.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct Evaluation {
    pub(crate) feature_name: String,
    #[serde(default)]
    pub(crate) identity_identifier: Option<String>,
    pub(crate) enabled_when_evaluated: bool,
    pub(crate) count: u64,
}

impl<'a> Line<'a> {
    /// Reads a line. What stands before its first `{` does not count: log streaming may put a time and a host there, and
    /// Viceroy the name of the endpoint. None if it is no such line.
    pub(crate) fn parse(line: &'a str) -> Option<Line<'a>> {
        #[derive(Deserialize)]
        struct Members<'a> {
            #[serde(default)]
            id: Option<String>,
            environment: EnvironmentKey,
            #[serde(default)]
            sdk: Option<String>,
            #[serde(borrow, default)]
            counts: Option<BTreeMap<Cow<'a, str>, u64>>,
            #[serde(default)]
            evaluations: Option<Vec<Evaluation>>,
            #[serde(borrow, default)]
            events: Option<Vec<&'a RawValue>>,
        }
        let json = json(line)?;
        let members: Members<'a> = serde_json::from_str(json).ok()?;
        let content = match (members.counts, members.evaluations, members.events) {
            (Some(counts), None, None) => Content::Counts(counts),
            (None, Some(evaluations), None) => Content::Evaluations(evaluations),
            (None, None, Some(events)) => Content::Events { sdk: members.sdk, events },
            _ => return None,
        };
        let id = members.id.and_then(|id| u64::from_str_radix(&id, 16).ok());
        Some(Line { id, environment: members.environment, content })
    }
}

/// The part of a line that may be JSON.
pub(crate) fn json(line: &str) -> Option<&str> {
    line.find('{').map(|start| line[start..].trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_the_edge_are_read_and_others_are_not() {
        let counts = r#"{"id":"00000000000000ff","environment":"demo","time":7,"counts":{"a\n":1,"b":2}}"#;
        for line in
            [counts, &format!("flag usage :: {counts}\r"), &format!("<134>2026-01-01T host[1]: {counts}")]
        {
            let line = Line::parse(line).unwrap();
            assert_eq!((line.id, line.environment.as_str()), (Some(255), "demo"));
            let Content::Counts(counts) = line.content else { panic!("{:?}", line.content) };
            assert_eq!(counts, BTreeMap::from([("a\n".into(), 1), ("b".into(), 2)]));
        }
        for (line, is_read) in [
            (r#"{"environment":"demo","counts":{}}"#, true),
            (
                r#"{"environment":"demo","evaluations":[{"feature_name":"a","enabled_when_evaluated":true,"count":1}]}"#,
                true,
            ),
            (r#"{"environment":"demo","sdk":"js/1","events":[{},7]}"#, true),
            (r#"{"environment":"demo","counts":{"a":-1}}"#, false),
            (r#"{"environment":"ser.demo","counts":{}}"#, false),
            (r#"{"environment":"demo","counts":{},"events":[]}"#, false),
            (r#"{"environment":"demo"}"#, false),
            (r#"{"environment":"demo","counts":{}} {}"#, false),
            ("{", false),
            ("GET / 200", false),
            ("", false),
        ] {
            assert_eq!(Line::parse(line).is_some(), is_read, "{line}");
        }
    }
}
