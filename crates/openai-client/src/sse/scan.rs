//! Finds where frames end, over chunk borders, looking at each byte once.
//!
//! Invariants: what it finds depends on the bytes alone, not on where they were cut.
//! Does not know: what the lines say.

/// Where the scan stands between two chunks.
#[derive(Debug, Default)]
pub(super) struct Scan {
    /// The current line has bytes already.
    in_line: bool,
    /// The line before ended with a CR alone.
    after_lone_return: bool,
    /// The last byte was a CR, and its LF may follow.
    waiting: Waiting,
}

#[derive(Debug, Default)]
enum Waiting {
    #[default]
    No,
    /// The CR ended a line with bytes.
    Line,
    /// The CR ended a blank line.
    Blank,
}

impl Scan {
    /// The first frame end in `bytes` at or after `at`, as an offset behind its last byte; `None` where all bytes were looked at.
    pub(super) fn next_end(&mut self, bytes: &[u8], mut at: usize) -> Option<usize> {
        loop {
            if !matches!(self.waiting, Waiting::No) {
                let feed = *bytes.get(at)? == b'\n';
                at += usize::from(feed);
                if matches!(std::mem::take(&mut self.waiting), Waiting::Blank) {
                    return self.end(at);
                }
                self.after_lone_return = !feed;
            }
            let rest = bytes.get(at..)?;
            let Some(offset) = memchr::memchr2(b'\n', b'\r', rest) else {
                self.in_line |= !rest.is_empty();
                return None;
            };
            let blank = offset == 0 && !self.in_line;
            self.in_line = false;
            at += offset + 1;
            match (rest[offset], blank) {
                (b'\n', true) => return self.end(at),
                (b'\n', false) => self.after_lone_return = false,
                // In a stream of lone CRs this one is lone too. If an LF follows after all, it is a blank line more: nothing.
                (_, true) if self.after_lone_return => return self.end(at),
                (_, true) => self.waiting = Waiting::Blank,
                (_, false) => self.waiting = Waiting::Line,
            }
        }
    }

    fn end(&mut self, at: usize) -> Option<usize> {
        *self = Self::default();
        Some(at)
    }
}
