//! `keyward serve`: both planes, until a signal says to stop.
//!
//! Invariants: nothing listens before store, keys, prices and upstream are good; on a stop the planes drain first, then what is under way
//! is entered, then the store is closed; a first key that nobody could see does not stay in force.
//! Does not know: requests.

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use access::{Keyring, Minted, NewKey};
use anyhow::Context;
use config::{Environment, Server as ServerSettings};
use gateway::{Limits, Plane, Server};
use prometheus_client::registry::Registry;
use secrecy::ExposeSecret;
use storage::{Role, Store};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use crate::admin::Admin;
use crate::banner::Banner;
use crate::money::Tasks;
use crate::upstream::Connected;
use crate::wiring::{CouldNotRun, World};
use crate::{clocks, logging, table, upstream};

/// How often edits of keys are looked for.
const REFRESH_EVERY: Duration = Duration::from_millis(200);
/// The most connections of the admin plane.
const ADMIN_CONNECTIONS_MAX: usize = 64;
/// How long calls may take to be entered once both planes have ended.
const SETTLE_MAX: Duration = Duration::from_secs(5);
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
    let (gateway, escrow) = world
        .gateway(Arc::clone(&keyring), store.clone(), from, &mut registry)
        .await?;
    let money = Tasks::start(&world.settings, &store, &escrow)?;

    let settings = &world.settings.server;
    let data = Server::bind(settings.listen, gateway.limits(), gateway.clone())
        .await
        .map_err(|error| cannot_listen("server.listen", settings.listen, &error))?;
    let admin = Admin::new(gateway.clone(), registry);
    let admin = Server::bind(settings.admin_listen, admin_limits(settings), admin)
        .await
        .map_err(|error| cannot_listen("server.admin_listen", settings.admin_listen, &error))?;
    // Before anything says that the start is done: who reads that may stop at once.
    let stop = stop_signal()?;
    let (listen, admin_listen) = (data.local_address()?, admin.local_address()?);
    let first_key = first_key(&world, &keyring).await?;
    let secret = first_key
        .as_ref()
        .map(|minted| minted.secret.expose_secret());
    let banner = Banner {
        program: &program(),
        listen,
        admin: admin_listen,
        upstream: (&name, &shown),
        simulated: simulator.is_some(),
        database: &database(&world),
        first_key: secret,
        model: EXAMPLE_MODEL,
    };
    if let Err(error) = greet(&world, &banner) {
        return Err(unseen(&keyring, first_key.as_ref(), &error).await);
    }
    tracing::info!(listen = %banner.listen, admin_listen = %banner.admin, upstream = name, simulated = simulator.is_some(), "started");

    let refresher = tokio::spawn(refresh_keys(Arc::clone(&keyring)));
    tokio::join!(data.run(until(stop.clone())), admin.run(until(stop)));
    refresher.abort();
    if !settled(gateway.idle()).await {
        tracing::warn!(
            "calls were still under way at the end; they may be missing from the ledger"
        );
    }
    money.stop(&escrow).await;
    if let Some(simulator) = simulator {
        simulator.stop().await;
    }
    close(&store, &database(&world)).await?;
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

/// The program as it was called: `keyward` from the path, or the way to it.
fn program() -> String {
    let called = std::env::args_os().next().unwrap_or_default();
    called
        .into_string()
        .ok()
        .filter(|name| !name.is_empty())
        .unwrap_or_else(|| "keyward".to_owned())
}

fn database(world: &World) -> String {
    match &world.settings.database {
        config::Database::Sqlite(path) => path.display().to_string(),
        config::Database::Postgres(_) => "PostgreSQL".to_owned(),
    }
}

/// In development, where no virtual key is in force, the first one.
async fn first_key(world: &World, keyring: &Keyring) -> anyhow::Result<Option<Minted>> {
    let in_force = keyring.list().iter().any(|key| key.revoked_at.is_none());
    if world.settings.environment != Environment::Development || in_force {
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
    Ok(Some(minted))
}

/// Shows the banner: always in development, where a script may wait for the first key; else to a person only.
fn greet(world: &World, banner: &Banner<'_>) -> anyhow::Result<()> {
    if world.settings.environment == Environment::Development
        || std::io::IsTerminal::is_terminal(&std::io::stdout())
    {
        table::say(&banner.text())?;
    }
    Ok(())
}

/// Revokes a first key that could not be shown: nobody has it, and it would keep the next start from making one.
async fn unseen(
    keyring: &Keyring,
    first_key: Option<&Minted>,
    error: &anyhow::Error,
) -> anyhow::Error {
    let remedy = "give standard output a place that can be written, and start again";
    let Some(minted) = first_key else {
        return anyhow::anyhow!("say where the server listens: {error:#}; {remedy}");
    };
    let id = &minted.key.id;
    match keyring.revoke(id, clocks::now()).await {
        Ok(_) => {
            anyhow::anyhow!("show the first virtual key, so it was revoked: {error:#}; {remedy}")
        }
        Err(failed) => anyhow::anyhow!(
            "show the first virtual key: {error:#}; nor could it be revoked ({failed}): do so by `keyward keys revoke {id}`, then {remedy}"
        ),
    }
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

/// Waits until nothing is under way, for `SETTLE_MAX` at the most; false if something still is.
async fn settled(idle: impl Future<Output = ()>) -> bool {
    tokio::time::timeout(SETTLE_MAX, idle).await.is_ok()
}

/// Writes what is queued and closes. No flush before it: that gives up at the first commit that fails, where closing tries again.
async fn close(store: &Store, database: &str) -> anyhow::Result<()> {
    store.close().await.map_err(|error| {
        anyhow::anyhow!(
            "write the last entries of the ledger: {error}; they are lost, so for the last minutes trust the upstream's own usage page. \
             Make room for {database} and end what holds it before the next start"
        )
    })
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};

    use storage::{
        Disk, DiskStep, EntryRow, EntryWrite, OpenOptions, Role, Store, UsageBy, UsageQuery,
    };

    use super::{SETTLE_MAX, close, settled};

    /// A disk that refuses so many transactions.
    #[derive(Default)]
    struct Refusing(AtomicU32);

    impl Disk for Refusing {
        fn step(&self, step: DiskStep) -> io::Result<()> {
            let one_less = |left: u32| left.checked_sub(1);
            let (set, fetch) = (Ordering::SeqCst, Ordering::SeqCst);
            if step == DiskStep::Begin && self.0.fetch_update(set, fetch, one_less).is_ok() {
                return Err(io::Error::other("no space left"));
            }
            Ok(())
        }
    }

    /// Closes a store in which one entry waits, on a disk that refuses so many transactions from then on. Gives what closing said, and
    /// the number of entries that a next start finds.
    async fn check(refusals: u32) -> (anyhow::Result<()>, usize) {
        let directory = tempfile::tempdir().unwrap();
        let options = OpenOptions {
            path: directory.path().join("ledger.db"),
            role: Role::Server,
            gather: std::time::Duration::from_millis(3),
        };
        let disk = Arc::new(Refusing::default());
        let store = Store::open_on(options.clone(), Arc::<Refusing>::clone(&disk))
            .await
            .unwrap();
        disk.0.store(refusals, Ordering::SeqCst);
        let write = EntryWrite {
            row: entry(),
            leases: Vec::new(),
            epoch: 0,
        };
        drop(store.enqueue_entry(write).await.unwrap());
        let closed = close(&store, "ledger.db").await;
        drop(store);
        let again = Store::open(options).await.unwrap();
        let found = again.usage(UsageQuery::all(UsageBy::Key)).await.unwrap();
        (closed, found.len())
    }

    #[tokio::test]
    async fn a_disk_that_is_full_for_a_moment_at_the_stop_loses_nothing() {
        let (closed, entries) = check(4).await;
        assert!(closed.is_ok(), "{closed:?}");
        assert_eq!(entries, 1);
    }

    #[tokio::test]
    async fn entries_that_never_reach_the_disk_are_told_with_what_to_do() {
        let (closed, entries) = check(u32::MAX).await;
        assert_eq!(entries, 0);
        let said = closed.unwrap_err().to_string();
        for word in ["no space left", "Make room for ledger.db", "usage page"] {
            assert!(said.contains(word), "{word} in {said}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn the_end_waits_for_what_is_under_way_but_not_for_ever() {
        assert!(settled(tokio::time::sleep(SETTLE_MAX / 2)).await);
        assert!(!settled(std::future::pending()).await);
    }

    fn entry() -> EntryRow {
        EntryRow {
            entry_id: 0,
            request_id: [7; 16],
            attempt: 1,
            adjustment: 0,
            adjusts: None,
            state: "reported".to_owned(),
            at_ms: 0,
            window_day: 0,
            lease_id: None,
            key_id: "key_a".to_owned(),
            project: "default".to_owned(),
            endpoint: "embeddings".to_owned(),
            model: "model".to_owned(),
            model_served: None,
            upstream: "simulator".to_owned(),
            service_tier: None,
            price_row: None,
            input_tokens: 1,
            cached_input_tokens: 0,
            cache_write_30m_tokens: 0,
            cache_write_12h_tokens: 0,
            output_tokens: 0,
            reasoning_tokens: 0,
            other_usage: None,
            cost_pico_usd: 1,
            status: 200,
            outcome: "finished".to_owned(),
            cached: false,
            stream: false,
            latency_ms: 1,
            first_chunk_ms: None,
            end_user: None,
            tags: Vec::new(),
        }
    }
}
