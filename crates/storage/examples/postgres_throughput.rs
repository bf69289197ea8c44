//! Measures the writer and grants on a PostgreSQL server of its own, fsync on, on the disk of the temporary directory.
//!
//! Usage: `cargo run --release -p storage --example postgres_throughput -- [ENTRIES]`
//!
//! Invariants: each figure is of an empty database.
//! Does not know: other machines, nor a network: the server runs beside it and takes its share of the processors.

#![expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a stop-watch that prints what it read"
)]

use std::time::{Duration, Instant};

use rig::Postgres;
use storage::{
    BOOKS, BudgetSet, EntryRow, EntryWrite, PostgresOptions, Role, Store, StoreError, Want,
};

type Outcome<T> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

const ENTRIES: u64 = 200_000;
const GRANTS: usize = 2_000;
const INSTANCES: [[u8; 16]; 2] = [[7; 16], [8; 16]];

#[tokio::main]
async fn main() -> Outcome<()> {
    let entries = std::env::args()
        .nth(1)
        .map_or(Ok(ENTRIES), |text| text.parse())?;
    let postgres = Postgres::start()?;
    for (name, keys, servers) in [
        ("bare", 0, 1_u64),
        ("charging books, global and 50 keys", 50, 1),
        ("charging books, global and 5,000 keys", 5_000, 1),
        ("charging books, global and 50 keys, two servers", 50, 2),
    ] {
        postgres.psql("SET client_min_messages = error; DROP SCHEMA IF EXISTS keyward CASCADE")?;
        let mut stores = Vec::new();
        for _ in 0..servers {
            stores.push(open(&postgres).await?);
        }
        let budgets = set_budgets(&stores[0], keys).await?;
        let mut tasks = Vec::new();
        let start = Instant::now();
        for (number, store) in (0..).zip(&stores) {
            let (store, budgets) = (store.clone(), budgets.clone());
            tasks.push(tokio::spawn(write_entries(store, number, budgets, entries)));
        }
        let mut seconds = 0.0_f64;
        for task in tasks {
            seconds = seconds.max(task.await??);
        }
        let written = f64::from(u32::try_from(entries * servers)?);
        println!(
            "{name}: {:.0} entries a second, {:.1} s in all",
            written / seconds,
            start.elapsed().as_secs_f64()
        );
        if keys == 50 {
            print_grants("one after the other", &stores, &budgets, 1).await?;
            print_grants("eight at once", &stores, &budgets, 8).await?;
        }
        for store in stores {
            store.close().await?;
        }
    }
    Ok(())
}

async fn open(postgres: &Postgres) -> Result<Store, StoreError> {
    let options = PostgresOptions {
        url: postgres.url().into(),
        role: Role::Server,
        gather: Duration::from_millis(5),
    };
    Store::connect(options).await
}

/// The budgets' ids: the global one and those of the keys.
async fn set_budgets(store: &Store, keys: usize) -> Result<Vec<i64>, StoreError> {
    let mut budgets = Vec::new();
    for key in 0..=keys {
        let global = key == 0;
        let set = BudgetSet {
            scope_kind: if global { "global" } else { "key" }.to_owned(),
            scope_value: if global {
                String::new()
            } else {
                format!("key_{key}")
            },
            window: "day".to_owned(),
            limit_pico_usd: i64::MAX / 2,
        };
        if keys > 0 {
            budgets.push(store.set_budget(set).await?.budget_id);
        }
    }
    Ok(budgets)
}

async fn write_entries(store: Store, server: u8, budgets: Vec<i64>, entries: u64) -> Outcome<f64> {
    let instance = INSTANCES[usize::from(server)];
    store.open_instance(instance, 3_600_000).await?;
    let mut leases = Vec::new();
    for key in 1..budgets.len().max(1) {
        let wants = [BOOKS, budgets[0], budgets[key]];
        leases.push(grant(&store, instance, &wants).await?);
    }
    let epoch = store.epoch().await?;
    let start = Instant::now();
    for number in 0..entries {
        let mut row = entry(u64::from(server) << 40 | number);
        let leases = match leases.len() {
            0 => Vec::new(),
            keys => {
                let key = usize::try_from(number)? % keys;
                row.key_id = format!("key_{key}");
                leases[key].clone()
            }
        };
        drop(
            store
                .enqueue_entry(EntryWrite { row, leases, epoch })
                .await?,
        );
    }
    store.flush().await?;
    Ok(start.elapsed().as_secs_f64())
}

async fn grant(store: &Store, instance: [u8; 16], budgets: &[i64]) -> Result<Vec<i64>, StoreError> {
    let want = |budget_id: &i64| Want {
        budget_id: *budget_id,
        amount_min: 1,
        amount_wished: 1_000_000_000,
        forced: false,
        next_window: false,
    };
    let answer = store
        .grant(instance, vec![budgets.iter().map(want).collect()])
        .await?;
    let granted = answer.results.into_iter().flatten().flatten();
    Ok(granted.map(|granted| granted.lease_id).collect())
}

async fn print_grants(
    name: &str,
    stores: &[Store],
    budgets: &[i64],
    at_once: usize,
) -> Outcome<()> {
    let mut tasks = Vec::new();
    for task in 0..at_once {
        let number = task % stores.len();
        let (store, instance, budgets) =
            (stores[number].clone(), INSTANCES[number], budgets.to_vec());
        tasks.push(tokio::spawn(async move {
            let mut times = Vec::new();
            for round in 0..GRANTS / at_once {
                let start = Instant::now();
                let wants = [BOOKS, budgets[0], budgets[1 + round % (budgets.len() - 1)]];
                grant(&store, instance, &wants).await?;
                times.push(start.elapsed());
            }
            Ok::<_, StoreError>(times)
        }));
    }
    let mut times = Vec::new();
    for task in tasks {
        times.extend(task.await??);
    }
    times.sort_unstable();
    let at = |percent: usize| times[(times.len() - 1) * percent / 100];
    println!(
        "  grants of three leases, {name}: p50 {:?}, p99 {:?}",
        at(50),
        at(99)
    );
    Ok(())
}

fn entry(number: u64) -> EntryRow {
    EntryRow {
        entry_id: 0,
        request_id: u128::from(number).to_be_bytes(),
        attempt: 1,
        adjustment: 0,
        adjusts: None,
        state: "reported".to_owned(),
        at_ms: 1_700_000_000_000,
        window_day: 20_779,
        lease_id: None,
        key_id: "key_a".to_owned(),
        project: "search".to_owned(),
        endpoint: "chat.completions".to_owned(),
        model: "gpt-4o-mini".to_owned(),
        model_served: Some("gpt-4o-mini-2024-07-18".to_owned()),
        upstream: "openai".to_owned(),
        service_tier: Some("default".to_owned()),
        price_row: Some("gpt-4o-mini@2024-07-18".to_owned()),
        input_tokens: 1_000,
        cached_input_tokens: 0,
        cache_write_30m_tokens: 0,
        cache_write_12h_tokens: 0,
        output_tokens: 200,
        reasoning_tokens: 0,
        other_usage: None,
        cost_pico_usd: 1_000,
        status: 200,
        outcome: "finished".to_owned(),
        cached: false,
        stream: true,
        latency_ms: 800,
        first_chunk_ms: Some(300),
        end_user: None,
        tags: Vec::new(),
    }
}
