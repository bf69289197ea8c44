//! What holds of budgets on every database: one set of tests, run by each tier on its own.
//!
//! Invariants: a test sees a store, and a clock that only it moves; no SQL.
//! Does not know: which database.

pub(crate) mod alerts;
pub(crate) mod budgets;
pub(crate) mod grants;
pub(crate) mod instances;
pub(crate) mod laws;
pub(crate) mod model;
pub(crate) mod objects;
pub(crate) mod settlement;
pub(crate) mod start_sums;

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use storage::{
    BOOKS, Beat, BudgetRow, BudgetSet, BudgetState, EntryRow, EntryWrite, Granted, Scope,
    ScopeAnswer, ScopeAsk, Short, Store, Wall, Want,
};

use crate::world::entry;

/// Noon of 2024-02-28, UTC.
pub(crate) const NOON_MS: i64 = 19_781 * DAY_MS + DAY_MS / 2;
/// The day of it.
pub(crate) const TODAY: i64 = 19_781;
/// The first day of its month.
pub(crate) const MONTH: i64 = 19_754;
pub(crate) const DAY_MS: i64 = 86_400_000;
/// How long instances live in tests.
pub(crate) const LIVES_MS: i64 = 30_000;
pub(crate) const FIRST: [u8; 16] = [1; 16];
pub(crate) const SECOND: [u8; 16] = [2; 16];

/// A clock that a test moves.
#[derive(Clone)]
pub(crate) struct Clock(Arc<AtomicI64>);

impl Clock {
    pub(crate) fn new() -> Clock {
        Clock(Arc::new(AtomicI64::new(NOON_MS)))
    }

    pub(crate) fn wall(&self) -> Wall {
        let clock = Arc::clone(&self.0);
        Arc::new(move || clock.load(Ordering::SeqCst))
    }

    pub(crate) fn step(&self, ms: i64) {
        self.0.fetch_add(ms, Ordering::SeqCst);
    }
}

/// A store on a database that nobody used before, and its clock.
pub(crate) struct Fresh {
    pub(crate) store: Store,
    pub(crate) clock: Clock,
    /// Kept as long as the store: its directory, or its server.
    pub(crate) _ground: Box<dyn std::any::Any>,
}

pub(crate) fn scope(kind: &str, value: &str) -> Scope {
    Scope {
        kind: kind.to_owned(),
        value: value.to_owned(),
    }
}

/// The scopes of a call by this key, for `entry` rows.
pub(crate) fn ask(key: &str, user: Option<&str>) -> ScopeAsk {
    let mut scopes = vec![
        scope("global", ""),
        scope("project", "search"),
        scope("key", key),
        scope("model", "text-embedding-ada-002"),
    ];
    scopes.extend(user.map(|user| scope("user", user)));
    ScopeAsk {
        scopes,
        key_id: key.to_owned(),
        end_users_per_key_day_max: 3,
    }
}

/// An entry of that cost, today, by `key_a` for nobody in particular.
pub(crate) fn spent(number: u64, cost_pico_usd: i64) -> EntryRow {
    EntryRow {
        window_day: TODAY,
        cost_pico_usd,
        end_user: None,
        tags: Vec::new(),
        lease_id: None,
        ..entry(number)
    }
}

pub(crate) fn charging(row: EntryRow, leases: &[i64], epoch: i64) -> EntryWrite {
    EntryWrite {
        row: EntryRow {
            lease_id: leases.first().copied(),
            ..row
        },
        leases: leases.to_vec(),
        epoch,
    }
}

pub(crate) fn want(budget_id: i64, amount: i64) -> Want {
    Want {
        budget_id,
        amount_min: amount,
        amount_wished: amount,
        forced: false,
        next_window: false,
    }
}

impl Fresh {
    pub(crate) async fn set(&self, kind: &str, value: &str, window: &str, limit: i64) -> BudgetRow {
        let set = BudgetSet {
            scope_kind: kind.to_owned(),
            scope_value: value.to_owned(),
            window: window.to_owned(),
            limit_pico_usd: limit,
        };
        self.store.set_budget(set).await.unwrap()
    }

    pub(crate) async fn open(&self, instance: [u8; 16]) -> Beat {
        self.store.open_instance(instance, LIVES_MS).await.unwrap()
    }

    pub(crate) async fn beat(&self, instance: [u8; 16]) -> Beat {
        let epoch = self.store.epoch().await.unwrap();
        self.store
            .heartbeat(instance, epoch, LIVES_MS)
            .await
            .unwrap()
    }

    /// The budgets that bind a call, without the books.
    pub(crate) async fn bind(&self, ask: ScopeAsk) -> Vec<BudgetRow> {
        match self.store.budgets_in_scope(ask).await.unwrap() {
            ScopeAnswer::Budgets { mut budgets, epoch } => {
                assert_eq!(epoch, self.store.epoch().await.unwrap());
                assert_eq!(budgets.remove(0).budget_id, BOOKS, "the books come first");
                budgets
            }
            answer => panic!("{answer:?}"),
        }
    }

    pub(crate) async fn grant(
        &self,
        instance: [u8; 16],
        wants: &[Want],
    ) -> Result<Vec<Granted>, Short> {
        let mut answer = self
            .store
            .grant(instance, vec![wants.to_vec()])
            .await
            .unwrap();
        assert_eq!(answer.results.len(), 1);
        answer.results.remove(0)
    }

    /// Grants one budget that must have room; the lease.
    pub(crate) async fn lease(&self, instance: [u8; 16], budget_id: i64, amount: i64) -> i64 {
        let granted = self
            .grant(instance, &[want(budget_id, amount)])
            .await
            .unwrap();
        assert_eq!(granted[0].amount_pico_usd, amount);
        granted[0].lease_id
    }

    pub(crate) async fn append(&self, write: EntryWrite) {
        self.store.append_entries(vec![write]).await.unwrap();
    }

    /// The one budget of a scope as it stands.
    pub(crate) async fn state(&self, kind: &str, value: &str) -> BudgetState {
        let filter = Some(scope(kind, value));
        let mut states = self.store.budget_states(filter).await.unwrap();
        assert_eq!(states.len(), 1, "{kind}:{value}");
        states.remove(0)
    }

    /// Holds a budget's window of now to what it must have settled and leased.
    pub(crate) async fn check(&self, kind: &str, value: &str, settled: i64, leased: i64) {
        let state = self.state(kind, value).await;
        let sums = (state.window.settled_pico_usd, state.window.leased_pico_usd);
        assert_eq!(sums, (settled, leased), "{kind}:{value}");
        let open = state.leases.iter().filter(|lease| lease.open);
        let remaining: i64 = open.map(|lease| lease.remaining_pico_usd).sum();
        assert_eq!(remaining, leased, "{kind}:{value}: the leases");
    }
}

/// Makes a test of each function of the suite, on what the given expression opens.
macro_rules! on_database {
    ($open:expr $(, #[$attribute:meta])?) => {
        $crate::suite::on_database!(@each $open, [$(#[$attribute])?],
            budgets: a_budget_is_set_changed_and_removed,
            budgets: what_is_no_budget_is_refused,
            budgets: a_template_makes_budgets_at_their_first_use,
            budgets: what_a_template_made_follows_it_until_it_is_set_by_itself,
            budgets: a_key_may_make_only_so_many_end_users_a_day,
            start_sums: a_new_budget_starts_from_the_ledger,
            start_sums: a_budget_of_the_past_does_not_count_in_a_new_window,
            start_sums: what_a_template_makes_starts_from_the_ledger,
            grants: grants_stay_within_the_limit,
            grants: an_ask_gets_all_or_nothing,
            grants: what_waiting_cannot_cure_is_told_first,
            grants: a_wish_is_cut_to_the_room_there_is,
            grants: asks_of_one_call_share_what_there_is,
            grants: a_forced_grant_passes_the_limit_and_is_counted,
            grants: the_next_window_can_be_fetched_ahead,
            grants: a_removed_budget_limits_nothing,
            grants: what_is_no_want_is_refused,
            grants: a_repeated_return_gives_nothing_back_twice,
            grants: a_grant_tells_what_was_granted_unknown,
            grants: a_lowered_limit_grants_nothing_until_there_is_room,
            instances: a_dead_instance_is_fenced,
            instances: an_instance_that_leaves_gives_back,
            instances: others_are_asked_for_what_they_hold,
            instances: a_recall_ends_with_a_grant_or_with_time,
            instances: a_clock_that_is_set_back_stands_still,
            settlement: a_settlement_moves_leased_to_settled,
            settlement: a_duplicate_charges_nothing,
            settlement: a_refused_entry_charges_nothing,
            settlement: a_cost_above_the_lease_is_charged_in_full,
            settlement: a_newer_budget_is_charged_without_a_lease,
            settlement: a_budget_is_charged_once_whatever_the_epoch_says,
            settlement: a_lease_that_was_forgotten_charges_all_that_match,
            settlement: what_a_dead_instance_held_is_written_off_and_taken_back,
            settlement: a_write_off_happens_once,
            settlement: a_correction_lowers_what_was_charged,
            settlement: late_entries_go_to_the_window_of_their_lease,
            settlement: what_nobody_proved_is_told_apart,
            alerts: an_alert_is_marked_once,
            alerts: a_claimed_alert_is_nobody_elses,
            objects: an_object_keeps_its_first_owner,
            objects: too_many_or_too_long_objects_are_refused,
        );
    };
    (@each $open:expr, $attributes:tt, $($module:ident: $name:ident,)+) => {
        $($crate::suite::on_database!(@one $open, $attributes, $module, $name);)+
    };
    (@one $open:expr, [$(#[$attribute:meta])?], $module:ident, $name:ident) => {
        #[tokio::test]
        $(#[$attribute])?
        async fn $name() {
            let fresh = $open.await;
            $crate::suite::$module::$name(&fresh).await;
            fresh.store.close().await.unwrap();
        }
    };
}
pub(crate) use on_database;
