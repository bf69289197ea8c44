//! Plays a body: pieces, waits, and an end that may be a bad one.
//!
//! Invariants: pieces leave in order and whole; what was generated is on the bill before its piece leaves; a body that
//! is dropped early settles its meter.
//! Does not know: what the bytes mean, scripts.

use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame};
use tokio::time::Sleep;

use crate::meter::Meter;

/// How often a body steps aside before it fails, so that what it gave is on the wire first.
const FLUSH_TURNS: u8 = 3;

#[derive(Debug)]
pub(crate) enum Step {
    Wait(Duration),
    Send {
        bytes: Bytes,
        tokens: u64,
    },
    Fail {
        reset: bool,
    },
    /// Ends the body although more was generated.
    Leave,
    Hang,
}

pub(crate) struct Playback {
    steps: VecDeque<Step>,
    sleep: Option<Pin<Box<Sleep>>>,
    flush_turns: u8,
    /// Set before a failure that is to be a TCP reset.
    reset: Arc<AtomicBool>,
    meter: Meter,
}

impl Playback {
    pub(crate) fn new(steps: VecDeque<Step>, meter: Meter, reset: Arc<AtomicBool>) -> Self {
        Self {
            steps,
            sleep: None,
            flush_turns: 0,
            reset,
            meter,
        }
    }

    fn send(&mut self, bytes: Bytes, tokens: u64) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        self.steps.pop_front();
        self.meter.sent(tokens);
        if self.steps.is_empty() {
            self.meter.finished();
        }
        Poll::Ready(Some(Ok(Frame::data(bytes))))
    }

    fn fail(
        &mut self,
        reset: bool,
        context: &Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        if self.flush_turns < FLUSH_TURNS {
            self.flush_turns += 1;
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        self.reset.store(reset, Ordering::Release);
        Poll::Ready(Some(Err(io::Error::from(io::ErrorKind::ConnectionAborted))))
    }
}

impl Body for Playback {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        loop {
            match self.steps.front() {
                None | Some(Step::Leave) => return Poll::Ready(None),
                Some(Step::Hang) => return Poll::Pending,
                Some(Step::Fail { reset }) => {
                    let reset = *reset;
                    return self.fail(reset, context);
                }
                Some(Step::Send { bytes, tokens }) => {
                    let (bytes, tokens) = (bytes.clone(), *tokens);
                    return self.send(bytes, tokens);
                }
                Some(Step::Wait(delay)) => {
                    let delay = *delay;
                    let sleep = self
                        .sleep
                        .get_or_insert_with(|| Box::pin(tokio::time::sleep(delay)));
                    ready!(sleep.as_mut().poll(context));
                    self.sleep = None;
                    self.steps.pop_front();
                }
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.steps.is_empty()
    }
}
