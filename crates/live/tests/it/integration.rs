//! The suite through the built keyward: the committed cassette, the simulator, and a simulator that lies.
//!
//! Invariants: the path of keyward comes from whoever runs the tier; without it the test fails and says what to type.
//! Does not know: how checks are done.

use std::path::{Path, PathBuf};

use openai_sim::{Lie, Script, Sim, SimOptions};

use crate::suite::{Ran, here, run_on};

const CASSETTE: &str = "cassettes/llamacpp.cassette";
const EXPECTED: &str = "cassettes/llamacpp.expected";

#[expect(
    clippy::disallowed_methods,
    reason = "the tier hands the binary over in the environment"
)]
fn keyward() -> String {
    let path = std::env::var("KEYWARD_TEST_BINARY");
    path.expect("KEYWARD_TEST_BINARY names no keyward; type: cargo xtask test-integration")
}

fn suite(contracts: &Path, words: &[&str], key: Option<&str>) -> Ran {
    let keyward = keyward();
    let words = [words, &["--keyward", &keyward, "--samples", "3"]].concat();
    run_on(contracts, &words, key)
}

fn contracts() -> PathBuf {
    here("../../contracts")
}

/// A simulator that wants a key, as `prepare` leaves it, and the suite before it. It counts as OpenAI, so nothing may drift.
async fn simulated(contracts: &Path, words: &[&str], prepare: impl Fn(&Sim)) -> Ran {
    let key = ["sk", "-", "made-up-for-this-test-0001"].concat();
    let options = SimOptions {
        api_key: Some(key.clone()),
        ..SimOptions::default()
    };
    let sim = Sim::start(options).await.unwrap();
    prepare(&sim);
    let base_url = sim.base_url();
    let words = [words, &["--base-url", &base_url, "--upstream", "openai"]].concat();
    suite(contracts, &words, Some(&key))
}

#[test]
#[ignore = "integration tier"]
fn the_cassette_of_a_llama_cpp_server_gives_the_outcomes_and_drifts_of_its_recording() {
    let cassette = here(CASSETTE);
    let ran = suite(
        &contracts(),
        &["--replay", cassette.to_str().unwrap(), "--fast"],
        None,
    );
    assert_eq!(ran.code, Some(0), "{}", ran.text);
    let report = ran.report();
    assert_eq!(report["replayed"], "2026-11-22");
    assert_eq!(
        (&report["spend"]["billed_usd"], &report["upstream"]),
        (&"0".into(), &"llamacpp".into())
    );
    let page = std::fs::read_to_string(ran.folder.path().join("report.md")).unwrap();
    assert_eq!(page.matches("\n## cost\n").count(), 1, "{page}");
    let seen = ran.lines().join("\n") + "\n";
    let expected = std::fs::read_to_string(here(EXPECTED)).unwrap_or_default();
    if seen != expected {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("llamacpp.expected");
        std::fs::write(&path, &seen).unwrap();
        let differs = |one: &str, other: &str| {
            one.lines()
                .filter(|line| !other.lines().any(|known| known == *line))
                .collect::<Vec<_>>()
                .join("\n")
        };
        panic!(
            "gone:\n{}\nnew:\n{}\nif it is meant so, type: cp {} crates/live/{EXPECTED}",
            differs(&expected, &seen),
            differs(&seen, &expected),
            path.display()
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "integration tier"]
async fn the_simulator_passes_as_openai_without_a_drift() {
    let ran = simulated(&contracts(), &[], |_| {}).await;
    assert_eq!(ran.code, Some(0), "{}", ran.text);
    assert_eq!(ran.report()["drifts"], serde_json::json!([]));
    // On loopback, and yet a list price may be billed behind it.
    let spend = &ran.report()["spend"];
    assert_eq!(spend["billed_usd"], spend["priced_usd"]);
    assert_ne!(spend["billed_usd"], "0");
    // It writes 512 tokens at once, so no deadline of a quick call is too short for it.
    assert_eq!(
        ran.ids("SKIP"),
        ["errors.timeout keyward", "errors.breaker keyward"]
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "integration tier"]
async fn a_renamed_field_fails_by_check_and_by_contract() {
    let lie = |sim: &Sim| sim.lie(Lie::new().rename("embedding", "vector"));
    let ran = simulated(&contracts(), &[], lie).await;
    assert_eq!(ran.code, Some(1), "{}", ran.text);
    let failed = ran.ids("FAIL");
    for id in [
        "embedding.one direct",
        "embedding.one keyward",
        "contracts.upstream direct",
    ] {
        assert!(
            failed.iter().any(|failed| failed == id),
            "{id} is not among {failed:?}"
        );
    }
    let named = "`data[].embedding` of the contract is `data[].vector` in the answer";
    assert!(
        ran.lines().iter().any(|line| line.contains(named)),
        "{:#?}",
        ran.lines()
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "integration tier"]
async fn what_openai_changes_is_written_into_the_contracts_and_then_passes() {
    let folder = tempfile::tempdir().unwrap();
    for entry in std::fs::read_dir(contracts()).unwrap().map(Result::unwrap) {
        if entry.path().is_file() {
            std::fs::copy(entry.path(), folder.path().join(entry.file_name())).unwrap();
        }
    }
    let lie = |sim: &Sim| {
        sim.lie(
            Lie::new()
                .leave_out("system_fingerprint")
                .leave_out("refusal"),
        )
    };
    let before = simulated(folder.path(), &[], lie).await;
    assert_eq!(
        before.ids("FAIL"),
        ["contracts.upstream direct"],
        "{}",
        before.text
    );
    let accepting = simulated(folder.path(), &["--accept"], lie).await;
    assert_eq!(accepting.code, Some(0), "{}", accepting.text);
    assert!(
        accepting
            .text
            .contains("chat_completion.toml; look at it before you commit it"),
        "{}",
        accepting.text
    );
    let named = "accepted: breaking: chat_completion: `choices[].message.refusal` of the contract is missing";
    assert!(accepting.text.contains(named), "{}", accepting.text);
    assert!(
        accepting
            .lines()
            .iter()
            .any(|line| line.starts_with("accepted now breaking: chat_completion: ")),
        "{:#?}",
        accepting.lines()
    );
    let after = simulated(folder.path(), &[], lie).await;
    assert_eq!(after.code, Some(0), "{}", after.text);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "integration tier"]
async fn a_run_that_costs_more_than_its_plan_stops() {
    let prepare = |sim: &Sim| sim.script(Script::new().usage(2_000_000, 0).on("/embeddings"));
    let words = ["--price", "text-embedding-3-small=1/1", "--max-spend", "1"];
    let ran = simulated(&contracts(), &words, prepare).await;
    assert_eq!(ran.code, Some(1), "{}", ran.text);
    assert!(
        ran.ids("PASS").contains(&"embedding.one direct".to_owned()),
        "{}",
        ran.text
    );
    assert!(
        ran.ids("NOT RUN")
            .contains(&"embedding.one keyward".to_owned()),
        "{}",
        ran.text
    );
    assert!(
        ran.ids("FAIL").contains(&"cost.plan keyward".to_owned()),
        "{}",
        ran.text
    );
}
