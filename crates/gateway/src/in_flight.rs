//! Counts what is under way, so that a stop can wait for it, and tells it when waiting is over.
//!
//! Invariants: the count is the number of living [`Held`]s; after [`InFlight::give_up`] every [`Held::given_up`] resolves.
//! Does not know: what is under way.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::{Notify, watch};

/// The counter; clones share it.
#[derive(Clone, Debug)]
pub(crate) struct InFlight {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    count: AtomicUsize,
    /// Told whenever the count comes down to nothing.
    empty: Notify,
    over: watch::Sender<bool>,
}

/// One thing under way; dropping it ends it.
#[derive(Debug)]
pub(crate) struct Held {
    shared: Arc<Shared>,
    /// Made when first waited for; most never are.
    over: Option<watch::Receiver<bool>>,
}

impl InFlight {
    /// Nothing under way.
    pub(crate) fn new() -> Self {
        let (count, empty) = (AtomicUsize::new(0), Notify::new());
        let over = watch::Sender::new(false);
        Self {
            shared: Arc::new(Shared { count, empty, over }),
        }
    }

    /// Something begins.
    pub(crate) fn begin(&self) -> Held {
        self.shared.count.fetch_add(1, Ordering::AcqRel);
        Held {
            shared: Arc::clone(&self.shared),
            over: None,
        }
    }

    /// How much is under way.
    pub(crate) fn count(&self) -> usize {
        self.shared.count.load(Ordering::Acquire)
    }

    /// Waits until nothing is under way.
    pub(crate) async fn empty(&self) {
        loop {
            // Listening begins before the look, so that an end in between is not missed.
            let emptied = self.shared.empty.notified();
            tokio::pin!(emptied);
            emptied.as_mut().enable();
            if self.count() == 0 {
                return;
            }
            emptied.await;
        }
    }

    /// Tells all that is under way to come to an end now.
    pub(crate) fn give_up(&self) {
        self.shared.over.send_replace(true);
    }
}

impl Held {
    /// Resolves when waiting is over.
    pub(crate) async fn given_up(&mut self) {
        let over = self
            .over
            .get_or_insert_with(|| self.shared.over.subscribe());
        // The sender lives as long as `self`.
        let _ = over.wait_for(|over| *over).await;
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        if self.shared.count.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.shared.empty.notify_waiters();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_stop_waits_for_what_is_held_and_can_give_up() {
        let flights = InFlight::new();
        let mut held = flights.begin();
        assert_eq!(flights.count(), 1);
        flights.give_up();
        held.given_up().await;
        let waiting = tokio::spawn({
            let flights = flights.clone();
            async move { flights.empty().await }
        });
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished());
        drop(held);
        waiting.await.unwrap();
        assert_eq!(flights.count(), 0);
    }
}
