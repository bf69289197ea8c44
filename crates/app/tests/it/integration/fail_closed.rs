//! What happens when the ledger can't be written: calls are refused, or go on where the settings say so.
//!
//! Invariants: the disk is full for the server alone, by a limit on the length of its files.
//! Does not know: how the ledger is kept.

use serde_json::json;

use crate::support::{Answer, Place, Running, send};

/// How long files may be: enough to open the database, and less than it has.
const FILE_KIBIBYTES_MAX: u32 = 40;
/// Calls that make the database longer than that. New entries come at its end, so that folding the log into it fails too, and makes no room.
const CALLS_BEFORE: u32 = 100;
/// Calls after which a full disk must have been noticed.
const CALLS_MAX: u32 = 500;

/// A server whose disk has just become full, and a key.
async fn on_a_full_disk(place: &Place) -> (Running, String) {
    let mut server = place.serve();
    let key = server.first_key.clone().unwrap();
    for _ in 0..CALLS_BEFORE {
        assert_eq!(call(&server, &key).await.status, 200);
    }
    assert_eq!(server.stop(), Some(0));
    let length = std::fs::metadata(place.data().join("keyward.db"))
        .unwrap()
        .len();
    assert!(
        length > 1536 * u64::from(FILE_KIBIBYTES_MAX),
        "the database has {length} bytes only"
    );
    (place.serve_on_a_full_disk(FILE_KIBIBYTES_MAX), key)
}

async fn call(server: &Running, key: &str) -> Answer {
    let body = json!({"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "hello"}]});
    let url = format!("{}/chat/completions", server.base_url);
    send("POST", &url, key, Some(&body)).await
}

/// Calls until `noticed`, which must come about. Gives how many calls were answered before, too.
async fn call_until(
    server: &Running,
    key: &str,
    noticed: impl AsyncFn(&Answer) -> bool,
) -> (Answer, u32) {
    for answered in 0..CALLS_MAX {
        let answer = call(server, key).await;
        if noticed(&answer).await {
            return (answer, answered);
        }
        assert_eq!(answer.status, 200, "{}", answer.body);
    }
    panic!("not noticed in {CALLS_MAX} calls:\n{}", server.written());
}

async fn ready(server: &Running) -> u16 {
    let root = server.base_url.trim_end_matches("/v1");
    send("GET", &format!("{root}/readyz"), "", None)
        .await
        .status
}

#[tokio::test]
#[ignore = "integration tier"]
async fn calls_are_refused_while_the_ledger_can_not_be_written() {
    let place = Place::new(&[]);
    let (mut server, key) = on_a_full_disk(&place).await;
    assert_eq!(ready(&server).await, 200);
    let (refused, answered) = call_until(&server, &key, async |answer| answer.status == 503).await;
    assert_eq!(refused.json()["error"]["code"], "ledger_unavailable");
    assert_ne!(refused.header("retry-after"), "");
    assert_eq!(ready(&server).await, 503);

    let ended = server.stop();
    let log = server.written();
    if ended == Some(1) {
        assert!(
            log.contains("they are lost") && log.contains("Make room for"),
            "{log}"
        );
        return;
    }
    // Calls were refused before one was sent that could not be entered.
    assert_eq!(ended, Some(0), "{log}");
    let usage = place.json(&["usage", "--format", "json"]);
    assert_eq!(usage["total"]["requests"], CALLS_BEFORE + answered);
}

#[tokio::test]
#[ignore = "integration tier"]
async fn calls_go_on_without_the_ledger_where_the_settings_say_so() {
    let place = Place::new(&[("KEYWARD_LEDGER__ON_WRITE_FAILURE", "continue")]);
    let (server, key) = on_a_full_disk(&place).await;
    let url = format!("{}/metrics", server.admin_url);
    call_until(&server, &key, async |_| {
        let metrics = send("GET", &url, "", None).await.body;
        metrics.contains("keyward_ledger_writable 0")
    })
    .await;
    for _ in 0..20 {
        let answer = call(&server, &key).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
    }
}
