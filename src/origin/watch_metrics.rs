//! What the publisher in this process counts, for `/metrics`.

use std::sync::atomic::AtomicU64;

use api::progress::{EnvironmentProgress, Progress};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

/// A metric with a sample for each environment.
type PerEnvironment<M> = Family<[(&'static str, String); 1], M>;

/// The report as metrics. They are made anew each time, so that those of removed environments go with them.
pub(crate) fn registry(report: &Progress) -> Registry {
    let lag = PerEnvironment::<Gauge<f64, AtomicU64>>::default();
    let failures = PerEnvironment::<Counter>::default();
    let published = PerEnvironment::<Counter>::default();
    let last_success = PerEnvironment::<Gauge<f64, AtomicU64>>::default();
    for environment in &report.environments {
        let label = label(environment);
        lag.get_or_create(&label).set(environment.behind.unwrap_or_default().as_secs_f64());
        failures.get_or_create(&label).inc_by(environment.failures);
        published.get_or_create(&label).inc_by(environment.published);
        if let Some(time) = environment.last_success {
            last_success.get_or_create(&label).set(time.as_duration().as_secs_f64());
        }
    }
    let api_calls = Counter::<u64>::default();
    api_calls.inc_by(report.api_calls);
    let troubles = Gauge::<i64>::default();
    troubles.set(i64::try_from(report.troubles.len()).unwrap_or(i64::MAX));

    let mut registry = Registry::with_prefix("jackstaff_watch");
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

fn label(environment: &EnvironmentProgress) -> [(&'static str, String); 1] {
    [("environment", environment.key.to_string())]
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
        };
        let text = Metrics::new().text(&[registry(&report)]).unwrap();
        let samples = text.lines().filter(|line| line.starts_with("jackstaff_watch"));
        let mut samples: Vec<&str> = samples.collect();
        samples.sort_unstable();
        let expected = [
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
        assert_eq!(samples, expected);
        assert!(text.ends_with("# EOF\n") && text.matches("# EOF").count() == 1, "{text}");
    }
}
