//! No error shows the key, the URL or the prompt: not in `Display`, not in `Debug`, not in any source.
//!
//! Invariants: each kind of error is really caused, then walked to its last source.
//! Does not know: where an error would have got a mark from.

use std::error::Error;
use std::time::Duration;

use openai_client::{
    AttemptError, AttemptErrorKind, Call, ChatRequest, Client, ClientError, Phase, Timeouts,
    UpstreamError, UpstreamErrorKind,
};
use secrecy::SecretString;

use super::embeddings::client;
use super::{SOON, marked_key, over_each, patient, post, upstream};
use crate::peer::{NeverAccepts, Peer, Step, answer, chunked, closed_address};

const URL_MARK: &str = "mark3d-prefix";
const PROMPT_MARK: &str = "mark3d-prompt";
const MARKED_BODY: &str = r#"{"messages":[{"role":"user","content":"mark3d-prompt"}]}"#;

/// Walks an error and its sources, in all the ways they can be written.
fn check_clean(error: &(dyn Error + 'static)) {
    let mut below = Some(error);
    while let Some(error) = below {
        let text = format!("{error} {error:?} {error:#?}");
        let lower = text.to_lowercase();
        for mark in [
            marked_key().as_str(),
            &marked_key()[3..],
            URL_MARK,
            PROMPT_MARK,
            "bearer",
            "http://",
            "chat/completions",
        ] {
            assert!(
                !lower.contains(&mark.to_lowercase()),
                "{mark} stands in: {text}"
            );
        }
        below = error.source();
    }
}

/// Causes an attempt's error at a peer whose base URL is marked, and walks it.
async fn attempt(
    authority: String,
    timeouts: Timeouts,
    path: &str,
    bytes_max: usize,
) -> AttemptErrorKind {
    let upstream = upstream(&format!("http://{authority}/{URL_MARK}"), timeouts);
    let call = Call {
        path,
        ..post(MARKED_BODY)
    };
    let result = async { upstream.send(call).await?.whole(bytes_max).await };
    let error: AttemptError = result.await.unwrap_err();
    check_clean(&error);
    let kind = error.kind;
    check_clean(&ClientError::from(error));
    kind
}

fn authority(peer: &Peer) -> String {
    peer.base_url()
        .trim_start_matches("http://")
        .trim_end_matches("/v1")
        .to_owned()
}

fn sends(bytes: Vec<u8>) -> Vec<Step> {
    vec![Step::Read, Step::Send(bytes)]
}

async fn attempt_at(steps: Vec<Step>, timeouts: Timeouts, bytes_max: usize) -> AttemptErrorKind {
    let peer = Peer::start(vec![steps]).await;
    attempt(authority(&peer), timeouts, "/chat/completions", bytes_max).await
}

#[tokio::test]
async fn every_kind_of_attempt_error_before_an_answer_is_clean() {
    over_each(async || {
        use AttemptErrorKind::{Connect, Malformed, Timeout, Unanswered, Unsendable};

        let path = "/chat/completions";
        let closed = closed_address().await.to_string();
        let deaf = NeverAccepts::start().await;
        let echo = [
            b"HTTP/1.1 \0".as_slice(),
            marked_key().as_bytes(),
            b"\r\n\r\n",
        ]
        .concat();
        let first_byte = Timeouts {
            first_byte: SOON,
            ..patient()
        };
        let seen = [
            (
                attempt(closed.clone(), patient(), "/../mark3d-prompt", 1).await,
                Unsendable,
            ),
            (attempt(closed, patient(), path, 1).await, Connect),
            (
                attempt(deaf.address.to_string(), patient(), path, 1).await,
                Timeout(Phase::Connect),
            ),
            (
                attempt_at(vec![Step::Stall], first_byte, 1).await,
                Timeout(Phase::FirstByte),
            ),
            (
                attempt_at(vec![Step::Read, Step::Reset], patient(), 1).await,
                Unanswered,
            ),
            (attempt_at(sends(echo), patient(), 1).await, Malformed),
        ];
        for (kind, expected) in seen {
            assert_eq!(kind, expected);
        }
    })
    .await;
}

#[tokio::test]
async fn every_kind_of_attempt_error_inside_a_body_is_clean() {
    over_each(async || {
        use AttemptErrorKind::{Malformed, Stream, Timeout, TooLarge};

        let idle = Timeouts {
            idle: SOON,
            ..patient()
        };
        let total = Timeouts {
            total: SOON,
            ..patient()
        };
        let stalls = vec![Step::Read, Step::Send(chunked(&[b"data"], "")), Step::Stall];
        let echo = chunked(&[b"data"], &format!("{}\r\n", marked_key()));
        let whole = answer("200 OK", &[], MARKED_BODY.as_bytes());
        let seen = [
            (
                attempt_at(stalls.clone(), idle, 10).await,
                Timeout(Phase::Idle),
            ),
            (attempt_at(stalls, total, 10).await, Timeout(Phase::Total)),
            (attempt_at(sends(echo), patient(), 99).await, Malformed),
            (
                attempt_at(sends(chunked(&[MARKED_BODY.as_bytes()], "")), patient(), 99).await,
                Stream,
            ),
            (
                attempt_at(sends(whole), patient(), 9).await,
                TooLarge { bytes_max: 9 },
            ),
        ];
        for (kind, expected) in seen {
            assert_eq!(kind, expected);
        }
    })
    .await;
}

#[tokio::test]
async fn a_status_is_clean_and_its_answer_shows_no_headers() {
    let echo = answer(
        "401 Unauthorized",
        &[
            ("x-echo", &marked_key()),
            ("location", "http://mark3d-prefix/"),
        ],
        MARKED_BODY.as_bytes(),
    );
    let peer = Peer::answer(echo).await;
    let answer = upstream(&peer.base_url(), patient())
        .send(post(MARKED_BODY))
        .await
        .unwrap();
    check_clean(&answer.error().unwrap());
    assert_eq!(
        format!("{answer:?}"),
        "Answer { upstream: UpstreamName(\"peer\"), status: 401, .. }"
    );
}

#[tokio::test]
async fn an_echo_of_the_key_is_scrubbed_and_the_message_is_for_the_caller_only() {
    let key = marked_key();
    let said = format!("Incorrect API key {key} for {PROMPT_MARK} at http://{URL_MARK}/");
    let body =
        serde_json::json!({"error": {"message": said, "type": key, "param": key, "code": said}});
    let stream = chunked(&[format!("data: {body}\n\n").as_bytes()], "0\r\n\r\n");
    let whole = |status: &str| {
        answer(
            status,
            &[("x-request-id", &key)],
            body.to_string().as_bytes(),
        )
    };
    let plain = answer("401 Unauthorized", &[], said.as_bytes());
    for (bytes, streamed) in [
        (whole("401 Unauthorized"), false),
        (whole("200 OK"), false),
        (plain, false),
        (stream, true),
    ] {
        let peer = Peer::answer(bytes).await;
        let client = client(peer.base_url());
        let request = ChatRequest::new("m").user(PROMPT_MARK);
        let error = if streamed {
            client
                .chat_stream(request)
                .await
                .unwrap()
                .next()
                .await
                .unwrap_err()
        } else {
            client.chat(request).await.unwrap_err()
        };
        check_clean(&error);
        let api = error.api().unwrap();
        assert!(
            api.message
                .contains("Incorrect API key [redacted:upstream-key]"),
            "{}",
            api.message
        );
        let fields = [&api.code, &api.kind, &api.param, &api.request_id]
            .map(|field| field.clone().unwrap_or_default())
            .concat();
        assert!(!fields.contains(&key) && !api.message.contains(&key));
    }
}

#[tokio::test]
async fn answers_that_cannot_be_read_are_clean() {
    let quoted = format!(
        "{{\"data\":\"{}\",\"choices\":\"{PROMPT_MARK}\"}}",
        marked_key()
    );
    for body in [
        quoted.as_str(),
        "mark3d-prompt",
        "{\"data\":[{\"embedding\":\"mark3d-prompt\"}],\"choices\":[\"mark3d-prompt\"]}",
    ] {
        let peer = Peer::start(vec![
            vec![
                Step::Read,
                Step::Send(answer("200 OK", &[], body.as_bytes()))
            ];
            2
        ])
        .await;
        let client = client(peer.base_url());
        check_clean(&client.embed("m", PROMPT_MARK).await.unwrap_err());
        check_clean(
            &client
                .chat(ChatRequest::new("m").user(PROMPT_MARK))
                .await
                .unwrap_err(),
        );
    }
}

#[test]
fn what_is_set_up_shows_neither_key_nor_url() {
    let base_url = format!("http://127.0.0.1:9/{URL_MARK}");
    let client = Client::new(base_url.clone(), SecretString::from(marked_key())).unwrap();
    let upstream = upstream(&base_url, patient());
    let request = ChatRequest::new("m").user(PROMPT_MARK);
    let text = format!(
        "{client:?} {upstream:?} {request:?} {:?} {:?}",
        post(MARKED_BODY),
        Duration::ZERO
    );
    for mark in [marked_key().as_str(), URL_MARK, PROMPT_MARK] {
        assert!(!text.contains(mark), "{mark} stands in: {text}");
    }
    for (base_url, key) in [
        (format!("ftp://{URL_MARK}/"), marked_key()),
        (base_url, format!("{}\n", marked_key())),
    ] {
        let error = Client::new(base_url, SecretString::from(key)).unwrap_err();
        check_clean(&error);
        let kind = matches!(
            error,
            ClientError::Setup(UpstreamError {
                kind: UpstreamErrorKind::Scheme | UpstreamErrorKind::Key,
                ..
            })
        );
        assert!(kind, "{error:?}");
    }
}
