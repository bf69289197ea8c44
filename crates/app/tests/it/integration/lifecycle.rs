//! Starts and ends of the process: refused twice, killed, stopped in the middle of a stream.
//!
//! Invariants: what was answered is in the ledger, whatever ended the process.
//! Does not know: the ledger's form.

use std::time::Duration;

use openai_sim::{Script, Sim, SimOptions};
use serde_json::{Value, json};

use crate::support::{Place, open, send, try_send};

/// How long an answered call may be missing from the ledger here. The promise is `ledger.gather` and a commit, some milliseconds; the rest is
/// for a busy machine.
const ENTERED_MAX: Duration = Duration::from_secs(10);
/// Callers at a time.
const CALLERS: u64 = 8;

#[tokio::test]
#[ignore = "integration tier"]
async fn what_was_answered_is_in_the_ledger_after_kill_9() {
    let place = Place::new(&[]);
    let mut server = place.serve();
    let key = server.first_key.clone().unwrap();
    let url = format!("{}/embeddings", server.base_url);
    for number in 0..20 {
        let answer = send("POST", &url, &key, Some(&embedding(0, number))).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
    }
    // Nothing asks the server for anything from here on, so nothing but its own promise brings the entries to disk.
    entered(&place, 20).await;
    let before = usage(&place);
    server.kill();
    assert_eq!(usage(&place), before);
    let _again = place.serve();
    let after = usage(&place);
    // What the killed server held is charged for want of proof, as no request.
    let rows = after["rows"].as_array().unwrap();
    let (proved, unproved): (Vec<_>, Vec<_>) = rows.iter().partition(|row| row["group"] != "-");
    assert_eq!(json!(proved), before["rows"], "{after}");
    assert!(unproved.iter().all(|row| row["requests"] == 0), "{after}");
    assert_eq!(after["total"]["requests"], before["total"]["requests"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
#[ignore = "integration tier"]
async fn a_kill_in_the_middle_of_load_leaves_a_ledger_that_is_whole() {
    let place = Place::new(&[("KEYWARD_LIMITS__REQUESTS_PER_MINUTE", "1000000")]);
    let mut server = place.serve();
    let key = server.first_key.clone().unwrap();
    let callers: Vec<_> = (0..CALLERS)
        .map(|caller| {
            let (url, key) = (format!("{}/embeddings", server.base_url), key.clone());
            tokio::spawn(async move {
                let mut answered = Vec::new();
                for number in 0.. {
                    let sent = try_send("POST", &url, &key, Some(&embedding(caller, number))).await;
                    let Ok(answer) = sent else { break };
                    assert_eq!(answer.status, 200, "{}", answer.body);
                    answered.push(answer.header("x-request-id").to_owned());
                }
                answered
            })
        })
        .collect();
    let seen = entered(&place, 100).await;
    server.kill();
    let (mut answered, mut last) = (0, Vec::new());
    for caller in callers {
        let calls = caller.await.unwrap();
        answered += calls.len() as u64;
        last.extend(calls.into_iter().rev().take(4));
    }

    let entries = usage(&place)["total"]["requests"].as_u64().unwrap();
    assert!(
        (seen..=answered + CALLERS).contains(&entries),
        "{entries} entries, {seen} of them seen before the kill, {answered} calls answered"
    );
    let server = place.serve();
    for id in &last {
        let url = format!("{}/keyward/calls/{id}", server.base_url);
        let call = send("GET", &url, &key, None).await;
        // An answer of the last milliseconds may be missing from the ledger, but no call stands in it twice.
        if call.status == 200 {
            let attempts = call.json()["attempts"].as_array().unwrap().len();
            assert_eq!(attempts, 1, "{}", call.body);
        }
    }
}

/// A call like no other.
fn embedding(caller: u64, number: u64) -> Value {
    json!({"model": "text-embedding-3-small", "input": format!("text {number} of caller {caller}")})
}

fn usage(place: &Place) -> Value {
    place.json(&["usage", "--by", "model", "--format", "json"])
}

/// Looks at the file, which the server does not notice, until so many calls are entered; how many are.
async fn entered(place: &Place, calls: u64) -> u64 {
    let looking = async {
        loop {
            let seen = usage(place)["total"]["requests"].as_u64().unwrap();
            if seen >= calls {
                return seen;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let entered = tokio::time::timeout(ENTERED_MAX, looking).await;
    entered.unwrap_or_else(|_| panic!("{calls} calls were not in the ledger after {ENTERED_MAX:?}"))
}

#[tokio::test]
#[ignore = "integration tier"]
async fn a_second_server_on_one_database_is_refused_and_says_why() {
    let place = Place::new(&[]);
    let _server = place.serve();
    let output = place.run(&[
        "serve",
        "--listen",
        "127.0.0.1:0",
        "--admin-listen",
        "127.0.0.1:0",
    ]);
    assert_eq!(output.status.code(), Some(2));
    let said = crate::support::text(&output.stderr);
    assert!(said.contains("another keyward server"), "{said}");
    // Commands work beside it all the same.
    place.key("beside");
}

#[test]
#[ignore = "integration tier"]
fn a_stop_right_after_the_start_is_heard() {
    let place = Place::new(&[]);
    for _ in 0..5 {
        assert_eq!(place.serve().stop(), Some(0));
    }
}

#[tokio::test]
#[ignore = "integration tier"]
async fn a_stop_lets_calls_finish_and_ends_with_0() {
    let sim = Sim::start(SimOptions::default()).await.unwrap();
    // Some 20 chunks to a stream: it takes more than one and a half seconds.
    sim.script(
        Script::new()
            .text("one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen")
            .chunk_delay(Duration::from_millis(100))
            .times(CALLERS)
            .on("/chat/completions"),
    );
    let place = Place::new(&[
        (
            "OPENAI_API_KEY",
            &["sk", "-", "made-up-for-this-test-only-0003"].concat(),
        ),
        ("OPENAI_BASE_URL", &sim.base_url()),
    ]);
    let mut server = place.serve();
    let key = server.first_key.clone().unwrap();
    let url = format!("{}/chat/completions", server.base_url);
    let (begun, mut begins) = tokio::sync::mpsc::channel(CALLERS as usize);
    let calls: Vec<_> = (0..CALLERS)
        .map(|number| {
            let (url, key, begun) = (url.clone(), key.clone(), begun.clone());
            tokio::spawn(async move {
                let body = json!({"model": "gpt-4o-mini", "stream": true, "messages": [{"role": "user", "content": format!("Count to {number}.")}]});
                let mut answer = open("POST", &url, &key, Some(&body)).await.unwrap();
                assert_eq!(answer.status(), 200);
                let mut text = answer.chunk().await.unwrap().unwrap().to_vec();
                begun.send(()).await.unwrap();
                while let Some(chunk) = answer.chunk().await.unwrap() {
                    text.extend_from_slice(&chunk);
                }
                String::from_utf8(text).unwrap()
            })
        })
        .collect();
    for _ in 0..CALLERS {
        begins.recv().await.unwrap();
    }
    server.ask_to_stop();
    assert!(
        calls.iter().any(|call| !call.is_finished()),
        "no call was under way at the stop; make the streams longer"
    );
    for call in calls {
        let text = call.await.unwrap();
        assert!(text.trim_end().ends_with("data: [DONE]"), "{text}");
    }
    let waited = tokio::task::spawn_blocking(move || server.wait());
    let waited = tokio::time::timeout(Duration::from_secs(30), waited).await;
    assert_eq!(waited.unwrap().unwrap(), Some(0));
    let entered = usage(&place);
    assert_eq!(entered["total"]["requests"], CALLERS);
    let billed = sim.bill();
    assert_eq!(
        entered["total"]["output_tokens"],
        billed.total().output_tokens
    );
    sim.stop().await;
}

#[tokio::test]
#[ignore = "integration tier"]
async fn a_key_that_is_revoked_by_a_command_is_refused_by_the_running_server() {
    let place = Place::new(&[]);
    let server = place.serve();
    let made = place.json(&[
        "keys",
        "create",
        "--name",
        "short-lived",
        "--format",
        "json",
    ]);
    let (id, key) = (made["id"].as_str().unwrap(), made["key"].as_str().unwrap());
    let url = format!("{}/models", server.base_url);
    wait_for(|| async { send("GET", &url, key, None).await.status == 200 }).await;
    assert!(place.run(&["keys", "revoke", id]).status.success());
    wait_for(|| async {
        send("GET", &url, key, None).await.json()["error"]["code"] == "revoked_api_key"
    })
    .await;
}

/// Waits until `holds`, for ten seconds at the most.
async fn wait_for<F: Future<Output = bool>>(holds: impl Fn() -> F) {
    for _ in 0..100 {
        if holds().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("did not come about within ten seconds");
}
