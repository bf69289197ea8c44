//! Step 6: money is held for the attempt, in every budget that binds the call, before anything is sent.
//!
//! Invariants: what is held is a bound of what the upstream can bill for the body as it will be sent; the tier and the maximum that the
//! bound rests on are written into that body. A caller who leaves while it waits leaves nothing held.
//! Does not know: leases, the store, what the call will have cost.

use std::sync::Arc;

use cost_accounting::{CallScope, Hold, PicoUsd, PriceRow, Refused, Tier};

use crate::bound::Basis;
use crate::object::Object;
use crate::request::Request;
use crate::shared::Shared;
use crate::status::Refusal;

/// What an attempt goes out with.
pub(crate) struct Reserved {
    /// None where the store fails and the settings let calls go on.
    pub(crate) hold: Option<Hold>,
    /// The most that the attempt can cost.
    pub(crate) bound: PicoUsd,
    /// The tiers that may have served where the answer names none.
    pub(crate) unsaid_tiers: &'static [Tier],
    /// The most tokens out for each choice that keyward set, where the caller set no maximum.
    pub(crate) output_cap: Option<u64>,
}

/// Makes the request's cost bounded, and holds the bound.
pub(crate) async fn reserve(
    shared: &Shared,
    scope: &CallScope,
    request: &mut Request,
    object: &Object<'_>,
    price: &Arc<PriceRow>,
) -> Result<Reserved, Refusal> {
    let mut basis = Basis::new(request, object);
    if basis.hosted().other {
        return Err(Refusal::FieldRefused {
            field: "tools",
            why: "of the tools that the upstream runs by itself, web_search, file_search and code_interpreter have a price here; others can't be bounded",
        });
    }
    let hosted_cap = basis.hosted_cap();
    let unsaid_tiers = basis.unsaid_tiers();
    let tier = basis.explicit_tier(price, shared.takes_tier);
    let tightest = known(shared, shared.escrow.tightest_limit(scope).await)?;
    let is_blind = tightest.is_none();
    let tightest = tightest.flatten();
    let tokens_min = shared.settings.budgets.output_tokens;
    let cap = basis.output_cap(price, tightest, tokens_min);
    let (body, edits) = (&request.body, &mut request.edits);
    if let Some((name, value)) = tier {
        edits.set((body, object), name, value);
    }
    if let Some((name, value)) = hosted_cap {
        edits.set((body, object), name, value);
    }
    if let Some(cap) = cap {
        edits.set((body, object), cap.field, cap.tokens.to_string());
    }
    let by_bytes = basis.bytes(price);
    let held = if is_blind {
        None
    } else {
        known(shared, hold(shared, scope, basis, by_bytes, price).await)?
    };
    let (hold, bound) = held.map_or((None, by_bytes), |(hold, bound)| (Some(hold), bound));
    Ok(Reserved {
        hold,
        bound,
        unsaid_tiers,
        output_cap: cap.map(|cap| cap.tokens),
    })
}

/// Without the store nothing is known of budgets. The settings decide whether that stops calls; `None`: this one goes on unheld.
fn known<T>(shared: &Shared, answer: Result<T, Refused>) -> Result<Option<T>, Refusal> {
    match answer {
        Ok(known) => {
            shared.budgets_failed(false);
            Ok(Some(known))
        }
        Err(refused @ Refused::Unavailable { .. }) => {
            shared.budgets_failed(true);
            if shared.goes_on_unwritten() {
                Ok(None)
            } else {
                Err(refused.into())
            }
        }
        Err(refused) => Err(refused.into()),
    }
}

/// Holds the bound of the bytes, which is free to know; where that does not fit, the bound of the tokens, which takes time.
async fn hold(
    shared: &Shared,
    scope: &CallScope,
    basis: Basis,
    by_bytes: PicoUsd,
    price: &Arc<PriceRow>,
) -> Result<(Hold, PicoUsd), Refused> {
    match shared.escrow.reserve_at_once(scope, by_bytes).await {
        Ok(hold) => return Ok((hold, by_bytes)),
        Err(Refused::Budget(_) | Refused::TooLarge { .. }) => {}
        Err(refused) => return Err(refused),
    }
    let row = Arc::clone(price);
    let counting = tokio::task::spawn_blocking(move || basis.counted(&row));
    let by_tokens = counting.await.unwrap_or(by_bytes).min(by_bytes);
    let hold = shared.escrow.reserve(scope, by_tokens).await?;
    Ok((hold, by_tokens))
}
