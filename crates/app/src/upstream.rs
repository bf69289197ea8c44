//! The upstream of this process: OpenAI, a server like it, or in development without a key the built-in simulator.
//!
//! Invariants: the simulator listens on loopback only, under a key made up at each start; it is never taken where a key is set.
//! Does not know: what is sent.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use anyhow::Context;
use config::{Settings, Upstream as UpstreamSettings};
use openai_client::{
    HyperTransport, ReqwestOptions, Timeouts, Upstream, UpstreamName, UpstreamOptions,
};
use openai_sim::{Sim, SimOptions};
use privacy::Scrubber;
use secrecy::{ExposeSecret, SecretString};

use crate::clocks;
use crate::wiring::{keep_out, random};

/// An upstream that can be called.
pub(crate) struct Connected {
    pub(crate) upstream: Upstream,
    /// Its name in headers and in the ledger.
    pub(crate) name: String,
    /// Its address, for the start's message.
    pub(crate) shown: String,
    /// Keeps the simulator alive.
    pub(crate) simulator: Option<Sim>,
}

/// Connects as the settings say. Nothing is sent yet.
pub(crate) async fn connect(settings: &Settings, scrubber: &Scrubber) -> anyhow::Result<Connected> {
    match &settings.upstream {
        UpstreamSettings::OpenAi {
            base_url,
            api_key,
            name,
        } => build(settings, base_url.as_str(), api_key.clone(), name, None),
        UpstreamSettings::Simulator => {
            let key = made_up_key()?;
            keep_out(scrubber, "simulator key", &key)?;
            let listen = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
            let options = SimOptions {
                listen,
                api_key: Some(key.expose_secret().to_owned()),
                created: u64::try_from(clocks::now().as_second()).unwrap_or(0),
                ..SimOptions::default()
            };
            let simulator = Sim::start(options)
                .await
                .context("start the built-in simulator")?;
            let base_url = simulator.base_url();
            build(settings, &base_url, key, "simulator", Some(simulator))
        }
    }
}

fn build(
    settings: &Settings,
    base_url: &str,
    api_key: SecretString,
    name: &str,
    simulator: Option<Sim>,
) -> anyhow::Result<Connected> {
    let from = &settings.timeouts;
    let timeouts = Timeouts {
        first_byte: from.first_byte,
        idle: from.idle,
        total: from.total,
    };
    let options = UpstreamOptions {
        name: UpstreamName::from(name),
        base_url: base_url.to_owned(),
        key: Some(api_key),
        timeouts,
    };
    let transport = HyperTransport::new(ReqwestOptions {
        connect: from.connect,
        ..ReqwestOptions::default()
    })
    .context("set up the HTTP client")?;
    let upstream = Upstream::new(options, Arc::new(transport)).context("set up the upstream")?;
    Ok(Connected {
        upstream,
        name: name.to_owned(),
        shown: base_url.to_owned(),
        simulator,
    })
}

/// A key for the simulator alone.
fn made_up_key() -> anyhow::Result<SecretString> {
    let bytes: [u8; 16] = random()?;
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(SecretString::from(format!("simulator-{hex}")))
}
