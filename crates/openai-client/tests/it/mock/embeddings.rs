//! The typed client's embeddings, models and errors, against the simulator and against scripted bytes.
//!
//! Invariants: vectors keep the order of the inputs; latency is the injected clock's.
//! Does not know: how vectors are made.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use openai_client::usage::Usage;
use openai_client::{AttemptErrorKind, Client, ClientError, Cost, EmbeddingRequest, Encoding};
use openai_sim::{Script, Sim, SimOptions};
use secrecy::SecretString;

use super::{marked_key, patient, transport};
use crate::peer::{Peer, answer};

/// A client whose clock goes one second at each look.
pub(crate) fn client(base_url: String) -> Client {
    let seconds = AtomicU64::new(0);
    let clock = Arc::new(move || Duration::from_secs(seconds.fetch_add(1, Ordering::Relaxed)));
    Client::builder(base_url, SecretString::from(marked_key()))
        .transport(transport())
        .timeouts(patient())
        .clock(clock)
        .build()
        .unwrap()
}

pub(crate) async fn simulator() -> Sim {
    Sim::start(SimOptions {
        api_key: Some(marked_key()),
        keyward_headers: true,
        ..SimOptions::default()
    })
    .await
    .unwrap()
}

fn request(encoding: Encoding) -> EmbeddingRequest {
    let inputs = ["one cat", "two dogs", "one cat"]
        .map(str::to_owned)
        .to_vec();
    EmbeddingRequest {
        model: "text-embedding-ada-002".to_owned(),
        inputs,
        encoding,
        ..EmbeddingRequest::default()
    }
}

#[tokio::test]
async fn an_embedding_has_usage_cost_latency_and_cache() {
    let sim = simulator().await;
    sim.script(Script::new().usage(16, 0).on("/embeddings"));
    let client = client(sim.base_url());
    let first = client
        .embed("text-embedding-ada-002", "Hello")
        .await
        .unwrap();
    assert_eq!(
        (first.embedding.len(), first.latency, first.cached),
        (1536, Duration::from_secs(1), false)
    );
    assert_eq!(
        first.usage,
        Some(Usage {
            input: 16,
            ..Usage::default()
        })
    );
    assert_eq!(
        first.cost,
        Some(Cost {
            pico_usd: 1_600_000
        })
    );
    assert!(first.request_id.is_some() && first.model.starts_with("text-embedding-ada-002"));
    let again = client
        .embed("text-embedding-ada-002", "Hello")
        .await
        .unwrap();
    assert_eq!(
        (again.cached, again.cost, again.embedding == first.embedding),
        (true, Some(Cost { pico_usd: 0 }), true)
    );
}

#[tokio::test]
async fn both_encodings_give_the_same_vectors_in_the_order_of_the_inputs() {
    let sim = simulator().await;
    let client = client(sim.base_url());
    let base64 = client.embeddings(request(Encoding::Base64)).await.unwrap();
    let float = client.embeddings(request(Encoding::Float)).await.unwrap();
    assert_eq!(base64.embeddings, float.embeddings);
    assert_eq!(
        (
            base64.embeddings.len(),
            base64.embeddings[0] == base64.embeddings[2]
        ),
        (3, true)
    );
    assert_ne!(base64.embeddings[0], base64.embeddings[1]);
}

#[tokio::test]
async fn vectors_are_sorted_by_index_and_gaps_are_refused() {
    let check = async |data: &str, expected: Option<Vec<Vec<f32>>>| {
        let body = format!("{{\"object\":\"list\",\"data\":{data},\"model\":\"m\"}}");
        let peer = Peer::answer(answer("200 OK", &[], body.as_bytes())).await;
        let result = client(peer.base_url()).embed_batch("m", &["a", "b"]).await;
        match (result, expected) {
            (Ok(found), Some(expected)) => {
                assert_eq!((found.embeddings, found.usage), (expected, None), "{data}")
            }
            (Err(ClientError::Unexpected(_)), None) => {}
            (found, _) => panic!("{data}: {found:?}"),
        }
    };
    check(
        r#"[{"index":1,"embedding":[2]},{"index":0,"embedding":"AACAPw=="}]"#,
        Some(vec![vec![1.0], vec![2.0]]),
    )
    .await;
    check(
        r#"[{"index":1,"embedding":[2]},{"index":1,"embedding":[1]}]"#,
        None,
    )
    .await;
    check(r#"[{"index":0,"embedding":[2]}]"#, None).await;
}

#[tokio::test]
async fn models_are_listed_and_nothing_to_embed_is_not_sent() {
    let sim = simulator().await;
    let client = client(sim.base_url());
    let models = client.models().await.unwrap();
    assert!(
        models
            .models
            .iter()
            .any(|model| model.id == "text-embedding-ada-002")
    );
    let nothing: [&str; 0] = [];
    assert!(matches!(
        client.embed_batch("m", &nothing).await,
        Err(ClientError::Request(_))
    ));
    assert_eq!(sim.calls().len(), 1);
}

#[tokio::test]
async fn an_error_is_typed_with_what_the_upstream_said() {
    let sim = simulator().await;
    let client = client(sim.base_url());
    let quota = Script::status(429)
        .header("retry-after", "2")
        .header("x-should-retry", "false");
    sim.script(
        quota
            .kind("insufficient_quota")
            .code("credit_balance_exhausted")
            .message("no money")
            .on("/embeddings"),
    );
    let error = client
        .embed("text-embedding-ada-002", "Hello")
        .await
        .unwrap_err();
    let api = error.api().unwrap();
    assert_eq!(
        (api.status, api.code.as_deref(), api.message.as_str()),
        (429, Some("credit_balance_exhausted"), "no money")
    );
    assert_eq!(
        (api.kind.as_deref(), api.out_of_quota),
        (Some("insufficient_quota"), true)
    );
    assert_eq!(
        (api.retry_after, api.should_retry),
        (Some(Duration::from_secs(2)), Some(false))
    );
    assert!(api.request_id.is_some());
    assert_eq!(
        error.to_string(),
        "the upstream answered with an error, status 429, credit_balance_exhausted"
    );
}

#[tokio::test]
async fn errors_in_odd_forms_are_typed_too() {
    let check = async |status: &str, body: &[u8], code: Option<&str>, message: &str| {
        let peer = Peer::answer(answer(status, &[], body)).await;
        let error = client(peer.base_url()).embed("m", "x").await.unwrap_err();
        let api = error.api().unwrap();
        assert_eq!(
            (api.code.as_deref(), api.message.as_str()),
            (code, message),
            "{status}"
        );
    };
    check(
        "404 Not Found",
        b"404 page not found",
        None,
        "404 page not found",
    )
    .await;
    check(
        "400 Bad Request",
        br#"{"error":{"code":400,"message":"too long"}}"#,
        Some("400"),
        "too long",
    )
    .await;
    check("502 Bad Gateway", b"<html>\xff</html>", None, "").await;
    check("302 Found", b"", None, "").await;
    check("500 Internal Server Error", &vec![b'x'; 1 << 20], None, "").await;
}

#[tokio::test]
async fn a_success_that_is_no_json_is_malformed_and_a_cut_one_is_cut() {
    for body in [
        "",
        "{",
        "<html>",
        "[]",
        "{\"data\":{}}",
        "{\"data\":[{\"embedding\":\"?\"}]}",
    ] {
        let peer = Peer::answer(answer("200 OK", &[], body.as_bytes())).await;
        let error = client(peer.base_url()).embed("m", "x").await.unwrap_err();
        assert!(
            matches!(error, ClientError::Malformed(_)),
            "{body}: {error:?}"
        );
    }
    let mut cut = answer("200 OK", &[], b"{\"data\":[]}");
    cut.pop();
    let peer = Peer::answer(cut).await;
    let error = client(peer.base_url()).embed("m", "x").await.unwrap_err();
    assert!(
        matches!(&error, ClientError::Attempt(error) if error.kind == AttemptErrorKind::Stream),
        "{error:?}"
    );
}
