//! A process that is killed in the middle of writing.
//!
//! Invariants: what was acknowledged before the kill is there after it.
//! Does not know: power cuts, which no test can make.

use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};

use storage::{BOOKS, BudgetSet, EntryRow, OpenOptions, Role, Store, UsageBy, UsageQuery};

use crate::suite::{FIRST, LIVES_MS, SECOND, charging, scope, spent, want};
use crate::world::{World, entry, request_id};

/// Marks a line of the child's output that acknowledges an entry.
const MARK: &str = "acknowledged ";
/// Acknowledged entries after which the child is killed.
const KILL_AFTER: usize = 300;
/// Entries the child writes at most, should nobody kill it.
const CHILD_ENTRIES_MAX: u64 = 1_000_000;

/// Acknowledged steps of a child that holds and settles, after each of which one is killed.
const STEPS: usize = 6;
/// What that child holds for each call, and what the call costs.
const HELD: i64 = 10;
const COST: i64 = 7;
/// What such calls may cost together.
const LIMIT: i64 = 1_000_000;

/// The child's half: run by the test below in a process of its own, with a path on standard input.
#[tokio::test]
#[ignore = "the child process of `killed_process_loses_nothing_acknowledged`"]
async fn child() {
    let mut path = String::new();
    std::io::stdin().read_line(&mut path).unwrap();
    let path = path.trim_end().into();
    let gather = std::time::Duration::from_millis(2);
    let store = Store::open(OpenOptions {
        path,
        role: Role::Server,
        gather,
    })
    .await
    .unwrap();
    for number in (0..CHILD_ENTRIES_MAX).step_by(4) {
        let mut receipts = Vec::new();
        for number in number..number + 3 {
            receipts.push((number, store.enqueue_entry(entry(number)).await.unwrap()));
        }
        store.append_entries(vec![entry(number + 3)]).await.unwrap();
        println!("{MARK}{}", number + 3);
        for (number, receipt) in receipts {
            receipt.await.unwrap();
            println!("{MARK}{number}");
        }
        std::io::stdout().flush().unwrap();
    }
}

/// Runs a child and kills it after so many lines that acknowledge something; their numbers.
fn kill_after(world: &World, child: &str, lines: usize) -> Vec<u64> {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", child, "--ignored", "--nocapture"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    writeln!(child.stdin.take().unwrap(), "{}", world.path().display()).unwrap();
    let mut acknowledged = Vec::new();
    for line in BufReader::new(child.stdout.take().unwrap()).lines() {
        // The line that was being written when the child died may be cut.
        let Ok(line) = line else { break };
        if let Some(number) = line.split(MARK).nth(1) {
            acknowledged.push(number.parse::<u64>().unwrap());
        }
        if acknowledged.len() == lines {
            child.kill().unwrap();
        }
    }
    assert!(!child.wait().unwrap().success(), "it was killed");
    assert!(acknowledged.len() >= lines, "{}", acknowledged.len());
    acknowledged
}

#[tokio::test]
async fn killed_process_loses_nothing_acknowledged() {
    let world = World::new();
    let mut acknowledged = kill_after(&world, "mock::crash::child", KILL_AFTER);

    let store = world.server().await;
    // The last number may have lost digits with its line's end.
    acknowledged.pop();
    for number in acknowledged {
        assert_eq!(
            store
                .entries_of_request(request_id(number))
                .await
                .unwrap()
                .len(),
            1,
            "{number}"
        );
    }
    let file = world.peek();
    let verdict: String = file
        .query_row("PRAGMA integrity_check", [], |row| row.get(0))
        .unwrap();
    assert_eq!(verdict, "ok");
    let entries: i64 = file
        .query_row("SELECT count(*) FROM ledger_entry", [], |row| row.get(0))
        .unwrap();
    assert_eq!(
        store.usage(UsageQuery::all(UsageBy::Key)).await.unwrap()[0].requests,
        entries
    );
}

/// A child that holds money and settles it, and acknowledges each of both.
#[tokio::test]
#[ignore = "the child process of `killed_process_leaves_what_it_held_on_disk`"]
async fn spender() {
    let mut path = String::new();
    std::io::stdin().read_line(&mut path).unwrap();
    let store = Store::open(OpenOptions {
        path: path.trim_end().into(),
        role: Role::Server,
        gather: std::time::Duration::from_millis(2),
    })
    .await
    .unwrap();
    let budget = store.set_budget(limit()).await.unwrap();
    let beat = store.open_instance(FIRST, LIVES_MS).await.unwrap();
    let wants = vec![want(BOOKS, HELD), want(budget.budget_id, HELD)];
    for number in 0..CHILD_ENTRIES_MAX {
        let mut answer = store.grant(FIRST, vec![wants.clone()]).await.unwrap();
        let granted = answer.results.remove(0).unwrap();
        acknowledge(2 * number);
        let leases: Vec<i64> = granted.iter().map(|granted| granted.lease_id).collect();
        let row = EntryRow {
            window_day: granted[0].window_start,
            ..spent(number, COST)
        };
        store
            .append_entries(vec![charging(row, &leases, beat.epoch)])
            .await
            .unwrap();
        acknowledge(2 * number + 1);
    }
}

fn acknowledge(number: u64) {
    println!("{MARK}{number}");
    std::io::stdout().flush().unwrap();
}

fn limit() -> BudgetSet {
    BudgetSet {
        scope_kind: "global".to_owned(),
        scope_value: String::new(),
        window: "total".to_owned(),
        limit_pico_usd: LIMIT,
    }
}

#[tokio::test]
async fn killed_process_leaves_what_it_held_on_disk() {
    for step in 1..=STEPS {
        let world = World::new();
        let steps = kill_after(&world, "mock::crash::spender", step).len();
        let store = world.server().await;
        let before = store
            .budget_states(Some(scope("global", "")))
            .await
            .unwrap();
        let window = before[0].window;
        // What was acknowledged, and perhaps a step or two more.
        let granted = before[0].leases[0].granted_pico_usd;
        let grants = i64::try_from(steps.div_ceil(2)).unwrap();
        let settlements = i64::try_from(steps / 2).unwrap();
        assert!(granted >= grants * HELD && granted % HELD == 0, "{granted}");
        assert!(window.settled_pico_usd >= settlements * COST);
        assert_eq!(window.settled_pico_usd + window.leased_pico_usd, granted);

        let written_off = store.write_off_dead(SECOND).await.unwrap();
        assert!(
            written_off
                .iter()
                .all(|off| off.amount_pico_usd == window.leased_pico_usd)
        );
        let after = store
            .budget_states(Some(scope("global", "")))
            .await
            .unwrap();
        let sums = (
            after[0].window.settled_pico_usd,
            after[0].window.leased_pico_usd,
        );
        assert_eq!(sums, (granted, 0), "all that was held is charged");
        let usage = store.usage(UsageQuery::all(UsageBy::Day)).await.unwrap();
        let ledger: i128 = usage.iter().map(|row| row.cost_pico_usd).sum();
        assert_eq!(ledger, i128::from(granted), "and stands in the ledger");
        assert_eq!(store.write_off_dead(SECOND).await.unwrap(), []);
        store.close().await.unwrap();
    }
}
