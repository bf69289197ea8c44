//! The plain values of budgets: limits, windows, leases, and what is asked and answered about them.
//!
//! Invariants: integers and strings only; money is pico-USD (1e-12 USD), times are milliseconds since 1970-01-01 UTC.
//! Does not know: what a scope means to the caller; SQL.

use crate::rows::EntryRow;

/// The budget that every attempt holds a lease of, also where no limit is set: scope `global`, window `day`, no limit.
/// So a crash finds what was under way. It is no budget of anybody's and is not listed.
pub const BOOKS: i64 = 0;

/// One limit for one scope and window.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BudgetRow {
    /// Given by the store, growing, never used twice; [`BOOKS`] is the books.
    pub budget_id: i64,
    /// `global`, `project`, `key`, `model`, `user` or `tag`.
    pub scope_kind: String,
    /// Empty for `global`; `*` for a template, which binds nobody itself.
    pub scope_value: String,
    /// `day`, `month` or `total`.
    pub window: String,
    /// `None` only for the books, and in a grant for a budget that was removed.
    pub limit_pico_usd: Option<i64>,
    /// The template that made it; its limit follows the template's.
    pub template_id: Option<i64>,
    /// When it was made.
    pub created_at_ms: i64,
    /// The epoch since which calls know it; entries of earlier ones are charged to it without a lease.
    pub created_epoch: i64,
    /// The epoch of its last edit.
    pub changed_epoch: i64,
}

/// A limit to be set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BudgetSet {
    /// As in [`BudgetRow::scope_kind`].
    pub scope_kind: String,
    /// As in [`BudgetRow::scope_value`]; `*` only for `key` and `user`.
    pub scope_value: String,
    /// `day`, `month` or `total`.
    pub window: String,
    /// The limit, zero or more.
    pub limit_pico_usd: i64,
}

/// What a budget has given out and taken in one window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WindowRow {
    /// The budget.
    pub budget_id: i64,
    /// Days since 1970-01-01 UTC of its first day; zero for `total`.
    pub window_start: i64,
    /// Spent: charges, and what was written off and not taken back.
    pub settled_pico_usd: i64,
    /// The sum of `remaining_pico_usd` of its open leases.
    pub leased_pico_usd: i64,
    /// The part of all grants of this window that was carried over above the limit. Only grows.
    pub forced_pico_usd: i64,
}

/// What one instance holds of one window. There is at most one open one for each of both.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LeaseRow {
    /// Given by the store, growing, never used twice.
    pub lease_id: i64,
    /// Its owner.
    pub instance: [u8; 16],
    /// The budget.
    pub budget_id: i64,
    /// As in [`WindowRow::window_start`].
    pub window_start: i64,
    /// Granted, neither settled nor given back.
    pub remaining_pico_usd: i64,
    /// All that was ever granted into it.
    pub granted_pico_usd: i64,
    /// All that was ever given back out of it.
    pub given_back_pico_usd: i64,
    /// What remained when its owner was found dead: charged to the window.
    pub written_off_pico_usd: i64,
    /// The part of it that settlements took back later, because they brought the true charge.
    pub taken_back_pico_usd: i64,
    /// Not closed and not written off.
    pub open: bool,
}

/// A budget as it stands now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BudgetState {
    /// The budget.
    pub budget: BudgetRow,
    /// Its window of now; zeros if nothing happened in it yet, and for a template.
    pub window: WindowRow,
    /// Leases of this window that are open or were written off.
    pub leases: Vec<LeaseRow>,
}

/// Whom a budget may bind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scope {
    /// As in [`BudgetRow::scope_kind`].
    pub kind: String,
    /// As in [`BudgetRow::scope_value`].
    pub value: String,
}

/// The scopes that a call falls into.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScopeAsk {
    /// Concrete ones, no `*`.
    pub scopes: Vec<Scope>,
    /// The key that calls; budgets of new end users count against it.
    pub key_id: String,
    /// How many end users this key may make budgets for in a day.
    pub end_users_per_key_day_max: i64,
}

/// The budgets that bind a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ScopeAnswer {
    /// All of them.
    Budgets {
        /// The epoch at which this was read, in the same transaction: what an entry charged to these must carry.
        epoch: i64,
        /// Templates already made concrete; the books first, then by id.
        budgets: Vec<BudgetRow>,
    },
    /// The key has made as many end users today as it may; nothing was made.
    TooManyEndUsers {
        /// That many.
        made_today: i64,
    },
}

/// Money wanted of one budget.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Want {
    /// The budget.
    pub budget_id: i64,
    /// Less is no use; zero: whatever there is.
    pub amount_min: i64,
    /// More is not needed; at least `amount_min`.
    pub amount_wished: i64,
    /// Granted in full, above the limit if need be: the carry-over of what is in flight when a budget is new.
    pub forced: bool,
    /// Of the next window instead of the one of now; no difference for `total`.
    pub next_window: bool,
}

/// Money granted, on disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Granted {
    /// The budget.
    pub budget_id: i64,
    /// As in [`WindowRow::window_start`].
    pub window_start: i64,
    /// The lease that it was added to.
    pub lease_id: i64,
    /// What was added.
    pub amount_pico_usd: i64,
    /// All that was ever granted into this lease, this grant included. More than its owner knows of: an answer was lost.
    pub lease_granted_pico_usd: i64,
    /// All that was ever given back out of this lease.
    pub lease_given_back_pico_usd: i64,
    /// The limit; `None` for the books and for a budget that was removed.
    pub limit_pico_usd: Option<i64>,
    /// Of the window, after this grant.
    pub settled_pico_usd: i64,
    /// Of the window, after this grant.
    pub leased_pico_usd: i64,
}

/// Why an ask got nothing: the budget that stands most in its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Short {
    /// The budget.
    pub budget_id: i64,
    /// As in [`WindowRow::window_start`].
    pub window_start: i64,
    /// The limit.
    pub limit_pico_usd: i64,
    /// Of the window.
    pub settled_pico_usd: i64,
    /// Of the window, by all instances.
    pub leased_pico_usd: i64,
    /// The part of it that this instance holds.
    pub own_leased_pico_usd: i64,
    /// What was wanted at least.
    pub needed_pico_usd: i64,
    /// When the next window begins; `None` for `total`.
    pub resets_at_ms: Option<i64>,
}

/// The answer to a list of asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GrantAnswer {
    /// The database's time, by which windows turn and instances expire.
    pub now_ms: i64,
    /// One per ask, in order: all of its wants, in order, or none.
    pub results: Vec<Result<Vec<Granted>, Short>>,
}

/// Money to be given back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Return {
    /// The lease.
    pub lease_id: i64,
    /// In all, over the life of the lease, this return included: so a repeat gives nothing back twice.
    pub given_back_pico_usd: i64,
}

/// What another instance wants of a window of which this one holds something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Recall {
    /// The budget.
    pub budget_id: i64,
    /// As in [`WindowRow::window_start`].
    pub window_start: i64,
    /// By all starved instances together.
    pub wanted_pico_usd: i64,
}

/// The answer to a heartbeat.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Beat {
    /// The database's time.
    pub now_ms: i64,
    /// The epoch of now.
    pub epoch: i64,
    /// Not dead. A dead instance is fenced: nothing is granted to it, its leases are written off, and it must open anew.
    pub alive: bool,
    /// By other instances.
    pub recalls: Vec<Recall>,
}

/// A lease of a dead instance that was written off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WrittenOff {
    /// The lease.
    pub lease_id: i64,
    /// Its budget.
    pub budget_id: i64,
    /// As in [`WindowRow::window_start`].
    pub window_start: i64,
    /// Its owner.
    pub instance: [u8; 16],
    /// What remained of it: charged to the window.
    pub amount_pico_usd: i64,
    /// The `unsettled` entry, for a lease of the books.
    pub entry_id: Option<i64>,
}

/// A running server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InstanceRow {
    /// Sixteen random bytes.
    pub instance: [u8; 16],
    /// The epoch that it works by.
    pub seen_epoch: i64,
    /// When it is dead unless it beats before.
    pub expires_at_ms: i64,
    /// Whether that is to come.
    pub alive: bool,
}

/// A threshold of a budget that was crossed, until somebody is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AlertRow {
    /// Given by the store; a receiver tells repeats by it.
    pub alert_id: i64,
    /// The budget.
    pub budget_id: i64,
    /// As in [`BudgetRow::scope_kind`].
    pub scope_kind: String,
    /// As in [`BudgetRow::scope_value`].
    pub scope_value: String,
    /// `day`, `month` or `total`.
    pub window: String,
    /// As in [`WindowRow::window_start`].
    pub window_start: i64,
    /// The threshold, in percent of the limit.
    pub percent: i64,
    /// The limit when it was crossed.
    pub limit_pico_usd: i64,
    /// Of the window, when it was marked.
    pub settled_pico_usd: i64,
    /// Of the window, when it was marked.
    pub leased_pico_usd: i64,
    /// When it was marked.
    pub at_ms: i64,
    /// How often it was claimed for delivery, this time included.
    pub tries: i64,
}

/// A ledger entry with what it charges.
#[derive(Clone, Debug, PartialEq)]
pub struct EntryWrite {
    /// The entry.
    pub row: EntryRow,
    /// The leases of its reservation, the books' first. Each is charged with the entry's whole cost.
    pub leases: Vec<i64>,
    /// The epoch at which its budgets were looked up: budgets made after it are charged too. `i64::MAX`: none are.
    pub epoch: i64,
}

/// An entry that charges no budget.
impl From<EntryRow> for EntryWrite {
    fn from(row: EntryRow) -> EntryWrite {
        EntryWrite {
            row,
            leases: Vec::new(),
            epoch: i64::MAX,
        }
    }
}

impl EntryRow {
    /// The scopes that this entry falls into, as pairs of kind and value.
    pub(crate) fn scopes(&self) -> Vec<(&'static str, &str)> {
        let mut scopes = vec![
            ("global", ""),
            ("project", &*self.project),
            ("key", &*self.key_id),
            ("model", &*self.model),
        ];
        scopes.extend(self.labels());
        scopes
    }

    /// The end user and the tags, each once.
    pub(crate) fn labels(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let tags = self.tags.iter().enumerate();
        let tags = tags.filter(|(index, tag)| !self.tags[..*index].contains(tag));
        let user = self.end_user.iter().map(|user| ("user", user.as_str()));
        user.chain(tags.map(|(_, tag)| ("tag", tag.as_str())))
    }
}

/// Sums that nobody proved, by group as in [`UsageRow`](crate::UsageRow).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnprovenRow {
    /// Name of the group.
    pub group: String,
    /// Cost of `estimated` entries and their corrections, in 1e-12 USD.
    pub estimated_pico_usd: i128,
    /// Cost of `unsettled` entries and their corrections, in 1e-12 USD.
    pub unsettled_pico_usd: i128,
}
