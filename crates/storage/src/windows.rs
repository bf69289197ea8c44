//! Windows of budgets on the calendar: which one a day falls into, and when the next begins.
//!
//! Invariants: UTC throughout; a window is known by the number of its first day since 1970-01-01.
//! Does not know: clocks, budgets.

use jiff::ToSpan;
use jiff::civil::Date;

/// Milliseconds of a day; UTC as computers count it has no others.
const DAY_MS: i64 = 86_400_000;
const EPOCH: Date = Date::constant(1970, 1, 1);

/// How long a budget's window is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum WindowKind {
    /// One day.
    Day,
    /// One month of the calendar.
    Month,
    /// For ever.
    Total,
}

impl WindowKind {
    /// Reads the name that rows use.
    #[must_use]
    pub fn parse(name: &str) -> Option<WindowKind> {
        match name {
            "day" => Some(WindowKind::Day),
            "month" => Some(WindowKind::Month),
            "total" => Some(WindowKind::Total),
            _ => None,
        }
    }

    /// The first day of the window that a day falls into; zero for `Total`.
    ///
    /// Shape: a day that no calendar has, thousands of years away, is a month of its own.
    #[must_use]
    pub fn start_of(self, day: i64) -> i64 {
        match self {
            WindowKind::Day => day,
            WindowKind::Month => {
                date_of(day).map_or(day, |date| day_of_date(date.first_of_month()))
            }
            WindowKind::Total => 0,
        }
    }

    /// The first day of the next window; `None` for `Total`.
    #[must_use]
    pub fn after(self, window_start: i64) -> Option<i64> {
        let tomorrow = window_start.saturating_add(1);
        match self {
            WindowKind::Day => Some(tomorrow),
            WindowKind::Month => {
                let last = date_of(window_start).map(Date::last_of_month);
                Some(last.map_or(tomorrow, |last| day_of_date(last) + 1))
            }
            WindowKind::Total => None,
        }
    }

    /// When the next window begins, in milliseconds since 1970-01-01 UTC; `None` for `Total`.
    #[must_use]
    pub fn resets_at_ms(self, window_start: i64) -> Option<i64> {
        Some(self.after(window_start)?.saturating_mul(DAY_MS))
    }
}

/// The day of a time in milliseconds since 1970-01-01 UTC.
#[must_use]
pub fn day_of(at_ms: i64) -> i64 {
    at_ms.div_euclid(DAY_MS)
}

fn date_of(day: i64) -> Option<Date> {
    let span = 0.days().try_days(day).ok()?;
    EPOCH.checked_add(span).ok()
}

fn day_of_date(date: Date) -> i64 {
    date.duration_since(EPOCH).as_hours() / 24
}

#[cfg(test)]
mod tests {
    use super::{WindowKind, day_of};

    #[track_caller]
    fn check(kind: WindowKind, day: i64, start: i64, after: Option<i64>) {
        assert_eq!(kind.start_of(day), start);
        assert_eq!(kind.after(start), after);
    }

    #[test]
    fn days_and_months_and_for_ever() {
        // 2024-02-29, 2024-03-01, 2023-12-31, 1969-12-31.
        check(WindowKind::Day, 19_782, 19_782, Some(19_783));
        check(WindowKind::Month, 19_782, 19_754, Some(19_783));
        check(WindowKind::Month, 19_783, 19_783, Some(19_814));
        check(WindowKind::Month, 19_722, 19_692, Some(19_723));
        check(WindowKind::Month, -1, -31, Some(0));
        check(WindowKind::Total, 19_782, 0, None);
        check(WindowKind::Month, i64::MAX, i64::MAX, Some(i64::MAX));
        assert_eq!(
            WindowKind::Month.resets_at_ms(19_754),
            Some(19_783 * 86_400_000)
        );
        assert_eq!((day_of(-1), day_of(0), day_of(86_399_999)), (-1, 0, 0));
    }

    #[test]
    fn each_day_of_ten_years_is_in_one_month() {
        let mut start = WindowKind::Month.start_of(19_000);
        for day in 19_000..22_653 {
            let next = WindowKind::Month.after(start).unwrap();
            assert!((28..=31).contains(&(next - start)));
            if day == next {
                start = next;
            }
            assert_eq!(WindowKind::Month.start_of(day), start);
        }
    }
}
