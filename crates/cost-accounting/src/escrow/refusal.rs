//! Why a call was not given money.
//!
//! Invariants: a refusal for a budget names the budget, what is spent, what is held and what was needed.
//! Does not know: HTTP statuses.

use jiff::Timestamp;
use storage::StoreError;

use crate::budget::{BudgetScope, BudgetWindow};
use crate::money::PicoUsd;

/// Why a reservation was not made. Nothing is held.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Refused {
    /// A budget has no room.
    #[error(transparent)]
    Budget(Box<BudgetRefusal>),
    /// The key named more end users today than it may make budgets for.
    #[error(
        "reserve money: the key named {made_today} end users today, and may name {end_users_max} new ones a day"
    )]
    TooManyEndUsers {
        /// How many this key made today.
        made_today: i64,
        /// How many it may make.
        end_users_max: i64,
    },
    /// The call may cost more than any budget can hold.
    #[error("reserve {needed} USD: no call may hold more than a million USD")]
    TooLarge {
        /// The most that the call could cost.
        needed: PicoUsd,
    },
    /// The store did not answer in time or failed, or this instance is closing. Without its word nothing is spent.
    #[error("reserve money: {message}")]
    Unavailable {
        /// What failed.
        message: String,
    },
}

impl Refused {
    pub(crate) fn unavailable(message: impl Into<String>) -> Refused {
        Refused::Unavailable {
            message: message.into(),
        }
    }
}

impl From<StoreError> for Refused {
    fn from(error: StoreError) -> Refused {
        Refused::unavailable(error.to_string())
    }
}

/// Which budget refused, and why.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "reserve {needed} USD: the {window} budget of {scope} allows {limit} USD; {settled} are spent and {held} held: {reason}"
)]
pub struct BudgetRefusal {
    /// Whom the budget binds.
    pub scope: BudgetScope,
    /// Over which time.
    pub window: BudgetWindow,
    /// What it allows.
    pub limit: PicoUsd,
    /// What is spent for good.
    pub settled: PicoUsd,
    /// What is held for calls under way, by all instances.
    pub held: PicoUsd,
    /// The most that the call could cost.
    pub needed: PicoUsd,
    /// When the window ends, by the database's clock; `None`: never.
    pub resets_at: Option<Timestamp>,
    /// In one word.
    pub reason: RefusalReason,
}

/// Why a budget has no room.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RefusalReason {
    /// The call alone is larger than the whole budget.
    LargerThanLimit,
    /// What is spent leaves less than the call may cost.
    Spent,
    /// What is spent leaves enough, but calls under way hold it, and none gave it back in time.
    Held,
}

impl RefusalReason {
    /// A word for labels.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            RefusalReason::LargerThanLimit => "larger_than_limit",
            RefusalReason::Spent => "spent",
            RefusalReason::Held => "held",
        }
    }

    /// Why `needed` does not fit, or `None` if it would if nothing were held.
    pub(crate) fn of(limit: i64, settled: i64, needed: i64) -> Option<RefusalReason> {
        if needed > limit {
            Some(RefusalReason::LargerThanLimit)
        } else if settled.saturating_add(needed) > limit {
            Some(RefusalReason::Spent)
        } else {
            None
        }
    }
}

impl std::fmt::Display for RefusalReason {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(match self {
            RefusalReason::LargerThanLimit => "the call alone may cost more than the whole budget",
            RefusalReason::Spent => "what is left does not cover the most that the call may cost",
            RefusalReason::Held => {
                "what is left is held for calls under way, and did not come back in time"
            }
        })
    }
}
