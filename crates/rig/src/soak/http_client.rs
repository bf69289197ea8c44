//! Plain HTTP on loopback.
//!
//! Invariants: no TLS, no redirects, no repeats; a body that is dropped closes its connection.
//! Does not know: what is sent.

use std::io;
use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request};
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::Value;

/// How long a connection may lie idle.
const IDLE_MAX: Duration = Duration::from_secs(20);
/// How long one exchange of JSON may take.
const EXCHANGE_MAX: Duration = Duration::from_secs(30);

pub(crate) type HttpClient = Client<HttpConnector, Full<Bytes>>;

pub(crate) fn client() -> HttpClient {
    let mut connector = HttpConnector::new();
    connector.set_nodelay(true);
    Client::builder(TokioExecutor::new())
        .pool_idle_timeout(IDLE_MAX)
        .retry_canceled_requests(false)
        .build(connector)
}

/// Sends a request and reads its answer as JSON.
///
/// Errors: no answer in time, a status that is not 200, no JSON.
pub(crate) async fn json(
    client: &HttpClient,
    method: Method,
    url: &str,
    body: Option<&Value>,
) -> io::Result<Value> {
    let body = body.map(Value::to_string).unwrap_or_default();
    let request = Request::builder()
        .method(method)
        .uri(url)
        .header("content-type", "application/json")
        .body(Full::from(body))
        .map_err(io::Error::other)?;
    let exchange = async {
        let answer = client.request(request).await.map_err(io::Error::other)?;
        let status = answer.status();
        let bytes = answer.into_body().collect().await;
        let bytes = bytes.map_err(io::Error::other)?.to_bytes();
        if status.as_u16() == 200 {
            serde_json::from_slice(&bytes).map_err(io::Error::other)
        } else {
            let text = String::from_utf8_lossy(&bytes);
            Err(io::Error::other(format!("status {status}: {text}")))
        }
    };
    tokio::time::timeout(EXCHANGE_MAX, exchange)
        .await
        .map_err(|_| io::Error::from(io::ErrorKind::TimedOut))?
}
