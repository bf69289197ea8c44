//! Counts what is under way, so that a stop can wait for it, and tells it when waiting is over.
//!
//! Invariants: the count is the number of living [`Held`]s; after [`InFlight::give_up`] every [`Held::given_up`] resolves.
//! Does not know: what is under way.

use std::sync::Arc;

use tokio::sync::watch;

/// The counter; clones share it.
#[derive(Clone, Debug)]
pub(crate) struct InFlight {
    count: Arc<watch::Sender<usize>>,
    over: Arc<watch::Sender<bool>>,
}

/// One thing under way; dropping it ends it.
#[derive(Debug)]
pub(crate) struct Held {
    count: Arc<watch::Sender<usize>>,
    over: watch::Receiver<bool>,
}

impl InFlight {
    /// Nothing under way.
    pub(crate) fn new() -> Self {
        Self {
            count: Arc::new(watch::Sender::new(0)),
            over: Arc::new(watch::Sender::new(false)),
        }
    }

    /// Something begins.
    pub(crate) fn begin(&self) -> Held {
        self.count.send_modify(|count| *count += 1);
        Held {
            count: Arc::clone(&self.count),
            over: self.over.subscribe(),
        }
    }

    /// How much is under way.
    pub(crate) fn count(&self) -> usize {
        *self.count.borrow()
    }

    /// Waits until nothing is under way.
    pub(crate) async fn empty(&self) {
        let mut count = self.count.subscribe();
        // The sender lives in `self`, so waiting can't fail.
        let _ = count.wait_for(|count| *count == 0).await;
    }

    /// Tells all that is under way to come to an end now.
    pub(crate) fn give_up(&self) {
        self.over.send_replace(true);
    }
}

impl Held {
    /// Resolves when waiting is over.
    pub(crate) async fn given_up(&mut self) {
        if self.over.wait_for(|over| *over).await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.count.send_modify(|count| *count -= 1);
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
        drop(held);
        flights.empty().await;
        assert_eq!(flights.count(), 0);
    }
}
