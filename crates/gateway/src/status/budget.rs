//! What is told of a budget that has no room.
//!
//! Invariants: every figure that decided stands in the message and in the object; what to do stands beside them.
//! Does not know: statuses, headers.

use cost_accounting::{BudgetRefusal, Refused};

use super::Refusal;

impl From<Refused> for Refusal {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::Budget(refusal) => Self::Budget(refusal),
            Refused::TooManyEndUsers {
                made_today,
                end_users_max,
            } => Self::EndUsers {
                made_today,
                most: end_users_max,
            },
            Refused::TooLarge { needed } => Self::TooDear(needed),
            other => {
                tracing::error!(error = %other, "failed to hold money for a call");
                Self::LedgerUnavailable
            }
        }
    }
}

/// What a person is told.
pub(super) fn message(refusal: &BudgetRefusal) -> String {
    let BudgetRefusal {
        scope,
        window,
        limit,
        settled,
        held,
        needed,
        resets_at,
        reason,
    } = refusal;
    let until = resets_at.map_or_else(
        || "It never resets.".to_owned(),
        |at| format!("It resets at {at}."),
    );
    format!(
        "The {window} budget of {scope} has no room for this call: of {limit} USD, {settled} are spent and {held} held for calls under way, \
         and this call may cost up to {needed}: {reason}. {until} `keyward budget explain` shows more; `keyward budget raise` gives room; \
         a smaller maximum of tokens needs less."
    )
}

/// The figures, for a program.
pub(super) fn object(refusal: &BudgetRefusal) -> serde_json::Value {
    serde_json::json!({
        "scope": refusal.scope.to_string(),
        "window": refusal.window.to_string(),
        "limit_usd": refusal.limit.to_string(),
        "settled_usd": refusal.settled.to_string(),
        "held_usd": refusal.held.to_string(),
        "needed_usd": refusal.needed.to_string(),
        "resets_at": refusal.resets_at.map(|at| at.to_string()),
        "reason": refusal.reason.name(),
    })
}
