//! A bounded place for things with ids, in the order in which they came.
//!
//! Invariants: holds at most [`ITEMS_MAX`] things and, beside the newest, at most [`BYTES_MAX`] bytes; the oldest give
//! way.
//! Does not know: what the things are.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Things kept at once, of each kind.
const ITEMS_MAX: usize = 4096;
/// Bytes kept at once, of each kind.
const BYTES_MAX: usize = 64 * 1024 * 1024;

pub(crate) struct Shelf<T>(Mutex<Inner<T>>);

struct Inner<T> {
    /// By their turn.
    things: BTreeMap<u64, Thing<T>>,
    turns: HashMap<String, u64>,
    next_turn: u64,
    bytes: usize,
}

struct Thing<T> {
    id: String,
    bytes: usize,
    value: T,
}

impl<T> Default for Shelf<T> {
    fn default() -> Self {
        Self(Mutex::new(Inner {
            things: BTreeMap::new(),
            turns: HashMap::new(),
            next_turn: 0,
            bytes: 0,
        }))
    }
}

impl<T: Clone> Shelf<T> {
    fn inner(&self) -> MutexGuard<'_, Inner<T>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// `bytes`: about what it takes to hold the value.
    pub(crate) fn put(&self, id: &str, value: T, bytes: usize) {
        let mut inner = self.inner();
        inner.remove(id);
        let turn = inner.next_turn;
        inner.next_turn += 1;
        inner.bytes += bytes;
        inner.turns.insert(id.to_owned(), turn);
        let id = id.to_owned();
        inner.things.insert(turn, Thing { id, bytes, value });
        while inner.things.len() > ITEMS_MAX || (inner.bytes > BYTES_MAX && inner.things.len() > 1)
        {
            let Some(oldest) = inner.things.values().next().map(|thing| thing.id.clone()) else {
                return;
            };
            inner.remove(&oldest);
        }
    }

    pub(crate) fn get(&self, id: &str) -> Option<T> {
        self.change(id, |value| value.clone())
    }

    /// What `change` gives, or nothing if the thing is not there.
    pub(crate) fn change<R>(&self, id: &str, change: impl FnOnce(&mut T) -> R) -> Option<R> {
        let mut inner = self.inner();
        let turn = *inner.turns.get(id)?;
        inner
            .things
            .get_mut(&turn)
            .map(|thing| change(&mut thing.value))
    }

    /// Whether it was there.
    pub(crate) fn remove(&self, id: &str) -> bool {
        self.inner().remove(id)
    }

    /// All things, oldest first.
    pub(crate) fn all(&self) -> Vec<T> {
        let inner = self.inner();
        inner
            .things
            .values()
            .map(|thing| thing.value.clone())
            .collect()
    }

    pub(crate) fn forget(&self) {
        let mut inner = self.inner();
        inner.things.clear();
        inner.turns.clear();
        inner.bytes = 0;
    }
}

impl<T> Inner<T> {
    fn remove(&mut self, id: &str) -> bool {
        let turn = self.turns.remove(id);
        let thing = turn.and_then(|turn| self.things.remove(&turn));
        self.bytes -= thing.as_ref().map_or(0, |thing| thing.bytes);
        thing.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::{BYTES_MAX, ITEMS_MAX, Shelf};

    #[test]
    fn the_oldest_give_way_by_number_and_by_size() {
        let shelf = Shelf::default();
        (0..ITEMS_MAX + 2).for_each(|number| shelf.put(&number.to_string(), number, 1));
        assert_eq!((shelf.all().len(), shelf.get("1")), (ITEMS_MAX, None));
        assert_eq!(shelf.all().first(), Some(&2));
        shelf.put("large", 0, BYTES_MAX);
        assert_eq!(shelf.all(), [0]);
        assert!(shelf.remove("large") && !shelf.remove("large"));
        shelf.put("again", 1, 1);
        shelf.put("again", 2, 1);
        assert_eq!(shelf.all(), [2]);
        shelf.forget();
        assert_eq!(shelf.all(), [0; 0]);
    }
}
