//! The typed client's responses, whole and streamed, and the smaller calls, against the simulator and against scripted bytes.
//!
//! Invariants: a stream gives the same response however the network cuts it, and never ends cleanly without its last event.
//! Does not know: what a model would say.

use std::time::Duration;

use openai_client::usage::Usage;
use openai_client::{
    AttemptErrorKind, ClientError, CompletionRequest, Cost, FunctionCall, ResponseRequest,
    ResponseStream,
};
use openai_sim::{Quirk, Script};
use serde_json::{Value, json};

use super::embeddings::{client, simulator};
use crate::peer::{Peer, Step, answer, chunked};

const EVENTS: [&str; 6] = [
    "event: response.created\ndata: {\"type\":\"response.created\",\"sequence_number\":0,\"response\":{\"id\":\"resp_1\",\"model\":\"m-1\",\"status\":\"in_progress\",\"output\":[],\"usage\":null}}\n\n",
    ": keep alive\n\n",
    "event: response.output_text.delta\ndata: {\"type\":\"response.output_text.delta\",\"sequence_number\":1,\"item_id\":\"msg_1\",\"delta\":\"h\u{e9}\"}\r\n\r\n",
    "event: response.new\ndata: {\"type\":\"response.new\",\"sequence_number\":2,\"delta\":{\"x\":1}}\n\n",
    "event: response.function_call_arguments.delta\ndata: {\"type\":\"response.function_call_arguments.delta\",\"delta\":\"{}\"}\n\n",
    "event: response.output_text.delta\ndata: {\"type\":\"response.output_text.delta\",\"delta\":\"\u{1f600}\"}\n\n",
];
const LAST: &str = "event: response.completed\ndata: {\"type\":\"response.completed\",\"sequence_number\":6,\"response\":{\"id\":\"resp_1\",\"model\":\"m-1\",\"status\":\"completed\",\"output\":[{\"type\":\"message\",\"content\":[{\"type\":\"output_text\",\"text\":\"h\u{e9}\u{1f600}\"}]},{\"type\":\"function_call\",\"call_id\":\"call_1\",\"name\":\"f\",\"arguments\":\"{}\"}],\"usage\":{\"input_tokens\":3,\"output_tokens\":2,\"total_tokens\":5}},\"keyward\":{\"cost_usd\":\"0.0000016\"}}\n\n";

fn question() -> ResponseRequest {
    ResponseRequest::new("gpt-4o-mini")
        .instructions("Be brief.")
        .user("Hello?")
}

fn usage(input: u64, output: u64) -> Usage {
    Usage {
        input,
        output,
        ..Usage::default()
    }
}

/// The text of a stream to its end.
async fn text_of(stream: &mut ResponseStream) -> Result<String, ClientError> {
    let mut text = String::new();
    while let Some(step) = stream.next().await? {
        text.push_str(&step.text);
    }
    Ok(text)
}

/// Streams what `step` sends and gives the text, or the error that every further look repeats.
async fn run(step: Step) -> Result<(String, ResponseStream), (ClientError, ResponseStream)> {
    let peer = Peer::start(vec![vec![Step::Read, step]]).await;
    let client = client(peer.base_url());
    let mut stream = client.respond_stream(question()).await.unwrap();
    match text_of(&mut stream).await {
        Ok(text) => {
            let next = stream.next().await;
            assert!(matches!(next, Ok(None)), "an ended stream stays ended");
            Ok((text, stream))
        }
        Err(error) => {
            assert!(stream.next().await.is_err(), "a failed stream stays failed");
            assert!(stream.response().is_none(), "what failed is no response");
            Err((error, stream))
        }
    }
}

fn events(texts: &[&str]) -> Vec<u8> {
    let parts: Vec<&[u8]> = texts.iter().map(|text| text.as_bytes()).collect();
    chunked(&parts, "0\r\n\r\n")
}

/// The error of a whole body that comes with status 200.
async fn failed(body: &Value) -> ClientError {
    let peer = Peer::answer(answer("200 OK", &[], body.to_string().as_bytes())).await;
    let client = client(peer.base_url());
    client.respond(question()).await.unwrap_err()
}

#[tokio::test]
async fn a_whole_response_has_text_usage_cost_and_latency() {
    let sim = simulator().await;
    let script = Script::new().text("The sky.").usage(1000, 30);
    sim.script(script.cached(600, 100).reasoning(20).on("/responses"));
    let client = client(sim.base_url());
    let response = client
        .respond(question().with("user", "u-1"))
        .await
        .unwrap();
    assert_eq!(
        (response.text.as_str(), response.status.as_deref()),
        ("The sky.", Some("completed"))
    );
    let expected = Usage {
        input: 300,
        cached_input: 600,
        cache_write_30m: 100,
        output: 10,
        reasoning: 20,
        ..Usage::default()
    };
    assert_eq!(response.usage, Some(expected));
    assert_eq!(
        (response.latency, response.cached, response.cost.is_some()),
        (Duration::from_secs(1), false, true)
    );
    assert!(response.id.starts_with("resp_") && response.model.starts_with("gpt-4o-mini"));
    let sent: Value = serde_json::from_slice(&sim.calls()[0].body).unwrap();
    let input = json!([{"role": "user", "content": "Hello?"}]);
    assert_eq!(
        sent,
        json!({"model": "gpt-4o-mini", "instructions": "Be brief.", "input": input, "user": "u-1"})
    );
}

#[tokio::test]
async fn a_function_is_called_and_its_result_goes_back() {
    let sim = simulator().await;
    let client = client(sim.base_url());
    let parameters = json!({"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"],
        "additionalProperties": false});
    let tools = json!([{"type": "function", "name": "get_weather", "description": "Weather of a city",
        "parameters": parameters, "strict": true}]);
    let question = ResponseRequest::new("gpt-4o-mini")
        .user("What is the weather in Paris?")
        .with("tools", tools);
    let first = client.respond(question.clone()).await.unwrap();
    let calls: Vec<FunctionCall<'_>> = first.function_calls().collect();
    let [call] = calls[..] else {
        panic!("one call: {calls:?}")
    };
    assert_eq!((call.name, first.text.as_str()), ("get_weather", ""));
    assert!(serde_json::from_str::<Value>(call.arguments).unwrap()["city"].is_string());
    // The result goes back after the stored response …
    let next = ResponseRequest::new("gpt-4o-mini")
        .after(&first.id)
        .function_result(call.call_id, "Rain.");
    let second = client.respond(next).await.unwrap();
    assert!(!second.text.is_empty() && second.id != first.id);
    // … or behind its items, which are sent back as they came.
    let mut whole = question;
    for item in &first.output {
        whole = whole.item(item.clone());
    }
    let whole = whole.function_result(call.call_id, "Rain.");
    assert!(!client.respond(whole).await.unwrap().text.is_empty());
    let sent: Value = serde_json::from_slice(&sim.calls()[2].body).unwrap();
    assert_eq!(sent["input"][1], first.output[0]);
}

#[tokio::test]
async fn an_incomplete_response_says_why() {
    let sim = simulator().await;
    let client = client(sim.base_url());
    sim.script(
        Script::new()
            .text(&"word ".repeat(40))
            .times(2)
            .on("/responses"),
    );
    let question = question().with("max_output_tokens", 16);
    let response = client.respond(question.clone()).await.unwrap();
    let why = Some("max_output_tokens");
    assert_eq!(
        (
            response.status.as_deref(),
            response.incomplete_reason.as_deref()
        ),
        (Some("incomplete"), why)
    );
    let mut stream = client.respond_stream(question).await.unwrap();
    let text = text_of(&mut stream).await.unwrap();
    let streamed = stream.response().unwrap();
    assert_eq!(
        (streamed.incomplete_reason.as_deref(), streamed.usage),
        (why, response.usage)
    );
    assert_eq!(
        (text, response.text),
        (streamed.text.clone(), text_of_body(&response.body))
    );
}

/// The text of the first message of a body.
fn text_of_body(body: &[u8]) -> String {
    let body: Value = serde_json::from_slice(body).unwrap();
    body["output"][0]["content"][0]["text"]
        .as_str()
        .unwrap()
        .to_owned()
}

#[tokio::test]
async fn a_response_that_failed_is_an_error() {
    let error = failed(
        &json!({"id": "resp_1", "status": "failed", "output": [], "usage": null,
        "error": {"code": "server_error", "message": "m"}}),
    )
    .await;
    let api = error.api().unwrap();
    assert_eq!(
        (api.status, api.code.as_deref(), api.message.as_str()),
        (200, Some("server_error"), "m")
    );
    let error = failed(&json!({"error": {"message": "m", "code": 500}})).await;
    assert_eq!(error.api().unwrap().code.as_deref(), Some("500"));
    assert!(matches!(
        failed(&json!({"usage": {"input_tokens": "9"}})).await,
        ClientError::Malformed(_)
    ));
}

#[tokio::test]
async fn a_stream_from_the_simulator_ends_with_the_whole_response() {
    let sim = simulator().await;
    let script = Script::new().text("one two three").usage(70, 30);
    sim.script(script.reasoning(20).times(2).on("/responses"));
    let client = client(sim.base_url());
    let mut stream = client.respond_stream(question()).await.unwrap();
    assert_eq!(text_of(&mut stream).await.unwrap(), "one two three");
    let expected = Usage {
        input: 70,
        output: 10,
        reasoning: 20,
        ..Usage::default()
    };
    assert_eq!(stream.usage(), Some(expected));
    assert!(stream.first_chunk().unwrap() < stream.latency());
    assert!(stream.request_id().is_some());
    let response = stream.response().unwrap();
    assert_eq!(Some(response.id.as_str()), stream.id());
    assert_eq!(
        (response.text.as_str(), response.usage),
        ("one two three", Some(expected))
    );
    let sent: Value = serde_json::from_slice(&sim.calls()[0].body).unwrap();
    assert_eq!(
        (&sent["stream"], &sent["stream_options"]),
        (&json!(true), &Value::Null)
    );
}

#[tokio::test]
async fn a_stream_gives_the_same_however_it_is_cut() {
    let whole = [EVENTS.concat().as_str(), LAST].concat();
    let mut ways = vec![Step::Send(events(&[&whole])), Step::Drip(events(&[&whole]))];
    let cuts = (1..whole.len()).filter(|cut| whole.is_char_boundary(*cut) && cut % 7 == 0);
    ways.extend(cuts.map(|cut| Step::Send(events(&[&whole[..cut], &whole[cut..]]))));
    for way in ways {
        let (text, stream) = run(way).await.unwrap();
        let response = stream.response().unwrap();
        assert_eq!(
            (text.as_str(), response.text.as_str()),
            ("h\u{e9}\u{1f600}", "h\u{e9}\u{1f600}")
        );
        let call = FunctionCall {
            call_id: "call_1",
            name: "f",
            arguments: "{}",
        };
        assert_eq!(response.function_calls().collect::<Vec<_>>(), [call]);
        let cost = Some(Cost {
            pico_usd: 1_600_000,
        });
        assert_eq!((stream.usage(), stream.cost()), (Some(usage(3, 2)), cost));
        assert_eq!(
            (response.cost, stream.id(), response.model.as_str()),
            (cost, Some("resp_1"), "m-1")
        );
    }
}

#[tokio::test]
async fn events_that_are_new_are_given_as_they_stand() {
    let whole = [EVENTS.concat().as_str(), LAST].concat();
    let peer = Peer::start(vec![vec![Step::Read, Step::Send(events(&[&whole]))]]).await;
    let client = client(peer.base_url());
    let mut stream = client.respond_stream(question()).await.unwrap();
    let mut seen = Vec::new();
    while let Some(step) = stream.next().await.unwrap() {
        seen.push((step.kind, step.text, step.event["delta"].clone()));
    }
    let seen: Vec<(&str, &str, &Value)> = seen
        .iter()
        .map(|(kind, text, delta)| (kind.as_str(), text.as_str(), delta))
        .collect();
    assert_eq!(
        seen,
        [
            ("response.created", "", &Value::Null),
            ("response.output_text.delta", "h\u{e9}", &json!("h\u{e9}")),
            ("response.new", "", &json!({"x": 1})),
            ("response.function_call_arguments.delta", "", &json!("{}")),
            (
                "response.output_text.delta",
                "\u{1f600}",
                &json!("\u{1f600}")
            ),
        ]
    );
}

#[tokio::test]
async fn a_stream_without_its_last_event_never_ends_cleanly() {
    for upto in 0..=EVENTS.len() {
        let said = EVENTS[..upto].concat();
        for end in ["", "0\r\n\r\n"] {
            for done in ["", "data: [DONE]\n\n"] {
                let sent = chunked(&[format!("{said}{done}:\n\n").as_bytes()], end);
                let (error, stream) = run(Step::Send(sent)).await.unwrap_err();
                assert!(
                    matches!(&error, ClientError::Attempt(error) if error.kind == AttemptErrorKind::Stream),
                    "{error:?}"
                );
                assert_eq!(stream.usage(), None);
            }
        }
    }
}

#[tokio::test]
async fn an_error_or_garbage_inside_a_stream_ends_it() {
    for (last, code, used) in [
        (
            "data: {\"type\":\"error\",\"code\":\"server_error\",\"message\":\"m\",\"param\":null,\"sequence_number\":3}\n\n",
            "server_error",
            None,
        ),
        (
            "data: {\"error\":{\"message\":\"m\",\"code\":503}}\n\n",
            "503",
            None,
        ),
        (
            "data: {\"type\":\"response.failed\",\"response\":{\"status\":\"failed\",\"error\":{\"code\":\"rate_limit_exceeded\",\"message\":\"m\"},\"usage\":{\"input_tokens\":3,\"output_tokens\":2}}}\n\n",
            "rate_limit_exceeded",
            Some(usage(3, 2)),
        ),
    ] {
        let sent = events(&[EVENTS[0], EVENTS[2], last, LAST]);
        let (error, stream) = run(Step::Send(sent)).await.unwrap_err();
        let api = error.api().unwrap();
        assert_eq!(
            (api.status, api.code.as_deref(), api.message.as_str()),
            (200, Some(code), "m")
        );
        assert_eq!(stream.usage(), used, "what failed may be billed");
    }
    for garbage in [
        "data: {\"type\":\n\n",
        "data: nonsense\n\n",
        "data: {\"type\":\"response.completed\",\"response\":{\"usage\":{\"input_tokens\":-1}}}\n\n",
    ] {
        let sent = events(&[EVENTS[0], garbage, LAST]);
        let (error, _) = run(Step::Send(sent)).await.unwrap_err();
        assert!(
            matches!(error, ClientError::Malformed(_)),
            "{garbage}: {error:?}"
        );
    }
    let silent = "data: {\"type\":\"response.failed\",\"response\":{\"error\":null}}\n\n";
    let (error, _) = run(Step::Send(events(&[silent]))).await.unwrap_err();
    assert!(matches!(error, ClientError::Unexpected(_)), "{error:?}");
}

#[tokio::test]
async fn a_stream_of_the_simulator_that_breaks_is_an_error() {
    let sim = simulator().await;
    let client = client(sim.base_url());
    let script = || Script::new().text("one two three four").on("/responses");
    for broken in [
        script().cut_after_chunks(6),
        script().end_after_chunks(6),
        script().error_after_chunks(6),
    ] {
        sim.script(broken);
        let mut stream = client.respond_stream(question()).await.unwrap();
        text_of(&mut stream).await.unwrap_err();
    }
    sim.script(
        script()
            .quirk(Quirk::CarriageReturns)
            .quirk(Quirk::CommentsBetweenEvents),
    );
    let mut stream = client.respond_stream(question()).await.unwrap();
    assert_eq!(text_of(&mut stream).await.unwrap(), "one two three four");
}

#[tokio::test]
async fn an_older_completion_has_text_usage_and_cost() {
    let sim = simulator().await;
    sim.script(Script::new().text("a time").usage(4, 2).on("/completions"));
    let client = client(sim.base_url());
    let request = CompletionRequest::new("gpt-3.5-turbo-instruct", "Once upon");
    assert!(!format!("{request:?}").contains("Once"));
    let completion = client
        .complete(request.with("max_tokens", 8).with("stream", true))
        .await
        .unwrap();
    assert_eq!(
        (completion.text.as_str(), completion.usage),
        ("a time", Some(usage(4, 2)))
    );
    assert!(completion.cost.is_some() && completion.finish_reason.is_some());
    let sent: Value = serde_json::from_slice(&sim.calls()[0].body).unwrap();
    let expected =
        json!({"model": "gpt-3.5-turbo-instruct", "prompt": "Once upon", "max_tokens": 8});
    assert_eq!(sent, expected);
}

#[tokio::test]
async fn a_moderation_tells_categories_and_scores() {
    let sim = simulator().await;
    let client = client(sim.base_url());
    let calm = client
        .moderate("omni-moderation-latest", "A walk in the park.")
        .await
        .unwrap();
    assert_eq!((calm.flagged, calm.categories.len()), (false, 0));
    assert!(calm.scores.len() > 5 && calm.request_id.is_some());
    let body = json!({"model": "m-1", "results": [{"flagged": true,
        "categories": {"violence": true, "illicit": null, "new": true, "hate": false},
        "category_scores": {"violence": 0.9, "illicit": null}}]});
    let peer = Peer::start(vec![
        vec![
            Step::Read,
            Step::Send(answer("200 OK", &[], body.to_string().as_bytes())),
        ],
        vec![
            Step::Read,
            Step::Send(answer("200 OK", &[], b"{\"results\":[]}")),
        ],
    ])
    .await;
    let client = self::client(peer.base_url());
    let found = client.moderate("m", "text").await.unwrap();
    assert_eq!(
        (found.flagged, found.categories, found.scores.len()),
        (true, vec!["new".to_owned(), "violence".to_owned()], 1)
    );
    let error = client.moderate("m", "text").await.unwrap_err();
    assert!(matches!(error, ClientError::Unexpected(_)), "{error:?}");
}
