//! What the publisher in this process counts, for `/metrics`.

use std::sync::atomic::AtomicU64;

use api::progress::{EnvironmentProgress, Progress};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

/// A metric with a sample for each environment, or with one sample for all of them, which has no label (`{}`).
type PerEnvironment<M> = Family<Vec<(&'static str, String)>, M>;

/// The report as metrics. They are made anew each time, so that those of removed environments go with them. Only who has
/// the token is told the names of environments; others get the worst or the sum of all.
pub(crate) fn registry(report: &Progress, with_names: bool) -> Registry {
    let lag = PerEnvironment::<Gauge<f64, AtomicU64>>::default();
    let failures = PerEnvironment::<Counter>::default();
    let published = PerEnvironment::<Counter>::default();
    let last_success = PerEnvironment::<Gauge<f64, AtomicU64>>::default();
    let mut earliest = f64::INFINITY;
    for environment in &report.environments {
        let label = if with_names { label(environment) } else { Vec::new() };
        let behind = environment.behind.unwrap_or_default().as_secs_f64();
        let lag = lag.get_or_create(&label);
        lag.set(lag.get().max(behind));
        failures.get_or_create(&label).inc_by(environment.failures);
        published.get_or_create(&label).inc_by(environment.published);
        if let Some(time) = environment.last_success {
            let time = time.as_duration().as_secs_f64();
            earliest = earliest.min(time);
            last_success.get_or_create(&label).set(if with_names { time } else { earliest });
        }
    }
    let api_calls = Counter::<u64>::default();
    api_calls.inc_by(report.api_calls);
    let troubles = Gauge::<i64>::default();
    troubles.set(i64::try_from(report.troubles.len()).unwrap_or(i64::MAX));

    let answers = Gauge::<i64>::default();
    answers.set(i64::from(report.silent_since.is_none()));

    let mut registry = Registry::with_prefix("jackstaff_watch");
    registry.register("answers", "1 if the publisher answers; 0 if the rest is what it said before", answers);
    registry.register(
        "lag_seconds",
        "For how long a change has not reached the edge; 0 if nothing is due",
        lag,
    );
    registry.register("failures", "Tries that failed", failures);
    registry.register("published", "Changes published", published);
    registry.register("last_success_timestamp_seconds", "When nothing was due last", last_success);
    registry.register("api_calls", "Calls to Fastly's API", api_calls);
    registry.register("troubles", "Places whose document is broken or cannot be fetched", troubles);
    registry
}

fn label(environment: &EnvironmentProgress) -> Vec<(&'static str, String)> {
    vec![("environment", environment.key.to_string())]
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use api::progress::PlaceTrouble;
    use api::{EnvironmentKey, Revision};
    use jiff::Timestamp;

    use super::*;
    use crate::metrics::Metrics;

    #[test]
    fn the_samples_of_a_report() {
        let environment = |key: &str| EnvironmentProgress {
            key: EnvironmentKey::parse(key).unwrap(),
            place: format!("{key}.json"),
            revision: Some(Revision(1)),
            behind: None,
            why: None,
            last_success: Some(Timestamp::from_millisecond(1_772_450_553_250).unwrap()),
            failures: 0,
            published: 7,
            last_change: None,
        };
        let late = EnvironmentProgress {
            behind: Some(Duration::from_millis(2_500)),
            last_success: None,
            failures: 4,
            published: 0,
            ..environment("b")
        };
        let report = Progress {
            environments: vec![environment("a"), late],
            troubles: vec![PlaceTrouble { place: "c.json".into(), why: "it is no JSON".into() }],
            api_calls: 21,
            silent_since: Some(Timestamp::UNIX_EPOCH),
        };
        let samples = |with_names| {
            let text = Metrics::new().text(&[registry(&report, with_names)]).unwrap();
            assert!(text.ends_with("# EOF\n") && text.matches("# EOF").count() == 1, "{text}");
            let samples = text.lines().filter(|line| line.starts_with("jackstaff_watch"));
            let mut samples: Vec<String> = samples.map(str::to_owned).collect();
            samples.sort_unstable();
            samples
        };
        let expected = [
            "jackstaff_watch_answers 0",
            "jackstaff_watch_api_calls_total 21",
            r#"jackstaff_watch_failures_total{environment="a"} 0"#,
            r#"jackstaff_watch_failures_total{environment="b"} 4"#,
            r#"jackstaff_watch_lag_seconds{environment="a"} 0.0"#,
            r#"jackstaff_watch_lag_seconds{environment="b"} 2.5"#,
            r#"jackstaff_watch_last_success_timestamp_seconds{environment="a"} 1772450553.25"#,
            r#"jackstaff_watch_published_total{environment="a"} 7"#,
            r#"jackstaff_watch_published_total{environment="b"} 0"#,
            "jackstaff_watch_troubles 1",
        ];
        assert_eq!(samples(true), expected);
        let expected = [
            "jackstaff_watch_answers 0",
            "jackstaff_watch_api_calls_total 21",
            "jackstaff_watch_failures_total{} 4",
            "jackstaff_watch_lag_seconds{} 2.5",
            "jackstaff_watch_last_success_timestamp_seconds{} 1772450553.25",
            "jackstaff_watch_published_total{} 7",
            "jackstaff_watch_troubles 1",
        ];
        assert_eq!(samples(false), expected);
    }
}
