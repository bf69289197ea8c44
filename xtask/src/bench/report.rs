//! What a bench measured, as a table for a person and as JSON for a machine.
//!
//! Invariants: a figure is the median over the rounds; ratios are of medians of the same run.
//! Does not know: how it was measured.

use std::path::Path;
use std::time::Duration;

use anyhow::Context;
use serde_json::{Value, json};

use crate::console::say;

/// One load on one leg.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Round {
    leg: String,
    requests: u64,
    requests_per_second: f64,
    latency_us_p50: f64,
    latency_us_p99: f64,
    /// Nothing for the direct way, which has no proxy.
    cpu_us_per_request: Option<f64>,
}

impl Round {
    /// Reads the outcome of the load.
    pub(crate) fn new(leg: String, cpu: Option<Duration>, outcome: &Value) -> anyhow::Result<Self> {
        let number = |name: &str| {
            outcome
                .get(name)
                .and_then(Value::as_f64)
                .with_context(|| format!("`{name}` of the load"))
        };
        let requests = outcome
            .get("requests")
            .and_then(Value::as_u64)
            .context("requests of the load")?;
        anyhow::ensure!(requests > 0, "no request was answered");
        Ok(Self {
            leg,
            requests,
            requests_per_second: number("requests_per_second")?,
            latency_us_p50: number("latency_us_p50")?,
            latency_us_p99: number("latency_us_p99")?,
            cpu_us_per_request: cpu.map(|cpu| cpu.as_secs_f64() * 1e6 / requests as f64),
        })
    }

    /// One line for a person.
    pub(crate) fn line(&self) -> String {
        let cpu = self
            .cpu_us_per_request
            .map_or_else(|| "-".to_owned(), |cpu| format!("{cpu:.1}"));
        format!(
            "{:<8} {:>9.0} req/s  {cpu:>7} us CPU/req  p50 {:>7.0} us  p99 {:>7.0} us",
            self.leg, self.requests_per_second, self.latency_us_p50, self.latency_us_p99
        )
    }
}

/// Medians of one leg.
fn medians(rounds: &[Round], leg: &str) -> Option<Round> {
    let of_leg: Vec<&Round> = rounds.iter().filter(|round| round.leg == leg).collect();
    let middle =
        |value: fn(&Round) -> f64| median(of_leg.iter().map(|round| value(round)).collect());
    let with_cpu = of_leg
        .iter()
        .filter_map(|round| round.cpu_us_per_request)
        .collect();
    Some(Round {
        leg: leg.to_owned(),
        requests: of_leg.iter().map(|round| round.requests).sum(),
        requests_per_second: middle(|round| round.requests_per_second)?,
        latency_us_p50: middle(|round| round.latency_us_p50)?,
        latency_us_p99: middle(|round| round.latency_us_p99)?,
        cpu_us_per_request: median(with_cpu),
    })
}

fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.len() {
        0 => None,
        odd if odd % 2 == 1 => values.get(middle).copied(),
        _ => Some((values.get(middle - 1)? + values.get(middle)?) / 2.0),
    }
}

/// CPU a request of one leg over that of another, medians.
pub(crate) fn cpu_ratio(rounds: &[Round], leg: &str, other: &str) -> Option<f64> {
    Some(medians(rounds, leg)?.cpu_us_per_request? / medians(rounds, other)?.cpu_us_per_request?)
}

/// The legs in the order they first ran.
fn legs(rounds: &[Round]) -> Vec<&str> {
    let mut legs = Vec::new();
    for round in rounds {
        if !legs.contains(&round.leg.as_str()) {
            legs.push(round.leg.as_str());
        }
    }
    legs
}

/// Prints medians and ratios.
pub(crate) fn print(rounds: &[Round]) {
    say("\nmedians over the rounds (direct and nginx are bound by core 0: compare CPU, not req/s)");
    let nginx = medians(rounds, "nginx");
    for leg in legs(rounds) {
        let Some(median) = medians(rounds, leg) else {
            continue;
        };
        let mut line = median.line();
        if let Some(nginx) = &nginx {
            line += &format!(
                "  req/s {:.2} x nginx",
                median.requests_per_second / nginx.requests_per_second
            );
        }
        if let Some(ratio) = cpu_ratio(rounds, leg, "nginx") {
            line += &format!("  CPU {ratio:.2} x nginx");
        }
        say(&line);
    }
}

/// Writes everything for a machine.
pub(crate) fn write(rounds: &[Round], path: &Path) -> anyhow::Result<()> {
    let value = |round: &Round| {
        json!({
            "leg": round.leg,
            "requests": round.requests,
            "requests_per_second": round.requests_per_second,
            "cpu_us_per_request": round.cpu_us_per_request,
            "latency_us_p50": round.latency_us_p50,
            "latency_us_p99": round.latency_us_p99,
        })
    };
    let medians: Vec<Value> = legs(rounds)
        .iter()
        .filter_map(|leg| medians(rounds, leg))
        .map(|round| value(&round))
        .collect();
    let report = json!({
        "rounds": rounds.iter().map(value).collect::<Vec<_>>(),
        "medians": medians,
        "cpu_ratio_to_nginx": cpu_ratio(rounds, "keyward", "nginx"),
    });
    std::fs::write(path, format!("{report:#}\n"))
        .with_context(|| format!("write {}", path.display()))?;
    say(&format!("written to {}", path.display()));
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::json;

    use super::{Round, cpu_ratio, median, medians};

    fn round(leg: &str, requests: u64, cpu_ms: u64) -> Round {
        let outcome = json!({"requests": requests, "requests_per_second": 10.0, "latency_us_p50": 5, "latency_us_p99": 9});
        Round::new(
            leg.to_owned(),
            Some(Duration::from_millis(cpu_ms)),
            &outcome,
        )
        .unwrap()
    }

    #[test]
    fn medians_are_of_the_middle() {
        assert_eq!(median(vec![3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(vec![4.0, 1.0, 2.0, 3.0]), Some(2.5));
        assert_eq!(median(Vec::new()), None);
    }

    #[test]
    fn the_ratio_is_of_the_medians() {
        let rounds = [
            round("nginx", 1000, 20),
            round("keyward", 1000, 60),
            round("nginx", 1000, 10),
            round("keyward", 1000, 61),
            round("nginx", 1000, 90),
        ];
        assert_eq!(
            medians(&rounds, "nginx").unwrap().cpu_us_per_request,
            Some(20.0)
        );
        assert_eq!(cpu_ratio(&rounds, "keyward", "nginx"), Some(60.5 / 20.0));
        assert_eq!(cpu_ratio(&rounds, "direct", "nginx"), None);
    }

    #[test]
    fn a_load_without_a_request_is_an_error() {
        let outcome = json!({"requests": 0, "requests_per_second": 0.0, "latency_us_p50": 0, "latency_us_p99": 0});
        assert!(Round::new("nginx".to_owned(), None, &outcome).is_err());
    }
}
