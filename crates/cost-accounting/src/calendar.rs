//! Days since 1970-01-01 in UTC, the form in which windows and the daily rollup count.
//!
//! Invariants: a moment before 1970 belongs to a negative day, never to day 0.
//! Does not know: time zones, months, clocks.

use jiff::civil::Date;
use jiff::tz::Offset;
use jiff::{Span, Timestamp};

const EPOCH: Date = Date::constant(1970, 1, 1);

/// The UTC date of a moment.
pub(crate) fn date_at(at: Timestamp) -> Date {
    Offset::UTC.to_datetime(at).date()
}

/// The UTC day a moment belongs to, counted from 1970-01-01: what [`Entry::window_day`](crate::Entry::window_day) holds.
#[must_use]
pub fn day_of(at: Timestamp) -> i64 {
    day_of_date(date_at(at))
}

/// A date counted in days from 1970-01-01.
pub(crate) fn day_of_date(date: Date) -> i64 {
    date.duration_since(EPOCH).as_hours() / 24
}

/// The date of a day counted from 1970-01-01, if the calendar reaches that far (years -9999 to 9999).
pub(crate) fn date_of(day: i64) -> Option<Date> {
    let span = Span::new().try_days(day).ok()?;
    EPOCH.checked_add(span).ok()
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use jiff::civil::date;

    use super::{date_of, day_of, day_of_date};

    fn check(millisecond: i64, day: i64, text: &str) {
        assert_eq!(
            day_of(Timestamp::from_millisecond(millisecond).unwrap()),
            day
        );
        let date = date_of(day).unwrap();
        assert_eq!(date.to_string(), text);
        assert_eq!(day_of_date(date), day);
    }

    #[test]
    fn days_turn_at_midnight_utc() {
        check(0, 0, "1970-01-01");
        check(86_399_999, 0, "1970-01-01");
        check(86_400_000, 1, "1970-01-02");
        check(-1, -1, "1969-12-31");
        check(1_795_305_600_000, 20_779, "2026-11-22");
    }

    #[test]
    fn a_day_beyond_the_calendar_has_no_date() {
        assert_eq!(date_of(i64::MAX), None);
        assert_eq!(date_of(i64::MIN), None);
        assert_eq!(date_of(day_of_date(date(9999, 12, 31)) + 1), None);
    }
}
