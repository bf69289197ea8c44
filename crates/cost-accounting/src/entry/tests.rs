//! An entry survives its way to the store and back, or is refused whole.
//!
//! Invariants: none beyond those of `entry.rs`.
//! Does not know: a real store.

use std::time::Duration;

use jiff::Timestamp;
use proptest::prelude::{any, prop_assert_eq, proptest};
use storage::EntryRow;
use uuid::Uuid;

use super::{Entry, EntryError, EntryState};
use crate::money::PicoUsd;
use crate::usage::Usage;

pub(super) fn entry() -> Entry {
    Entry {
        entry_id: None,
        request_id: Uuid::from_u128(7),
        attempt: 1,
        adjustment: 0,
        adjusts: None,
        state: EntryState::Reported,
        at: Timestamp::from_millisecond(1_795_305_600_123).unwrap(),
        window_day: 20_779,
        lease_id: None,
        key_id: "key_aaaaaaaaaaaa".into(),
        project: "demo".into(),
        endpoint: "embeddings".into(),
        model: "text-embedding-ada-002".into(),
        model_served: Some("text-embedding-ada-002-v2".into()),
        upstream: "openai".into(),
        service_tier: None,
        price_row: Some("text-embedding-ada-002@2026-01-01".into()),
        usage: Usage {
            input: 16,
            ..Usage::default()
        },
        taken_back: Usage::default(),
        other_usage: None,
        cost: PicoUsd::from_pico(1_600_000),
        status: 200,
        outcome: "finished".into(),
        cached: false,
        stream: false,
        latency: Duration::from_millis(41),
        first_chunk: Some(Duration::from_millis(40)),
        end_user: Some("someone".to_owned()),
        tags: vec!["team:red".to_owned()].into(),
    }
}

fn check_refused(entry: Entry, field: &'static str) {
    assert_eq!(
        EntryRow::try_from(entry),
        Err(EntryError::TooLarge { field })
    );
}

fn check_unreadable(change: impl FnOnce(&mut EntryRow), field: &'static str) {
    let mut row = EntryRow::try_from(entry()).unwrap();
    change(&mut row);
    assert_eq!(Entry::try_from(row), Err(EntryError::Unreadable { field }));
}

#[test]
fn what_does_not_fit_is_refused_by_name() {
    let usage = Usage {
        reasoning: u64::MAX,
        ..Usage::default()
    };
    check_refused(Entry { usage, ..entry() }, "reasoning_tokens");
    let usage = Usage {
        input: 1 << 63,
        ..Usage::default()
    };
    check_refused(Entry { usage, ..entry() }, "input_tokens");
    let cost = PicoUsd::from_pico(i128::from(i64::MAX) + 1);
    check_refused(Entry { cost, ..entry() }, "cost_pico_usd");
    check_refused(
        Entry {
            latency: Duration::MAX,
            ..entry()
        },
        "latency_ms",
    );
    check_refused(
        Entry {
            first_chunk: Some(Duration::MAX),
            ..entry()
        },
        "first_chunk_ms",
    );
}

#[test]
fn a_stored_value_of_another_program_is_not_guessed_at() {
    check_unreadable(|row| row.state = "settled".to_owned(), "state");
    check_unreadable(|row| row.attempt = -1, "attempt");
    check_unreadable(|row| row.status = 70_000, "status");
    check_unreadable(|row| row.output_tokens = -1, "output_tokens");
    check_unreadable(|row| row.at_ms = i64::MAX, "at_ms");
    check_unreadable(|row| row.first_chunk_ms = Some(-1), "first_chunk_ms");
}

#[test]
fn every_state_has_its_word() {
    for state in ["reported", "estimated", "unsettled", "adjusted"] {
        assert_eq!(EntryState::read(state).map(EntryState::name), Some(state));
    }
}

#[test]
fn an_adjustment_may_take_back_and_nothing_else_may() {
    let adjustment = Entry {
        adjustment: 1,
        adjusts: Some(3),
        state: EntryState::Adjusted,
        usage: Usage {
            output: 4,
            ..Usage::default()
        },
        taken_back: Usage {
            input: 9,
            reasoning: 2,
            ..Usage::default()
        },
        cost: PicoUsd::from_pico(-5),
        ..entry()
    };
    let (adjustment, clamped) = adjustment.storable();
    assert!(!clamped);
    let row = EntryRow::try_from(adjustment.clone()).unwrap();
    let stored = (row.input_tokens, row.output_tokens, row.reasoning_tokens);
    assert_eq!(stored, (-9, 4, -2));
    assert_eq!(Entry::try_from(row).unwrap(), adjustment);

    let (whole, clamped) = Entry {
        adjustment: 0,
        adjusts: None,
        state: EntryState::Reported,
        ..adjustment
    }
    .storable();
    assert!(clamped);
    assert_eq!(whole.taken_back, Usage::default());
    check_unreadable(|row| row.input_tokens = -1, "input_tokens");
}

proptest! {
    #[test]
    fn an_entry_read_back_is_the_one_written(
        request_id in any::<u128>(),
        (attempt, adjustment) in any::<(u32, u32)>(),
        (adjusts, lease_id) in any::<(Option<i64>, Option<i64>)>(),
        state in 0_usize..4,
        at_ms in 0_i64..200_000_000_000_000,
        tokens in proptest::array::uniform6(0_u64..=(i64::MAX as u64 / 2)),
        others in proptest::array::uniform8(0_u64..=(i64::MAX as u64 / 4)),
        cost in any::<i64>(),
        status in any::<u16>(),
        (cached, stream) in any::<(bool, bool)>(),
        waits in proptest::array::uniform2(0_u64..=(i64::MAX as u64)),
    ) {
        let [input, cached_input, cache_write_30m, cache_write_12h, output, reasoning] = tokens;
        let states = [EntryState::Reported, EntryState::Estimated, EntryState::Unsettled, EntryState::Adjusted];
        let written = Entry {
            request_id: Uuid::from_u128(request_id),
            attempt,
            adjustment,
            adjusts,
            state: states[state],
            at: Timestamp::from_millisecond(at_ms).unwrap(),
            lease_id,
            usage: Usage {
                audio_input: others[0],
                cached_audio_input: others[1],
                audio_output: others[2],
                image_input: others[3],
                cached_image_input: others[4],
                image_output: others[5],
                audio_ms: others[6],
                web_searches: others[7],
                ..Usage { input, cached_input, cache_write_30m, cache_write_12h, output, reasoning, ..Usage::default() }
            },
            cost: PicoUsd::from_pico(i128::from(cost)),
            status,
            cached,
            stream,
            latency: Duration::from_millis(waits[0]),
            first_chunk: Some(Duration::from_millis(waits[1])),
            ..entry()
        };
        let row = EntryRow::try_from(written.clone()).unwrap();
        prop_assert_eq!(Entry::try_from(row).unwrap(), written);
    }
}
