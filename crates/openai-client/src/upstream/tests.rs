//! What goes out for a call: where to, with which headers; and how long an attempt may take, on a paused clock.
//!
//! Invariants: no network, no real time.
//! Does not know: which transport is real.

use std::pin::Pin;
use std::sync::Mutex;
use std::task::{Context, Poll};

use futures_util::{Stream, stream};
use http::StatusCode;

use super::*;
use crate::transport::{TransportBody, TransportError, TransportErrorKind, TransportFuture};
use crate::{Blame, Replay};

/// Answers after a wait with chunks that each come after a wait, then ends, fails or stalls.
#[derive(Default)]
struct Scripted {
    head_after: Duration,
    chunks: Vec<(Duration, &'static [u8])>,
    end: End,
    failure: Option<TransportErrorKind>,
    seen: Mutex<Vec<http::Request<Bytes>>>,
}

#[derive(Clone, Copy, Default)]
enum End {
    #[default]
    Clean,
    Cut,
    Stall,
}

impl Transport for Scripted {
    fn send(&self, request: http::Request<Bytes>) -> TransportFuture {
        self.seen.lock().unwrap().push(request);
        let (head_after, failure) = (self.head_after, self.failure);
        let body = body(self.chunks.clone(), self.end);
        Box::pin(async move {
            tokio::time::sleep(head_after).await;
            match failure {
                Some(kind) => Err(TransportError::new(kind)),
                None => Ok(http::Response::new(body)),
            }
        })
    }
}

fn body(chunks: Vec<(Duration, &'static [u8])>, end: End) -> TransportBody {
    let chunks = stream::iter(chunks);
    let chunks = futures_util::StreamExt::then(chunks, |(wait, bytes)| async move {
        tokio::time::sleep(wait).await;
        Ok(Bytes::from_static(bytes))
    });
    Box::pin(futures_util::StreamExt::chain(chunks, Ending(end)))
}

struct Ending(End);

impl Stream for Ending {
    type Item = Result<Bytes, TransportError>;

    fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        match self.0 {
            End::Clean => Poll::Ready(None),
            End::Stall => Poll::Pending,
            End::Cut => {
                self.0 = End::Clean;
                Poll::Ready(Some(Err(TransportError::new(TransportErrorKind::Cut))))
            }
        }
    }
}

fn secret() -> String {
    ["sk", "-made-up-", "4f1d6a"].concat()
}

fn options(base_url: &str) -> UpstreamOptions {
    UpstreamOptions {
        name: "main".into(),
        base_url: base_url.to_owned(),
        key: Some(SecretString::from(secret())),
        timeouts: Timeouts {
            first_byte: seconds(10),
            idle: seconds(5),
            total: seconds(60),
        },
    }
}

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn upstream(base_url: &str, transport: Arc<Scripted>) -> Upstream {
    Upstream::new(options(base_url), transport).unwrap()
}

fn call(path: &str) -> Call<'_> {
    Call {
        method: Method::POST,
        path,
        headers: HeaderMap::new(),
        body: Bytes::from_static(b"{}"),
    }
}

/// Makes one call and reads it to its end; the failure, and when it came.
async fn run(transport: Scripted) -> (Result<Vec<u8>, AttemptError>, Duration) {
    let start = tokio::time::sleep(Duration::ZERO).deadline();
    let upstream = upstream("http://127.0.0.1:9/v1", Arc::new(transport));
    let result = async {
        let mut answer = upstream.send(call("/chat/completions")).await?;
        let mut bytes = Vec::new();
        while let Some(chunk) = answer.chunk().await? {
            bytes.extend_from_slice(&chunk);
        }
        assert!(answer.chunk().await?.is_none(), "an ended body stays ended");
        Ok(bytes)
    }
    .await;
    (
        result,
        tokio::time::sleep(Duration::ZERO).deadline() - start,
    )
}

async fn check_fails(transport: Scripted, kind: AttemptErrorKind, after: Duration) {
    let (result, took) = run(transport).await;
    let error = result.unwrap_err();
    assert_eq!(
        (error.kind, error.blame, error.replay, took),
        (kind, kind.blame(), kind.replay(), after)
    );
}

async fn check_uri(base_url: &str, path: &str, expected: Option<&str>) {
    let transport = Arc::new(Scripted::default());
    let sent = upstream(base_url, Arc::clone(&transport))
        .send(call(path))
        .await;
    let seen = transport
        .seen
        .lock()
        .unwrap()
        .first()
        .map(|request| request.uri().to_string());
    assert_eq!(seen.as_deref(), expected, "{base_url} and {path}");
    if expected.is_none() {
        let error = sent.unwrap_err();
        assert_eq!(
            (error.kind, error.replay),
            (AttemptErrorKind::Unsendable, Replay::Safe)
        );
    }
}

#[tokio::test]
async fn a_path_is_joined_to_any_prefix_and_cannot_leave_it() {
    check_uri(
        "https://api.openai.com/v1",
        "/models",
        Some("https://api.openai.com/v1/models"),
    )
    .await;
    check_uri(
        "https://api.openai.com/v1/",
        "/models?a=b/../c",
        Some("https://api.openai.com/v1/models?a=b/../c"),
    )
    .await;
    check_uri(
        "http://[::1]:8080",
        "/models",
        Some("http://[::1]:8080/models"),
    )
    .await;
    check_uri(
        " http://Gate.Example:80/a/b//",
        "/x",
        Some("http://gate.example/a/b/x"),
    )
    .await;
    check_uri(
        "http://b\u{fc}cher.example/v1",
        "/x",
        Some("http://xn--bcher-kva.example/v1/x"),
    )
    .await;
    // Dots alone are what resolves; more of them, or others beside them, are a name.
    for path in ["/...", "/.a/b.", "/%2e%2", "/..%2ex", "/%2e%2e%2e"] {
        let joined = format!("http://127.0.0.1/v1{path}");
        check_uri("http://127.0.0.1/v1", path, Some(&joined)).await;
    }
    for path in [
        "",
        "models",
        "//../x",
        "/../x",
        "/a/%2e%2E/x",
        "/a/.%2e",
        "/./x",
        "/%2e/x",
        "/x/%2E",
        "/a\\..\\x",
        "/x#y",
        "/a b",
        "http://evil.example/",
    ] {
        check_uri("http://127.0.0.1/v1", path, None).await;
    }
    // Two slashes at the front are still a path: the host comes from the base URL alone.
    check_uri(
        "http://127.0.0.1",
        "//evil.example/x",
        Some("http://127.0.0.1//evil.example/x"),
    )
    .await;
}

#[test]
fn a_base_url_or_key_that_cannot_be_used_is_refused_without_showing_it() {
    let cases = [
        ("mark", UpstreamErrorKind::Url),
        ("http://", UpstreamErrorKind::Url),
        ("ftp://mark/", UpstreamErrorKind::Scheme),
        ("http://mark:mark@h/v1", UpstreamErrorKind::Credentials),
        ("http://h/v1?mark=1", UpstreamErrorKind::Query),
        ("http://h/v1#mark", UpstreamErrorKind::Query),
    ];
    for (base_url, kind) in cases {
        let error = Upstream::new(options(base_url), Arc::new(Scripted::default())).unwrap_err();
        assert_eq!(error.kind, kind, "{base_url}");
        assert!(!format!("{error} {error:?}").contains("mark"));
    }
    let key = Some(SecretString::from("mark\n".to_owned()));
    let error = Upstream::new(
        UpstreamOptions {
            key,
            ..options("http://h")
        },
        Arc::new(Scripted::default()),
    )
    .unwrap_err();
    assert_eq!(
        (error.kind, error.to_string().contains("mark")),
        (UpstreamErrorKind::Key, false)
    );
}

#[tokio::test]
async fn the_key_goes_out_once_and_the_callers_credentials_do_not() {
    let transport = Arc::new(Scripted::default());
    let with_key = upstream("http://h/v1", Arc::clone(&transport));
    let without_key = Upstream::new(
        UpstreamOptions {
            key: None,
            ..options("http://h")
        },
        Arc::clone(&transport) as _,
    )
    .unwrap();
    for upstream in [&with_key, &without_key] {
        let mut headers = HeaderMap::new();
        for name in &DROPPED {
            headers.append(name, HeaderValue::from_static("callers"));
        }
        headers.append("authorization", HeaderValue::from_static("callers second"));
        headers.insert("openai-beta", HeaderValue::from_static("kept"));
        upstream
            .send(Call {
                headers,
                ..call("/x")
            })
            .await
            .unwrap();
    }
    let seen = transport.seen.lock().unwrap();
    let sent = |request: &http::Request<Bytes>| -> Vec<(String, String)> {
        let text = |value: &HeaderValue| value.to_str().unwrap().to_owned();
        let mut sent: Vec<_> = request
            .headers()
            .iter()
            .map(|(name, value)| (name.to_string(), text(value)))
            .collect();
        sent.sort();
        sent
    };
    let common = [
        ("accept", "*/*"),
        ("content-type", "application/json"),
        ("openai-beta", "kept"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()));
    assert_eq!(
        sent(&seen[0]),
        [
            common[..1].to_vec(),
            vec![("authorization".to_owned(), format!("Bearer {}", secret()))],
            common[1..].to_vec()
        ]
        .concat()
    );
    assert_eq!(sent(&seen[1]), common);
    assert!(!format!("{:?} {with_key:?}", seen[0]).contains(&secret()));
}

#[tokio::test(start_paused = true)]
async fn each_time_limit_is_its_own_and_named() {
    use AttemptErrorKind::Timeout;
    let late = Scripted {
        head_after: seconds(11),
        ..Scripted::default()
    };
    check_fails(late, Timeout(Phase::FirstByte), seconds(10)).await;
    let stalled = Scripted {
        chunks: vec![(seconds(4), b"a")],
        end: End::Stall,
        ..Scripted::default()
    };
    check_fails(stalled, Timeout(Phase::Idle), seconds(9)).await;
    let drip = Scripted {
        head_after: seconds(9),
        chunks: vec![(seconds(4), b"a"); 20],
        ..Scripted::default()
    };
    check_fails(drip, Timeout(Phase::Total), seconds(60)).await;
    let connecting = Scripted {
        failure: Some(TransportErrorKind::ConnectTimeout),
        ..Scripted::default()
    };
    check_fails(connecting, Timeout(Phase::Connect), Duration::ZERO).await;
    let in_time = Scripted {
        head_after: seconds(9),
        chunks: vec![(seconds(4), b"ab"); 10],
        ..Scripted::default()
    };
    let (result, took) = run(in_time).await;
    assert_eq!((result.unwrap(), took), (b"ab".repeat(10), seconds(49)));
}

#[tokio::test(start_paused = true)]
async fn an_upstream_that_is_always_ready_cannot_hide_from_the_total_limit() {
    let transport = Scripted {
        chunks: vec![(Duration::from_millis(1), b"a"); 100_000],
        ..Scripted::default()
    };
    check_fails(
        transport,
        AttemptErrorKind::Timeout(Phase::Total),
        seconds(60),
    )
    .await;
}

#[tokio::test(start_paused = true)]
async fn limits_may_cross_and_may_be_endless() {
    let late = || Scripted {
        head_after: seconds(9),
        ..Scripted::default()
    };
    for (first_byte, total, expected) in [
        (seconds(8), Duration::MAX, Some(Phase::FirstByte)),
        (seconds(8), seconds(8), Some(Phase::Total)),
        (Duration::MAX, seconds(8), Some(Phase::Total)),
        (seconds(10), Duration::MAX, None),
        (Duration::MAX, Duration::MAX, None),
    ] {
        let timeouts = Timeouts {
            first_byte,
            total,
            idle: Duration::MAX,
        };
        let options = UpstreamOptions {
            timeouts,
            ..options("http://h/v1")
        };
        let upstream = Upstream::new(options, Arc::new(late())).unwrap();
        let result = async { upstream.send(call("/x")).await?.whole(10).await };
        let kind = result.await.err().map(|error| error.kind);
        assert_eq!(
            kind,
            expected.map(AttemptErrorKind::Timeout),
            "{timeouts:?}"
        );
    }
}

#[tokio::test]
async fn failures_of_the_transport_keep_their_kind_blame_and_source() {
    for (below, kind) in [
        (TransportErrorKind::Unsendable, AttemptErrorKind::Unsendable),
        (TransportErrorKind::Connect, AttemptErrorKind::Connect),
        (TransportErrorKind::Unanswered, AttemptErrorKind::Unanswered),
        (TransportErrorKind::Cut, AttemptErrorKind::Stream),
        (TransportErrorKind::Malformed, AttemptErrorKind::Malformed),
    ] {
        let (result, _) = run(Scripted {
            failure: Some(below),
            ..Scripted::default()
        })
        .await;
        let error = result.unwrap_err();
        assert_eq!((error.kind, error.source.is_some()), (kind, true));
    }
    let connect = AttemptErrorKind::Connect;
    assert_eq!(
        (connect.blame(), connect.replay()),
        (Blame::Upstream, Replay::Safe)
    );
}

#[tokio::test]
async fn a_body_that_failed_never_ends_cleanly() {
    let transport = Arc::new(Scripted {
        chunks: vec![(Duration::ZERO, b"half")],
        end: End::Cut,
        ..Scripted::default()
    });
    let upstream = upstream("http://h", Arc::clone(&transport));
    let mut answer = upstream.send(call("/x")).await.unwrap();
    assert_eq!(answer.chunk().await.unwrap().as_deref(), Some(&b"half"[..]));
    for _ in 0..3 {
        assert_eq!(
            answer.chunk().await.unwrap_err().kind,
            AttemptErrorKind::Stream
        );
    }
    let answer = upstream.send(call("/x")).await.unwrap();
    assert_eq!(
        answer.whole(100).await.unwrap_err().kind,
        AttemptErrorKind::Stream
    );
}

#[tokio::test]
async fn a_whole_body_is_bounded_and_uncopied_when_it_comes_at_once() {
    const ONE: &[u8] = b"12345678";
    for (chunks, bytes_max, fits) in [
        (vec![], 0, true),
        (vec![ONE], 8, true),
        (vec![ONE], 7, false),
        (vec![ONE, ONE], 16, true),
        (vec![ONE, ONE], 15, false),
        (vec![ONE, ONE, ONE], 17, false),
    ] {
        let expected = chunks.concat();
        let single = chunks.len() == 1;
        let chunks = chunks
            .into_iter()
            .map(|chunk| (Duration::ZERO, chunk))
            .collect();
        let upstream = upstream(
            "http://h",
            Arc::new(Scripted {
                chunks,
                ..Scripted::default()
            }),
        );
        let answer = upstream.send(call("/x")).await.unwrap();
        assert_eq!(
            (answer.status, answer.error().is_none()),
            (StatusCode::OK, true)
        );
        match answer.whole(bytes_max).await {
            Ok(bytes) => {
                assert!(fits);
                assert_eq!(bytes, expected);
                assert!(!single || bytes.as_ptr() == ONE.as_ptr());
            }
            Err(error) => {
                assert!(!fits);
                assert_eq!(error.kind, AttemptErrorKind::TooLarge { bytes_max });
            }
        }
    }
}
