//! The tools for HTTP against each other.
//!
//! Invariants: no fixed port, no sleep.
//! Does not know: keyward.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::AsyncReadExt;

use rig::{CannedUpstream, Fault, FaultProxy, Load, Outcome, UpstreamOptions};

async fn run(address: SocketAddr, stream: bool) -> Outcome {
    let load = Load {
        connections: 4,
        lasts: Duration::from_millis(100),
        stream,
        ..Load::new(address)
    };
    load.run().await.unwrap()
}

async fn upstream() -> CannedUpstream {
    CannedUpstream::start(UpstreamOptions {
        chunks: 3,
        ..UpstreamOptions::default()
    })
    .await
    .unwrap()
}

#[tokio::test]
async fn whole_answers_have_the_stated_size() {
    let upstream = upstream().await;
    let outcome = run(upstream.address(), false).await;
    assert_eq!((outcome.errors, outcome.first_error), (0, None));
    assert!(outcome.requests > 0);
    assert_eq!(outcome.body_bytes, outcome.requests * 1000);
    assert!(outcome.latency_p50 <= outcome.latency_p99 && outcome.latency_p99 > Duration::ZERO);
}

#[tokio::test]
async fn streams_are_read_to_their_end() {
    let upstream = upstream().await;
    let outcome = run(upstream.address(), true).await;
    assert_eq!((outcome.errors, outcome.first_error), (0, None));
    assert!(outcome.requests > 0);
    assert_eq!(
        outcome.body_bytes % outcome.requests,
        0,
        "every stream has the same bytes"
    );
}

#[tokio::test]
async fn a_proxy_without_a_fault_changes_nothing() {
    let upstream = upstream().await;
    let proxy = FaultProxy::start(upstream.address(), Fault::None)
        .await
        .unwrap();
    let outcome = run(proxy.address(), false).await;
    assert_eq!(outcome.errors, 0);
    assert_eq!(outcome.body_bytes, outcome.requests * 1000);
}

#[tokio::test]
async fn every_cut_answer_is_an_error_and_no_request() {
    let upstream = upstream().await;
    for after_bytes in [0, 1, 100, 500] {
        let proxy = FaultProxy::start(upstream.address(), Fault::Cut { after_bytes })
            .await
            .unwrap();
        let outcome = run(proxy.address(), false).await;
        assert_eq!(outcome.requests, 0, "cut after {after_bytes}");
        assert!(outcome.errors > 0, "cut after {after_bytes}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_stalled_answer_ends_by_the_wait_and_is_an_error() {
    let upstream = upstream().await;
    let proxy = FaultProxy::start(upstream.address(), Fault::Stall { after_bytes: 100 })
        .await
        .unwrap();
    let outcome = run(proxy.address(), false).await;
    assert_eq!(outcome.requests, 0);
    assert!(outcome.first_error.is_some());
}

#[tokio::test]
async fn nobody_listening_is_an_error_and_ends() {
    let address = upstream().await.address();
    let outcome = run(address, false).await;
    assert_eq!(outcome.requests, 0);
    assert!(outcome.errors > 0);
}

#[tokio::test]
async fn a_fault_that_is_set_later_reaches_open_connections_and_can_be_taken_back() {
    let upstream = upstream().await;
    let proxy = FaultProxy::start(upstream.address(), Fault::None)
        .await
        .unwrap();
    let mut open = tokio::net::TcpStream::connect(proxy.address())
        .await
        .unwrap();
    proxy.set(Fault::Refuse);
    assert_eq!(open.read(&mut [0; 1]).await.unwrap_or(0), 0, "closed");
    assert_eq!(run(proxy.address(), false).await.requests, 0);
    proxy.set(Fault::Slow {
        pause: Duration::from_millis(1),
    });
    let slow = run(proxy.address(), false).await;
    assert!(slow.errors == 0 && slow.latency_p50 >= Duration::from_millis(1));
}

#[tokio::test]
async fn an_answer_is_swallowed_where_the_request_has_the_words() {
    let upstream = upstream().await;
    for (request, heard) in [("POST ", false), ("NOTHING OF THE KIND", true)] {
        let fault = Fault::Unheard { request };
        let proxy = FaultProxy::start(upstream.address(), fault).await.unwrap();
        let outcome = run(proxy.address(), false).await;
        assert_eq!(outcome.requests > 0, heard, "{request}");
        assert_eq!(outcome.errors > 0, !heard, "{request}");
    }
}
