//! An upstream that goes down and comes back, called through a breaker and a limiter by many tasks.
//!
//! Invariants: the clock is moved by hand; nothing waits for real time.
//! Does not know: HTTP.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use resilience::{
    BreakerSettings, CallError, CircuitBreaker, Classify, Clock, Quota, RequestLimiter, State,
    Verdict,
};

#[derive(Debug, thiserror::Error)]
#[error("upstream is down")]
struct Down;

impl Classify for Down {
    fn verdict(&self) -> Verdict {
        Verdict::Failure
    }
}

struct World {
    millis: Arc<AtomicU64>,
    up: AtomicBool,
    reached: AtomicU32,
    breaker: CircuitBreaker,
    limiter: RequestLimiter,
}

impl World {
    fn new() -> Self {
        let millis = Arc::new(AtomicU64::new(0));
        let clock: Clock = Arc::new({
            let millis = Arc::clone(&millis);
            move || Duration::from_millis(millis.load(Ordering::SeqCst))
        });
        let breaker = CircuitBreaker::new(BreakerSettings::default(), Arc::clone(&clock));
        let limiter = RequestLimiter::new(clock);
        Self {
            millis,
            up: AtomicBool::new(true),
            reached: AtomicU32::new(0),
            breaker,
            limiter,
        }
    }

    async fn call(&self) -> Result<(), CallError<Down>> {
        self.breaker
            .call(async {
                self.reached.fetch_add(1, Ordering::SeqCst);
                tokio::task::yield_now().await;
                if self.up.load(Ordering::SeqCst) {
                    Ok(())
                } else {
                    Err(Down)
                }
            })
            .await
    }

    /// That many calls at once; how many of them reached the upstream.
    async fn calls(self: &Arc<Self>, count: u32) -> u32 {
        let before = self.reached.load(Ordering::SeqCst);
        let world = || {
            let world = Arc::clone(self);
            async move { world.call().await }
        };
        let tasks: Vec<_> = (0..count).map(|_| tokio::spawn(world())).collect();
        for task in tasks {
            let _ = task.await.unwrap();
        }
        self.reached.load(Ordering::SeqCst) - before
    }
}

#[tokio::test]
async fn an_outage_is_noticed_probed_and_over() {
    let world = Arc::new(World::new());
    let settings = BreakerSettings::default();
    assert_eq!(world.calls(50).await, 50);
    world.up.store(false, Ordering::SeqCst);
    world.calls(50).await;
    assert!(matches!(world.breaker.state(), State::Open { .. }));
    assert_eq!(world.calls(50).await, 0);
    for _ in 0..3 {
        world
            .millis
            .fetch_add(settings.open_for.as_millis() as u64, Ordering::SeqCst);
        assert_eq!(world.calls(50).await, settings.half_open_probes);
    }
    world.up.store(true, Ordering::SeqCst);
    world
        .millis
        .fetch_add(settings.open_for.as_millis() as u64, Ordering::SeqCst);
    world.calls(50).await;
    assert_eq!(world.breaker.state(), State::Closed);
    assert_eq!(world.calls(50).await, 50);
}

#[tokio::test]
async fn a_permit_outlives_the_handle_that_gave_it() {
    let world = World::new();
    let permit = world.breaker.clone().permit().unwrap();
    let stream = tokio::spawn(async move { permit.settle(Verdict::Success) });
    stream.await.unwrap();
    assert_eq!(world.breaker.state(), State::Closed);
}

#[test]
fn a_limiter_counts_each_key() {
    let world = World::new();
    let quota = Quota {
        per_minute: NonZeroU32::MIN,
    };
    assert!(world.limiter.check("key_a", quota).is_ok());
    assert_eq!(
        world.limiter.check("key_a", quota).unwrap_err().retry_after,
        Duration::from_secs(60)
    );
    assert!(world.limiter.check("key_b", quota).is_ok());
    assert_eq!(world.limiter.keys(), 2);
}
