//! The arithmetic of a grant over several asks: which gets all of its wants, and which comes short of what.
//!
//! Invariants: settled + leased passes no limit, but for forced wants; an ask that falls short changes no window.
//! Does not know: SQL; how windows are read, locked and written.

use std::collections::BTreeMap;

use crate::budget_rows::{Granted, Short, Want};
use crate::error::StoreErrorKind;
use crate::escrow_sums::{LeaseSums, WindowSums};
use crate::windows::WindowKind;

/// A budget and the first day of a window of it.
pub(crate) type WindowKey = (i64, i64);

/// What a budget allows.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Terms {
    /// `None`: the books, or a budget that was removed, which limits nothing any more.
    pub(crate) limit: Option<i64>,
    pub(crate) kind: WindowKind,
}

/// A window and one instance's lease of it, as they become.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Line {
    pub(crate) window: WindowSums,
    pub(crate) lease: LeaseSums,
    pub(crate) lease_id: Option<i64>,
    pub(crate) changed: bool,
}

/// All that the asks are about.
#[derive(Debug, Default)]
pub(crate) struct Sheet {
    /// Day of the grant.
    pub(crate) today: i64,
    pub(crate) terms: BTreeMap<i64, Terms>,
    pub(crate) lines: BTreeMap<WindowKey, Line>,
    /// Windows of which others hold what was missing, with how much that was.
    pub(crate) starved: BTreeMap<WindowKey, i64>,
}

/// Refuses a want that makes no sense.
pub(crate) fn check_want(want: &Want) -> Result<(), StoreErrorKind> {
    if want.amount_min < 0 || want.amount_wished < want.amount_min {
        return Err(StoreErrorKind::Invalid {
            field: "amount_wished",
            reason: "is below the least that is wanted, or that is below zero",
        });
    }
    Ok(())
}

impl Sheet {
    /// The window that a want is about.
    ///
    /// Errors: `Invalid` for a budget whose terms are not on the sheet.
    pub(crate) fn find(&self, want: &Want) -> Result<(WindowKey, Terms), StoreErrorKind> {
        let terms = self.terms.get(&want.budget_id).copied();
        let terms = terms.ok_or(StoreErrorKind::Invalid {
            field: "budget_id",
            reason: "is no budget",
        })?;
        let now = terms.kind.start_of(self.today);
        let next = terms.kind.after(now).filter(|_| want.next_window);
        Ok(((want.budget_id, next.unwrap_or(now)), terms))
    }

    /// Answers one ask. The ids of new leases are filled in when they are written.
    pub(crate) fn answer(
        &mut self,
        ask: &[Want],
    ) -> Result<Result<Vec<Granted>, Short>, StoreErrorKind> {
        let mut before = Vec::with_capacity(ask.len());
        let mut granted = Vec::with_capacity(ask.len());
        let mut missed = Vec::new();
        for want in ask {
            let (key, terms) = self.find(want)?;
            let line = self.lines.entry(key).or_default();
            let Some(amount) = line.window.grantable(terms.limit, want) else {
                missed.push((key, terms, want.amount_min));
                continue;
            };
            before.push((key, *line));
            line.window.grant(&mut line.lease, terms.limit, amount);
            line.changed = true;
            granted.push(Granted {
                budget_id: key.0,
                window_start: key.1,
                lease_id: line.lease_id.unwrap_or_default(),
                amount_pico_usd: amount,
                lease_granted_pico_usd: line.lease.granted,
                lease_given_back_pico_usd: line.lease.given_back,
                limit_pico_usd: terms.limit,
                settled_pico_usd: line.window.settled,
                leased_pico_usd: line.window.leased,
            });
        }
        if missed.is_empty() {
            return Ok(Ok(granted));
        }
        for (key, line) in before.into_iter().rev() {
            self.lines.insert(key, line);
        }
        let mut shorts = Vec::with_capacity(missed.len());
        for (key, terms, needed) in missed {
            shorts.push(self.miss(key, terms, needed));
        }
        // What waiting can't cure says more than what it can.
        let hopeless = shorts.iter().find(|short| !may_come_back(short));
        let short = hopeless.or(shorts.first()).copied();
        Ok(short.map_or(Ok(Vec::new()), Err))
    }

    fn miss(&mut self, key: WindowKey, terms: Terms, needed: i64) -> Short {
        let line = self.lines.get(&key).copied().unwrap_or_default();
        let short = Short {
            budget_id: key.0,
            window_start: key.1,
            limit_pico_usd: terms.limit.unwrap_or(i64::MAX),
            settled_pico_usd: line.window.settled,
            leased_pico_usd: line.window.leased,
            own_leased_pico_usd: line.lease.remaining,
            needed_pico_usd: needed,
            resets_at_ms: terms.kind.resets_at_ms(key.1),
        };
        if may_come_back(&short) && short.leased_pico_usd > short.own_leased_pico_usd {
            let wanted = self.starved.entry(key).or_default();
            *wanted = wanted.saturating_add(needed);
        }
        short
    }
}

/// Whether the need would fit if all that is leased came back.
fn may_come_back(short: &Short) -> bool {
    short.settled_pico_usd.saturating_add(short.needed_pico_usd) <= short.limit_pico_usd
}
