//! The table of all checks, in the order in which they run.
//!
//! Invariants: an id is there once; every check says what it may take.
//! Does not know: how a check is run or reported.

mod breaker;
mod cost;
mod embedding;
mod generation;
mod latency;
mod models;
mod refusals;
mod secrets;
mod shaped;

use crate::check::Check;

/// All sections, in order. What adds up runs last.
pub(crate) fn all() -> Vec<&'static Check> {
    let sections: [&[Check]; 9] = [
        models::CHECKS,
        embedding::CHECKS,
        generation::CHECKS,
        shaped::CHECKS,
        refusals::CHECKS,
        breaker::CHECKS,
        latency::CHECKS,
        cost::CHECKS,
        secrets::CHECKS,
    ];
    sections.into_iter().flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::all;

    #[test]
    fn ids_are_there_once_and_say_their_section() {
        let mut ids: Vec<&str> = all().iter().map(|check| check.id).collect();
        assert!(ids.len() >= 30, "{}", ids.len());
        assert!(ids.iter().all(|id| id.contains('.')));
        ids.sort_unstable();
        let count = ids.len();
        ids.dedup();
        assert_eq!(ids.len(), count);
    }
}
