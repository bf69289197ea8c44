//! A future that is finished even when nobody waits for it any more.
//!
//! Invariants: while it is awaited it runs in its caller's task, without the cost of a spawn; dropped before its end, it
//! goes on in a task of its own. So a caller who hangs up can't make a charge disappear.
//! Does not know: what it runs. The work itself must be bounded by deadlines.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

type Boxed<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// See the module.
pub(crate) struct Outlive<T: Send + 'static> {
    future: Option<Boxed<T>>,
}

impl<T: Send + 'static> Outlive<T> {
    /// Wraps `future`; nothing runs until it is polled, but once polled it runs to its end.
    pub(crate) fn new(future: impl Future<Output = T> + Send + 'static) -> Self {
        Self {
            future: Some(Box::pin(future)),
        }
    }
}

impl<T: Send + 'static> Future for Outlive<T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<T> {
        let Some(future) = self.future.as_mut() else {
            return Poll::Pending;
        };
        let result = std::task::ready!(future.as_mut().poll(context));
        self.future = None;
        Poll::Ready(result)
    }
}

impl<T: Send + 'static> Drop for Outlive<T> {
    fn drop(&mut self) {
        if let Some(future) = self.future.take()
            && !std::thread::panicking()
            && let Ok(runtime) = tokio::runtime::Handle::try_current()
        {
            drop(runtime.spawn(future));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn dropped_work_goes_on_to_its_end() {
        let (sender, receiver) = tokio::sync::oneshot::channel();
        let work = Outlive::new(async move {
            tokio::time::sleep(std::time::Duration::from_secs(5)).await;
            sender.send(42).ok();
        });
        assert!(
            tokio::time::timeout(std::time::Duration::from_secs(1), work)
                .await
                .is_err(),
            "the caller left before the end"
        );
        assert_eq!(receiver.await, Ok(42));
    }

    #[tokio::test]
    async fn awaited_work_gives_its_result() {
        assert_eq!(Outlive::new(async { 7 }).await, 7);
    }
}
