//! The mock tier: loopback only.
//!
//! Invariants: keys are made up at run time.
//! Does not know: any real upstream.

use std::cell::Cell;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method};
use openai_client::{
    Call, HyperTransport, ReqwestTransport, Timeouts, Transport, TransportOptions, Upstream,
    UpstreamOptions,
};
use secrecy::SecretString;

mod attempt;
mod billed;
mod chat;
mod conformity;
mod conformity_typed;
mod drifts;
mod embeddings;
mod responses;
mod secrets;

/// The ways to the network that keep the same promises.
#[derive(Clone, Copy, Debug)]
enum Network {
    Hyper,
    Reqwest,
}

thread_local! {
    /// One client of each kind for each test, which has a thread of its own: reading the host's root certificates takes longer
    /// than all else.
    static HYPER: Arc<dyn Transport> = Arc::new(HyperTransport::new(options()).unwrap());
    static REQWEST: Arc<dyn Transport> = Arc::new(ReqwestTransport::new(options()).unwrap());
    /// The one that [`transport`] gives on this thread.
    static NETWORK: Cell<Network> = const { Cell::new(Network::Hyper) };
}

fn options() -> TransportOptions {
    TransportOptions {
        connect: Duration::from_secs(1),
        ..TransportOptions::default()
    }
}

/// Runs `test` over each transport in turn.
pub(crate) async fn over_each(test: impl AsyncFn()) {
    for network in [Network::Hyper, Network::Reqwest] {
        println!("over {network:?}");
        NETWORK.set(network);
        test().await;
    }
}

/// The transport under test: hyper, unless [`over_each`] says otherwise.
pub(crate) fn transport() -> Arc<dyn Transport> {
    match NETWORK.get() {
        Network::Hyper => HYPER.with(Arc::clone),
        Network::Reqwest => REQWEST.with(Arc::clone),
    }
}

/// A made-up key that is easy to find again.
pub(crate) fn marked_key() -> String {
    ["sk", "-", "mark3d", "-", "k3y", "-", "0a1b2c3d4e5f"].concat()
}

/// Limits that no healthy exchange on loopback reaches.
pub(crate) fn patient() -> Timeouts {
    let long = Duration::from_secs(30);
    Timeouts {
        first_byte: long,
        idle: long,
        total: long,
    }
}

/// A limit that a stalled peer reaches soon.
pub(crate) const SOON: Duration = Duration::from_millis(40);

pub(crate) fn upstream(base_url: &str, timeouts: Timeouts) -> Upstream {
    let key = Some(SecretString::from(marked_key()));
    let options = UpstreamOptions {
        name: "peer".into(),
        base_url: base_url.to_owned(),
        key,
        timeouts,
    };
    Upstream::new(options, transport()).unwrap()
}

pub(crate) fn post(body: &'static str) -> Call<'static> {
    Call {
        method: Method::POST,
        path: "/chat/completions",
        headers: HeaderMap::new(),
        body: Bytes::from_static(body.as_bytes()),
    }
}
