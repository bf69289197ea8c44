//! The stream pump: the one owner of an upstream's streamed body, for all routes.
//!
//! Invariants: it outlives its caller; it alone ends a call, by one [`Outcome`]; a call is entered in the ledger before its last frame goes
//! out; a caller whose stream broke off never sees a clean end; at most [`CHUNKS_MAX`] chunks wait for a slow caller.
//! Does not know: routes, keys, what the frames mean (that is the meter's).

mod chunks;
mod events;
mod meter;

use std::sync::Arc;
use std::time::Duration;

use access::VirtualKey;
use bytes::{Bytes, BytesMut};
use openai_client::Answer;
use openai_client::sse::SseFramer;
use resilience::{Permit, Verdict};
use tokio::sync::mpsc;

use crate::answer::{Body, Piece};
use crate::attempt::Attempt;
use crate::owners;
use crate::settlement::{Outcome, Settlement};
use crate::shared::Shared;
use crate::status::Refusal;
use crate::upstream;
use meter::{Meter, Passage};

pub(crate) use meter::Asked;

/// How many chunks may wait for a caller who reads slowly.
const CHUNKS_MAX: usize = 32;
/// How long more is waited for behind the event that ends a stream. Most upstreams close at once.
const BEHIND_END_MAX: Duration = Duration::from_millis(250);
/// How long the end of an upstream's body is waited for after its last frame, so that its connection can be used again.
const LINGER: Duration = Duration::from_secs(1);
/// How long a caller may take to make room for the end of its stream.
const CLOSING_MAX: Duration = Duration::from_secs(30);

/// What came of one step of the stream.
enum Step {
    /// Bytes for the caller, perhaps none.
    More(Bytes),
    /// The last frame; these bytes end the stream.
    Last(Bytes),
    /// The stream is over for this reason.
    Over(Outcome),
}

/// See the module.
pub(crate) struct Pump {
    shared: Arc<Shared>,
    attempt: Attempt,
    answer: Answer,
    permit: Permit,
    framer: SseFramer,
    meter: Meter,
    /// Whose the answer is, where the upstream keeps it.
    keeper: Option<Arc<VirtualKey>>,
    /// The event that ends the stream and what came behind it: they go out when the call is in the ledger.
    ending: BytesMut,
    sender: mpsc::Sender<Piece>,
    first_chunk: Option<Duration>,
    drained_tokens: u64,
    /// True once the caller was slower than the upstream: time lost is then not the upstream's fault.
    was_held_up: bool,
}

impl Pump {
    /// Starts pumping in a task of its own and gives the caller's body.
    pub(crate) fn start(
        attempt: Attempt,
        answer: Answer,
        permit: Permit,
        (asked, keeper): (Asked, Option<Arc<VirtualKey>>),
        is_events: bool,
    ) -> Body {
        let (sender, receiver) = mpsc::channel(CHUNKS_MAX);
        let shared = Arc::clone(&attempt.shared);
        let pump = Self {
            shared,
            attempt,
            answer,
            permit,
            framer: SseFramer::new(),
            keeper,
            meter: Meter::new(asked, is_events),
            ending: BytesMut::new(),
            sender,
            first_chunk: None,
            drained_tokens: 0,
            was_held_up: false,
        };
        drop(tokio::spawn(pump.run()));
        Body::stream(receiver)
    }

    async fn run(mut self) {
        let mut last = Bytes::new();
        let outcome = loop {
            match self.step().await {
                Step::More(bytes) => match self.deliver(bytes).await {
                    Ok(()) => {}
                    Err(Outcome::ClientGone) => break self.drain().await,
                    Err(outcome) => break outcome,
                },
                Step::Last(bytes) => {
                    last = bytes;
                    break Outcome::Finished;
                }
                Step::Over(Outcome::ClientGone) => break self.drain().await,
                Step::Over(outcome) => break outcome,
            }
        };
        self.end(outcome, last).await;
    }

    /// Waits for the next chunk and looks at its frames.
    async fn step(&mut self) -> Step {
        if self.meter.is_over() {
            return self.step_behind_end().await;
        }
        let chunk = tokio::select! {
            biased;
            chunk = self.answer.chunk() => chunk,
            () = self.sender.closed() => return Step::Over(Outcome::ClientGone),
            () = self.attempt.held.given_up() => return Step::Over(Outcome::Shutdown),
        };
        match chunk {
            Ok(Some(chunk)) => self.take(chunk),
            Ok(None) => self.upstream_ended(),
            Err(error) => Step::Over(match upstream::refusal(&error) {
                Refusal::UpstreamTimeout => Outcome::Timeout,
                _ => Outcome::Broken,
            }),
        }
    }

    /// The answer is whole: the rest is read for a moment only, and a caller who leaves or an upstream that fails changes nothing.
    async fn step_behind_end(&mut self) -> Step {
        let next = tokio::time::timeout(BEHIND_END_MAX, self.answer.chunk()).await;
        match next {
            Ok(Ok(Some(chunk))) => self.take(chunk),
            _ => {
                self.ending
                    .extend_from_slice(&std::mem::take(&mut self.framer).finish());
                let ending = std::mem::take(&mut self.ending).freeze();
                Step::Last(upstream::without_key(&self.shared, ending))
            }
        }
    }

    fn take(&mut self, chunk: Bytes) -> Step {
        if !self.meter.reads_frames() {
            self.meter.count_piece();
            self.note_first_chunk();
            return Step::More(upstream::without_key(&self.shared, chunk));
        }
        if self.framer.push(chunk).is_err() {
            tracing::warn!("a frame of the upstream's stream is longer than the limit");
            return Step::Over(Outcome::Broken);
        }
        let mut out = BytesMut::new();
        let mut is_last = false;
        while let Some(frame) = self.framer.next_frame() {
            let passage = self
                .meter
                .observe(&frame, &self.attempt, &self.shared.scrubber);
            let bytes = match passage {
                Passage::Forward => frame.bytes,
                Passage::Replace(bytes) => bytes,
                Passage::Hide => continue,
                Passage::Last => {
                    is_last = true;
                    frame.bytes
                }
            };
            if self.meter.is_over() {
                self.ending.extend_from_slice(&bytes);
            } else {
                out.extend_from_slice(&bytes);
            }
        }
        if self.meter.content_chunks() > 0 {
            self.note_first_chunk();
        }
        let out = upstream::without_key(&self.shared, out.freeze());
        if is_last {
            Step::Last(out)
        } else {
            Step::More(out)
        }
    }

    fn note_first_chunk(&mut self) {
        if self.first_chunk.is_none() {
            let elapsed = self.attempt.elapsed();
            self.first_chunk = Some(elapsed);
            let endpoint = self.attempt.operation.endpoint();
            self.shared.metrics.first_chunk(endpoint, elapsed);
        }
    }

    /// The upstream closed its body in good order, but without the mark of the end: good only if all that was asked for had come.
    fn upstream_ended(&mut self) -> Step {
        self.meter.close();
        if self.meter.is_complete() || self.meter.error().is_some() {
            let rest = std::mem::take(&mut self.framer).finish();
            Step::Last(upstream::without_key(&self.shared, rest))
        } else {
            Step::Over(Outcome::Broken)
        }
    }

    /// Hands bytes to the caller. `Err` says why that came to nothing: the caller is gone, takes nothing for as long as an upstream
    /// may be idle, or the server stops.
    async fn deliver(&mut self, bytes: Bytes) -> Result<(), Outcome> {
        if bytes.is_empty() {
            return Ok(());
        }
        match self.sender.try_send(Piece::Data(bytes)) {
            Ok(()) => Ok(()),
            Err(mpsc::error::TrySendError::Closed(_)) => Err(Outcome::ClientGone),
            Err(mpsc::error::TrySendError::Full(piece)) => {
                self.was_held_up = true;
                let idle = self.shared.settings.timeouts.idle;
                tokio::select! {
                    sent = tokio::time::timeout(idle, self.sender.send(piece)) => match sent {
                        Ok(Ok(())) => Ok(()),
                        _ => Err(Outcome::ClientGone),
                    },
                    () = self.attempt.held.given_up() => Err(Outcome::Shutdown),
                }
            }
        }
    }

    /// The caller is gone: reads on for a while, so that the upstream's own report of usage makes the charge exact.
    async fn drain(&mut self) -> Outcome {
        let limits = self.shared.settings.stream.clone();
        let _ = tokio::time::timeout(limits.drain, async {
            let before = self.meter.content_chunks();
            while self.drained_tokens <= limits.drain_tokens_max {
                let chunk = tokio::select! {
                    biased;
                    chunk = self.answer.chunk() => chunk,
                    () = self.attempt.held.given_up() => return,
                };
                let Ok(Some(chunk)) = chunk else { return };
                if !matches!(self.take(chunk), Step::More(_)) || self.meter.is_over() {
                    return;
                }
                self.drained_tokens = self.meter.content_chunks() - before;
            }
        })
        .await;
        Outcome::ClientGone
    }

    async fn end(self, outcome: Outcome, last: Bytes) {
        let Self {
            attempt,
            mut answer,
            permit,
            meter,
            sender,
            first_chunk,
            was_held_up,
            keeper,
            ..
        } = self;
        if let Some(key) = &keeper {
            owners::keep(&attempt.shared, key, "response", meter.made()).await;
        }
        let outcome = if meter.error().is_some() && outcome == Outcome::Finished {
            Outcome::UpstreamError
        } else {
            outcome
        };
        let is_callers =
            meter.error() == Some(true) || (was_held_up && outcome == Outcome::Timeout);
        permit.settle(if is_callers {
            Verdict::Ignored
        } else {
            verdict(outcome, meter.is_complete())
        });
        let settlement = Settlement {
            usage: meter.final_usage(),
            model_served: meter.model().map(str::to_owned),
            service_tier: meter.service_tier().map(str::to_owned),
            first_chunk,
            ..Settlement::bare(outcome, answer.status.as_u16())
        };
        attempt.settle(settlement).await;
        if matches!(outcome, Outcome::Finished | Outcome::UpstreamError) {
            // The caller may leave now; its call is settled.
            let closing = async {
                let sent = last.is_empty() || sender.send(Piece::Data(last)).await.is_ok();
                if sent {
                    let _ = sender.send(Piece::End).await;
                }
            };
            let _ = tokio::time::timeout(CLOSING_MAX, closing).await;
            drop(sender);
            let rest = async { while let Ok(Some(_)) = answer.chunk().await {} };
            let _ = tokio::time::timeout(LINGER, rest).await;
        } else if outcome != Outcome::ClientGone {
            let last_words = meter.last_words(&refusal(outcome));
            if !last_words.is_empty() {
                // A caller that takes nothing gets no reason; its body breaks off all the same.
                let _ = sender.try_send(Piece::Data(last_words));
            }
        }
    }
}

/// What the breaker is to make of a stream's end.
fn verdict(outcome: Outcome, is_complete: bool) -> Verdict {
    match outcome {
        Outcome::Finished => Verdict::Success,
        Outcome::ClientGone if is_complete => Verdict::Success,
        Outcome::Broken | Outcome::Timeout | Outcome::UpstreamError => Verdict::Failure,
        _ => Verdict::Ignored,
    }
}

/// What the last event of a broken stream says.
fn refusal(outcome: Outcome) -> Refusal {
    match outcome {
        Outcome::Timeout => Refusal::UpstreamTimeout,
        Outcome::Shutdown => Refusal::ShuttingDown,
        _ => Refusal::UpstreamBroken,
    }
}
