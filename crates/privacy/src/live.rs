//! Secrets that matter only while a request lasts.
//!
//! Invariants: adding and removing costs a hash, a short lock and no encoding; the forms of a secret are made when the
//! first line is scrubbed while it is live, once; a secret that several requests hold stays until the last is gone.
//! Does not know: where the secrets come from.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use crate::forms::forms;
use crate::index::Index;

/// How many different secrets are searched for at a time. Those beyond are still found by their shape.
pub const LIVE_SECRETS_MAX: usize = 1_024;

/// How much of one secret is searched for, in bytes; a caller may send a header of any length.
pub const LIVE_BYTES_MAX: usize = 1_024;

/// What stands in a line in place of such a secret.
const LABEL: &str = "caller_key";

#[derive(Default)]
pub(crate) struct LiveSecrets {
    holders: Mutex<HashMap<Arc<str>, Holders>>,
}

/// The requests that hold one secret.
struct Holders {
    count: usize,
    search: Arc<Search>,
}

/// What finds one secret.
struct Search {
    secret: Arc<str>,
    index: OnceLock<Index>,
}

impl Search {
    fn index(&self) -> &Index {
        self.index.get_or_init(|| {
            let part = &self.secret[..self.secret.floor_char_boundary(LIVE_BYTES_MAX)];
            Index::new(forms(part, &Arc::from(LABEL)).unwrap_or_default())
        })
    }
}

impl LiveSecrets {
    pub(crate) fn add(self: &Arc<Self>, secret: Arc<str>) -> LiveSecret {
        let mut holders = self.lock();
        let has_room = holders.len() < LIVE_SECRETS_MAX;
        let held = match holders.entry(Arc::clone(&secret)) {
            Entry::Occupied(mut holders) => {
                holders.get_mut().count += 1;
                true
            }
            Entry::Vacant(place) if has_room => {
                let search = Arc::new(Search {
                    secret: Arc::clone(&secret),
                    index: OnceLock::new(),
                });
                place.insert(Holders { count: 1, search });
                true
            }
            Entry::Vacant(_) => false,
        };
        drop(holders);
        LiveSecret {
            held: held.then(|| (Arc::clone(self), secret)),
        }
    }

    fn remove(&self, secret: Arc<str>) {
        let mut holders = self.lock();
        let Entry::Occupied(mut place) = holders.entry(secret) else {
            return;
        };
        place.get_mut().count -= 1;
        if place.get().count == 0 {
            place.remove();
        }
    }

    /// The secrets that are live now. Their forms are made outside the lock, so that requests do not wait for it.
    pub(crate) fn snapshot(&self) -> LiveSnapshot {
        LiveSnapshot(
            self.lock()
                .values()
                .map(|holders| Arc::clone(&holders.search))
                .collect(),
        )
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Arc<str>, Holders>> {
        self.holders.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The secrets that were live at one moment.
pub(crate) struct LiveSnapshot(Vec<Arc<Search>>);

impl LiveSnapshot {
    /// One index each: to join them would cost more for every change of the set than the passes cost.
    pub(crate) fn indexes(&self) -> impl Iterator<Item = &Index> {
        self.0.iter().map(|search| search.index())
    }
}

/// While this lives, a secret is kept out of what is written.
#[must_use = "the secret is kept out only while this lives"]
pub struct LiveSecret {
    /// None if there was no room.
    held: Option<(Arc<LiveSecrets>, Arc<str>)>,
}

impl Drop for LiveSecret {
    fn drop(&mut self) {
        if let Some((live, secret)) = self.held.take() {
            live.remove(secret);
        }
    }
}

impl fmt::Debug for LiveSecret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("LiveSecret").finish_non_exhaustive()
    }
}
