//! Keeps the scripts and hands one to each call.
//!
//! Invariants: counted scripts serve in the order they came, each by its number of calls; the newest standing script
//! serves when no counted one fits; at most [`SCRIPTS_MAX`] are held, and one more replaces nothing but is refused.
//! Does not know: what a script says.

use std::collections::VecDeque;

use super::{Script, Times};
use crate::route;

/// Scripts held at once.
pub const SCRIPTS_MAX: usize = 1024;

#[derive(Default)]
pub(crate) struct ScriptQueue {
    counted: VecDeque<Script>,
    standing: VecDeque<Script>,
}

impl ScriptQueue {
    /// Whether there was room.
    pub(crate) fn push(&mut self, script: Script) -> bool {
        if self.counted.len() + self.standing.len() >= SCRIPTS_MAX {
            return false;
        }
        match script.times {
            Times::Number(0) => {}
            Times::Number(_) => self.counted.push_back(script),
            Times::Always => self.standing.push_front(script),
        }
        true
    }

    /// The script for a call on `path`, used up by it.
    pub(crate) fn take(&mut self, path: &str) -> Option<Script> {
        let fits = |script: &Script| {
            let wanted = script.path.as_deref();
            wanted.is_none_or(|wanted| route::fits(wanted, path))
        };
        let Some(at) = self.counted.iter().position(fits) else {
            return self.standing.iter().find(|script| fits(script)).cloned();
        };
        let script = self.counted.get_mut(at)?;
        let taken = script.clone();
        match &mut script.times {
            Times::Number(left) if *left > 1 => *left -= 1,
            _ => drop(self.counted.remove(at)),
        }
        Some(taken)
    }

    /// Calls that counted scripts still wait for.
    pub(crate) fn waiting(&self) -> u64 {
        let left = |script: &Script| match script.times {
            Times::Number(left) => left,
            Times::Always => 0,
        };
        self.counted.iter().map(left).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::{SCRIPTS_MAX, ScriptQueue};
    use crate::Script;

    fn check(queue: &mut ScriptQueue, path: &str, expected: Option<u16>) {
        assert_eq!(
            queue
                .take(path)
                .and_then(|script| script.status)
                .map(|status| status.as_u16()),
            expected
        );
    }

    #[test]
    fn counted_scripts_come_first_and_in_order_and_standing_ones_stay() {
        let mut queue = ScriptQueue::default();
        queue.push(Script::status(500).always());
        queue.push(Script::status(429).times(2).on("/embeddings"));
        queue.push(Script::status(503));
        queue.push(Script::status(599).times(0));
        assert_eq!(queue.waiting(), 3);
        check(&mut queue, "/models", Some(503));
        check(&mut queue, "/embeddings", Some(429));
        check(&mut queue, "/models", Some(500));
        check(&mut queue, "/embeddings", Some(429));
        check(&mut queue, "/embeddings", Some(500));
        assert_eq!(queue.waiting(), 0);
    }

    #[test]
    fn a_full_queue_refuses() {
        let mut queue = ScriptQueue::default();
        assert!((0..SCRIPTS_MAX).all(|_| queue.push(Script::new())));
        assert!(!queue.push(Script::new()));
    }
}
