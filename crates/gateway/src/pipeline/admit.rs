//! Step 2: the request limit of the caller's key.
//!
//! Invariants: a refused request takes nothing from the limit.
//! Does not know: tokens and money; those are held per attempt.

use std::num::NonZeroU32;

use resilience::{Allowance, Quota};

use crate::request::Caller;
use crate::shared::Shared;
use crate::status::Refusal;

/// Takes one request from the key's limit: its own, or the default of the settings.
pub(crate) fn admit(shared: &Shared, caller: &Caller) -> Result<Allowance, Refusal> {
    let per_minute = caller
        .key
        .requests_per_minute
        .unwrap_or(shared.settings.limits.requests_per_minute);
    let per_minute = NonZeroU32::new(per_minute).unwrap_or(NonZeroU32::MIN);
    shared
        .limiter
        .check(&caller.key.id, Quota { per_minute })
        .map_err(Refusal::RateLimited)
}
