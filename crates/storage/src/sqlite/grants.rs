//! Grants money into leases: all wants of an ask, or none.
//!
//! Invariants: settled + leased passes no limit, but for forced wants; an ask that falls short changes no window.
//! Does not know: who asks for what; when the transaction is committed.

use std::collections::BTreeMap;

use rusqlite::OptionalExtension;

use crate::budget_rows::{GrantAnswer, Granted, Short, Want};
use crate::error::StoreErrorKind;
use crate::escrow_sums::{LeaseSums, WindowSums};
use crate::sqlite::desk::Desk;
use crate::sqlite::disk::DiskStep;
use crate::sqlite::failure::Failure;
use crate::sqlite::instances::is_alive;
use crate::sqlite::lease_rows::{Lease, WindowKey};
use crate::windows::{WindowKind, day_of};

/// What a budget allows.
#[derive(Clone, Copy, Debug)]
struct Terms {
    limit: Option<i64>,
    kind: WindowKind,
}

/// A window and this instance's lease of it, as they become.
#[derive(Clone, Copy, Debug, Default)]
struct Line {
    window: WindowSums,
    lease: LeaseSums,
    lease_id: Option<i64>,
    changed: bool,
}

struct Sheet<'d> {
    desk: Desk<'d>,
    instance: [u8; 16],
    today: i64,
    terms: BTreeMap<i64, Terms>,
    lines: BTreeMap<WindowKey, Line>,
    /// Windows of which others hold what was missing, with how much that was.
    starved: BTreeMap<WindowKey, i64>,
}

/// Answers one list of asks. `Ok(Err(…))`: refused, and nothing was changed.
pub(crate) fn grant(
    desk: Desk<'_>,
    instance: [u8; 16],
    asks: &[Vec<Want>],
) -> Result<Result<GrantAnswer, StoreErrorKind>, Failure> {
    let now_ms = desk.now()?;
    if !is_alive(desk, &instance, now_ms)? {
        return Ok(Err(StoreErrorKind::Fenced));
    }
    let mut sheet = Sheet {
        desk,
        instance,
        today: day_of(now_ms),
        terms: BTreeMap::new(),
        lines: BTreeMap::new(),
        starved: BTreeMap::new(),
    };
    for want in asks.iter().flatten() {
        if let Err(kind) = sheet.load(want)? {
            return Ok(Err(kind));
        }
    }
    let mut results: Vec<_> = asks.iter().map(|ask| sheet.answer(ask)).collect();
    sheet.write(now_ms)?;
    for granted in results.iter_mut().flatten().flatten() {
        let line = sheet.lines.get(&(granted.budget_id, granted.window_start));
        granted.lease_id = line.and_then(|line| line.lease_id).unwrap_or_default();
    }
    Ok(Ok(GrantAnswer { now_ms, results }))
}

impl Sheet<'_> {
    /// Reads what a want is about.
    fn load(&mut self, want: &Want) -> Result<Result<(), StoreErrorKind>, Failure> {
        if want.amount_min < 0 || want.amount_wished < want.amount_min {
            return Ok(Err(StoreErrorKind::Invalid {
                field: "amount_wished",
                reason: "is below the least that is wanted, or that is below zero",
            }));
        }
        if !self.terms.contains_key(&want.budget_id) {
            let Some(terms) = self.read_terms(want.budget_id)? else {
                return Ok(Err(StoreErrorKind::Invalid {
                    field: "budget_id",
                    reason: "is no budget",
                }));
            };
            self.terms.insert(want.budget_id, terms);
        }
        let Some((key, _)) = self.find(want) else {
            return Ok(Ok(()));
        };
        if !self.lines.contains_key(&key) {
            let lease = self.desk.open_lease(&self.instance, key)?.map(Lease::from);
            let line = Line {
                window: self.desk.window(key)?,
                lease: lease.map(|lease| lease.sums).unwrap_or_default(),
                lease_id: lease.map(|lease| lease.lease_id),
                changed: false,
            };
            self.lines.insert(key, line);
        }
        Ok(Ok(()))
    }

    /// A budget that was removed limits nothing any more.
    fn read_terms(&self, budget_id: i64) -> Result<Option<Terms>, Failure> {
        let found = self
            .desk
            .connection
            .prepare_cached(
                "SELECT iif(removed_epoch IS NULL, limit_pico_usd, NULL), window_kind FROM budget
                WHERE budget_id = ? AND scope_value <> '*'",
            )?
            .query_row([budget_id], |row| {
                Ok((row.get::<_, Option<i64>>(0)?, row.get::<_, String>(1)?))
            })
            .optional()?;
        Ok(found.and_then(|(limit, kind)| {
            let kind = WindowKind::parse(&kind)?;
            Some(Terms { limit, kind })
        }))
    }

    fn find(&self, want: &Want) -> Option<(WindowKey, Terms)> {
        let terms = *self.terms.get(&want.budget_id)?;
        let now = terms.kind.start_of(self.today);
        let next = terms.kind.after(now).filter(|_| want.next_window);
        Some(((want.budget_id, next.unwrap_or(now)), terms))
    }

    fn answer(&mut self, ask: &[Want]) -> Result<Vec<Granted>, Short> {
        let mut before = Vec::with_capacity(ask.len());
        let mut granted = Vec::with_capacity(ask.len());
        let mut missed = Vec::new();
        for want in ask {
            let Some((key, terms)) = self.find(want) else {
                continue;
            };
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
                lease_id: 0, // when it is written
                amount_pico_usd: amount,
                lease_granted_pico_usd: line.lease.granted,
                lease_given_back_pico_usd: line.lease.given_back,
                limit_pico_usd: terms.limit,
                settled_pico_usd: line.window.settled,
                leased_pico_usd: line.window.leased,
            });
        }
        if missed.is_empty() {
            return Ok(granted);
        }
        for (key, line) in before.into_iter().rev() {
            self.lines.insert(key, line);
        }
        let shorts: Vec<Short> = missed
            .into_iter()
            .map(|(key, terms, needed)| self.miss(key, terms, needed))
            .collect();
        // What waiting can't cure says more than what it can.
        let hopeless = shorts.iter().find(|short| !may_come_back(short));
        hopeless
            .or(shorts.first())
            .copied()
            .map_or(Ok(Vec::new()), Err)
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

    fn write(&mut self, now_ms: i64) -> Result<(), Failure> {
        for (key, line) in self.lines.iter_mut().filter(|(_, line)| line.changed) {
            self.desk.write_window(*key, &line.window)?;
            match line.lease_id {
                Some(lease_id) => self.desk.write_lease(lease_id, &line.lease)?,
                None => {
                    let lease_id = self.desk.insert_lease(&self.instance, *key, &line.lease)?;
                    line.lease_id = Some(lease_id);
                }
            }
            if !self.starved.contains_key(key) {
                self.desk
                    .connection
                    .prepare_cached(
                        "DELETE FROM recall WHERE budget_id = ? AND window_start = ? AND instance = ?",
                    )?
                    .execute((key.0, key.1, self.instance))?;
            }
        }
        for (key, wanted) in &self.starved {
            self.desk.step(DiskStep::Recall)?;
            self.desk
                .connection
                .prepare_cached("INSERT OR REPLACE INTO recall VALUES (?, ?, ?, ?, ?)")?
                .execute((key.0, key.1, self.instance, wanted, now_ms))?;
        }
        Ok(())
    }
}

/// Whether the need would fit if all that is leased came back.
fn may_come_back(short: &Short) -> bool {
    short.settled_pico_usd.saturating_add(short.needed_pico_usd) <= short.limit_pico_usd
}
