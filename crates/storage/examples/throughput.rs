//! Measures the writer on the disk it is given: entries a second, bare and with what they charge, and how long a grant takes.
//!
//! Usage: `cargo run --release -p storage --example throughput -- DIRECTORY [ENTRIES]`
//!
//! Invariants: each figure is of a database of its own, below the directory.
//! Does not know: other machines; say which disk a figure is of.

#![expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a stop-watch that prints what it read"
)]

use std::path::PathBuf;
use std::time::{Duration, Instant};

use storage::{
    BOOKS, BudgetSet, EntryRow, EntryWrite, OpenOptions, Role, Scope, ScopeAnswer, ScopeAsk, Store,
    StoreError, Want,
};

const ENTRIES: u64 = 300_000;
const GRANTS: usize = 1_000;
const INSTANCE: [u8; 16] = [7; 16];

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let directory = PathBuf::from(arguments.next().ok_or("which directory?")?);
    let entries = arguments.next().map_or(Ok(ENTRIES), |text| text.parse())?;
    for (name, keys, labels) in [
        ("bare", 0, false),
        ("end users and tags", 0, true),
        ("charging books, global and 50 keys", 50, false),
        ("charging books, global and 5,000 keys", 5_000, false),
    ] {
        let path = directory.join(format!("throughput-{keys}-{labels}.db"));
        let store = open(path).await?;
        let leases = lease(&store, keys).await?;
        let start = Instant::now();
        for number in 0..entries {
            drop(store.enqueue_entry(write(number, &leases, labels)).await?);
        }
        store.flush().await?;
        let seconds = start.elapsed().as_secs_f64();
        #[expect(clippy::cast_precision_loss, reason = "a figure for people")]
        let rate = entries as f64 / seconds;
        println!("{name}: {rate:.0} entries a second");
        if keys == 50 {
            print_grants(&store).await?;
        }
        store.close().await?;
    }
    Ok(())
}

async fn open(path: PathBuf) -> Result<Store, StoreError> {
    let options = OpenOptions {
        path,
        role: Role::Server,
        gather: Duration::from_millis(5),
    };
    Store::open(options).await
}

/// For each key the leases of the books, a global budget and the key's own.
async fn lease(store: &Store, keys: usize) -> Result<Vec<Vec<i64>>, StoreError> {
    store.open_instance(INSTANCE, 86_400_000).await?;
    for (kind, value) in [("global", ""), ("key", "*")] {
        let set = BudgetSet {
            scope_kind: kind.to_owned(),
            scope_value: value.to_owned(),
            window: "day".to_owned(),
            limit_pico_usd: i64::MAX / 2,
        };
        store.set_budget(set).await?;
    }
    let mut leases = Vec::with_capacity(keys);
    for key in 0..keys {
        let scope = |kind: &str, value: String| Scope {
            kind: kind.to_owned(),
            value,
        };
        let ask = ScopeAsk {
            scopes: vec![scope("global", String::new()), scope("key", name(key))],
            key_id: name(key),
            end_users_per_key_day_max: 0,
        };
        let ScopeAnswer::Budgets { budgets, .. } = store.budgets_in_scope(ask).await? else {
            continue;
        };
        let wants = budgets
            .iter()
            .map(|budget| want(budget.budget_id, 1_000_000_000));
        let answer = store.grant(INSTANCE, vec![wants.collect()]).await?;
        for granted in answer.results.into_iter().flatten() {
            leases.push(granted.iter().map(|granted| granted.lease_id).collect());
        }
    }
    Ok(leases)
}

fn want(budget_id: i64, amount: i64) -> Want {
    Want {
        budget_id,
        amount_min: amount,
        amount_wished: amount,
        forced: false,
        next_window: false,
    }
}

fn name(key: usize) -> String {
    format!("key_{key:012}")
}

fn write(number: u64, leases: &[Vec<i64>], labels: bool) -> EntryWrite {
    let key = usize::try_from(number).unwrap_or_default() % leases.len().max(50);
    let leases = leases.get(key).cloned().unwrap_or_default();
    let row = EntryRow {
        entry_id: 0,
        request_id: u128::from(number).to_be_bytes(),
        attempt: 1,
        adjustment: 0,
        adjusts: None,
        state: "reported".to_owned(),
        at_ms: 1_700_000_000_000,
        window_day: 19_675,
        lease_id: leases.first().copied(),
        key_id: name(key),
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
        cost_pico_usd: 270_000,
        status: 200,
        outcome: "finished".to_owned(),
        cached: false,
        stream: true,
        latency_ms: 900,
        first_chunk_ms: Some(200),
        end_user: labels.then(|| format!("user {}", number % 1_000)),
        tags: if labels {
            vec!["team:a".to_owned()]
        } else {
            Vec::new()
        },
    };
    let epoch = if leases.is_empty() { i64::MAX } else { 9 };
    EntryWrite { row, leases, epoch }
}

async fn print_grants(store: &Store) -> Result<(), StoreError> {
    let mut times = Vec::with_capacity(GRANTS);
    for _ in 0..GRANTS {
        let start = Instant::now();
        store.grant(INSTANCE, vec![vec![want(BOOKS, 1)]]).await?;
        times.push(start.elapsed());
    }
    times.sort();
    let [middle, late] = [GRANTS / 2, GRANTS * 99 / 100].map(|rank| times[rank]);
    println!("grants one by one: p50 {middle:.1?}, p99 {late:.1?}");
    Ok(())
}
