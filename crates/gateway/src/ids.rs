//! Makes request ids: UUIDs of version 7, in order of time, without a system call.
//!
//! Invariants: two ids of one process never equal each other; ids of two processes differ by their seed.
//! Does not know: who asked. An id is no secret: it opens nothing without the key that made the call.
//! Source: RFC 9562, section 5.7.

use std::sync::atomic::{AtomicU64, Ordering};

use http::HeaderValue;
use jiff::Timestamp;
use uuid::fmt::Simple;
use uuid::{Builder, Uuid};

/// What stands before the hexadecimal digits of a request id.
const PREFIX: &str = "req_";

/// The source of request ids of one process.
#[derive(Debug)]
pub(crate) struct RequestIds {
    seed: [u8; 16],
    count: AtomicU64,
}

impl RequestIds {
    /// Ids from `seed`, which must come from the system's random source, once per process.
    pub(crate) fn new(seed: [u8; 16]) -> Self {
        Self {
            seed,
            count: AtomicU64::new(0),
        }
    }

    /// The next id, stamped with `now`.
    pub(crate) fn next(&self, now: Timestamp) -> Uuid {
        let (low, high) = self.seed.split_at(8);
        let base = u64::from_le_bytes(low.try_into().unwrap_or_default());
        let count = self.count.fetch_add(1, Ordering::Relaxed);
        let mut random = [0; 10];
        // The format overwrites bits of bytes 0 and 2; a count below 2^56 stays distinct in the seven bytes behind them.
        random[..2].copy_from_slice(&high[..2]);
        random[2..].copy_from_slice(&base.wrapping_add(count).to_be_bytes());
        let millis = u64::try_from(now.as_millisecond()).unwrap_or(0);
        Builder::from_unix_timestamp_millis(millis, &random).into_uuid()
    }
}

/// How an id is written in headers and paths: `req_` and 32 hexadecimal digits.
pub(crate) fn render(id: Uuid) -> String {
    format!("{PREFIX}{}", id.simple())
}

/// The same as the value of a header, written in place.
pub(crate) fn header_value(id: Uuid) -> HeaderValue {
    let mut text = [0; PREFIX.len() + Simple::LENGTH];
    let (prefix, digits) = text.split_at_mut(PREFIX.len());
    prefix.copy_from_slice(PREFIX.as_bytes());
    id.simple().encode_lower(digits);
    // Letters and digits always are a header's value.
    HeaderValue::from_bytes(&text).unwrap_or(HeaderValue::from_static(PREFIX))
}

/// Reads what [`render`] wrote; a bare UUID is taken as well.
pub(crate) fn parse(text: &str) -> Option<Uuid> {
    Uuid::try_parse(text.strip_prefix(PREFIX).unwrap_or(text)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_distinct_ordered_by_time_and_read_back() {
        let ids = RequestIds::new([7; 16]);
        let now = Timestamp::from_millisecond(1_790_000_000_000).unwrap();
        let mut seen = std::collections::HashSet::new();
        for _ in 0..10_000 {
            let id = ids.next(now);
            assert_eq!(id.get_version_num(), 7);
            assert!(seen.insert(id), "an id came twice");
            assert_eq!(parse(&render(id)), Some(id));
            assert_eq!(header_value(id), render(id));
        }
        let later = ids.next(Timestamp::from_millisecond(1_790_000_000_001).unwrap());
        assert!(seen.iter().all(|id| *id < later));
        assert_eq!(parse("req_nonsense"), None);
    }
}
