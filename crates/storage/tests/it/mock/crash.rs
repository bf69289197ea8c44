//! A process that is killed in the middle of writing.
//!
//! Invariants: what was acknowledged before the kill is there after it.
//! Does not know: power cuts, which no test can make.

use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};

use storage::{OpenOptions, Role, Store, UsageBy, UsageQuery};

use crate::world::{World, entry, request_id};

/// Marks a line of the child's output that acknowledges an entry.
const MARK: &str = "acknowledged ";
/// Acknowledged entries after which the child is killed.
const KILL_AFTER: usize = 300;
/// Entries the child writes at most, should nobody kill it.
const CHILD_ENTRIES_MAX: u64 = 1_000_000;

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

#[tokio::test]
async fn killed_process_loses_nothing_acknowledged() {
    let world = World::new();
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "mock::crash::child", "--ignored", "--nocapture"])
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
        if acknowledged.len() == KILL_AFTER {
            child.kill().unwrap();
        }
    }
    assert!(!child.wait().unwrap().success(), "it was killed");
    assert!(acknowledged.len() >= KILL_AFTER, "{}", acknowledged.len());

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
