//! Joins the crates: settings to store, keys, ledger, prices, upstream and gateway.
//!
//! Invariants: every long-lived secret is in the scrubber before anything else is done with it; one value of each part per process.
//! Does not know: what the parts do with each other.

use std::sync::Arc;

use access::{Keyring, Objects, Sharing};
use anyhow::Context;
use config::{SecretKeyPolicy, Settings, Sources, Upstream as UpstreamSettings};
use cost_accounting::{Escrow, Ledger, PriceBook, PriceSource, UnknownPrice};
use gateway::{Clock, Gateway, Parts};
use openai_client::Upstream;
use privacy::Scrubber;
use prometheus_client::registry::Registry;
use resilience::{BreakerSettings, CircuitBreaker, RequestLimiter, State, Transition};
use secrecy::SecretString;
use storage::{OpenOptions, PostgresOptions, Role, Store};

use crate::{clocks, money};

/// Something outside the program stood in the way: a port, a database, a price file. Exit code 2.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct CouldNotRun(pub(crate) String);

/// What every command needs.
pub(crate) struct World {
    pub(crate) settings: Arc<Settings>,
    pub(crate) prices: Arc<PriceBook>,
    pub(crate) scrubber: Scrubber,
}

impl World {
    /// Loads and checks settings and prices, and keeps their secrets out of all output.
    pub(crate) fn load(sources: &Sources, scrubber: &Scrubber) -> anyhow::Result<Self> {
        let loaded = config::load(sources, SecretKeyPolicy::MakeIfAbsent)?;
        let settings = loaded.settings;
        keep_out(scrubber, "SECRET_KEY", &settings.secret_key)?;
        if let UpstreamSettings::OpenAi { api_key, .. } = &settings.upstream {
            keep_out(scrubber, "OPENAI_API_KEY", api_key)?;
        }
        if let config::Database::Postgres(url) = &settings.database {
            keep_out(scrubber, "DATABASE_URL", url)?;
        }
        for (label, secret) in [
            ("webhook address", &settings.alerts.webhook_url),
            ("webhook secret", &settings.alerts.webhook_secret),
        ] {
            if let Some(secret) = secret {
                keep_out(scrubber, label, secret)?;
            }
        }
        let prices = read_prices(&settings, loaded.price_sources)?;
        Ok(Self {
            settings: Arc::new(settings),
            prices: Arc::new(prices),
            scrubber: scrubber.clone(),
        })
    }

    /// Opens the database.
    pub(crate) async fn open_store(&self, role: Role) -> anyhow::Result<Store> {
        let gather = self.settings.ledger.gather;
        let opened = match &self.settings.database {
            config::Database::Sqlite(path) => {
                let path = path.clone();
                Store::open(OpenOptions { path, role, gather }).await
            }
            config::Database::Postgres(url) => {
                let url = url.clone();
                Store::connect(PostgresOptions { url, role, gather }).await
            }
        };
        opened.map_err(|error| CouldNotRun(chain(&error)).into())
    }

    /// Builds the data plane over an open store and an upstream: what is called, its name, and whether it is the simulator.
    pub(crate) async fn gateway(
        &self,
        keyring: Arc<Keyring>,
        store: Store,
        (upstream, name, simulated): (Upstream, &str, bool),
        registry: &mut Registry,
    ) -> anyhow::Result<(Gateway, Escrow)> {
        let clock = clocks::monotonic();
        let escrow = money::open(&self.settings, &store, &clock).await?;
        let sharing = match self.settings.requests.object_owner {
            config::ObjectOwner::Project => Sharing::Project,
            config::ObjectOwner::Key => Sharing::Key,
        };
        let parts = Parts {
            keyring,
            objects: Objects::new(store.clone(), sharing),
            escrow,
            ledger: Ledger::new(store),
            prices: Arc::clone(&self.prices),
            upstream,
            upstream_name: name.to_owned(),
            simulated,
            takes_tier: takes_tier(&self.settings.upstream),
            breaker: Arc::new(breaker(&self.settings, &clock)),
            limiter: Arc::new(RequestLimiter::new(Arc::clone(&clock))),
            scrubber: self.scrubber.clone(),
            clock,
            wall: clocks::wall(),
            cache_secret: config::derive(&self.settings.secret_key, "embedding cache"),
            id_seed: random()?,
            settings: Arc::clone(&self.settings),
        };
        let escrow = parts.escrow.clone();
        Ok((Gateway::new(parts, registry), escrow))
    }
}

/// Whether the upstream is OpenAI itself or stands in for it, and so knows every field; other servers may refuse what they do not know.
pub(crate) fn takes_tier(upstream: &UpstreamSettings) -> bool {
    let UpstreamSettings::OpenAi { base_url, .. } = upstream else {
        return true;
    };
    base_url
        .host_str()
        .is_some_and(|host| host == "openai.com" || host.ends_with(".openai.com"))
}

/// Reads the price files.
///
/// Errors: every problem of every file, by file and line.
pub(crate) fn read_prices(
    settings: &Settings,
    sources: Vec<(String, String)>,
) -> Result<PriceBook, CouldNotRun> {
    let unknown = match settings.prices.unknown {
        config::UnknownPrice::Refuse => UnknownPrice::Refuse,
        config::UnknownPrice::Zero => UnknownPrice::Zero,
    };
    let sources: Vec<PriceSource> = sources
        .into_iter()
        .map(|(name, text)| PriceSource { name, text })
        .collect();
    let book =
        PriceBook::parse(&sources, unknown).map_err(|errors| CouldNotRun(errors.to_string()))?;
    Ok(if settings.prices.regional_uplift {
        book.in_region()
    } else {
        book
    })
}

/// Keeps a secret out of all output from now on.
pub(crate) fn keep_out(
    scrubber: &Scrubber,
    label: &str,
    secret: &SecretString,
) -> anyhow::Result<()> {
    scrubber.keep_out(label, secret).map_err(|error| {
        CouldNotRun(format!("keep {label} out of the logs: {}", chain(&error))).into()
    })
}

/// Bytes from the system's random source.
pub(crate) fn random<const N: usize>() -> anyhow::Result<[u8; N]> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).context("read the system's random source")?;
    Ok(bytes)
}

fn breaker(settings: &Settings, clock: &Clock) -> CircuitBreaker {
    let from = &settings.breaker;
    let settings = BreakerSettings {
        consecutive_failures_max: from.consecutive_failures_max,
        window: from.window,
        failure_rate_percent: from.failure_rate_percent,
        calls_min: from.calls_min,
        open_for: from.open_for,
        half_open_probes: from.half_open_probes,
    };
    CircuitBreaker::observed(settings, Arc::clone(clock), log_transition)
}

fn log_transition(transition: Transition) {
    let (from, to, reason) = (
        transition.from.name(),
        transition.to.name(),
        transition.reason.name(),
    );
    if matches!(transition.to, State::Open { .. }) {
        tracing::warn!(
            from,
            to,
            reason,
            "the circuit to the upstream opened; calls are held back"
        );
    } else {
        tracing::info!(from, to, reason, "the circuit to the upstream moved");
    }
}

/// An error with its causes, for a person.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}

#[cfg(test)]
mod tests {
    use config::Sources;
    use privacy::Scrubber;

    use super::World;

    #[test]
    fn the_secrets_of_the_database_and_the_webhook_are_kept_out_of_all_output() {
        let directory = tempfile::tempdir().unwrap();
        let secrets = [
            (
                "DATABASE_URL",
                "postgresql://one:lizard-plum@db.example/books",
            ),
            (
                "KEYWARD_ALERTS__WEBHOOK_URL",
                "https://hooks.example/T0/plum-lizard",
            ),
            ("KEYWARD_ALERTS__WEBHOOK_SECRET", "sixteen-letters-and-more"),
        ];
        let owned = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
        let sources = Sources {
            config_dir: None,
            environment: secrets.into_iter().map(owned).collect(),
            working_dir: directory.path().to_owned(),
            cli: Vec::new(),
        };
        let scrubber = Scrubber::new();
        World::load(&sources, &scrubber).unwrap();
        for (name, secret) in secrets {
            let line = format!("failed at {secret}, alas");
            assert!(!scrubber.scrub(&line).contains(secret), "{name}");
        }
    }
}
