//! How a budget stands, and what a call would find: for people who never saw the code.
//!
//! Invariants: every line stands by itself; the verdict is what a reservation at this moment would get.
//! Does not know: the store, terminals.

use std::fmt;

use jiff::Timestamp;
use storage::BudgetState;

use crate::budget::{Budget, BudgetUnreadable};
use crate::escrow::{CallScope, RefusalReason};
use crate::money::PicoUsd;

/// A budget and its window of now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BudgetStanding {
    /// The budget.
    pub budget: Budget,
    /// First day of the window, in days since 1970-01-01 UTC.
    pub window_start: i64,
    /// What is spent for good, written off included.
    pub settled: PicoUsd,
    /// What the instance that asks holds, for calls under way or free.
    pub held_here: PicoUsd,
    /// What other instances hold.
    pub held_elsewhere: PicoUsd,
    /// The part of `settled` that dead instances held, and that no call has proved since.
    pub written_off: PicoUsd,
    /// When the window ends; `None`: never.
    pub resets_at: Option<Timestamp>,
}

impl BudgetStanding {
    pub(crate) fn of(
        state: &BudgetState,
        own: Option<[u8; 16]>,
    ) -> Result<BudgetStanding, BudgetUnreadable> {
        let budget = Budget::try_from(&state.budget)?;
        let money = |pico: i64| PicoUsd::from_pico(i128::from(pico));
        let here = state
            .leases
            .iter()
            .filter(|lease| lease.open && Some(lease.instance) == own)
            .fold(0_i64, |sum, lease| {
                sum.saturating_add(lease.remaining_pico_usd)
            });
        let unproved = state.leases.iter().fold(0_i64, |sum, lease| {
            let left = lease.written_off_pico_usd - lease.taken_back_pico_usd;
            sum.saturating_add(left)
        });
        let end_ms = budget.window.end_ms(state.window.window_start);
        Ok(BudgetStanding {
            window_start: state.window.window_start,
            settled: money(state.window.settled_pico_usd),
            held_here: money(here),
            held_elsewhere: money(state.window.leased_pico_usd.saturating_sub(here)),
            written_off: money(unproved),
            resets_at: end_ms.and_then(|end| Timestamp::from_millisecond(end).ok()),
            budget,
        })
    }

    /// What is held for calls under way, here and elsewhere.
    #[must_use]
    pub fn held(&self) -> PicoUsd {
        [self.held_here, self.held_elsewhere].into_iter().sum()
    }

    /// What is neither spent nor held; below zero if the limit was lowered under that.
    #[must_use]
    pub fn left(&self) -> PicoUsd {
        let taken = [self.settled, self.held()].into_iter().sum();
        self.budget.limit.checked_sub(taken).unwrap_or_default()
    }

    /// How a call of this bound would fare with this budget.
    #[must_use]
    pub fn verdict(&self, needed: PicoUsd) -> BudgetVerdict {
        let limit = self.budget.limit;
        let spent: PicoUsd = [self.settled, needed].into_iter().sum();
        if self.budget.scope.is_template() {
            BudgetVerdict::Template
        } else if needed > limit {
            BudgetVerdict::Refuses(RefusalReason::LargerThanLimit)
        } else if spent > limit {
            BudgetVerdict::Refuses(RefusalReason::Spent)
        } else if needed > self.left() {
            BudgetVerdict::Waits
        } else {
            BudgetVerdict::Allows
        }
    }
}

/// How a call fares with one budget.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BudgetVerdict {
    /// There is room.
    Allows,
    /// There would be room if what is held came back: the call waits for that a while, and is then refused as held.
    Waits,
    /// There is no room, however much comes back.
    Refuses(RefusalReason),
    /// It only makes budgets for others.
    Template,
}

/// Every budget that binds a call, and how the call would fare.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explanation {
    /// The call.
    pub scope: CallScope,
    /// The most that it may cost.
    pub needed: PicoUsd,
    /// The budgets that bind it, the one that stands most in the way first.
    pub budgets: Vec<BudgetStanding>,
}

impl Explanation {
    pub(crate) fn new(
        scope: CallScope,
        needed: PicoUsd,
        mut budgets: Vec<BudgetStanding>,
    ) -> Explanation {
        let rank = |standing: &BudgetStanding| match standing.verdict(needed) {
            BudgetVerdict::Refuses(_) => 0,
            BudgetVerdict::Waits => 1,
            BudgetVerdict::Allows => 2,
            BudgetVerdict::Template => 3,
        };
        budgets.sort_by_key(|standing| (rank(standing), standing.left()));
        Explanation {
            scope,
            needed,
            budgets,
        }
    }

    /// Whether the call would be sent now.
    #[must_use]
    pub fn is_allowed(&self) -> bool {
        let allows =
            |standing: &BudgetStanding| standing.verdict(self.needed) == BudgetVerdict::Allows;
        self.budgets.iter().all(allows)
    }
}

impl fmt::Display for Explanation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scope = &self.scope;
        write!(
            formatter,
            "A call of key {} (project {}) to {}",
            scope.key_id, scope.project, scope.model
        )?;
        if let Some(user) = &scope.end_user {
            write!(formatter, " for end user {user}")?;
        }
        writeln!(formatter, " may cost up to {} USD.", self.needed)?;
        match self.budgets.first() {
            None => writeln!(formatter, "No budget binds it: it would be sent.")?,
            Some(_) if self.is_allowed() => {
                writeln!(
                    formatter,
                    "Every budget that binds it has room: it would be sent."
                )?;
            }
            Some(first) => {
                let (scope, window) = (&first.budget.scope, first.budget.window);
                let outcome = match first.verdict(self.needed) {
                    BudgetVerdict::Waits => "it would wait for held money to come back, because of",
                    _ => "it would be refused, because of",
                };
                writeln!(
                    formatter,
                    "Not all budgets have room: {outcome} the {window} budget of {scope}."
                )?;
            }
        }
        for standing in &self.budgets {
            writeln!(formatter)?;
            write_standing(formatter, standing, self.needed)?;
        }
        Ok(())
    }
}

fn write_standing(
    formatter: &mut fmt::Formatter<'_>,
    standing: &BudgetStanding,
    needed: PicoUsd,
) -> fmt::Result {
    let budget = &standing.budget;
    writeln!(formatter, "Budget {} per {}", budget.scope, budget.window)?;
    let mut line = |name: &str, value: String, meaning: &str| {
        writeln!(formatter, "  {name:<13} {value:>20}  {meaning}")
    };
    line(
        "limit",
        budget.limit.to_string(),
        "USD, the most that may be spent in the window",
    )?;
    line("spent", standing.settled.to_string(), "USD, for good")?;
    if standing.written_off > PicoUsd::ZERO {
        let meaning =
            "USD of that was held by a server that died; it was charged for want of proof";
        line("unproven", standing.written_off.to_string(), meaning)?;
    }
    line(
        "held",
        standing.held().to_string(),
        "USD set aside by running servers for calls under way or about to come",
    )?;
    line(
        "left",
        standing.left().to_string(),
        "USD neither spent nor held",
    )?;
    line(
        "needed",
        needed.to_string(),
        "USD, the most that the call may cost",
    )?;
    let resets = standing
        .resets_at
        .map_or("never".to_owned(), |at| at.to_string());
    line(
        "resets",
        resets,
        "when the window ends and counting begins anew",
    )?;
    let verdict = match standing.verdict(needed) {
        BudgetVerdict::Allows => "has room for the call".to_owned(),
        BudgetVerdict::Waits => "has room only if held money comes back: the call waits a moment, and is refused if none does".to_owned(),
        BudgetVerdict::Refuses(reason) => format!("refuses the call: {reason}"),
        BudgetVerdict::Template => "binds nobody itself: it makes a budget for each key or user".to_owned(),
    };
    writeln!(formatter, "  verdict: {verdict}")
}
