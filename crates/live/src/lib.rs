//! The live suite: the same questions to a real upstream, direct and through keyward, and a report of what was seen.
//!
//! Invariants: no call before the plan is printed and fits the spend that was allowed; the key is never shown.
//! Does not know: any crate inside keyward; it drives the built binary as a user does.
