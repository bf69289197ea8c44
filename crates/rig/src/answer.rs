//! Reads one HTTP/1.1 answer from a byte stream: just enough to know its status and where it ends.
//!
//! Invariants: consumes exactly one answer; an answer over `ANSWER_BYTES_MAX` or without a stated length is malformed.
//! Does not know: what the body means.
//! Source: RFC 9112, sections 4, 6.3 and 7.1.

use std::io;

use tokio::io::{AsyncRead, AsyncReadExt};

/// Largest answer that is read.
const ANSWER_BYTES_MAX: usize = 16 * 1024 * 1024;
const READ_BYTES: usize = 16 * 1024;

/// One answer, read to its end.
pub(crate) struct Answer {
    /// HTTP status.
    pub(crate) status: u16,
    /// Bytes of the body as they came, chunk framing included.
    pub(crate) body_bytes: usize,
}

/// Reads answers one after the other from one connection.
pub(crate) struct Reader<S> {
    stream: S,
    buffer: Vec<u8>,
}

enum Length {
    Known(usize),
    Chunked,
}

impl<S: AsyncRead + Unpin> Reader<S> {
    /// A reader with nothing read yet.
    pub(crate) fn new(stream: S) -> Self {
        Self {
            stream,
            buffer: Vec::with_capacity(READ_BYTES),
        }
    }

    /// Reads the next answer to its end.
    ///
    /// Errors: the connection ended inside the answer, or the answer is not HTTP/1.1 with a stated length.
    pub(crate) async fn next(&mut self) -> io::Result<Answer> {
        let head_end = loop {
            if let Some(at) = find(&self.buffer, b"\r\n\r\n") {
                break at + 4;
            }
            self.more().await?;
        };
        let (status, length) = head(self.buffer.get(..head_end).unwrap_or_default())?;
        let body_bytes = match length {
            Length::Known(bytes) => bytes,
            Length::Chunked => self.chunked(head_end).await?,
        };
        while self.buffer.len() < head_end + body_bytes {
            self.more().await?;
        }
        self.buffer.drain(..head_end + body_bytes);
        Ok(Answer { status, body_bytes })
    }

    /// Bytes of a chunked body, framing included.
    async fn chunked(&mut self, start: usize) -> io::Result<usize> {
        let mut at = start;
        loop {
            let line_end = loop {
                if let Some(end) = self.buffer.get(at..).and_then(|rest| find(rest, b"\r\n")) {
                    break at + end;
                }
                self.more().await?;
            };
            let size = self
                .buffer
                .get(at..line_end)
                .and_then(|line| std::str::from_utf8(line).ok());
            let size = size
                .and_then(|line| usize::from_str_radix(line.split(';').next()?.trim(), 16).ok());
            let size = size.ok_or_else(|| malformed("size of a chunk"))?;
            at = line_end + 2 + size + 2; // no trailers are expected
            while self.buffer.len() < at {
                self.more().await?;
            }
            if size == 0 {
                return Ok(at - start);
            }
        }
    }

    async fn more(&mut self) -> io::Result<()> {
        if self.buffer.len() > ANSWER_BYTES_MAX {
            return Err(malformed("more bytes than an answer may have"));
        }
        self.buffer.reserve(READ_BYTES);
        match self.stream.read_buf(&mut self.buffer).await? {
            0 => Err(io::Error::new(
                io::ErrorKind::UnexpectedEof,
                "the connection ended inside an answer",
            )),
            _ => Ok(()),
        }
    }

    /// The stream, to write the next request to.
    pub(crate) fn stream(&mut self) -> &mut S {
        &mut self.stream
    }
}

fn head(bytes: &[u8]) -> io::Result<(u16, Length)> {
    let text = std::str::from_utf8(bytes).map_err(|_| malformed("a head that is not text"))?;
    let mut lines = text.split("\r\n");
    let first = lines.next().unwrap_or_default();
    let status = first
        .strip_prefix("HTTP/1.1 ")
        .and_then(|rest| rest.get(..3)?.parse().ok());
    let status = status.ok_or_else(|| malformed("the status line"))?;
    for line in lines {
        let Some((name, value)) = line.split_once(':') else {
            continue;
        };
        if name.eq_ignore_ascii_case("content-length") {
            let bytes = value
                .trim()
                .parse()
                .map_err(|_| malformed("content-length"))?;
            return Ok((status, Length::Known(bytes)));
        }
        if name.eq_ignore_ascii_case("transfer-encoding")
            && value.trim().eq_ignore_ascii_case("chunked")
        {
            return Ok((status, Length::Chunked));
        }
    }
    Err(malformed("neither content-length nor chunks"))
}

fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).position(|window| window == what)
}

fn malformed(what: &str) -> io::Error {
    io::Error::new(
        io::ErrorKind::InvalidData,
        format!("malformed answer: {what}"),
    )
}

#[cfg(test)]
mod tests {
    use super::Reader;

    const TWO: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabcHTTP/1.1 429 No\r\ntransfer-encoding: chunked\r\n\r\n2\r\nab\r\n10;x=y\r\n0123456789abcdef\r\n0\r\n\r\n";

    /// Reads all answers when the bytes arrive in two pieces, cut at `cut`.
    async fn read_all(bytes: &[u8], cut: usize) -> Vec<Result<(u16, usize), std::io::ErrorKind>> {
        let (one, two) = bytes.split_at(cut);
        let mut reader = Reader::new(tokio::io::AsyncReadExt::chain(one, two));
        let mut answers = Vec::new();
        loop {
            let answer = reader.next().await;
            let ended = answer.is_err();
            answers.push(
                answer
                    .map(|answer| (answer.status, answer.body_bytes))
                    .map_err(|error| error.kind()),
            );
            if ended {
                return answers;
            }
        }
    }

    #[tokio::test]
    async fn two_answers_are_told_apart_however_they_are_cut() {
        for cut in 0..=TWO.len() {
            let answers = read_all(TWO, cut).await;
            let expected = [
                Ok((200, 3)),
                Ok((429, 38)),
                Err(std::io::ErrorKind::UnexpectedEof),
            ];
            assert_eq!(answers, expected, "cut at {cut}");
        }
    }

    #[tokio::test]
    async fn what_is_not_an_answer_is_an_error() {
        for bytes in [
            "HTTP/1.0 200 OK\r\n\r\n",
            "HTTP/1.1 200 OK\r\n\r\n",
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
        ] {
            let answers = read_all(bytes.as_bytes(), 0).await;
            assert_eq!(answers, [Err(std::io::ErrorKind::InvalidData)], "{bytes}");
        }
    }
}
