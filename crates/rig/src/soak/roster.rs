//! Which servers can be called now, and the lives of all that there were.
//!
//! Invariants: a life is noted before its address is given out; times are milliseconds since the soak began.
//! Does not know: processes.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use crate::clock::now;

/// A server as a caller sees it.
#[derive(Clone, Debug)]
pub(crate) struct Address {
    /// As in `http://127.0.0.1:8080/v1`.
    pub(crate) base_url: String,
    /// Which of [`Roster::lives`].
    pub(crate) life: usize,
}

/// One process from its start to its end.
#[derive(Clone, Debug)]
pub(crate) struct Life {
    /// When `kill -9` was sent, if that is how it ended.
    pub(crate) killed_at_ms: Option<u64>,
    /// When it was frozen.
    pub(crate) frozen_at_ms: Vec<u64>,
    /// Why it ended at its start, if it did.
    pub(crate) refused: Option<String>,
}

pub(crate) struct Roster {
    start: Instant,
    state: Mutex<State>,
    closed: AtomicBool,
}

struct State {
    slots: Vec<Option<Address>>,
    lives: Vec<Life>,
}

impl Roster {
    pub(crate) fn new(start: Instant, slots: usize) -> Self {
        Self {
            start,
            state: Mutex::new(State {
                slots: vec![None; slots],
                lives: Vec::new(),
            }),
            closed: AtomicBool::new(false),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn now_ms(&self) -> u64 {
        u64::try_from((now() - self.start).as_millis()).unwrap_or(u64::MAX)
    }

    /// A server was started; gives its life.
    pub(crate) fn born(&self) -> usize {
        let lives = &mut self.state().lives;
        lives.push(Life {
            killed_at_ms: None,
            frozen_at_ms: Vec::new(),
            refused: None,
        });
        lives.len() - 1
    }

    /// It can be called from now on.
    pub(crate) fn open(&self, slot: usize, address: Address) {
        if let Some(place) = self.state().slots.get_mut(slot) {
            *place = Some(address);
        }
    }

    /// It can't be called any more.
    pub(crate) fn shut(&self, slot: usize) {
        if let Some(place) = self.state().slots.get_mut(slot) {
            *place = None;
        }
    }

    /// It was killed now.
    pub(crate) fn killed(&self, life: usize) {
        let at = self.now_ms();
        if let Some(life) = self.state().lives.get_mut(life) {
            life.killed_at_ms = Some(at);
        }
    }

    /// It ended at its start.
    pub(crate) fn refused(&self, life: usize, why: &io::Error) {
        if let Some(life) = self.state().lives.get_mut(life) {
            life.refused = Some(why.to_string());
        }
    }

    /// It was frozen once more.
    pub(crate) fn paused(&self, life: usize) {
        let at = self.now_ms();
        if let Some(life) = self.state().lives.get_mut(life) {
            life.frozen_at_ms.push(at);
        }
    }

    /// One of the servers that can be called; `pick` chooses by chance.
    pub(crate) fn address(&self, pick: usize) -> Option<Address> {
        let state = self.state();
        let open: Vec<&Address> = state.slots.iter().flatten().collect();
        open.get(pick % open.len().max(1)).copied().cloned()
    }

    /// No more calls.
    pub(crate) fn close(&self) {
        self.closed.store(true, Ordering::Release);
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Acquire)
    }

    pub(crate) fn lives(&self) -> Vec<Life> {
        self.state().lives.clone()
    }
}
