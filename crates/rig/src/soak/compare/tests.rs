//! The comparison must find every kind of wrong books, and nothing in right ones.
//!
//! Invariants: each case changes one thing in books that agree.
//! Does not know: servers.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{Evidence, compare, pico};
use crate::soak::books::{Books, Entry, State, Window};
use crate::soak::caller::{Journal, Sent};
use crate::soak::roster::Life;
use crate::soak::simulator::{Bill, CHAT_MODELS};
use crate::soak::watch::Watched;

/// Everything that is compared, to be spoilt.
struct World {
    journal: Journal,
    bill: Bill,
    books: Books,
    lives: Vec<Life>,
    watched: Watched,
    told: Value,
    listed: Value,
}

fn sent(user: &str, id: &str, ended_ms: u64) -> Sent {
    Sent::for_test(user, id, ended_ms)
}

fn entry(user: &str, id: &str, state: State, cost: i128) -> Entry {
    Entry {
        request_id: id.to_owned(),
        attempt: 1,
        adjustment: 0,
        state,
        window_day: 10,
        key_id: "key_a".to_owned(),
        project: "alpha".to_owned(),
        model: CHAT_MODELS[0].to_owned(),
        user: user.to_owned(),
        tags: "[]".to_owned(),
        cost,
        outcome: "finished".to_owned(),
    }
}

/// Two calls, one of them estimated; one server that lives, one that was killed at 10 s.
fn world() -> World {
    let costs = |cost: i128| BTreeMap::from([(CHAT_MODELS[0].to_owned(), cost)]);
    let window = Window {
        budget_id: 1,
        kind: "key".to_owned(),
        value: "key_a".to_owned(),
        period: "day".to_owned(),
        start: 10,
        limit: Some(1_000),
        settled: 900,
        leased: 0,
        written_off: 0,
    };
    World {
        journal: Journal {
            sent: vec![sent("ann", "aa", 5_000), sent("bob", "bb", 6_000)],
            refusals: vec![json!({"error": {"type": "insufficient_quota", "budget": {
                "scope": "", "window": "", "limit_usd": "", "settled_usd": "", "held_usd": "", "needed_usd": "", "resets_at": null
            }}})],
        },
        bill: Bill {
            users: BTreeMap::from([
                ("ann".to_owned(), costs(300)),
                ("bob".to_owned(), costs(200)),
            ]),
            calls: 2,
        },
        books: Books {
            entries: vec![
                entry("ann", "aa", State::Reported, 300),
                entry("bob", "bb", State::Estimated, 600),
            ],
            windows: vec![window],
        },
        lives: vec![
            Life {
                killed_at_ms: None,
                frozen_at_ms: Vec::new(),
                refused: None,
            },
            Life {
                killed_at_ms: Some(10_000),
                frozen_at_ms: Vec::new(),
                refused: None,
            },
        ],
        watched: Watched::default(),
        told: json!({"total": {"cost_usd": "0.0000000009"}}),
        listed: json!({"budgets": [{"scope": "key:key_a", "window": "day", "limit_usd": "0.000000001", "settled_usd": "0.0000000009"}]}),
    }
}

/// Spoils the books and expects these laws to be found broken.
fn check(spoil: impl FnOnce(&mut World), expected: &[&str]) {
    let mut world = world();
    spoil(&mut world);
    let outcome = compare(&Evidence {
        budgets: true,
        journal: &world.journal,
        bill: &world.bill,
        books: &world.books,
        lives: &world.lives,
        watched: &world.watched,
        told: &world.told,
        listed: Some(&world.listed),
    });
    let found: Vec<&str> = outcome.findings.iter().map(|finding| finding.law).collect();
    assert_eq!(found, expected, "{:?}", outcome.findings);
}

#[test]
fn books_that_agree_pass() {
    check(|_| {}, &[]);
}

#[test]
fn one_call_too_cheap_is_found_although_another_is_too_dear() {
    check(
        |world| {
            world
                .bill
                .users
                .get_mut("ann")
                .unwrap()
                .insert(CHAT_MODELS[0].to_owned(), 400);
        },
        &["every call pays what it was billed"],
    );
}

#[test]
fn more_than_the_bill_is_found_where_usage_was_reported() {
    check(
        |world| {
            world
                .bill
                .users
                .get_mut("ann")
                .unwrap()
                .insert(CHAT_MODELS[0].to_owned(), 200);
        },
        &["what was reported is what was billed"],
    );
}

#[test]
fn a_lost_entry_is_found_unless_its_server_was_killed_and_its_money_written_off() {
    let lose = |world: &mut World, life: usize, ended_ms: u64, written_off: i128| {
        world.journal.sent[0].life = life;
        world.journal.sent[0].ended_ms = ended_ms;
        world.books.entries[0] = Entry {
            key_id: "-".to_owned(),
            ..entry("", "cc", State::Unsettled, written_off)
        };
        world.books.windows[0].written_off = written_off;
        world.books.windows[0].settled = 600 + written_off;
    };
    check(|world| lose(world, 1, 9_990, 300), &[]);
    let unpaid = [
        "every call pays what it was billed",
        "every answered call is in the ledger",
    ];
    check(|world| lose(world, 0, 9_990, 300), &unpaid);
    check(|world| lose(world, 1, 2_000, 300), &unpaid);
    check(
        |world| lose(world, 1, 9_990, 200),
        &[
            "what a kill loses is written off",
            "reports add up the entries",
            "the list says what the tables say",
        ],
    );
}

#[test]
fn a_doubled_entry_is_found_by_its_id_and_by_its_user() {
    check(
        |world| {
            world
                .books
                .entries
                .push(entry("bob", "dd", State::Estimated, 0));
        },
        &["no attempt is entered twice"],
    );
}

#[test]
fn a_budget_above_its_limit_or_at_odds_with_the_entries_is_found() {
    check(
        |world| world.books.windows[0].limit = Some(800),
        &["settled + leased ≤ limit at the end", "entries ≤ limit"],
    );
    check(
        |world| world.books.windows[0].leased = 5,
        &["nothing stays held"],
    );
    check(
        |world| world.books.windows[0].settled = 899,
        &[
            "a window's sum is that of its entries",
            "the list says what the tables say",
        ],
    );
    check(
        |world| world.watched.above.push("at 3 s".to_owned()),
        &["settled + leased ≤ limit at every look"],
    );
}

#[test]
fn a_report_or_a_refusal_that_says_something_else_is_found() {
    check(
        |world| world.told = json!({"total": {"cost_usd": "0"}}),
        &["reports add up the entries"],
    );
    check(
        |world| world.journal.refusals[0]["error"]["budget"] = json!({}),
        &["a refusal explains itself"],
    );
    check(
        |world| world.journal.refusals.clear(),
        &["some budgets run out"],
    );
}

#[test]
fn decimal_usd_is_read_exactly() {
    for (text, expected) in [
        ("0", Some(0)),
        ("0.0000016", Some(1_600_000)),
        ("2", Some(2_000_000_000_000)),
        ("0.0000000000001", None),
        ("x", None),
    ] {
        assert_eq!(pico(text), expected, "{text}");
    }
}
