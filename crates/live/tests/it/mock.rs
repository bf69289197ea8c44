//! What the suite does before it asks anybody: refusals with the line to type, and comparisons.
//!
//! Invariants: needs no keyward and no upstream but the simulator.
//! Does not know: checks.

use openai_sim::{Sim, SimOptions};
use serde_json::json;

use crate::suite::run;

fn check(words: &[&str], key: Option<&str>, code: i32, says: &str) {
    let ran = run(words, key);
    assert_eq!(ran.code, Some(code), "{}", ran.text);
    assert!(ran.text.contains(says), "no `{says}` in {}", ran.text);
}

#[test]
fn a_real_api_without_a_key_could_not_run() {
    check(&[], None, 2, "type: OPENAI_API_KEY=… cargo xtask test-live");
}

#[test]
fn an_unknown_flag_could_not_run() {
    check(&["--api-key", "x"], None, 2, "`--api-key` is unknown");
}

#[test]
fn an_upstream_that_is_not_there_could_not_run() {
    // Nothing listens on this port: it was free a moment ago.
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}/v1", free.local_addr().unwrap());
    drop(free);
    check(&["--base-url", &address], None, 2, "reach the upstream");
}

#[test]
fn a_model_without_a_price_is_refused_where_somebody_bills() {
    let words = [
        "--base-url",
        "https://api.example.com/v1",
        "--chat-model",
        "m",
    ];
    check(&words, Some("a made-up key"), 2, "--price m=INPUT/OUTPUT");
}

#[test]
fn a_plan_above_the_spend_is_refused_with_the_flag_to_type() {
    let words = [
        "--max-spend",
        "0.0001",
        "--base-url",
        "http://127.0.0.1:9/v1",
        "--price",
        "gpt-6-luna=1/2",
    ];
    check(
        &words,
        None,
        2,
        "type: cargo xtask test-live --max-spend 0.0",
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_that_the_upstream_refuses_could_not_run() {
    let sim = Sim::start(SimOptions {
        api_key: Some("the right one".to_owned()),
        ..SimOptions::default()
    });
    let sim = sim.await.unwrap();
    let words = ["--base-url", &sim.base_url()];
    check(
        &words,
        Some("a wrong one"),
        2,
        "the upstream refuses the key",
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_base_url_that_is_not_the_api_could_not_run() {
    let sim = Sim::start(SimOptions::default()).await.unwrap();
    let address = sim.base_url().replace("/v1", "/v2");
    check(
        &["--base-url", &address],
        Some("a made-up key"),
        2,
        "answers GET …/models with 404",
    );
}

#[test]
fn a_cassette_that_can_t_be_written_could_not_run() {
    let words = [
        "--base-url",
        "http://127.0.0.1:9/v1",
        "--record",
        "/no/such/folder/x",
    ];
    check(&words, None, 2, "write the cassette /no/such/folder/x");
}

#[test]
fn two_reports_are_compared_and_what_broke_fails() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, outcome: &str| {
        let path = folder.path().join(name);
        let report = json!({"version": 1, "checks": [{"id": "a.b", "door": "direct", "outcome": outcome}], "drifts": []});
        std::fs::write(&path, report.to_string()).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let (good, bad) = (write("good.json", "PASS"), write("bad.json", "FAIL"));
    check(
        &["--compare", &good, &bad],
        None,
        1,
        "a.b (direct): PASS → FAIL",
    );
    check(
        &["--compare", &bad, &good],
        None,
        0,
        "a.b (direct): FAIL → PASS",
    );
    check(&["--compare", &good, &good], None, 0, "Nothing changed.");
    let other = folder.path().join("other.json");
    std::fs::write(&other, "{\"version\": 0}").unwrap();
    check(
        &["--compare", &good, other.to_str().unwrap()],
        None,
        2,
        "has version 0",
    );
}
