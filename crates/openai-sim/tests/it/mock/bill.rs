//! The bill against what clients were told and what they left behind.
//!
//! Invariants: whoever got a whole answer was billed what its usage says.
//! Does not know: prices.

use openai_sim::{ModelBill, Script, Sim, SimOptions};
use serde_json::{Value, json};

use super::{embedding, post, question, start, try_post, with};

const CHAT: &str = "/chat/completions";

fn long_stream() -> Value {
    with(question("Hello"), json!({"stream": true}))
}

/// A hundred tokens.
fn long_text() -> String {
    "a".to_owned() + &" a".repeat(99)
}

#[tokio::test]
async fn whole_answers_and_streams_are_billed_as_their_usage_says() {
    let sim = start().await;
    let whole = post(&sim, CHAT, &question("Ships sail. What do ships do?"))
        .await
        .json();
    let request = with(
        question("Ships sail. What do ships do?"),
        json!({"stream": true}),
    );
    post(&sim, CHAT, &request).await;
    let number = |name: &str| whole["usage"][name].as_u64().unwrap();
    let expected = ModelBill {
        calls: 2,
        input_tokens: 2 * number("prompt_tokens"),
        output_tokens: 2 * number("completion_tokens"),
    };
    assert_eq!(sim.bill().of("gpt-4o-mini"), expected);
    sim.script(Script::new().usage(16, 0));
    post(&sim, "/embeddings", &embedding("whatever")).await;
    assert_eq!(
        sim.bill().of("text-embedding-ada-002"),
        ModelBill {
            calls: 1,
            input_tokens: 16,
            output_tokens: 0
        }
    );
    assert_eq!(sim.bill().total().calls, 3);
    assert_eq!(sim.bill().of("gpt-4o"), ModelBill::default());
}

#[tokio::test]
async fn a_client_that_leaves_is_billed_for_what_was_generated_and_the_lag() {
    let options = SimOptions {
        cancel_lag_tokens: 5,
        ..SimOptions::default()
    };
    let sim = Sim::start(options).await.unwrap();
    // The first event carries no token: ten events are nine tokens.
    sim.script(Script::new().text(&long_text()).stall_after_chunks(10));
    let mut response = try_post(&sim, CHAT, &long_stream()).await.unwrap();
    response.chunk().await.unwrap();
    drop(response);
    sim.idle().await;
    assert_eq!(sim.bill().total().output_tokens, 14);
}

#[tokio::test]
async fn a_cut_stream_is_billed_too_and_never_above_the_whole() {
    let sim = start().await;
    for (chunks, billed) in [(1, 8), (51, 58), (96, 100), (500, 100)] {
        sim.script(Script::new().text(&long_text()).cut_after_chunks(chunks));
        assert!(
            try_post(&sim, CHAT, &long_stream())
                .await
                .unwrap()
                .text()
                .await
                .is_err()
        );
        sim.idle().await;
        assert_eq!(sim.bill().total().output_tokens, billed, "{chunks}");
        sim.reset();
    }
}

#[tokio::test]
async fn scripts_decide_who_is_billed_against_the_rule() {
    let sim = start().await;
    sim.script(Script::status(500));
    sim.script(Script::status(500).billed(true));
    sim.script(Script::new().billed(false));
    sim.script(Script::hang_up());
    for calls in [0, 1, 1] {
        post(&sim, CHAT, &question("Hello")).await;
        assert_eq!(sim.bill().total().calls, calls);
    }
    assert!(try_post(&sim, CHAT, &question("Hello")).await.is_err());
    assert_eq!(sim.bill().total().calls, 2);
}

#[tokio::test]
async fn odd_or_missing_usage_does_not_change_the_bill() {
    let sim = start().await;
    let honest = post(&sim, CHAT, &question("Hello")).await.json()["usage"]["total_tokens"].clone();
    sim.reset();
    sim.script(Script::new().usage_json(json!({"prompt_tokens": "many"})));
    assert_eq!(
        post(&sim, CHAT, &question("Hello")).await.json()["usage"],
        json!({"prompt_tokens": "many"})
    );
    let bill = sim.bill().total();
    assert_eq!(json!(bill.input_tokens + bill.output_tokens), honest);
    sim.script(Script::new().no_usage());
    assert_eq!(
        post(&sim, CHAT, &question("Hello"))
            .await
            .json()
            .get("usage"),
        None
    );
    assert_eq!(sim.bill().total().calls, 2);
}

#[tokio::test]
async fn hidden_reasoning_is_billed_although_the_stream_is_cut() {
    let sim = start().await;
    // 100 tokens are shown; 40 came before them and are in no event.
    sim.script(
        Script::new()
            .text(&long_text())
            .usage(16, 140)
            .reasoning(40)
            .cut_after_chunks(11),
    );
    let answer = try_post(&sim, CHAT, &long_stream()).await.unwrap();
    assert!(answer.text().await.is_err());
    sim.idle().await;
    assert_eq!(sim.bill().total().output_tokens, 40 + 10 + 8);
}

#[tokio::test]
async fn every_end_user_has_a_part_of_the_bill() {
    let sim = start().await;
    let of = |user: &str| with(question("Hello"), json!({"user": user}));
    for body in [of("ann"), of("bob"), of("ann"), question("Hello")] {
        post(&sim, CHAT, &body).await;
    }
    let bill = sim.bill();
    let calls = |user: &str| bill.users[user]["gpt-4o-mini"].calls;
    assert_eq!((calls("ann"), calls("bob"), calls("")), (2, 1, 1));
    let output: u64 = bill
        .users
        .values()
        .map(|models| models["gpt-4o-mini"].output_tokens)
        .sum();
    assert_eq!(output, bill.total().output_tokens);
}
