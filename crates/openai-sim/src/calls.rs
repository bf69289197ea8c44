//! Remembers the calls that the simulator saw, so that a test can look at what really left the client.
//!
//! Invariants: holds at most [`CALLS_MAX`] calls and, beside the newest, at most [`CALLS_BYTES_MAX`] bytes of bodies.
//! Does not know: what was answered.

use std::collections::VecDeque;

use bytes::Bytes;
use http::{HeaderMap, Method};
use serde_json::Value;

/// Calls kept; older ones are forgotten.
pub const CALLS_MAX: usize = 1024;
/// Bytes of bodies kept; older calls are forgotten.
pub const CALLS_BYTES_MAX: usize = 64 * 1024 * 1024;

/// A call as it arrived on the data port.
#[derive(Clone, Debug)]
pub struct SeenCall {
    /// Counts from 1 for each simulator.
    pub number: u64,
    /// The HTTP method.
    pub method: Method,
    /// Without the prefix, as in `/chat/completions`; whole if it does not start with the prefix.
    pub path: String,
    /// What follows `?`, if anything.
    pub query: Option<String>,
    /// As received, secrets included: tests look for them.
    pub headers: HeaderMap,
    /// As received.
    pub body: Bytes,
    /// Counts the connections from 1; calls with the same number came over one connection.
    pub connection: u64,
}

impl SeenCall {
    /// The body read as JSON; `Null` if it is none.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }

    /// The first value of a header, if it is readable text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

#[derive(Default)]
pub(crate) struct CallLog {
    calls: VecDeque<SeenCall>,
    body_bytes: usize,
}

impl CallLog {
    pub(crate) fn push(&mut self, call: SeenCall) {
        self.body_bytes += call.body.len();
        self.calls.push_back(call);
        while self.calls.len() > CALLS_MAX
            || (self.body_bytes > CALLS_BYTES_MAX && self.calls.len() > 1)
        {
            self.body_bytes -= self.calls.pop_front().map_or(0, |call| call.body.len());
        }
    }

    pub(crate) fn all(&self) -> Vec<SeenCall> {
        self.calls.iter().cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::{CALLS_BYTES_MAX, CALLS_MAX, CallLog, SeenCall};
    use bytes::Bytes;
    use http::{HeaderMap, Method};

    fn call(number: u64, body: Bytes) -> SeenCall {
        SeenCall {
            number,
            method: Method::POST,
            path: String::new(),
            query: None,
            headers: HeaderMap::new(),
            body,
            connection: 1,
        }
    }

    #[test]
    fn old_calls_give_way_by_number_and_by_size() {
        let mut log = CallLog::default();
        (0..CALLS_MAX as u64 + 3).for_each(|number| log.push(call(number, Bytes::new())));
        assert_eq!((log.all().len(), log.all()[0].number), (CALLS_MAX, 3));
        let large = Bytes::from(vec![0; CALLS_BYTES_MAX]);
        log.push(call(9_000, large.clone()));
        assert_eq!(log.all().len(), CALLS_MAX);
        log.push(call(9_001, large));
        assert_eq!(
            log.all().iter().map(|call| call.number).collect::<Vec<_>>(),
            [9_001]
        );
    }
}
