//! How escrow behaves, and its own maxima.
//!
//! Invariants: none; `Default` is what ships.
//! Does not know: where settings come from.

use std::time::Duration;

/// Calls that may wait for money at once.
pub const WAITERS_MAX: usize = 65_536;
/// Reservations that may be open at once.
pub const HOLDS_MAX: usize = 262_144;
/// Budgets whose money one instance keeps at once.
pub const ACCOUNTS_MAX: usize = 131_072;
/// The largest reservation, a million USD in pico-USD: keeps every sum far from the end of 64 bits.
pub(crate) const AMOUNT_MAX: i64 = 1_000_000_000_000_000_000;
/// Leases whose sums one instance remembers.
pub(crate) const LEASES_MAX: usize = 262_144;
/// Returns that one transaction of the store takes.
pub(crate) const RETURNS_MAX: usize = 1_024;
/// Asks that one transaction of the store answers.
pub(crate) const ASKS_MAX: usize = 256;
/// Wants of waiting calls in one transaction; what the store takes beside them is for what is fetched ahead.
pub(crate) const WANTS_ASKED_MAX: usize = storage::WANTS_MAX - ASKS_MAX;
// A call always has its turn, whatever it lacks.
const _: () = assert!(storage::LEASES_MAX <= WANTS_ASKED_MAX);
/// Waiting calls that are tried again at once when money of their budget comes.
pub(crate) const WAKE_MAX: usize = 1_024;
/// How often a call is looked up anew because an edit came in between.
pub(crate) const REDO_MAX: usize = 16;
/// How often the epoch is read.
pub(crate) const TICK: Duration = Duration::from_millis(200);
/// How often money that is not used is looked for.
pub(crate) const SWEEP: Duration = Duration::from_secs(1);
/// How often a call that waits for held money asks the store again.
pub(crate) const RECHECK: Duration = Duration::from_millis(100);
/// How long nothing is fetched ahead after the store had no room, or another instance was in want.
pub(crate) const REFILL_PAUSE: Duration = Duration::from_secs(1);
/// How long before its turn the next window's lease is fetched, at the earliest. The moment is drawn between a third of it and all.
pub(crate) const PREFETCH: Duration = Duration::from_secs(30);

/// How escrow behaves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EscrowSettings {
    /// How long the store takes this instance for alive after a beat. A beat is sent at a third of it; from two thirds on nothing
    /// is cut until one was answered.
    pub lives_for: Duration,
    /// How long a call waits for held money to come back before it is refused.
    pub wait_max: Duration,
    /// How long a call waits for the store's first word.
    pub store_wait_max: Duration,
    /// Free money that was not used for so long goes back.
    pub idle_return: Duration,
    /// So much recent spend is leased ahead.
    pub refill_horizon: Duration,
    /// But at most this share of the limit, in percent.
    pub limit_share_percent: u8,
    /// How many end users a key may make budgets for in a day.
    pub end_users_per_key_day_max: i64,
    /// At which percents of a limit to tell.
    pub alert_percents: Vec<u8>,
}

impl Default for EscrowSettings {
    fn default() -> EscrowSettings {
        EscrowSettings {
            lives_for: Duration::from_secs(15),
            wait_max: Duration::from_secs(2),
            store_wait_max: Duration::from_secs(5),
            idle_return: Duration::from_secs(5),
            refill_horizon: Duration::from_secs(2),
            limit_share_percent: 1,
            end_users_per_key_day_max: 1_000,
            alert_percents: vec![50, 80, 100],
        }
    }
}
