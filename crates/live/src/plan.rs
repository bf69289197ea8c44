//! What a run will do and the most that it can cost, said before the first call.
//!
//! Invariants: the bound counts every check at every door; a plan above the allowed spend is refused.
//! Does not know: how checks run.

use std::fmt::Write;

use crate::check::Check;
use crate::options::Options;
use crate::prices::{Price, PriceOrigin};
use crate::spend::{Spend, Tariff, count};

/// The plan as text, and its bound.
pub(crate) fn plan(
    checks: &[&Check],
    tariff: &Tariff,
    options: &Options,
    upstream: &str,
) -> (String, Spend) {
    let mut text = format!(
        "plan for {upstream}: {} and {}\n",
        told(&tariff.chat),
        told(&tariff.embed)
    );
    let mut total = Spend::default();
    let mut calls = 0;
    let _ = writeln!(
        text,
        "  {:<28} {:>5} {:>5}  bound in USD",
        "check", "doors", "calls"
    );
    for check in checks {
        let each: u64 = check
            .calls
            .iter()
            .map(|calls| count(calls, options.samples))
            .sum();
        let mut bound = Spend::default();
        for _ in check.doors {
            bound.add(tariff.bound(check, options.samples));
            calls += each;
        }
        total.add(bound);
        let _ = writeln!(
            text,
            "  {:<28} {:>5} {:>5}  {}",
            check.id,
            check.doors.len(),
            each,
            bound.priced
        );
    }
    let _ = writeln!(
        text,
        "  {calls} calls, at most {} USD, of which {} are billed by somebody; allowed are {}",
        total.priced, total.real, options.max_spend
    );
    (text, total)
}

fn told(price: &Price) -> String {
    let origin = match price.origin {
        PriceOrigin::List => "list price",
        PriceOrigin::Given => "price given",
        PriceOrigin::Test => "test price",
    };
    format!("{} ({origin})", price.model)
}
