//! Connects: name, TCP and, for `https`, TLS, all under one time limit.
//!
//! Invariants: the host's root certificates are read once; a connection that is late counts as none, so nothing was sent on it.
//! Does not know: HTTP, pools, paths, keys.

use std::error::Error;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use http::Uri;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder, MaybeHttpsStream};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioIo;
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls_platform_verifier::BuilderVerifierExt;
use tokio::net::TcpStream;
use tower_service::Service;

use crate::transport_options::{PROBE_INTERVAL, PROBES_MAX};

type BoxError = Box<dyn Error + Send + Sync>;

/// Makes one connection for each call of it. A clone is one reference: the pool clones it for every request.
#[derive(Clone)]
pub(crate) struct Connector {
    https: Arc<HttpsConnector<HttpConnector>>,
    within: Duration,
}

impl Connector {
    /// Reads the root certificates of the host; connects nowhere yet.
    ///
    /// Errors: no usable root certificates.
    pub(crate) fn new(within: Duration) -> Result<Self, rustls::Error> {
        let mut tcp = HttpConnector::new();
        // The scheme is judged by the layer of TLS.
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        // Shared out among the addresses of a name, so that a dead first one leaves time for the second.
        tcp.set_connect_timeout(Some(within));
        tcp.set_keepalive(Some(PROBE_INTERVAL));
        tcp.set_keepalive_interval(Some(PROBE_INTERVAL));
        tcp.set_keepalive_retries(Some(PROBES_MAX));
        #[cfg(any(target_os = "linux", target_os = "android", target_os = "fuchsia"))]
        tcp.set_tcp_user_timeout(Some(crate::transport_options::UNACKNOWLEDGED_MAX));
        let https = HttpsConnectorBuilder::new()
            .with_tls_config(tls()?)
            .https_or_http()
            .enable_all_versions()
            .wrap_connector(tcp);
        Ok(Self {
            https: Arc::new(https),
            within,
        })
    }
}

/// TLS 1.2 and 1.3 against the roots of the host, by the process's crypto provider where one is set.
fn tls() -> Result<rustls::ClientConfig, rustls::Error> {
    let provider = CryptoProvider::get_default()
        .map_or_else(|| Arc::new(aws_lc_rs::default_provider()), Arc::clone);
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_platform_verifier()?
        .with_no_client_auth();
    Ok(config)
}

impl Service<Uri> for Connector {
    type Response = MaybeHttpsStream<TokioIo<TcpStream>>;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, BoxError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, target: Uri) -> Self::Future {
        let mut https = HttpsConnector::clone(&self.https);
        let within = self.within;
        Box::pin(async move {
            let connecting = async {
                poll_fn(|context| https.poll_ready(context)).await?;
                https.call(target).await
            };
            tokio::time::timeout(within, connecting)
                .await
                .unwrap_or_else(|_| Err(io::Error::from(io::ErrorKind::TimedOut).into()))
        })
    }
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_handshake_that_stalls_is_under_the_limit() {
        let peer = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut connector = Connector::new(Duration::from_secs(5)).unwrap();
        let target = format!("https://{}/", peer.local_addr().unwrap());
        let connecting = connector.call(target.parse().unwrap());
        let error = tokio::time::timeout(Duration::from_secs(6), connecting)
            .await
            .unwrap()
            .err()
            .unwrap();
        let kind = error.downcast_ref::<io::Error>().unwrap().kind();
        assert_eq!(kind, io::ErrorKind::TimedOut);
        // TCP was there; the handshake was what did not come.
        peer.accept().await.unwrap();
    }
}
