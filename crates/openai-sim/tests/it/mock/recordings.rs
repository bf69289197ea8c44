//! Recording and replaying what goes wrong, what comes again, and what takes its time.
//!
//! Invariants: the upstream is a simulator; time is paused where a replay waits.
//! Does not know: how a text is scrubbed.

use std::time::Duration;

use openai_sim::{Cassette, Ending, Recorded, Recorder, Script, Timing};
use serde_json::json;
use tokio::time::timeout;

use super::cassettes::{CHAT, PROMPT, ask, play};
use super::{client, question, start, with};

#[tokio::test]
async fn equal_requests_are_answered_in_turn_and_the_last_one_again() {
    let sim = start().await;
    sim.script(Script::status(429));
    sim.script(Script::status(503));
    let recorder = Recorder::start(&sim.base_url()).await.unwrap();
    for _ in 0..3 {
        ask(&recorder.base_url(), CHAT, Some(&question(PROMPT)))
            .await
            .unwrap();
    }
    let mut cassette = recorder.finish().await;
    cassette.scrub(&[]);
    let sim = play(cassette, Timing::Fast).await;
    let mut statuses = Vec::new();
    for _ in 0..4 {
        statuses.push(
            ask(&sim.base_url(), CHAT, Some(&question(PROMPT)))
                .await
                .unwrap()
                .status,
        );
    }
    assert_eq!(statuses, [429, 503, 200, 200]);
    sim.reset();
    assert_eq!(
        ask(&sim.base_url(), CHAT, Some(&question(PROMPT)))
            .await
            .unwrap()
            .status,
        429
    );
}

/// Records one streamed call whose upstream does as the script says, and what the client saw of it.
async fn record_one(script: Script) -> (Result<String, reqwest::Error>, Recorded) {
    let sim = start().await;
    sim.script(script);
    let recorder = Recorder::start(&sim.base_url()).await.unwrap();
    let body = with(question(PROMPT), json!({"stream": true}));
    let sent = client()
        .post(recorder.base_url() + CHAT)
        .body(body.to_string())
        .send()
        .await;
    let seen = match sent {
        Ok(response) => response.text().await,
        Err(error) => Err(error),
    };
    (seen, recorder.finish().await.exchanges.remove(0))
}

#[tokio::test]
async fn failures_are_recorded_and_played_again() {
    for (script, status) in [
        (Script::new().cut_after_chunks(2), Some(200)),
        (Script::hang_up(), None),
    ] {
        let (seen, exchange) = record_one(script).await;
        assert!(seen.is_err());
        assert_eq!((exchange.status, exchange.ending), (status, Ending::Cut));
        let mut cassette = Cassette {
            exchanges: vec![exchange],
            ..Cassette::default()
        };
        cassette.scrub(&[]);
        let sim = play(cassette, Timing::Fast).await;
        let body = with(question(PROMPT), json!({"stream": true}));
        let replayed = client()
            .post(sim.base_url() + CHAT)
            .body(body.to_string())
            .send()
            .await;
        assert_eq!(replayed.is_ok(), status.is_some());
        if let Ok(response) = replayed {
            assert!(response.text().await.is_err());
        }
    }
}

#[tokio::test]
async fn nobody_there_is_a_failure_like_any_other() {
    let gone = start().await;
    let recorder = Recorder::start(&gone.base_url()).await.unwrap();
    gone.stop().await;
    assert!(ask(&recorder.base_url(), "/models", None).await.is_err());
    let exchange = recorder.finish().await.exchanges.remove(0);
    assert_eq!((exchange.status, exchange.ending), (None, Ending::Cut));
}

#[tokio::test]
async fn a_client_that_leaves_takes_its_call_along_and_a_stream_passes_as_it_comes() {
    let sim = start().await;
    sim.script(Script::new().stall_after_chunks(2));
    let recorder = Recorder::start(&sim.base_url()).await.unwrap();
    let body = with(question(PROMPT), json!({"stream": true}));
    let mut response = client()
        .post(recorder.base_url() + CHAT)
        .body(body.to_string())
        .send()
        .await
        .unwrap();
    // The first chunk is here although the upstream never ends.
    assert!(
        response
            .chunk()
            .await
            .unwrap()
            .unwrap()
            .starts_with(b"data: {")
    );
    drop(response);
    // The upstream notices.
    sim.idle().await;
    let exchange = recorder.finish().await.exchanges.remove(0);
    assert_eq!(
        (exchange.status, exchange.ending),
        (Some(200), Ending::Left)
    );
    assert!(!exchange.chunks.is_empty());
}

#[tokio::test]
async fn a_client_that_leaves_before_an_answer_takes_its_call_along() {
    let sim = start().await;
    sim.script(Script::never_answer());
    let recorder = Recorder::start(&sim.base_url()).await.unwrap();
    let arrived = async {
        while sim.calls().is_empty() {
            tokio::task::yield_now().await;
        }
    };
    let base_url = recorder.base_url();
    tokio::select! {
        _ = ask(&base_url, "/models", None) => panic!("nobody answers"),
        () = arrived => {}
    }
    sim.idle().await;
    let exchange = recorder.finish().await.exchanges.remove(0);
    assert_eq!((exchange.status, exchange.ending), (None, Ending::Left));
}

#[tokio::test(start_paused = true)]
async fn a_replay_keeps_the_time_unless_it_is_to_be_fast() {
    let text = "openai-sim cassette 1\n\n> GET /models\n< 200 +3000\n< content-type: text/event-stream\n+3000|data: {}\n|\n|\n+8000|data: [DONE]\n|\n|\nend left\n";
    let cassette = Cassette::read(text).unwrap();
    let second = Duration::from_secs(1);
    let sim = play(cassette.clone(), Timing::AsRecorded).await;
    let mut sent = Box::pin(client().get(sim.base_url() + "/models").send());
    assert!(timeout(2 * second, &mut sent).await.is_err());
    let mut response = timeout(2 * second, sent).await.unwrap().unwrap();
    assert_eq!(response.chunk().await.unwrap().unwrap(), "data: {}\n\n");
    assert!(timeout(4 * second, response.chunk()).await.is_err());
    assert_eq!(response.chunk().await.unwrap().unwrap(), "data: [DONE]\n\n");
    assert!(timeout(3600 * second, response.chunk()).await.is_err());
    let sim = play(cassette, Timing::Fast).await;
    let mut response = timeout(second, client().get(sim.base_url() + "/models").send())
        .await
        .unwrap()
        .unwrap();
    assert!(timeout(second, response.chunk()).await.unwrap().is_ok());
    let silent = Cassette::read("openai-sim cassette 1\n\n> GET /models\nend timeout\n").unwrap();
    let sim = play(silent, Timing::Fast).await;
    let sent = client().get(sim.base_url() + "/models").send();
    assert!(timeout(3600 * second, sent).await.is_err());
}
