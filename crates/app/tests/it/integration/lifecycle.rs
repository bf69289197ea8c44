//! Starts and ends of the process: refused twice, killed, stopped in the middle of a stream.
//!
//! Invariants: what was answered is in the ledger, whatever ended the process.
//! Does not know: the ledger's form.

use std::time::Duration;

use serde_json::json;

use crate::support::{Place, send};

#[tokio::test]
#[ignore = "integration tier"]
async fn what_was_answered_is_in_the_ledger_after_kill_9() {
    let place = Place::new(&[]);
    let mut server = place.serve();
    let key = server.first_key.clone().unwrap();
    let mut answered = 0;
    for number in 0..20 {
        let body = json!({"model": "text-embedding-3-small", "input": format!("text {number}")});
        let answer = send(
            "POST",
            &format!("{}/embeddings", server.base_url),
            &key,
            Some(&body),
        )
        .await;
        assert_eq!(answer.status, 200);
        answered += 1;
    }
    // The ledger gathers commits for a few milliseconds; a look at the last call waits for them.
    let body = json!({"model": "text-embedding-3-small", "input": "the last"});
    let last = send(
        "POST",
        &format!("{}/embeddings", server.base_url),
        &key,
        Some(&body),
    )
    .await;
    send(
        "GET",
        &format!(
            "{}/keyward/calls/{}",
            server.base_url,
            last.header("x-request-id")
        ),
        &key,
        None,
    )
    .await;
    server.kill();
    let report = place.json(&["usage", "--format", "json"]);
    assert_eq!(report["total"]["requests"], answered + 1);
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

#[tokio::test]
#[ignore = "integration tier"]
async fn a_stop_lets_calls_finish_and_ends_with_0() {
    let place = Place::new(&[]);
    let mut server = place.serve();
    let key = server.first_key.clone().unwrap();
    let url = format!("{}/chat/completions", server.base_url);
    let calls: Vec<_> = (0..8)
        .map(|number| {
            let (url, key) = (url.clone(), key.clone());
            tokio::spawn(async move {
                let body = json!({"model": "gpt-4o-mini", "stream": true, "messages": [{"role": "user", "content": format!("Count to {number}.")}]});
                send("POST", &url, &key, Some(&body)).await
            })
        })
        .collect();
    let mut finished = 0;
    for (number, call) in calls.into_iter().enumerate() {
        let answer = call.await.unwrap();
        assert!(
            answer.status == 200 && answer.body.trim_end().ends_with("data: [DONE]"),
            "{}",
            answer.body
        );
        finished += 1;
        if number == 0 {
            server.ask_to_stop();
        }
    }
    let waited = tokio::time::timeout(
        Duration::from_secs(30),
        tokio::task::spawn_blocking(move || server.wait()),
    )
    .await
    .unwrap();
    assert_eq!(waited.unwrap(), Some(0));
    assert_eq!(
        place.json(&["usage", "--format", "json"])["total"]["requests"],
        finished
    );
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
