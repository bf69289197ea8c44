//! Cuts a byte stream into server-sent events without copying their payload.
//!
//! Invariants: joining all frames and the leftover gives back the input bytes; frames do not depend on how the input was cut into
//! chunks; one frame never exceeds [`FRAME_BYTES_MAX`].
//! Does not know: JSON, providers, redaction.
//! Source: WHATWG HTML, "Server-sent events", parsing an event stream.

use std::borrow::Cow;
use std::collections::VecDeque;

use bytes::{Bytes, BytesMut};

use crate::sse::scan::Scan;

mod scan;

/// The most bytes of one frame, terminator included: 4 MiB. A chat chunk has some hundred bytes; the largest known events are a final
/// one that repeats a whole answer, and an image in base64 of 2 to 3 MB. What is longer is not an event but a lost terminator.
pub const FRAME_BYTES_MAX: usize = 4 * 1024 * 1024;

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// Why a stream could not be cut further.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SseError {
    /// A frame grew past the limit.
    #[error("one event of the stream is longer than {FRAME_BYTES_MAX} bytes")]
    FrameTooLarge,
}

/// Collects chunks and gives frames.
///
/// A frame ends with its blank line. Line ends are LF, CRLF or CR, also mixed. A CR that ends a blank line waits for one more byte,
/// which may be its LF, unless the line before ended with a CR alone; so CR-only streams are not delayed.
///
/// ```
/// use openai_client::sse::SseFramer;
///
/// let mut framer = SseFramer::new();
/// framer.push("data: {\"a\":".into())?;
/// assert!(framer.next_frame().is_none());
/// framer.push("1}\n\ndata: [DO".into())?;
/// let frame = framer.next_frame().expect("one frame is complete");
/// assert_eq!(&frame.bytes[..], b"data: {\"a\":1}\n\n");
/// assert_eq!(&frame.data()[..], b"{\"a\":1}");
/// assert_eq!(&framer.finish()[..], b"data: [DO");
/// # Ok::<(), openai_client::sse::SseError>(())
/// ```
#[derive(Debug, Default)]
pub struct SseFramer {
    /// The start of the open frame, from earlier chunks.
    carried: BytesMut,
    /// The newest chunk, without the frames that were taken.
    chunk: Bytes,
    /// Where frames end in the newest chunk, counted from its start.
    ends: VecDeque<usize>,
    /// How many bytes of the newest chunk were taken.
    taken: usize,
    /// Bytes of the open frame so far.
    open_bytes: usize,
    scan: Scan,
    past_first: bool,
    failed: bool,
}

/// One event as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// Its exact bytes, the blank line at its end included.
    pub bytes: Bytes,
    /// Where its first line begins: behind a byte order mark in the first frame of a stream.
    start: usize,
}

impl SseFramer {
    /// An empty framer.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the next chunk of the stream.
    ///
    /// Errors: [`SseError::FrameTooLarge`]. The frames before the one that is too long can still be taken, and `finish` gives what was
    /// pushed up to here; later chunks are refused and not kept, so that memory stays bounded.
    pub fn push(&mut self, chunk: Bytes) -> Result<(), SseError> {
        if self.failed {
            return Err(SseError::FrameTooLarge);
        }
        let mut at = self.take_in(chunk);
        while let Some(end) = self.scan.next_end(&self.chunk, at) {
            self.open_bytes += end - at;
            self.check_open()?;
            self.ends.push_back(end);
            self.open_bytes = 0;
            at = end;
        }
        self.open_bytes += self.chunk.len() - at;
        self.check_open()
    }

    /// The next complete frame, if there is one.
    pub fn next_frame(&mut self) -> Option<Frame> {
        let end = self.ends.pop_front()?;
        let tail = self.chunk.split_to(end - self.taken);
        self.taken = end;
        let bytes = if self.carried.is_empty() {
            tail
        } else {
            self.carried.extend_from_slice(&tail);
            self.carried.split().freeze()
        };
        let marked = !self.past_first && bytes.starts_with(BYTE_ORDER_MARK);
        self.past_first = true;
        Some(Frame {
            bytes,
            start: if marked { BYTE_ORDER_MARK.len() } else { 0 },
        })
    }

    /// What no frame was taken for: an event whose end did not come. To be forwarded, not to be read: the standard discards it.
    pub fn finish(mut self) -> Bytes {
        if self.carried.is_empty() {
            return self.chunk;
        }
        self.carried.extend_from_slice(&self.chunk);
        self.carried.freeze()
    }

    /// Makes `chunk` the newest one, and gives where it begins in `self.chunk`.
    fn take_in(&mut self, chunk: Bytes) -> usize {
        if self.ends.is_empty() {
            self.carried.extend_from_slice(&self.chunk);
            self.chunk = chunk;
            self.taken = 0;
            return 0;
        }
        // Frames were left untaken. Rare, so a copy is cheaper than a list of chunks.
        let taken = std::mem::take(&mut self.taken);
        self.ends.iter_mut().for_each(|end| *end -= taken);
        let begin = self.chunk.len();
        self.chunk = [&self.chunk[..], &chunk[..]].concat().into();
        begin
    }

    fn check_open(&mut self) -> Result<(), SseError> {
        self.failed = self.open_bytes > FRAME_BYTES_MAX;
        if self.failed {
            Err(SseError::FrameTooLarge)
        } else {
            Ok(())
        }
    }
}

impl Frame {
    /// The event's data: its `data` lines, joined by LF. Empty for comments and blank lines, which dispatch nothing.
    ///
    /// Borrowed where there is one `data` line, which is every event of OpenAI's.
    pub fn data(&self) -> Cow<'_, [u8]> {
        let mut lines = self.values(b"data");
        let Some(first) = lines.next() else {
            return Cow::Borrowed(b"");
        };
        let mut data = Cow::Borrowed(first);
        for line in lines {
            let joined = data.to_mut();
            joined.push(b'\n');
            joined.extend_from_slice(line);
        }
        data
    }

    /// The event's name; the last one counts.
    pub fn event(&self) -> Option<&[u8]> {
        self.values(b"event").last()
    }

    /// Whether this is the `[DONE]` that ends a chat stream.
    pub fn is_done(&self) -> bool {
        self.data().trim_ascii() == b"[DONE]"
    }

    fn values<'frame>(&'frame self, name: &'static [u8]) -> impl Iterator<Item = &'frame [u8]> {
        lines(self.bytes.get(self.start..).unwrap_or_default()).filter_map(move |line| {
            let rest = line.strip_prefix(name)?;
            match rest.split_first() {
                None => Some(rest),
                Some((b':', value)) => Some(value.strip_prefix(b" ").unwrap_or(value)),
                Some(_) => None,
            }
        })
    }
}

/// The lines of `text` without their ends. The LF of a CRLF shows as a blank line more, which means nothing inside a frame.
fn lines(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = Some(text);
    std::iter::from_fn(move || {
        let text = rest?;
        let Some(end) = memchr::memchr2(b'\n', b'\r', text) else {
            rest = None;
            return Some(text);
        };
        rest = Some(&text[end + 1..]);
        Some(&text[..end])
    })
}

#[cfg(test)]
mod tests;
