//! The live suite: the same questions to a real upstream, direct and through keyward, and a report of what was seen.
//!
//! Invariants: no call before the plan is printed and fits the spend that was allowed; the key is never shown.
//! Does not know: any crate inside keyward; it drives the built binary as a user does.

mod answer;
mod ask;
mod check;
mod checks;
mod clock;
mod compare;
mod key;
mod keyward;
mod money;
mod observation;
mod options;
mod plan;
mod prices;
mod report;
mod runner;
mod source;
mod spend;
mod suite;
mod unseen;
mod world;

pub use check::{Door, Outcome, Row};
pub use compare::Comparison;
pub use money::{NoAmount, Usd};
pub use observation::Found;
pub use options::{Limits, Options};
pub use report::{REPORT_VERSION, Report};
pub use suite::{Say, compare_reports, run};
pub use unseen::Unseen;
