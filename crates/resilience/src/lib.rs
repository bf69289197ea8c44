//! Circuit breaker and request limits: pure, with the clock as an argument.
//!
//! Two tools for anyone who calls something that may fail, or is called by someone who may call too often:
//!
//! - [`CircuitBreaker`] stops calling an upstream that keeps failing, then lets a set number of probes find out
//!   whether it is back. [`CircuitBreaker::call`] wraps a future; [`CircuitBreaker::permit`] is for streams, whose
//!   outcome is known only when the body ends.
//! - [`RequestLimiter`] allows so many requests a minute for each key, and tells true numbers for rate limit headers.
//!
//! Nothing here sleeps, spawns, reads a clock or touches the network. Time is a function that the caller hands in, so
//! a test moves it by hand:
//!
//! ```
//! use std::sync::{Arc, atomic::{AtomicU64, Ordering}};
//! use std::time::Duration;
//! use resilience::{BreakerSettings, CallError, CircuitBreaker, Classify, Clock, State, Verdict};
//!
//! #[derive(Debug, thiserror::Error)]
//! enum Failed {
//!     #[error("upstream is down")]
//!     Down,
//!     #[error("the caller asked for nonsense")]
//!     Nonsense,
//! }
//! impl Classify for Failed {
//!     fn verdict(&self) -> Verdict {
//!         match self {
//!             Self::Down => Verdict::Failure,
//!             Self::Nonsense => Verdict::Ignored, // says nothing about the upstream
//!         }
//!     }
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! let millis = Arc::new(AtomicU64::new(0));
//! let clock: Clock = Arc::new({
//!     let millis = millis.clone();
//!     move || Duration::from_millis(millis.load(Ordering::Relaxed))
//! });
//! let settings = BreakerSettings { consecutive_failures_max: 2, half_open_probes: 1, ..BreakerSettings::default() };
//! let open_for = settings.open_for;
//! let breaker = CircuitBreaker::observed(settings, clock, |moved| println!("{}", moved.reason.name()));
//!
//! for _ in 0..2 {
//!     let _ = breaker.call(async { Err::<(), _>(Failed::Down) }).await;
//! }
//! let refused = breaker.call(async { Ok::<_, Failed>(()) }).await;      // the future is not even polled
//! assert!(matches!(refused, Err(CallError::Open(open)) if open.retry_after == open_for));
//!
//! millis.store(open_for.as_millis() as u64, Ordering::Relaxed);
//! breaker.call(async { Ok::<_, Failed>(()) }).await.unwrap();           // the probe
//! assert_eq!(breaker.state(), State::Closed);
//! # }
//! ```
//!
//! Invariants: no lock is held across an await or while a callback runs; no I/O; every buffer has a maximum.
//! Does not know: HTTP, providers, money, settings files, metrics.

mod breaker;
mod clock;
mod limiter;
mod verdict;

pub use breaker::{
    BreakerSettings, CircuitBreaker, Permit, Reason, State, Transition, WINDOW_CALLS_MAX,
};
pub use clock::Clock;
pub use limiter::{Allowance, KEYS_MAX, Quota, Refused, RequestLimiter};
pub use verdict::{CallError, Classify, Open, Verdict};
