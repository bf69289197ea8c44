//! A budget: whom it binds, over which time, and how much it allows.
//!
//! Invariants: a scope or window that was written is read back as the same; a limit is an exact number of pico-USD that fits 64
//! bits; only keys and users have templates.
//! Does not know: what was spent, SQL, command lines.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use storage::{BudgetRow, WindowKind};

use crate::decimal::DecimalError;
use crate::money::PicoUsd;

/// The value of a scope that stands for "each of them by itself".
const EACH: &str = "*";
/// Longest name in a scope, in bytes; the store takes no longer text.
pub const SCOPE_VALUE_BYTES_MAX: usize = storage::TEXT_BYTES_MAX;

/// Whom a budget binds.
///
/// Shape: read and written as `global`, `project:P`, `key:ID`, `model:M`, `user:U`, `tag:T`. `key:*` and `user:*` are templates: they
/// bind nobody themselves, and the first use of a key or user without a budget of its own makes one like them.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum BudgetScope {
    /// Every call.
    Global,
    /// Calls of the keys of a project.
    Project(String),
    /// Calls of one virtual key.
    Key(String),
    /// Calls that ask for a model, by the name that the caller gives.
    Model(String),
    /// Calls for one end user.
    User(String),
    /// Calls of the keys with a tag. A tag may have a colon in it.
    Tag(String),
    /// Each key by itself: `key:*`.
    EachKey,
    /// Each end user by itself: `user:*`.
    EachUser,
}

impl BudgetScope {
    /// The kind and the value at rest; the value is empty for `global` and `*` for a template.
    #[must_use]
    pub fn parts(&self) -> (&'static str, &str) {
        match self {
            BudgetScope::Global => ("global", ""),
            BudgetScope::Project(name) => ("project", name),
            BudgetScope::Key(id) => ("key", id),
            BudgetScope::Model(name) => ("model", name),
            BudgetScope::User(name) => ("user", name),
            BudgetScope::Tag(tag) => ("tag", tag),
            BudgetScope::EachKey => ("key", EACH),
            BudgetScope::EachUser => ("user", EACH),
        }
    }

    /// Whether it only makes budgets for others.
    #[must_use]
    pub fn is_template(&self) -> bool {
        matches!(self, BudgetScope::EachKey | BudgetScope::EachUser)
    }

    /// The scope of a stored row, if this program knows its kind.
    pub(crate) fn of_parts(kind: &str, value: &str) -> Result<BudgetScope, BudgetTextError> {
        if kind == "global" && value.is_empty() {
            return Ok(BudgetScope::Global);
        }
        if value.is_empty() || value.len() > SCOPE_VALUE_BYTES_MAX {
            return Err(BudgetTextError::Scope);
        }
        let owned = || value.to_owned();
        match (kind, value) {
            ("key", EACH) => Ok(BudgetScope::EachKey),
            ("user", EACH) => Ok(BudgetScope::EachUser),
            ("project" | "model" | "tag", EACH) => Err(BudgetTextError::NoTemplate),
            ("project", _) => Ok(BudgetScope::Project(owned())),
            ("key", _) => Ok(BudgetScope::Key(owned())),
            ("model", _) => Ok(BudgetScope::Model(owned())),
            ("user", _) => Ok(BudgetScope::User(owned())),
            ("tag", _) => Ok(BudgetScope::Tag(owned())),
            _ => Err(BudgetTextError::Scope),
        }
    }
}

impl fmt::Display for BudgetScope {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.parts() {
            (kind, "") => formatter.write_str(kind),
            (kind, value) => write!(formatter, "{kind}:{value}"),
        }
    }
}

impl FromStr for BudgetScope {
    type Err = BudgetTextError;

    fn from_str(text: &str) -> Result<BudgetScope, BudgetTextError> {
        match text.split_once(':') {
            None if text == "global" => Ok(BudgetScope::Global),
            Some((kind, value)) if kind != "global" => BudgetScope::of_parts(kind, value),
            _ => Err(BudgetTextError::Scope),
        }
    }
}

/// Over which time a budget counts, by the clock of the database, in UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum BudgetWindow {
    /// A calendar day.
    Day,
    /// A calendar month.
    Month,
    /// From the first call on, for ever.
    Total,
}

impl BudgetWindow {
    /// The word that is stored and shown.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            BudgetWindow::Day => "day",
            BudgetWindow::Month => "month",
            BudgetWindow::Total => "total",
        }
    }

    /// The first day of the window that holds a moment, in days since 1970-01-01; 0 for `total`.
    pub(crate) fn start_of(self, at_ms: i64) -> i64 {
        self.kind().start_of(storage::day_of(at_ms))
    }

    /// When a window ends, in milliseconds since 1970-01-01 UTC; `None`: never.
    pub(crate) fn end_ms(self, window_start: i64) -> Option<i64> {
        self.kind().resets_at_ms(window_start)
    }

    fn kind(self) -> WindowKind {
        match self {
            BudgetWindow::Day => WindowKind::Day,
            BudgetWindow::Month => WindowKind::Month,
            BudgetWindow::Total => WindowKind::Total,
        }
    }
}

impl fmt::Display for BudgetWindow {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

impl FromStr for BudgetWindow {
    type Err = BudgetTextError;

    fn from_str(text: &str) -> Result<BudgetWindow, BudgetTextError> {
        [BudgetWindow::Day, BudgetWindow::Month, BudgetWindow::Total]
            .into_iter()
            .find(|window| window.name() == text)
            .ok_or(BudgetTextError::Window)
    }
}

/// Why a text is no scope, window or limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BudgetTextError {
    /// Not one of the scopes.
    #[error(
        "read a budget's scope: it is `global`, `project:NAME`, `key:ID`, `model:NAME`, `user:NAME` or `tag:TAG`"
    )]
    Scope,
    /// A template of something that has none.
    #[error("read a budget's scope: only `key:*` and `user:*` may stand for each of them")]
    NoTemplate,
    /// Not one of the windows.
    #[error("read a budget's window: it is `day`, `month` or `total`")]
    Window,
    /// No exact amount of money.
    #[error("read a budget's limit: {0}")]
    Limit(DecimalError),
    /// Below zero.
    #[error("read a budget's limit: it is below zero")]
    LimitNegative,
    /// More than 64 bits of pico-USD hold.
    #[error("read a budget's limit: it is above {LIMIT_MAX} USD, the largest budget there is")]
    LimitTooLarge,
}

/// The largest limit: what 64 bits of pico-USD hold, 9.2 million USD.
pub const LIMIT_MAX: PicoUsd = PicoUsd::from_pico(i64::MAX as i128);

/// Reads a limit from exact decimal US dollars such as `0.01`.
///
/// Errors: [`BudgetTextError`] for what is no plain decimal, finer than a pico-USD, below zero or above [`LIMIT_MAX`].
pub fn read_limit(text: &str) -> Result<PicoUsd, BudgetTextError> {
    let limit = PicoUsd::from_usd(text).map_err(|error| match error {
        DecimalError::TooLarge => BudgetTextError::LimitTooLarge,
        other => BudgetTextError::Limit(other),
    })?;
    if limit < PicoUsd::ZERO {
        return Err(BudgetTextError::LimitNegative);
    }
    if limit > LIMIT_MAX {
        return Err(BudgetTextError::LimitTooLarge);
    }
    Ok(limit)
}

/// A budget as it was set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Budget {
    /// Given by the store.
    pub budget_id: i64,
    /// Whom it binds.
    pub scope: BudgetScope,
    /// Over which time.
    pub window: BudgetWindow,
    /// How much it allows.
    pub limit: PicoUsd,
    /// The template that made it, if one did.
    pub template_id: Option<i64>,
    /// When it was made.
    pub created_at: Timestamp,
}

/// A stored budget that this program can't read: a newer one wrote it, or the database is damaged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("read stored budget {budget_id}: its {field} is not known to this version")]
pub struct BudgetUnreadable {
    /// Which budget.
    pub budget_id: i64,
    /// Which part of it.
    pub field: &'static str,
}

impl TryFrom<&BudgetRow> for Budget {
    type Error = BudgetUnreadable;

    /// The books, which have no limit, are no budget.
    fn try_from(row: &BudgetRow) -> Result<Budget, BudgetUnreadable> {
        let unreadable = |field| BudgetUnreadable {
            budget_id: row.budget_id,
            field,
        };
        let limit = row.limit_pico_usd.ok_or_else(|| unreadable("limit"))?;
        Ok(Budget {
            budget_id: row.budget_id,
            scope: BudgetScope::of_parts(&row.scope_kind, &row.scope_value)
                .map_err(|_| unreadable("scope"))?,
            window: row.window.parse().map_err(|_| unreadable("window"))?,
            limit: PicoUsd::from_pico(i128::from(limit)),
            template_id: row.template_id,
            created_at: Timestamp::from_millisecond(row.created_at_ms)
                .map_err(|_| unreadable("time of creation"))?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{BudgetScope, BudgetTextError, BudgetWindow, LIMIT_MAX, read_limit};
    use crate::decimal::DecimalError;

    fn check(text: &str, scope: &BudgetScope) {
        let read: BudgetScope = text.parse().unwrap();
        assert_eq!((&read, read.to_string().as_str()), (scope, text));
        let (kind, value) = read.parts();
        assert_eq!(BudgetScope::of_parts(kind, value).as_ref(), Ok(scope));
    }

    fn check_refused(text: &str, error: BudgetTextError) {
        assert_eq!(text.parse::<BudgetScope>(), Err(error), "{text:?}");
    }

    #[test]
    fn scopes_are_written_as_they_are_read() {
        check("global", &BudgetScope::Global);
        check("project:search", &BudgetScope::Project("search".into()));
        check("key:key_abc", &BudgetScope::Key("key_abc".into()));
        check("model:gpt-4o", &BudgetScope::Model("gpt-4o".into()));
        check("user:a:b *", &BudgetScope::User("a:b *".into()));
        check("tag:team:red", &BudgetScope::Tag("team:red".into()));
        check("key:*", &BudgetScope::EachKey);
        check("user:*", &BudgetScope::EachUser);
    }

    #[test]
    fn what_is_no_scope_is_refused() {
        for text in [
            "", "global:", "global:x", "key", "key:", "team:red", "Key:a", " global",
        ] {
            check_refused(text, BudgetTextError::Scope);
        }
        for text in ["project:*", "model:*", "tag:*"] {
            check_refused(text, BudgetTextError::NoTemplate);
        }
        let long = format!("user:{}", "u".repeat(super::SCOPE_VALUE_BYTES_MAX + 1));
        check_refused(&long, BudgetTextError::Scope);
    }

    #[test]
    fn windows_are_three_words() {
        for window in [BudgetWindow::Day, BudgetWindow::Month, BudgetWindow::Total] {
            assert_eq!(window.to_string().parse(), Ok(window));
        }
        assert_eq!("week".parse::<BudgetWindow>(), Err(BudgetTextError::Window));
    }

    #[test]
    fn limits_are_exact_or_refused_by_name() {
        assert_eq!(read_limit("0.01").unwrap().pico(), 10_000_000_000);
        assert_eq!(read_limit("0").unwrap().pico(), 0);
        assert_eq!(read_limit("9223372.036854775807"), Ok(LIMIT_MAX));
        for text in ["9223372.036854775808", "99999999999999999999999999999999"] {
            assert_eq!(read_limit(text), Err(BudgetTextError::LimitTooLarge));
        }
        assert_eq!(read_limit("-0.01"), Err(BudgetTextError::LimitNegative));
        for text in ["1e3", "$5", "5,00", "", "ten"] {
            let malformed = BudgetTextError::Limit(DecimalError::Malformed);
            assert_eq!(read_limit(text), Err(malformed), "{text:?}");
        }
        assert_eq!(
            read_limit("0.0000000000001"),
            Err(BudgetTextError::Limit(DecimalError::TooFine { places: 12 }))
        );
    }
}
