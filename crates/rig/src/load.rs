//! A closed loop of requests: a fixed number of kept-alive connections, each sending its next request when the last is answered.
//!
//! Invariants: ends by itself after `lasts` and `ANSWER_WAIT_MAX`; anything but a whole 200 is an error and is not counted as a request.
//! Does not know: what is being asked.

use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use crate::answer::Reader;
use crate::clock::now;

/// Most latencies that one run keeps; a run that reaches it ends early.
const LATENCIES_MAX: usize = 20_000_000;
/// A connection that fails this often ends.
const ERRORS_PER_CONNECTION_MAX: u64 = 100;
/// Longest wait for one answer.
const ANSWER_WAIT_MAX: Duration = Duration::from_secs(10);

/// What to send, where, and for how long.
#[derive(Clone, Debug)]
pub struct Load {
    /// Where to connect.
    pub address: SocketAddr,
    /// Path and query.
    pub path: String,
    /// Whole header lines `name: value` beyond host, content type and length.
    pub headers: Vec<String>,
    /// Bytes of the JSON body, about; the prompt is padded to reach it.
    pub body_bytes: usize,
    /// The model that is asked for.
    pub model: String,
    /// Asks for a stream.
    pub stream: bool,
    /// Connections that are kept busy at the same time.
    pub connections: usize,
    /// How long new requests are sent.
    pub lasts: Duration,
}

/// What a run saw.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Outcome {
    /// Requests answered wholly with 200.
    pub requests: u64,
    /// Connections refused or cut, answers cut or malformed, other statuses.
    pub errors: u64,
    /// The first error, in words.
    pub first_error: Option<String>,
    /// Bytes of the answers' bodies, chunk framing included.
    pub body_bytes: u64,
    /// From the first request sent to the last answer read.
    pub took: Duration,
    /// Time from writing a request to reading its whole answer: median.
    pub latency_p50: Duration,
    /// The same, 99th percentile.
    pub latency_p99: Duration,
}

impl Load {
    /// 64 connections for a second, whole answers.
    #[must_use]
    pub fn new(address: SocketAddr) -> Self {
        Self {
            address,
            path: "/v1/chat/completions".to_owned(),
            headers: Vec::new(),
            body_bytes: 500,
            model: "gpt-4o-mini".to_owned(),
            stream: false,
            connections: 64,
            lasts: Duration::from_secs(1),
        }
    }

    /// Runs the load to its end.
    ///
    /// Errors: a connection's task broke; what goes wrong on the wire is counted instead.
    pub async fn run(&self) -> io::Result<Outcome> {
        let request: std::sync::Arc<[u8]> = self.request().into();
        let start = now();
        let deadline = start + self.lasts;
        let mut connections = JoinSet::new();
        for _ in 0..self.connections {
            let connection = Connection {
                address: self.address,
                request: request.clone(),
                deadline,
                latencies_max: LATENCIES_MAX / self.connections.max(1),
                seen: Seen::default(),
            };
            connections.spawn(connection.run());
        }
        let mut all = Seen::default();
        while let Some(seen) = connections.join_next().await {
            all.add(seen.map_err(io::Error::other)?);
        }
        Ok(all.outcome(now() - start))
    }

    /// The bytes of every request.
    fn request(&self) -> Vec<u8> {
        let opening = format!(
            r#"{{"model":"{}","stream":{},"messages":[{{"role":"user","content":""#,
            self.model, self.stream
        );
        let closing = r#""}]}"#;
        let padding = self
            .body_bytes
            .saturating_sub(opening.len() + closing.len());
        let body = format!(
            "{opening}{}{closing}",
            "what does this cost? "
                .chars()
                .cycle()
                .take(padding)
                .collect::<String>()
        );
        let mut head = format!("POST {} HTTP/1.1\r\nhost: {}\r\n", self.path, self.address);
        for line in &self.headers {
            head += &format!("{line}\r\n");
        }
        head += &format!(
            "content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        head.into_bytes()
    }
}

struct Connection {
    address: SocketAddr,
    request: std::sync::Arc<[u8]>,
    deadline: Instant,
    latencies_max: usize,
    seen: Seen,
}

impl Connection {
    async fn run(mut self) -> Seen {
        while self.has_room() && now() < self.deadline {
            if let Err(error) = self.keep_asking().await {
                self.seen.error(error.to_string());
            }
        }
        self.seen
    }

    fn has_room(&self) -> bool {
        self.seen.errors < ERRORS_PER_CONNECTION_MAX
            && self.seen.latencies_ns.len() < self.latencies_max
    }

    /// Asks on one connection until the deadline or an error.
    async fn keep_asking(&mut self) -> io::Result<()> {
        let stream = TcpStream::connect(self.address).await?;
        stream.set_nodelay(true)?;
        let mut reader = Reader::new(stream);
        let mut start = now();
        while self.has_room() && start < self.deadline {
            let asked = async {
                reader.stream().write_all(&self.request).await?;
                reader.next().await
            };
            let answer = tokio::time::timeout(ANSWER_WAIT_MAX, asked).await;
            let answer = answer.map_err(|_| {
                io::Error::new(io::ErrorKind::TimedOut, "no whole answer in time")
            })??;
            let end = now();
            if answer.status == 200 {
                self.seen.answered(end - start, answer.body_bytes);
            } else {
                self.seen.error(format!("status {}", answer.status));
            }
            start = end;
        }
        Ok(())
    }
}

#[derive(Default)]
struct Seen {
    latencies_ns: Vec<u64>,
    errors: u64,
    first_error: Option<String>,
    body_bytes: u64,
}

impl Seen {
    fn answered(&mut self, latency: Duration, body_bytes: usize) {
        self.latencies_ns
            .push(u64::try_from(latency.as_nanos()).unwrap_or(u64::MAX));
        self.body_bytes += body_bytes as u64;
    }

    fn error(&mut self, text: String) {
        self.errors += 1;
        self.first_error.get_or_insert(text);
    }

    fn add(&mut self, mut other: Self) {
        self.latencies_ns.append(&mut other.latencies_ns);
        self.errors += other.errors;
        self.first_error = self.first_error.take().or(other.first_error);
        self.body_bytes += other.body_bytes;
    }

    fn outcome(mut self, took: Duration) -> Outcome {
        self.latencies_ns.sort_unstable();
        let percentile = |percent: usize| {
            let at = (self.latencies_ns.len().saturating_sub(1)) * percent / 100;
            Duration::from_nanos(self.latencies_ns.get(at).copied().unwrap_or_default())
        };
        Outcome {
            requests: self.latencies_ns.len() as u64,
            errors: self.errors,
            latency_p50: percentile(50),
            latency_p99: percentile(99),
            first_error: self.first_error,
            body_bytes: self.body_bytes,
            took,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Load, Seen};

    #[test]
    fn a_request_has_the_stated_size_and_length() {
        let load = Load {
            body_bytes: 500,
            headers: vec!["x-a: b".to_owned()],
            ..Load::new(([127, 0, 0, 1], 1).into())
        };
        let request = String::from_utf8(load.request()).unwrap();
        let (head, body) = request.split_once("\r\n\r\n").unwrap();
        assert_eq!(body.len(), 500);
        assert!(head.contains("content-length: 500") && head.contains("\r\nx-a: b\r\n"));
    }

    #[test]
    fn percentiles_are_of_the_sorted_latencies() {
        let mut seen = Seen::default();
        for millis in (1..=100).rev() {
            seen.answered(Duration::from_millis(millis), 1);
        }
        let outcome = seen.outcome(Duration::from_secs(1));
        assert_eq!(
            (outcome.latency_p50, outcome.latency_p99),
            (Duration::from_millis(50), Duration::from_millis(99))
        );
        assert_eq!(outcome.requests, 100);
    }
}
