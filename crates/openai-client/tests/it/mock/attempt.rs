//! One attempt over each real transport, against a peer that does what upstreams do on bad days.
//!
//! Invariants: each failure has its kind, blame and replay safety; nothing is followed or repeated.
//! Does not know: the errors below a transport's own.

use openai_client::{AttemptError, AttemptErrorKind, Blame, Phase, Replay, Timeouts};

use super::{SOON, over_each, patient, post, upstream};
use crate::peer::{NeverAccepts, Peer, Step, answer, chunked, closed_address};

/// Sends one call and reads the body chunk by chunk.
async fn run(base_url: &str, timeouts: Timeouts) -> Result<Vec<u8>, AttemptError> {
    let mut answer = upstream(base_url, timeouts).send(post("{}")).await?;
    let mut body = Vec::new();
    while let Some(chunk) = answer.chunk().await? {
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

async fn check_body(steps: Vec<Step>, expected: &[u8]) {
    let peer = Peer::start(vec![steps.clone()]).await;
    assert_eq!(
        run(&peer.base_url(), patient()).await.unwrap(),
        expected,
        "{steps:?}"
    );
}

async fn check_fails(steps: Vec<Step>, timeouts: Timeouts, kind: AttemptErrorKind) {
    let peer = Peer::start(vec![steps.clone(), steps.clone()]).await;
    let error = run(&peer.base_url(), timeouts).await.unwrap_err();
    assert_eq!(error.kind, kind, "{steps:?}: {error:?}");
    assert_eq!(
        (error.blame, error.replay),
        (Blame::Upstream, Replay::MayHaveRun),
        "{steps:?}"
    );
    assert!(peer.seen().len() <= 1, "the call was repeated: {steps:?}");
    // The whole body fails in the same way as its chunks.
    let whole = async {
        upstream(&peer.base_url(), timeouts)
            .send(post("{}"))
            .await?
            .whole(1 << 20)
            .await
    };
    assert_eq!(whole.await.unwrap_err().kind, kind, "{steps:?}");
}

fn sends(bytes: impl Into<Vec<u8>>) -> Vec<Step> {
    vec![Step::Read, Step::Send(bytes.into())]
}

#[tokio::test]
async fn a_body_comes_through_exactly_however_the_network_cuts_it() {
    over_each(async || {
        let body = "{\"h\u{e9}\u{1f600}\":\r\n1}".as_bytes();
        for bytes in [
            answer("200 OK", &[], body),
            chunked(&[&body[..5], &body[5..6], &body[6..]], "0\r\n\r\n"),
        ] {
            check_body(sends(bytes.clone()), body).await;
            check_body(vec![Step::Read, Step::Drip(bytes)], body).await;
        }
        check_body(sends(answer("204 No Content", &[], b"")), b"").await;
        // Neither length nor chunks: the end of the connection is the end, as HTTP/1.0 has it.
        check_body(
            sends(b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\nall of it".as_slice()),
            b"all of it",
        )
        .await;
        // What is encoded stays encoded.
        check_body(
            sends(answer(
                "200 OK",
                &[("content-encoding", "gzip")],
                b"\x1f\x8b not really",
            )),
            b"\x1f\x8b not really",
        )
        .await;
    })
    .await;
}

#[tokio::test]
async fn the_request_is_what_was_asked_and_carries_the_key() {
    over_each(async || {
        let peer = Peer::answer(answer("200 OK", &[], b"{}")).await;
        run(&peer.base_url(), patient()).await.unwrap();
        let request = peer.seen().concat();
        assert!(
            request.starts_with("POST /v1/chat/completions HTTP/1.1\r\n"),
            "{request}"
        );
        assert!(request.contains(&format!(
            "\r\nauthorization: Bearer {}\r\n",
            super::marked_key()
        )));
        assert!(
            request.contains("\r\ncontent-type: application/json\r\n")
                && request.ends_with("\r\n\r\n{}")
        );
        assert!(
            !request.to_lowercase().contains("accept-encoding"),
            "{request}"
        );
    })
    .await;
}

#[tokio::test]
async fn a_body_that_ends_too_early_is_cut_never_whole() {
    over_each(async || {
        let whole = answer("200 OK", &[], b"0123456789");
        for missing in 1..=10 {
            check_fails(
                sends(&whole[..whole.len() - missing]),
                patient(),
                AttemptErrorKind::Stream,
            )
            .await;
        }
        for end in ["", "0", "0\r\n", "0\r\n\r", "5\r\nabc"] {
            check_fails(
                sends(chunked(&[b"data: 1\n\n"], end)),
                patient(),
                AttemptErrorKind::Stream,
            )
            .await;
        }
    })
    .await;
}

#[tokio::test]
async fn garbage_is_told_from_a_broken_connection() {
    over_each(async || {
        for garbage in [
            "\0\0\0\0\0\0\0\0\r\n\r\n",
            "HTTP/1.1 abc OK\r\n\r\n",
            "SSH-2.0-OpenSSH_9.9\r\n",
            "HTTP/1.1 200 OK\r\nno colon here\r\n\r\n",
        ] {
            check_fails(sends(garbage), patient(), AttemptErrorKind::Malformed).await;
        }
        check_fails(
            sends(chunked(&[b"data"], "zz\r\nabc\r\n")),
            patient(),
            AttemptErrorKind::Malformed,
        )
        .await;
        for early in ["", "H", "HTTP/1.1 200", "HTTP/1.1 200 OK\r\ncontent-le"] {
            check_fails(sends(early), patient(), AttemptErrorKind::Unanswered).await;
        }
        check_fails(
            vec![Step::Read, Step::Reset],
            patient(),
            AttemptErrorKind::Unanswered,
        )
        .await;
    })
    .await;
}

#[tokio::test]
async fn each_stall_runs_into_its_own_limit() {
    over_each(async || {
        let first_byte = Timeouts {
            first_byte: SOON,
            ..patient()
        };
        check_fails(
            vec![Step::Stall],
            first_byte,
            AttemptErrorKind::Timeout(Phase::FirstByte),
        )
        .await;
        let half_head = vec![
            Step::Read,
            Step::Send(b"HTTP/1.1 200 OK\r\n".to_vec()),
            Step::Stall,
        ];
        check_fails(
            half_head,
            first_byte,
            AttemptErrorKind::Timeout(Phase::FirstByte),
        )
        .await;
        let half_body = vec![Step::Read, Step::Send(chunked(&[b"data"], "")), Step::Stall];
        check_fails(
            half_body.clone(),
            Timeouts {
                idle: SOON,
                ..patient()
            },
            AttemptErrorKind::Timeout(Phase::Idle),
        )
        .await;
        check_fails(
            half_body,
            Timeouts {
                total: SOON,
                ..patient()
            },
            AttemptErrorKind::Timeout(Phase::Total),
        )
        .await;
    })
    .await;
}

#[tokio::test]
async fn what_never_connected_is_safe_to_send_again() {
    over_each(async || {
        let address = closed_address().await;
        let error = run(&format!("http://{address}/v1"), patient())
            .await
            .unwrap_err();
        assert_eq!(
            (error.kind, error.replay),
            (AttemptErrorKind::Connect, Replay::Safe)
        );
        let deaf = NeverAccepts::start().await;
        let error = run(&format!("http://{}/v1", deaf.address), patient())
            .await
            .unwrap_err();
        assert_eq!(
            (error.kind, error.replay),
            (AttemptErrorKind::Timeout(Phase::Connect), Replay::Safe)
        );
        // Plain HTTP where TLS is expected: no handshake, so nothing was sent.
        let peer = Peer::start(vec![vec![Step::Send(
            b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec(),
        )]])
        .await;
        let error = run(&peer.base_url().replace("http://", "https://"), patient())
            .await
            .unwrap_err();
        assert_eq!(
            (error.kind, error.replay, peer.seen().len()),
            (AttemptErrorKind::Connect, Replay::Safe, 0)
        );
    })
    .await;
}

#[tokio::test]
async fn a_redirect_is_an_answer_and_the_key_goes_nowhere_else() {
    over_each(async || {
        for status in [
            "301 Moved Permanently",
            "302 Found",
            "307 Temporary Redirect",
            "308 Permanent Redirect",
        ] {
            let elsewhere = Peer::answer(answer("200 OK", &[], b"{}")).await;
            let target = elsewhere.base_url();
            let peer = Peer::answer(answer(status, &[("location", &target)], b"")).await;
            let answer = upstream(&peer.base_url(), patient())
                .send(post("{}"))
                .await
                .unwrap();
            let error = answer.error().unwrap();
            assert_eq!(
                (error.kind, error.blame),
                (
                    AttemptErrorKind::Status(answer.status.as_u16()),
                    Blame::Gateway
                )
            );
            assert_eq!(
                (
                    answer.headers["location"].to_str().unwrap(),
                    elsewhere.seen().len()
                ),
                (target.as_str(), 0)
            );
        }
    })
    .await;
}

#[tokio::test]
async fn any_status_is_an_answer_with_its_headers_and_body() {
    over_each(async || {
        for status in [
            "400 Bad Request",
            "401 Unauthorized",
            "429 Too Many Requests",
            "500 Internal Server Error",
            "599 Odd",
        ] {
            let peer = Peer::answer(answer(
                status,
                &[("x-request-id", "req_7"), ("retry-after", "1")],
                b"why",
            ))
            .await;
            let answer = upstream(&peer.base_url(), patient())
                .send(post("{}"))
                .await
                .unwrap();
            assert_eq!(
                (answer.request_id(), answer.error().is_some()),
                (Some("req_7"), true),
                "{status}"
            );
            assert_eq!(answer.whole(10).await.unwrap(), "why");
        }
    })
    .await;
}

#[tokio::test]
async fn a_call_on_a_connection_that_closes_under_it_is_not_repeated() {
    over_each(async || {
        let ok = answer("200 OK", &[], b"{}");
        let first = vec![Step::Read, Step::Send(ok), Step::Read];
        let peer = Peer::start(vec![first, vec![Step::Read], vec![Step::Read]]).await;
        let upstream = upstream(&peer.base_url(), patient());
        upstream
            .send(post("{}"))
            .await
            .unwrap()
            .whole(10)
            .await
            .unwrap();
        let error = upstream.send(post("{}")).await.unwrap_err();
        assert_eq!(
            (error.kind, error.replay),
            (AttemptErrorKind::Unanswered, Replay::MayHaveRun)
        );
        assert_eq!(peer.seen().len(), 2);
    })
    .await;
}

#[tokio::test]
async fn a_body_past_the_limit_is_refused_before_it_is_read() {
    over_each(async || {
        let body = vec![b'x'; 4096];
        for bytes in [
            answer("200 OK", &[], &body),
            chunked(&[&body[..2048], &body[2048..]], "0\r\n\r\n"),
        ] {
            let peer = Peer::answer(bytes).await;
            let answer = upstream(&peer.base_url(), patient())
                .send(post("{}"))
                .await
                .unwrap();
            let error = answer.whole(4095).await.unwrap_err();
            assert_eq!(error.kind, AttemptErrorKind::TooLarge { bytes_max: 4095 });
        }
        // A length that is a lie makes nobody reserve memory for it.
        let peer = Peer::answer(
            b"HTTP/1.1 200 OK\r\ncontent-length: 9223372036854775807\r\n\r\nx".to_vec(),
        )
        .await;
        let answer = upstream(&peer.base_url(), patient())
            .send(post("{}"))
            .await
            .unwrap();
        assert_eq!(
            answer.whole(4095).await.unwrap_err().kind,
            AttemptErrorKind::TooLarge { bytes_max: 4095 }
        );
    })
    .await;
}

#[tokio::test]
async fn an_answer_or_a_wait_that_is_dropped_closes_the_connection() {
    over_each(async || {
        let stalls = |bytes: Vec<u8>| vec![vec![Step::Read, Step::Send(bytes), Step::Stall]];
        let peer = Peer::start(stalls(chunked(&[b"data"], ""))).await;
        let mut answer = upstream(&peer.base_url(), patient())
            .send(post("{}"))
            .await
            .unwrap();
        assert_eq!(answer.chunk().await.unwrap().unwrap(), "data");
        drop(answer);
        peer.left().await;
        // A time limit drops the wait for the head.
        let peer = Peer::start(stalls(Vec::new())).await;
        let first_byte = Timeouts {
            first_byte: SOON,
            ..patient()
        };
        run(&peer.base_url(), first_byte).await.unwrap_err();
        peer.left().await;
    })
    .await;
}
