//! What permits, calls and observers promise.
//!
//! Invariants: futures are polled by hand or by a runtime that has nothing to wait for.
//! Does not know: the transition table.

use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use super::tests_script::Step::{Fail, Succeed, Wait};
use super::tests_script::{World, settings};
use super::{BreakerSettings, CircuitBreaker, State};
use crate::{CallError, Classify, Open, Verdict};
use Verdict::{Failure, Ignored};

#[test]
fn the_observer_may_ask_the_breaker() {
    let shared: Arc<Mutex<Option<CircuitBreaker>>> = Arc::default();
    let asked = Arc::new(Mutex::new(Vec::new()));
    let breaker = CircuitBreaker::observed(settings(), Arc::new(|| Duration::ZERO), {
        let (shared, asked) = (Arc::clone(&shared), Arc::clone(&asked));
        move |moved| {
            let state = shared.lock().unwrap().as_ref().map(CircuitBreaker::state);
            asked.lock().unwrap().push((moved.to, state));
        }
    });
    *shared.lock().unwrap() = Some(breaker.clone());
    (0..3).for_each(|_| breaker.permit().unwrap().settle(Failure));
    let open = State::Open {
        until: Duration::from_secs(5),
    };
    assert_eq!(*asked.lock().unwrap(), [(open, Some(open))]);
    *shared.lock().unwrap() = None;
}

#[derive(Debug, PartialEq, thiserror::Error)]
#[error("broken")]
struct Broken(Verdict);

impl Classify for Broken {
    fn verdict(&self) -> Verdict {
        self.0
    }
}

#[tokio::test]
async fn call_learns_from_the_result() {
    let world = World::new(settings());
    assert_eq!(
        world.breaker.call(async { Ok::<_, Broken>(7) }).await,
        Ok(7)
    );
    for _ in 0..9 {
        let answer = world
            .breaker
            .call(async { Err::<(), _>(Broken(Ignored)) })
            .await;
        assert_eq!(answer, Err(CallError::Operation(Broken(Ignored))));
    }
    assert_eq!(world.breaker.state(), State::Closed);
    for _ in 0..3 {
        let answer = world
            .breaker
            .call(async { Err::<(), _>(Broken(Failure)) })
            .await;
        assert_eq!(answer, Err(CallError::Operation(Broken(Failure))));
    }
    let unrun = async { panic!("ran behind an open breaker") };
    let answer: Result<(), CallError<Broken>> = world.breaker.call(unrun).await;
    assert_eq!(
        answer,
        Err(CallError::Open(Open {
            retry_after: Duration::from_secs(5)
        }))
    );
}

#[test]
fn a_dropped_call_gives_its_probe_back() {
    let mut world = World::new(BreakerSettings {
        half_open_probes: 1,
        ..settings()
    });
    [Fail, Fail, Fail, Wait(5_000)]
        .iter()
        .for_each(|step| world.play(step));
    {
        let mut call = std::pin::pin!(
            world
                .breaker
                .call(std::future::pending::<Result<(), Broken>>())
        );
        let polled = call.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        assert!(matches!(polled, Poll::Pending));
        assert_eq!(world.breaker.state(), State::HalfOpen { probes: 1 });
        assert!(world.breaker.permit().is_err());
    }
    assert_eq!(world.breaker.state(), State::HalfOpen { probes: 0 });
    world.play(&Succeed);
    assert_eq!(world.breaker.state(), State::Closed);
}

#[test]
fn errors_read_after_failed_to() {
    let open = Open {
        retry_after: Duration::from_millis(1_500),
    };
    let text = "call an upstream whose circuit breaker is open, retry after 1500 ms";
    assert_eq!(CallError::<Broken>::Open(open).to_string(), text);
    assert_eq!(CallError::Operation(Broken(Failure)).to_string(), "broken");
}
