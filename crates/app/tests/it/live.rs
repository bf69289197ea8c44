//! The live tier: the built binary before a real upstream. Run by `cargo xtask test-live`, which sets what it needs.
//!
//! Invariants: asserts on shapes, usage and cost, never on wording; the whole tier is bounded to a few dozen short calls.
//! Does not know: which upstream answers.

use serde_json::{Value, json};

use crate::support::{Place, Running, send};

/// Prices for models that the price list does not know, so that cost can be checked against a real upstream of any kind.
const INPUT_USD_PER_MILLION: &str = "1.5";
const OUTPUT_USD_PER_MILLION: &str = "6";

struct Live {
    place: Place,
    server: Running,
    key: String,
    chat_model: String,
    embed_model: String,
}

fn given(name: &str) -> Option<String> {
    #[expect(
        clippy::disallowed_methods,
        reason = "the tier's command hands the upstream over in the environment"
    )]
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

impl Live {
    fn start() -> Self {
        let needed = |name: &str| {
            given(name).unwrap_or_else(|| panic!("{name} is not set; run cargo xtask test-live"))
        };
        let (api_key, chat_model, embed_model) = (
            needed("OPENAI_API_KEY"),
            needed("KEYWARD_LIVE_CHAT_MODEL"),
            needed("KEYWARD_LIVE_EMBED_MODEL"),
        );
        let mut place = Place::new(&[("OPENAI_API_KEY", &api_key)]);
        if let Some(base_url) = given("OPENAI_BASE_URL") {
            place.set("OPENAI_BASE_URL", &base_url);
        }
        let directory = place.directory.path().join("config");
        std::fs::create_dir(&directory).unwrap();
        let prices = [
            local_price(&chat_model, "chat"),
            local_price(&embed_model, "embedding"),
        ]
        .concat();
        std::fs::write(directory.join("prices.local.toml"), prices).unwrap();
        let server = place.serve();
        let key = place.key("live");
        Self {
            place,
            server,
            key,
            chat_model,
            embed_model,
        }
    }

    async fn post(&self, path: &str, body: &Value) -> crate::support::Answer {
        let mut waits = 50;
        loop {
            let answer = send(
                "POST",
                &format!("{}{path}", self.server.base_url),
                &self.key,
                Some(body),
            )
            .await;
            // A key is known to the running server within a moment of its making.
            if answer.status == 401 && waits > 0 {
                waits -= 1;
                tokio::time::sleep(std::time::Duration::from_millis(100)).await;
                continue;
            }
            assert_eq!(
                answer.status,
                200,
                "{}\n{}",
                answer.body,
                self.server.written()
            );
            return answer;
        }
    }
}

fn local_price(model: &str, kind: &str) -> String {
    format!(
        "[[price]]\nmodel = \"{model}\"\nkind = \"{kind}\"\neffective_from = 2026-01-01\ninput_tokens_max = 8192\noutput_tokens_max = 8192\n\
         [price.usd_per_million_tokens]\ninput = \"{INPUT_USD_PER_MILLION}\"\ncached_input = \"{INPUT_USD_PER_MILLION}\"\noutput = \"{OUTPUT_USD_PER_MILLION}\"\n\n"
    )
}

/// What the usage of an answer costs at the local prices: pico-USD as decimal USD.
fn cost_usd(usage: &Value) -> String {
    let tokens = |name: &str| usage[name].as_u64().unwrap_or(0);
    let pico = tokens("prompt_tokens") * 1_500_000 + tokens("completion_tokens") * 6_000_000;
    let text = format!(
        "{}.{:012}",
        pico / 1_000_000_000_000,
        pico % 1_000_000_000_000
    );
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[tokio::test]
#[ignore = "live tier"]
async fn an_embedding_has_numbers_usage_and_cost_and_the_second_one_is_free() {
    let live = Live::start();
    let body = json!({"model": live.embed_model, "input": "How do I reset my password?"});
    let first = live.post("/embeddings", &body).await;
    let vector = first.json()["data"][0]["embedding"]
        .as_array()
        .unwrap()
        .clone();
    assert!(
        vector.len() > 100 && vector.iter().all(Value::is_number),
        "{} numbers",
        vector.len()
    );
    assert_eq!(
        first.header("x-keyward-cost-usd"),
        cost_usd(&first.json()["usage"])
    );
    assert_ne!(first.header("x-keyward-cost-usd"), "0");
    let second = live.post("/embeddings", &body).await;
    assert_eq!(
        (
            second.header("x-keyward-cache"),
            second.header("x-keyward-cost-usd")
        ),
        ("hit", "0")
    );
    assert_eq!(second.body, first.body);
    let base64 = live.post("/embeddings", &json!({"model": live.embed_model, "input": "How do I reset my password?", "encoding_format": "base64"})).await;
    let encoded = base64.json()["data"][0]["embedding"]
        .as_str()
        .unwrap()
        .len();
    assert_eq!(
        encoded,
        (vector.len() * 4).div_ceil(3) * 4,
        "base64 of 32-bit floats passes untouched"
    );
}

#[tokio::test]
#[ignore = "live tier"]
async fn a_chat_answers_with_text_usage_and_exact_cost() {
    let live = Live::start();
    let answer = live.post("/chat/completions", &json!({"model": live.chat_model, "max_completion_tokens": 64, "messages": [{"role": "user", "content": "What is 2 plus 2? Answer with one word."}]})).await;
    let answered = answer.json();
    assert!(
        !answered["choices"][0]["message"]["content"]
            .as_str()
            .unwrap()
            .is_empty(),
        "{answered}"
    );
    assert_eq!(
        answer.header("x-keyward-cost-usd"),
        cost_usd(&answered["usage"])
    );
    let call = send(
        "GET",
        &format!(
            "{}/keyward/calls/{}",
            live.server.base_url,
            answer.header("x-request-id")
        ),
        &live.key,
        None,
    )
    .await
    .json();
    assert_eq!(call["cost_usd"], answer.header("x-keyward-cost-usd"));
    assert_eq!(call["attempts"][0]["state"], "reported", "{call}");
    let report = live
        .place
        .json(&["usage", "--by", "model", "--format", "json"]);
    assert_eq!(report["total"]["cost_usd"], call["cost_usd"], "{report}");
}

#[tokio::test]
#[ignore = "live tier"]
async fn a_stream_ends_in_order_shows_usage_to_who_asked_and_is_charged_either_way() {
    let live = Live::start();
    let mut costs = Vec::new();
    for asked in [false, true] {
        let mut body = json!({"model": live.chat_model, "stream": true, "max_completion_tokens": 48, "messages": [{"role": "user", "content": "Count from one to ten."}]});
        if asked {
            body["stream_options"] = json!({"include_usage": true});
        }
        let answer = live.post("/chat/completions", &body).await;
        let events: Vec<&str> = answer
            .body
            .lines()
            .filter_map(|line| line.strip_prefix("data:"))
            .map(str::trim)
            .collect();
        assert_eq!(events.last(), Some(&"[DONE]"), "{}", answer.body);
        let chunks: Vec<Value> = events[..events.len() - 1]
            .iter()
            .map(|event| serde_json::from_str(event).unwrap())
            .collect();
        let text: String = chunks
            .iter()
            .filter_map(|chunk| chunk["choices"][0]["delta"]["content"].as_str())
            .collect();
        assert!(!text.is_empty(), "{}", answer.body);
        let usage = chunks
            .iter()
            .find_map(|chunk| chunk["usage"].is_object().then(|| chunk["usage"].clone()));
        assert_eq!(usage.is_some(), asked, "{}", answer.body);
        let call = send(
            "GET",
            &format!(
                "{}/keyward/calls/{}",
                live.server.base_url,
                answer.header("x-request-id")
            ),
            &live.key,
            None,
        )
        .await
        .json();
        assert_eq!(call["attempts"][0]["state"], "reported", "{call}");
        if let Some(usage) = usage {
            assert_eq!(call["cost_usd"], cost_usd(&usage));
            assert_eq!(
                chunks.last().unwrap()["keyward"]["cost_usd"],
                call["cost_usd"]
            );
        }
        costs.push(call["cost_usd"].as_str().unwrap().to_owned());
    }
    assert!(costs.iter().all(|cost| cost != "0"), "{costs:?}");
}

#[tokio::test]
#[ignore = "live tier"]
async fn models_are_listed_and_an_unpriced_one_is_refused_before_it_is_sent() {
    let live = Live::start();
    live.post(
        "/embeddings",
        &json!({"model": live.embed_model, "input": "wait for the key"}),
    )
    .await;
    let models = send(
        "GET",
        &format!("{}/models", live.server.base_url),
        &live.key,
        None,
    )
    .await;
    assert!(
        models.status == 200 && !models.json()["data"].as_array().unwrap().is_empty(),
        "{}",
        models.body
    );
    let body =
        json!({"model": "no-such-model", "messages": [{"role": "user", "content": "hello"}]});
    let refused = send(
        "POST",
        &format!("{}/chat/completions", live.server.base_url),
        &live.key,
        Some(&body),
    )
    .await;
    assert_eq!(
        (refused.status, &refused.json()["error"]["code"]),
        (400, &json!("model_price_unknown"))
    );
}
