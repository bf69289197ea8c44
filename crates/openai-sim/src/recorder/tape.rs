//! Writes exchanges down while they pass.
//!
//! Invariants: every exchange that began is written down once, however it ended; they are kept in the order in which
//! they began; a body of more than `BODY_BYTES_MAX` bytes is cut for the client, too.
//! Does not know: connections, where the upstream is.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use http_body::{Body, Frame, SizeHint};
use serde_json::Value;
use tokio::sync::watch;
use tokio::time::Instant;

use crate::cassette::{Cassette, Chunk, Ending, Recorded, keeps_header};
use crate::data::BODY_BYTES_MAX;

/// Exchanges that one recorder writes down.
pub const EXCHANGES_MAX: usize = 4096;

const MONTHS: [&str; 12] = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
];

pub(super) struct Tape {
    state: Mutex<State>,
    underway: watch::Sender<usize>,
}

#[derive(Default)]
struct State {
    began: usize,
    exchanges: Vec<(usize, Recorded)>,
    day: String,
}

impl Default for Tape {
    fn default() -> Self {
        Self {
            state: Mutex::default(),
            underway: watch::channel(0).0,
        }
    }
}

impl Tape {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns when no exchange is under way.
    pub(super) async fn ended(&self) {
        // Fails only when the sender is gone, which `self` owns.
        let _ = self
            .underway
            .subscribe()
            .wait_for(|underway| *underway == 0)
            .await;
    }

    /// What was written down; nothing is left.
    pub(super) fn cassette(&self) -> Cassette {
        let mut state = std::mem::take(&mut *self.state());
        state.exchanges.sort_by_key(|(number, _)| *number);
        let exchanges: Vec<Recorded> = state
            .exchanges
            .into_iter()
            .map(|(_, exchange)| exchange)
            .collect();
        Cassette {
            upstream: String::new(),
            recorded: state.day,
            chat_model: model_of(&exchanges, &["/chat/completions", "/responses"]),
            embed_model: model_of(&exchanges, &["/embeddings"]),
            exchanges,
        }
    }
}

/// The first model that answered on the first of these paths that has one.
fn model_of(exchanges: &[Recorded], paths: &[&str]) -> String {
    let on = |path: &&str| {
        let path = (*path).to_owned();
        let answered =
            move |exchange: &&Recorded| exchange.path == path && exchange.status == Some(200);
        exchanges.iter().filter(answered)
    };
    paths
        .iter()
        .flat_map(on)
        .filter_map(|exchange| exchange.request.as_ref()?.get("model")?.as_str())
        .next()
        .unwrap_or_default()
        .to_owned()
}

/// One exchange that is under way. When it is dropped it is written down as it is.
pub(super) struct Track {
    tape: Arc<Tape>,
    number: usize,
    began: Instant,
    exchange: Recorded,
    body_bytes: usize,
}

impl Track {
    /// Nothing if the tape is full.
    pub(super) fn begin(
        tape: &Arc<Tape>,
        method: &str,
        path: &str,
        request: Option<Value>,
    ) -> Option<Self> {
        let number = {
            let mut state = tape.state();
            state.began += 1;
            state.began
        };
        if number > EXCHANGES_MAX {
            return None;
        }
        tape.underway.send_modify(|underway| *underway += 1);
        Some(Self {
            tape: tape.clone(),
            number,
            began: now(),
            exchange: Recorded {
                method: method.to_owned(),
                path: path.to_owned(),
                request,
                status: None,
                headers: Vec::new(),
                headers_after_ms: 0,
                chunks: Vec::new(),
                // Until something else is known.
                ending: Ending::Left,
            },
            body_bytes: 0,
        })
    }

    pub(super) fn answered(&mut self, status: StatusCode, headers: &HeaderMap) {
        self.exchange.headers_after_ms = self.elapsed_ms();
        self.exchange.status = Some(status.as_u16());
        let texts = headers.iter().filter_map(|(name, value)| {
            let value = value.to_str().ok()?;
            Some((name.as_str().to_owned(), value.to_owned()))
        });
        self.exchange.headers = texts.filter(|(name, _)| keeps_header(name)).collect();
        self.exchange.headers.sort();
        let date = headers
            .get(http::header::DATE)
            .and_then(|date| day(date.to_str().ok()?));
        let mut state = self.tape.state();
        if let Some(day) = date
            && state.day.is_empty()
        {
            state.day = day;
        }
    }

    pub(super) fn ended(&mut self, ending: Ending) {
        self.exchange.ending = ending;
    }

    /// Whether there was room for it.
    fn chunk(&mut self, bytes: Bytes) -> bool {
        self.body_bytes += bytes.len();
        if self.body_bytes > BODY_BYTES_MAX {
            return false;
        }
        if !bytes.is_empty() {
            let after_ms = self.elapsed_ms();
            self.exchange.chunks.push(Chunk { after_ms, bytes });
        }
        true
    }

    fn elapsed_ms(&self) -> u64 {
        let elapsed = now().saturating_duration_since(self.began);
        // Rounded to the nearest; a recording of 500 million years does not happen.
        u64::try_from((elapsed.as_micros() + 500) / 1000).unwrap_or(u64::MAX)
    }
}

impl Drop for Track {
    fn drop(&mut self) {
        let nothing = Recorded {
            method: String::new(),
            path: String::new(),
            request: None,
            status: None,
            headers: Vec::new(),
            headers_after_ms: 0,
            chunks: Vec::new(),
            ending: Ending::Left,
        };
        let exchange = std::mem::replace(&mut self.exchange, nothing);
        self.tape.state().exchanges.push((self.number, exchange));
        self.tape
            .underway
            .send_modify(|underway| *underway = underway.saturating_sub(1));
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "what is recorded is when the bytes of a real upstream came"
)]
fn now() -> Instant {
    Instant::now()
}

/// The day of an HTTP date, as in `2026-11-22`.
fn day(date: &str) -> Option<String> {
    let mut parts = date.split_ascii_whitespace().skip(1);
    let (day, month, year) = (parts.next()?, parts.next()?, parts.next()?);
    let month = MONTHS.iter().position(|name| *name == month)? + 1;
    let (day, year): (u8, u16) = (day.parse().ok()?, year.parse().ok()?);
    Some(format!("{year:04}-{month:02}-{day:02}"))
}

/// An upstream's body on its way to the client.
pub(super) struct Taped {
    body: reqwest::Body,
    /// Bytes that are still to come, if the upstream told.
    left_bytes: Option<u64>,
    track: Track,
}

impl Taped {
    pub(super) fn new(body: reqwest::Body, track: Track) -> Self {
        let mut taped = Self {
            left_bytes: body.size_hint().exact(),
            body,
            track,
        };
        taped.note_end();
        taped
    }

    /// A body whose last byte is known is not asked for more.
    fn note_end(&mut self) {
        if self.left_bytes == Some(0) || self.body.is_end_stream() {
            self.track.ended(Ending::Whole);
        }
    }
}

impl Body for Taped {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(context));
        let aborted = || Some(Err(io::Error::from(io::ErrorKind::ConnectionAborted)));
        Poll::Ready(match frame {
            None => {
                self.track.ended(Ending::Whole);
                None
            }
            Some(Err(error)) => {
                self.track.ended(if error.is_timeout() {
                    Ending::Timeout
                } else {
                    Ending::Cut
                });
                aborted()
            }
            Some(Ok(frame)) => {
                let bytes = frame.data_ref().cloned().unwrap_or_default();
                let length = bytes.len() as u64;
                if !self.track.chunk(bytes) {
                    self.track.ended(Ending::Cut);
                    return Poll::Ready(aborted());
                }
                self.left_bytes = self.left_bytes.map(|left| left.saturating_sub(length));
                self.note_end();
                Some(Ok(frame))
            }
        })
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::{BODY_BYTES_MAX, EXCHANGES_MAX, Tape, Track, day};
    use bytes::Bytes;
    use std::sync::Arc;

    #[test]
    fn a_full_tape_takes_no_more_and_a_body_has_an_end() {
        let tape = Arc::new(Tape::default());
        tape.state().began = EXCHANGES_MAX - 1;
        let mut last = Track::begin(&tape, "GET", "/models", None).unwrap();
        assert!(Track::begin(&tape, "GET", "/models", None).is_none());
        assert!(last.chunk(Bytes::from(vec![0; BODY_BYTES_MAX])));
        assert!(!last.chunk(Bytes::from_static(b"a")));
        drop(last);
        assert_eq!(tape.cassette().exchanges.len(), 1);
    }

    #[test]
    fn a_date_gives_its_day() {
        assert_eq!(
            day("Sun, 22 Nov 2026 21:52:57 GMT").as_deref(),
            Some("2026-11-22")
        );
        assert_eq!(
            day("Mon, 1 Feb 2027 00:00:00 GMT").as_deref(),
            Some("2027-02-01")
        );
        for text in [
            "",
            "yesterday",
            "Sun, 22 Nov",
            "Sun, x Nov 2026",
            "Sun, 22 Nuv 2026",
        ] {
            assert_eq!(day(text), None);
        }
    }
}
