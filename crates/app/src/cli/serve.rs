//! `keyward serve`: both planes, until a signal says to stop.
//!
//! Invariants: nothing listens before store, keys, prices and upstream are good; on a stop the planes drain first, then the ledger is
//! flushed and the store closed.
//! Does not know: requests.

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use access::{Keyring, NewKey};
use anyhow::Context;
use config::{Environment, Server as ServerSettings};
use gateway::{Limits, Server};
use prometheus_client::registry::Registry;
use secrecy::{ExposeSecret, SecretString};
use storage::{Role, Store};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use crate::admin::Admin;
use crate::banner::Banner;
use crate::upstream::Connected;
use crate::wiring::{CouldNotRun, World};
use crate::{clocks, logging, table, upstream};

/// How often edits of keys are looked for.
const REFRESH_EVERY: Duration = Duration::from_millis(200);
/// The most connections of the admin plane.
const ADMIN_CONNECTIONS_MAX: usize = 64;
/// The model in the calls that the banner shows.
const EXAMPLE_MODEL: &str = "gpt-4o-mini";

/// Serves until stopped.
pub(crate) async fn run(world: World) -> anyhow::Result<ExitCode> {
    logging::start(&world.settings.log, &world.scrubber)?;
    let store = world.open_store(Role::Server).await?;
    let keyring = Arc::new(
        Keyring::open(store.clone())
            .await
            .context("read the virtual keys")?,
    );
    let connected = upstream::connect(&world.settings, &world.scrubber).await?;
    let Connected {
        upstream,
        name,
        shown,
        simulator,
    } = connected;
    let mut registry = Registry::default();
    let from = (upstream, name.as_str(), simulator.is_some());
    let gateway = world.gateway(Arc::clone(&keyring), store.clone(), from, &mut registry)?;

    let settings = &world.settings.server;
    let data = Server::bind(settings.listen, gateway.limits(), gateway.clone())
        .await
        .map_err(|error| cannot_listen("server.listen", settings.listen, &error))?;
    let admin = Admin::new(gateway.clone(), registry);
    let admin = Server::bind(settings.admin_listen, admin_limits(settings), admin)
        .await
        .map_err(|error| cannot_listen("server.admin_listen", settings.admin_listen, &error))?;
    let first_key = first_key(&world, &keyring).await?;
    let banner = Banner {
        listen: data.local_address()?,
        admin: admin.local_address()?,
        upstream: (&name, &shown),
        simulated: simulator.is_some(),
        database: &database(&world),
        first_key: first_key.as_ref().map(ExposeSecret::expose_secret),
        model: EXAMPLE_MODEL,
    };
    if world.settings.environment == Environment::Development
        || std::io::IsTerminal::is_terminal(&std::io::stdout())
    {
        table::say(&banner.text())?;
    }
    tracing::info!(listen = %banner.listen, admin_listen = %banner.admin, upstream = name, simulated = simulator.is_some(), "started");

    let stop = stop_signal()?;
    let refresher = tokio::spawn(refresh_keys(Arc::clone(&keyring)));
    tokio::join!(data.run(until(stop.clone())), admin.run(until(stop)));
    refresher.abort();
    if let Some(simulator) = simulator {
        simulator.stop().await;
    }
    close(&store).await?;
    tracing::info!("stopped");
    Ok(ExitCode::SUCCESS)
}

fn cannot_listen(
    field: &str,
    address: std::net::SocketAddr,
    error: &std::io::Error,
) -> CouldNotRun {
    CouldNotRun(format!(
        "listen on {address}: {error}; set {field} to another address, such as 127.0.0.1:0 for a free port"
    ))
}

fn admin_limits(settings: &ServerSettings) -> Limits {
    Limits {
        connections_max: ADMIN_CONNECTIONS_MAX,
        header_timeout: settings.header_timeout,
        keep_alive_timeout: settings.keep_alive_timeout,
        write_timeout: settings.header_timeout,
        drain: Duration::from_secs(1),
    }
}

fn database(world: &World) -> String {
    let config::Database::Sqlite(path) = &world.settings.database;
    path.display().to_string()
}

/// In development, on the first start, the first virtual key.
async fn first_key(world: &World, keyring: &Keyring) -> anyhow::Result<Option<SecretString>> {
    if world.settings.environment != Environment::Development || !keyring.list().is_empty() {
        return Ok(None);
    }
    let new = NewKey {
        name: "first key".to_owned(),
        project: "default".to_owned(),
        ..NewKey::default()
    };
    let minted = keyring
        .create(new, clocks::now())
        .await
        .context("make the first virtual key")?;
    Ok(Some(minted.secret))
}

async fn refresh_keys(keyring: Arc<Keyring>) {
    let mut failing = false;
    loop {
        tokio::time::sleep(REFRESH_EVERY).await;
        match keyring.refresh().await {
            Ok(_) if failing => {
                failing = false;
                tracing::warn!("virtual keys can be read again");
            }
            Err(error) if !failing => {
                failing = true;
                tracing::warn!(%error, "failed to read the virtual keys; those known stay in force");
            }
            _ => {}
        }
    }
}

/// Turns true at the first SIGINT or SIGTERM; a second one ends the process at once.
fn stop_signal() -> anyhow::Result<watch::Receiver<bool>> {
    let mut terminate = signal(SignalKind::terminate()).context("wait for SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("wait for SIGINT")?;
    let (sender, receiver) = watch::channel(false);
    drop(tokio::spawn(async move {
        for is_first in [true, false] {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
            if is_first {
                tracing::info!("stopping: no new calls; what is under way may finish");
                sender.send_replace(true);
            }
        }
        tracing::warn!("stopped at once by a second signal");
        std::process::exit(1);
    }));
    Ok(receiver)
}

async fn until(mut stop: watch::Receiver<bool>) {
    if stop.wait_for(|stop| *stop).await.is_err() {
        std::future::pending::<()>().await;
    }
}

async fn close(store: &Store) -> anyhow::Result<()> {
    store
        .flush()
        .await
        .context("write the last entries of the ledger")?;
    store.close().await.context("close the database")
}
