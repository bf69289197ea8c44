//! The ledger, the budgets' windows and their leases, as they stand in the tables.
//!
//! Invariants: exact integers, pico-USD.
//! Does not know: the simulator's bill.

use std::io;

use super::server::Place;

/// A ledger entry.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) request_id: String,
    pub(crate) attempt: u32,
    pub(crate) adjustment: u32,
    pub(crate) state: State,
    pub(crate) window_day: i64,
    pub(crate) key_id: String,
    pub(crate) project: String,
    pub(crate) model: String,
    pub(crate) user: String,
    /// A JSON array.
    pub(crate) tags: String,
    pub(crate) cost: i128,
    pub(crate) outcome: String,
}

/// How sure a charge is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    Reported,
    Estimated,
    Unsettled,
    Adjusted,
}

/// One window of one budget.
#[derive(Debug)]
pub(crate) struct Window {
    pub(crate) budget_id: i64,
    /// As in `key:ID`.
    pub(crate) kind: String,
    pub(crate) value: String,
    pub(crate) period: String,
    pub(crate) start: i64,
    /// None for the books.
    pub(crate) limit: Option<i128>,
    pub(crate) settled: i128,
    pub(crate) leased: i128,
    /// Written off from its leases and not taken back.
    pub(crate) written_off: i128,
}

impl Window {
    /// As on the command line.
    pub(crate) fn name(&self) -> String {
        let colon = if self.value.is_empty() { "" } else { ":" };
        format!("{}{colon}{} {}", self.kind, self.value, self.period)
    }

    /// Whether an entry counts for it.
    pub(crate) fn has(&self, entry: &Entry) -> bool {
        let in_scope = match self.kind.as_str() {
            "global" => true,
            "project" => entry.project == self.value,
            "key" => entry.key_id == self.value,
            "model" => entry.model == self.value,
            "user" => entry.user == self.value,
            "tag" => entry.tags.contains(&format!("\"{}\"", self.value)),
            _ => false,
        };
        // A soak is shorter than a month: a window that began last is the one of all entries but those of the day before.
        in_scope && (self.period != "day" || entry.window_day == self.start)
    }
}

/// All of it.
#[derive(Debug, Default)]
pub(crate) struct Books {
    pub(crate) entries: Vec<Entry>,
    pub(crate) windows: Vec<Window>,
}

impl Books {
    /// Reads all tables.
    ///
    /// Errors: the database, or a row of another form.
    pub(crate) async fn read(place: &Place, budgets: bool) -> io::Result<Self> {
        let id = place.hexadecimal("request_id");
        let rows = place
            .query(&format!(
                "SELECT {id}, attempt, adjustment, state, window_day, key_id, project, model, end_user, tags, cost_pico_usd, outcome
                 FROM ledger_entry ORDER BY entry_id"
            ))
            .await?;
        let entries = rows.iter().map(|row| entry(row)).collect::<Option<_>>();
        let windows = if budgets {
            Self::windows(place).await?
        } else {
            Vec::new()
        };
        Ok(Self {
            entries: entries.ok_or_else(odd)?,
            windows,
        })
    }

    /// Reads the budgets' windows alone.
    ///
    /// Errors: the database, or a row of another form.
    pub(crate) async fn windows(place: &Place) -> io::Result<Vec<Window>> {
        let rows = place
            .query(
                "SELECT b.budget_id, b.scope_kind, b.scope_value, b.window_kind, w.window_start, b.limit_pico_usd,
                        w.settled_pico_usd, w.leased_pico_usd,
                        (SELECT coalesce(sum(l.written_off_pico_usd - l.taken_back_pico_usd), 0) FROM lease l
                         WHERE l.budget_id = w.budget_id AND l.window_start = w.window_start)
                 FROM budget_window w JOIN budget b ON b.budget_id = w.budget_id ORDER BY 1, 5",
            )
            .await?;
        let windows = rows.iter().map(|row| window(row)).collect::<Option<_>>();
        windows.ok_or_else(odd)
    }

    pub(crate) fn total(&self) -> i128 {
        self.entries.iter().map(|entry| entry.cost).sum()
    }

    /// What rests on no report: estimated, written off, and what was taken back of that.
    pub(crate) fn unproven(&self) -> i128 {
        let unproven = |entry: &&Entry| entry.state != State::Reported;
        self.entries
            .iter()
            .filter(unproven)
            .map(|entry| entry.cost)
            .sum()
    }

    /// Written off for want of any entry, and not taken back since.
    pub(crate) fn unsettled(&self) -> i128 {
        let unsettled = |entry: &&Entry| entry.is_unsettled();
        self.entries
            .iter()
            .filter(unsettled)
            .map(|entry| entry.cost)
            .sum()
    }
}

impl Entry {
    /// Made by a recovery, or a correction of such.
    pub(crate) fn is_unsettled(&self) -> bool {
        self.state == State::Unsettled || (self.state == State::Adjusted && self.key_id == "-")
    }
}

fn odd() -> io::Error {
    io::Error::other("a table has another form")
}

fn entry(row: &[String]) -> Option<Entry> {
    let [
        id,
        attempt,
        adjustment,
        state,
        day,
        key,
        project,
        model,
        user,
        tags,
        cost,
        outcome,
    ] = row
    else {
        return None;
    };
    Some(Entry {
        request_id: id.clone(),
        attempt: attempt.parse().ok()?,
        adjustment: adjustment.parse().ok()?,
        state: match state.as_str() {
            "reported" => State::Reported,
            "estimated" => State::Estimated,
            "unsettled" => State::Unsettled,
            "adjusted" => State::Adjusted,
            _ => return None,
        },
        window_day: day.parse().ok()?,
        key_id: key.clone(),
        project: project.clone(),
        model: model.clone(),
        user: user.clone(),
        tags: tags.clone(),
        cost: cost.parse().ok()?,
        outcome: outcome.clone(),
    })
}

fn window(row: &[String]) -> Option<Window> {
    let [
        id,
        kind,
        value,
        period,
        start,
        limit,
        settled,
        leased,
        written_off,
    ] = row
    else {
        return None;
    };
    Some(Window {
        budget_id: id.parse().ok()?,
        kind: kind.clone(),
        value: value.clone(),
        period: period.clone(),
        start: start.parse().ok()?,
        limit: match limit.as_str() {
            "" => None,
            text => Some(text.parse().ok()?),
        },
        settled: settled.parse().ok()?,
        leased: leased.parse().ok()?,
        written_off: written_off.parse().ok()?,
    })
}
