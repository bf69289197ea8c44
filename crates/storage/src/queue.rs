//! Places for entries that wait for the disk: how many are taken, and whether the oldest has been taken for too long.
//!
//! Invariants: a place is counted in once and out once, whatever becomes of its entry; to ask costs a few atomic reads.
//! Does not know: what an entry holds; the clock: ticks of a known length stand for it.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{RecvTimeoutError, SyncSender, sync_channel};
use std::time::Duration;

use tokio::sync::{AcquireError, OwnedSemaphorePermit, Semaphore, TryAcquireError};

use crate::rows::StoreHealth;

/// Entries that may wait for the disk: half a second of the fastest gateway.
pub const ENTRIES_WAITING_MAX: usize = 16_384;
/// Entries from which on the store no longer counts as writable. The rest of the places is for calls under way.
pub const ENTRIES_WAITING_WRITABLE_MAX: usize = ENTRIES_WAITING_MAX / 4 * 3;
/// How long an entry may wait for the disk before the store no longer counts as writable: a disk that hangs reports no
/// error.
pub const ENTRY_WAIT_MAX: Duration = Duration::from_secs(5);
/// How long [`Store::append_entries`](crate::Store::append_entries) waits for a place before its caller, who has the
/// rows still, is told.
pub const PLACE_WAIT_MAX: Duration = Duration::from_secs(2);
/// The longest gathering.
pub(crate) const GATHER_MAX: Duration = Duration::from_millis(50);
/// How exactly that is measured.
pub(crate) const TICKS_MAX: usize = 10;
/// The length of one.
pub(crate) const TICK: Duration = Duration::from_millis(500);
const _: () = assert!(TICK.as_millis() * TICKS_MAX as u128 == ENTRY_WAIT_MAX.as_millis());

/// The places of one store.
#[derive(Debug)]
pub(crate) struct Queue {
    places: Arc<Semaphore>,
    /// Entries that ever came in.
    entered: AtomicU64,
    /// Entries that ever went out: to the disk, or refused.
    left: AtomicU64,
    /// What `entered` was `ENTRY_WAIT_MAX` ago. They go out in the order in which they came in, so one of those
    /// entries waits still if and only if `left` is below it.
    due: AtomicU64,
}

/// The place of one entry, free again when this is dropped.
#[derive(Debug)]
pub(crate) struct Place {
    _permit: OwnedSemaphorePermit,
    queue: Arc<Queue>,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.queue.left.fetch_add(1, Ordering::AcqRel);
    }
}

impl Queue {
    pub(crate) fn new() -> Queue {
        Queue {
            places: Arc::new(Semaphore::new(ENTRIES_WAITING_MAX)),
            entered: AtomicU64::new(0),
            left: AtomicU64::new(0),
            due: AtomicU64::new(0),
        }
    }

    /// Takes a place if one is free.
    pub(crate) fn try_enter(self: &Arc<Queue>) -> Result<Place, TryAcquireError> {
        let permit = Arc::clone(&self.places).try_acquire_owned()?;
        Ok(self.seat(permit))
    }

    /// Takes a place as soon as one is free; first come, first served.
    pub(crate) async fn enter(self: &Arc<Queue>) -> Result<Place, AcquireError> {
        let permit = Arc::clone(&self.places).acquire_owned().await?;
        Ok(self.seat(permit))
    }

    /// Gives no more places, and sends away who waits for one.
    pub(crate) fn close(&self) {
        self.places.close();
    }

    fn seat(self: &Arc<Queue>, permit: OwnedSemaphorePermit) -> Place {
        self.entered.fetch_add(1, Ordering::AcqRel);
        Place {
            _permit: permit,
            queue: Arc::clone(self),
        }
    }

    /// Whether the disk keeps up.
    pub(crate) fn health(&self) -> StoreHealth {
        // Due before left: what goes out between the two reads is not held against the disk.
        let due = self.due.load(Ordering::Acquire);
        let left = self.left.load(Ordering::Acquire);
        let waiting = self.entered.load(Ordering::Acquire).saturating_sub(left);
        let entries_waiting = usize::try_from(waiting).unwrap_or(usize::MAX);
        let message = if left < due {
            format!(
                "entries have waited for the disk for more than {} s",
                ENTRY_WAIT_MAX.as_secs()
            )
        } else if entries_waiting > ENTRIES_WAITING_WRITABLE_MAX {
            format!("more than {ENTRIES_WAITING_WRITABLE_MAX} entries wait for the disk")
        } else {
            return StoreHealth::Writable;
        };
        StoreHealth::Failing {
            commits_failed: 0,
            entries_waiting,
            message,
        }
    }
}

/// Moves the line between entries that may wait and entries that are late.
pub(crate) struct Watch {
    queue: Arc<Queue>,
    /// What `entered` was at each of the last ticks; the oldest is at `oldest`.
    marks: [u64; TICKS_MAX],
    oldest: usize,
    behind: bool,
}

impl Watch {
    pub(crate) fn new(queue: Arc<Queue>) -> Watch {
        Watch {
            queue,
            marks: [0; TICKS_MAX],
            oldest: 0,
            behind: false,
        }
    }

    /// Starts the thread that ticks until what is returned is dropped. A thread, for a runtime can be held up by the
    /// very calls that wait.
    pub(crate) fn start(mut self, tick: Duration) -> io::Result<SyncSender<()>> {
        let (stop, stopped) = sync_channel(0);
        std::thread::Builder::new()
            .name("keyward-watch".to_owned())
            .spawn(move || {
                while stopped.recv_timeout(tick) == Err(RecvTimeoutError::Timeout) {
                    self.tick();
                }
            })?;
        Ok(stop)
    }

    /// Says that a tick has passed.
    pub(crate) fn tick(&mut self) {
        let entered = self.queue.entered.load(Ordering::Acquire);
        let due = std::mem::replace(&mut self.marks[self.oldest], entered);
        self.oldest = (self.oldest + 1) % TICKS_MAX;
        self.queue.due.fetch_max(due, Ordering::AcqRel);
        self.tell();
    }

    fn tell(&mut self) {
        let health = self.queue.health();
        match (&health, self.behind) {
            (StoreHealth::Failing { message, .. }, false) => {
                tracing::warn!(%message, "the ledger falls behind");
            }
            (StoreHealth::Writable, true) => tracing::info!("the ledger has caught up"),
            _ => {}
        }
        self.behind = health != StoreHealth::Writable;
    }
}

#[cfg(test)]
mod tests {
    use super::{Arc, ENTRIES_WAITING_WRITABLE_MAX, Queue, StoreHealth, TICKS_MAX, Watch};
    use std::time::Duration;

    fn check(queue: &Queue, expected: Option<&str>) {
        match (queue.health(), expected) {
            (StoreHealth::Writable, None) => {}
            (StoreHealth::Failing { message, .. }, Some(part)) => {
                assert!(message.contains(part), "{message}");
            }
            (health, _) => panic!("{health:?}, expected {expected:?}"),
        }
    }

    #[test]
    fn an_entry_is_late_when_all_ticks_have_passed_and_not_before() {
        let queue = Arc::new(Queue::new());
        let mut watch = Watch::new(Arc::clone(&queue));
        for _ in 0..3 * TICKS_MAX {
            watch.tick();
        }
        let first = queue.try_enter().unwrap();
        // The first tick comes somewhere in the middle and marks it.
        for _ in 0..TICKS_MAX {
            watch.tick();
            check(&queue, None);
        }
        let second = queue.try_enter().unwrap();
        watch.tick();
        check(&queue, Some("more than 5 s"));
        drop(first);
        check(&queue, None);
        for _ in 1..TICKS_MAX {
            watch.tick();
        }
        watch.tick();
        check(&queue, Some("more than 5 s"));
        drop(second);
        check(&queue, None);
    }

    #[test]
    fn entries_that_come_and_go_are_never_late() {
        let queue = Arc::new(Queue::new());
        let mut watch = Watch::new(Arc::clone(&queue));
        let mut place = queue.try_enter().unwrap();
        for _ in 0..5 * TICKS_MAX {
            let next = queue.try_enter().unwrap();
            drop(std::mem::replace(&mut place, next));
            watch.tick();
            check(&queue, None);
        }
    }

    #[test]
    fn a_nearly_full_queue_is_told_until_it_drains() {
        let queue = Arc::new(Queue::new());
        let mut places: Vec<_> = (0..ENTRIES_WAITING_WRITABLE_MAX)
            .map(|_| queue.try_enter().unwrap())
            .collect();
        check(&queue, None);
        places.push(queue.try_enter().unwrap());
        check(&queue, Some("entries wait"));
        places.pop();
        check(&queue, None);
    }

    #[test]
    fn the_thread_ticks() {
        let queue = Arc::new(Queue::new());
        let watch = Watch::new(Arc::clone(&queue));
        let stop = watch.start(Duration::from_millis(1)).unwrap();
        let place = queue.try_enter().unwrap();
        while queue.health() == StoreHealth::Writable {
            std::thread::yield_now();
        }
        drop((place, stop));
    }
}
