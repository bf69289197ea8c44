//! What a newcomer does first: start, paste, look at the cost.
//!
//! Invariants: no key, no settings, no files beforehand.
//! Does not know: other commands.

use serde_json::json;

use crate::support::{Place, SERVE, send, text};

#[tokio::test]
#[ignore = "integration tier"]
async fn a_start_without_a_key_answers_and_the_cost_is_in_the_ledger() {
    let place = Place::new(&[]);
    let server = place.serve();
    let key = server
        .first_key
        .clone()
        .expect("the first start shows a key");
    let body =
        json!({"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "Say hello."}]});
    let answer = send(
        "POST",
        &format!("{}/chat/completions", server.base_url),
        &key,
        Some(&body),
    )
    .await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert_eq!(answer.header("x-keyward-simulator"), "true");
    let answered = answer.json();
    assert!(
        !answered["choices"][0]["message"]["content"]
            .as_str()
            .unwrap()
            .is_empty()
    );

    let call = send(
        "GET",
        &format!(
            "{}/keyward/calls/{}",
            server.base_url,
            answer.header("x-request-id")
        ),
        &key,
        None,
    )
    .await
    .json();
    assert_eq!(call["cost_usd"], answer.header("x-keyward-cost-usd"));
    let report = place.json(&["usage", "--by", "model", "--format", "json"]);
    assert_eq!(report["rows"][0]["group"], "gpt-4o-mini");
    assert_eq!(report["rows"][0]["requests"], 1);
    assert_eq!(
        report["rows"][0]["input_tokens"],
        answered["usage"]["prompt_tokens"]
    );
    assert_eq!(
        report["rows"][0]["output_tokens"],
        answered["usage"]["completion_tokens"]
    );
    assert_eq!(
        report["total"]["cost_usd"],
        answer.header("x-keyward-cost-usd")
    );
    assert_ne!(
        report["total"]["cost_usd"], "0",
        "prices are real with the simulator, too"
    );
}

#[tokio::test]
#[ignore = "integration tier"]
async fn the_curl_line_of_the_start_works_as_it_stands() {
    let place = Place::new(&[]);
    let server = place.serve();
    let written = server.written();
    let line = written
        .lines()
        .map(str::trim)
        .find(|line| line.starts_with("curl "))
        .unwrap()
        .to_owned();
    let output = tokio::task::spawn_blocking(move || {
        std::process::Command::new("/bin/sh")
            .args(["-c", &line])
            .output()
            .unwrap()
    })
    .await
    .unwrap();
    let answer: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(answer["object"], "chat.completion", "{answer}");
}

#[tokio::test]
#[ignore = "integration tier"]
async fn the_first_key_is_shown_once_and_still_works_after_a_restart() {
    let place = Place::new(&[]);
    let mut server = place.serve();
    let key = server.first_key.clone().unwrap();
    assert_eq!(server.stop(), Some(0));
    let server = place.serve();
    assert_eq!(server.first_key, None);
    assert!(!server.written().contains(&key));
    let models = send("GET", &format!("{}/models", server.base_url), &key, None).await;
    assert_eq!(models.status, 200, "{}", models.body);
}

#[tokio::test]
#[ignore = "integration tier"]
async fn a_first_key_that_nobody_could_see_does_not_stay_in_force() {
    let place = Place::new(&[]);
    let full = std::fs::OpenOptions::new()
        .write(true)
        .open("/dev/full")
        .unwrap();
    let output = place.command(&SERVE).stdout(full).output().unwrap();
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(
        said.contains("first virtual key, so it was revoked"),
        "{said}"
    );
    let keys = place.json(&["keys", "list", "--format", "json"]);
    assert_eq!(keys["keys"][0]["state"], "revoked");

    let server = place.serve();
    let key = server.first_key.clone().expect("the next start shows one");
    let models = send("GET", &format!("{}/models", server.base_url), &key, None).await;
    assert_eq!(models.status, 200, "{}", models.body);
}

#[tokio::test]
#[ignore = "integration tier"]
async fn the_admin_plane_shows_what_was_used() {
    let place = Place::new(&[]);
    let server = place.serve();
    let key = server.first_key.clone().unwrap();
    let body = json!({"model": "text-embedding-ada-002", "input": "hello"});
    for cache in ["miss", "hit"] {
        let answer = send(
            "POST",
            &format!("{}/embeddings", server.base_url),
            &key,
            Some(&body),
        )
        .await;
        assert_eq!(answer.header("x-keyward-cache"), cache);
    }
    let metrics = send("GET", &format!("{}/metrics", server.admin_url), "", None)
        .await
        .body;
    for line in [
        r#"keyward_requests_total{endpoint="embeddings",outcome="ok"} 1"#,
        r#"keyward_requests_total{endpoint="embeddings",outcome="cached"} 1"#,
        "keyward_ledger_writable 1",
        "keyward_breaker_state 0",
    ] {
        assert!(metrics.contains(line), "{line} is not in\n{metrics}");
    }
    assert_eq!(
        send("GET", &format!("{}/metrics", server.base_url), &key, None)
            .await
            .status,
        404,
        "metrics are not on the data plane"
    );
}
