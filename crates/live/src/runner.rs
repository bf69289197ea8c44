//! Runs the checks one after the other, so that a latency is a call's own.
//!
//! Invariants: a check starts only if its bound fits what is left to spend; once one does not, none runs any more.
//! Does not know: what is checked.

use crate::check::{Check, Door, Outcome, Row};
use crate::money::Usd;
use crate::world::World;

/// Runs all checks at all their doors; `tell` hears of each row as it ends.
pub(crate) async fn run(
    checks: &[&'static Check],
    world: &World,
    max_spend: Usd,
    tell: &dyn Fn(&Row),
) -> Vec<Row> {
    let mut rows = Vec::new();
    let mut over = Vec::new();
    let mut stopped = false;
    for check in checks {
        let bound = world.setup.tariff.bound(check, world.setup.samples);
        for &door in check.doors {
            let before = world.book().spend;
            stopped = stopped || before.real + bound.real > max_spend;
            let outcome = if stopped {
                Outcome::NotRun
            } else {
                held(one(check, door, world).await, rows.last(), check)
            };
            let took = world.book().spend.priced.pico() - before.priced.pico();
            if took > bound.priced.pico() {
                over.push(format!("{} ({})", check.id, door.name()));
            }
            rows.push(Row {
                id: check.id,
                shows: check.shows,
                door,
                outcome,
            });
            rows.last().map(tell);
        }
    }
    let outcome = match (stopped, over.is_empty()) {
        (true, _) => Outcome::Fail(format!(
            "the run stopped at {max_spend} USD; to allow more type: cargo xtask test-live --max-spend …"
        )),
        (false, true) => Outcome::Pass(Vec::new()),
        (false, false) => Outcome::Fail(format!("more than their bound took: {}", over.join(", "))),
    };
    let row = Row {
        id: "cost.plan",
        shows: "no check took more than the plan said",
        door: Door::Keyward,
        outcome,
    };
    tell(&row);
    rows.push(row);
    rows
}

/// What the upstream does when it is asked directly, it does through keyward too: a skip there hides a failure.
fn held(outcome: Outcome, before: Option<&Row>, check: &Check) -> Outcome {
    let passed_directly = before.is_some_and(|row| {
        row.id == check.id && row.door == Door::Direct && matches!(row.outcome, Outcome::Pass(_))
    });
    match outcome {
        Outcome::Skip(why) if passed_directly => Outcome::Fail(format!(
            "it passes directly, and not through keyward: {why}"
        )),
        other => other,
    }
}

async fn one(check: &Check, door: Door, world: &World) -> Outcome {
    world.book().check = check.id;
    let outcome = Outcome::from((check.run)(world, door).await);
    let scrubbed = |text: &String| world.setup.secret.scrub(text);
    match &outcome {
        Outcome::Fail(why) => Outcome::Fail(scrubbed(why)),
        Outcome::Skip(why) => Outcome::Skip(scrubbed(why)),
        _ => outcome,
    }
}

#[cfg(test)]
mod tests {
    use super::held;
    use crate::check::{Door, Outcome, Row};
    use crate::checks;

    #[test]
    fn a_skip_through_keyward_of_what_passes_directly_is_a_failure() {
        let all = checks::all();
        let check = all.iter().find(|check| check.doors.len() == 2).unwrap();
        let direct = |outcome: Outcome| Row {
            id: check.id,
            shows: "",
            door: Door::Direct,
            outcome,
        };
        let skip = || Outcome::Skip("not supported".to_owned());
        let word = |before: Option<&Row>| held(skip(), before, check).word();
        assert_eq!(word(Some(&direct(Outcome::Pass(Vec::new())))), "FAIL");
        assert_eq!(word(Some(&direct(skip()))), "SKIP");
        assert_eq!(word(None), "SKIP");
        let other = Row {
            id: "another",
            ..direct(Outcome::Pass(Vec::new()))
        };
        assert_eq!(word(Some(&other)), "SKIP");
    }
}
