//! The limiter on a virtual clock, and its laws.
//!
//! Invariants: each case goes through `check`, which plays requests at given times and compares every answer.
//! Does not know: governor.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use proptest::prelude::*;

use super::{Allowance, KEYS_MAX, Quota, Refused, RequestLimiter};
use crate::Clock;

struct World {
    limiter: RequestLimiter,
    nanos: Arc<AtomicU64>,
}

impl World {
    fn new(keys_max: usize) -> Self {
        let nanos = Arc::new(AtomicU64::new(5_000_000_000));
        let clock: Clock = Arc::new({
            let nanos = Arc::clone(&nanos);
            move || Duration::from_nanos(nanos.load(Ordering::SeqCst))
        });
        Self {
            limiter: RequestLimiter::with_keys_max(clock, keys_max),
            nanos,
        }
    }

    fn wait(&self, by: Duration) {
        self.nanos.fetch_add(by.as_nanos() as u64, Ordering::SeqCst);
    }

    fn ask(&self, key: &str, per_minute: u32) -> Result<Allowance, Refused> {
        self.limiter.check(key, quota(per_minute))
    }
}

fn quota(per_minute: u32) -> Quota {
    Quota {
        per_minute: NonZeroU32::new(per_minute).unwrap(),
    }
}

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn allowed(limit: u32, remaining: u32, reset: u64) -> Result<Allowance, Refused> {
    Ok(Allowance {
        limit,
        remaining,
        reset_after: seconds(reset),
    })
}

fn refused(limit: u32, retry: u64, reset: u64) -> Result<Allowance, Refused> {
    Err(Refused {
        limit,
        retry_after: seconds(retry),
        reset_after: seconds(reset),
    })
}

/// Each request: seconds waited before it, key, quota, answer.
#[track_caller]
fn check(requests: &[(u64, &str, u32, Result<Allowance, Refused>)]) {
    let world = World::new(KEYS_MAX);
    for (number, (wait, key, per_minute, expected)) in requests.iter().enumerate() {
        world.wait(seconds(*wait));
        assert_eq!(world.ask(key, *per_minute), *expected, "request {number}");
    }
}

#[test]
fn a_burst_is_allowed_and_comes_back_evenly() {
    check(&[
        (0, "a", 3, allowed(3, 2, 20)),
        (0, "a", 3, allowed(3, 1, 40)),
        (0, "a", 3, allowed(3, 0, 60)),
        (0, "a", 3, refused(3, 20, 60)),
        (15, "a", 3, refused(3, 5, 45)),
        (5, "a", 3, allowed(3, 0, 60)),
        (300, "a", 3, allowed(3, 2, 20)),
    ]);
}

#[test]
fn a_place_that_is_half_back_does_not_remain() {
    check(&[
        (0, "a", 2, allowed(2, 1, 30)),
        (15, "a", 2, allowed(2, 0, 45)),
        (14, "a", 2, refused(2, 1, 31)),
    ]);
}

#[test]
fn a_quota_of_one_is_one() {
    check(&[
        (0, "a", 1, allowed(1, 0, 60)),
        (59, "a", 1, refused(1, 1, 1)),
        (1, "a", 1, allowed(1, 0, 60)),
    ]);
}

#[test]
fn keys_do_not_share() {
    check(&[
        (0, "a", 1, allowed(1, 0, 60)),
        (0, "b", 1, allowed(1, 0, 60)),
        (0, "a", 1, refused(1, 60, 60)),
    ]);
}

#[test]
fn an_edited_quota_takes_effect_and_keeps_what_was_used() {
    // Raised: two of three used, so two of six are.
    check(&[
        (0, "a", 3, allowed(3, 2, 20)),
        (0, "a", 3, allowed(3, 1, 40)),
        (0, "a", 6, allowed(6, 3, 30)),
    ]);
    // Lowered below what was used: nothing is left; and going back and forth gives no fresh burst.
    check(&[
        (0, "a", 6, allowed(6, 5, 10)),
        (0, "a", 6, allowed(6, 4, 20)),
        (0, "a", 2, refused(2, 30, 60)),
        (0, "a", 6, allowed(6, 3, 30)),
    ]);
}

#[test]
fn memory_is_bounded_and_forgets_only_what_is_as_good_as_new() {
    let world = World::new(2);
    assert_eq!(world.ask("a", 1), allowed(1, 0, 60));
    assert_eq!(world.ask("b", 2), allowed(2, 1, 30));
    let full = Refused {
        limit: 1,
        retry_after: Duration::from_millis(100),
        reset_after: Duration::from_millis(100),
    };
    assert_eq!(world.ask("c", 1), Err(full));
    assert_eq!(world.ask("b", 2), allowed(2, 0, 60), "known keys go on");
    world.wait(seconds(59));
    assert!(world.ask("c", 1).is_err());
    world.wait(seconds(1));
    assert_eq!(world.ask("c", 1), allowed(1, 0, 60));
    assert_eq!(world.limiter.keys(), 1, "both others were full again");
    assert_eq!(world.ask("a", 1), allowed(1, 0, 60));
    assert_eq!(world.limiter.keys(), 2);
}

#[test]
fn the_refusal_reads_after_failed_to() {
    let refused = Refused {
        limit: 3,
        retry_after: seconds(2),
        reset_after: seconds(60),
    };
    assert_eq!(
        refused.to_string(),
        "stay within 3 requests a minute, retry after 2000 ms"
    );
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn never_more_than_burst_and_rate_in_any_minute(
        per_minute in 1_u32..40,
        waits in prop::collection::vec(0_u64..8_000_000_000, 1..400),
    ) {
        let world = World::new(KEYS_MAX);
        let mut times = Vec::new();
        for wait in waits {
            world.wait(Duration::from_nanos(if wait % 3 == 0 { wait } else { 0 }));
            if world.ask("a", per_minute).is_ok() {
                times.push(Duration::from_nanos(world.nanos.load(Ordering::SeqCst)));
            }
        }
        for (index, start) in times.iter().enumerate() {
            let within = times[index..].iter().take_while(|at| **at - *start <= seconds(60)).count();
            prop_assert!(within <= 2 * per_minute as usize, "{within} from {start:?}");
        }
    }

    #[test]
    fn the_numbers_told_are_true(
        per_minute in 1_u32..2_000,
        waits in prop::collection::vec(0_u64..3_000_000_000, 0..60),
    ) {
        let world = World::new(KEYS_MAX);
        for wait in waits {
            world.wait(Duration::from_nanos(wait));
            let _ = world.ask("a", per_minute);
        }
        // As many as remain are allowed, and no more.
        let mut remaining = match world.ask("a", per_minute) {
            Ok(allowance) => allowance.remaining,
            Err(_) => 0,
        };
        let refused = loop {
            match world.ask("a", per_minute) {
                Ok(allowance) => {
                    prop_assert_eq!(allowance.remaining + 1, remaining);
                    remaining = allowance.remaining;
                }
                Err(refused) => break refused,
            }
        };
        prop_assert_eq!(remaining, 0);
        // A nanosecond before the time told it is still refused, then allowed.
        world.wait(refused.retry_after - Duration::from_nanos(1));
        prop_assert!(world.ask("a", per_minute).is_err());
        world.wait(Duration::from_nanos(1));
        let allowance = world.ask("a", per_minute).unwrap();
        prop_assert_eq!(allowance.remaining, 0);
        // After the reset told, the whole limit is there.
        world.wait(allowance.reset_after);
        prop_assert_eq!(world.ask("a", per_minute).unwrap().remaining, per_minute - 1);
    }
}

#[test]
fn many_threads_get_no_more_than_the_burst() {
    let world = World::new(KEYS_MAX);
    let allowed = AtomicU64::new(0);
    let barrier = std::sync::Barrier::new(8);
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                barrier.wait();
                for _ in 0..200 {
                    allowed.fetch_add(u64::from(world.ask("a", 100).is_ok()), Ordering::SeqCst);
                }
            });
        }
    });
    assert_eq!(allowed.into_inner(), 100);
}
