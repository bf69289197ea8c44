//! A scripted TCP peer: reads a request, plays bytes, stalls, closes or resets, one script for each connection.
//!
//! Invariants: it plays exactly what it is told; it knows HTTP only as far as to find the end of a request.
//! Does not know: what it plays.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::Notify;
use tokio::task::JoinHandle;

/// What to do next on a connection. After the last step it is closed.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    /// Reads one whole request.
    Read,
    /// Sends these bytes in one write.
    Send(Vec<u8>),
    /// Sends these bytes, each in a write of its own.
    Drip(Vec<u8>),
    /// Does nothing until the other side closes, which [`Peer::left`] tells.
    Stall,
    /// Breaks the connection with a reset.
    Reset,
}

/// A listening peer; dropping it ends it.
pub(crate) struct Peer {
    address: SocketAddr,
    seen: Arc<Mutex<Vec<String>>>,
    left: Arc<Notify>,
    task: JoinHandle<()>,
}

impl Peer {
    /// Plays one script for each connection, in their order; connections past the last script are closed at once.
    pub(crate) async fn start(scripts: Vec<Vec<Step>>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let left = Arc::new(Notify::new());
        let (requests, leaving) = (Arc::clone(&seen), Arc::clone(&left));
        let task = tokio::spawn(async move {
            let mut scripts = scripts.into_iter();
            while let Ok((stream, _)) = listener.accept().await {
                let script = scripts.next().unwrap_or_default();
                tokio::spawn(play(
                    stream,
                    script,
                    Arc::clone(&requests),
                    Arc::clone(&leaving),
                ));
            }
        });
        Self {
            address,
            seen,
            left,
            task,
        }
    }

    /// Plays one answer after one request.
    pub(crate) async fn answer(answer: Vec<u8>) -> Self {
        Self::start(vec![vec![Step::Read, Step::Send(answer)]]).await
    }

    /// Its address as a base URL with a prefix.
    pub(crate) fn base_url(&self) -> String {
        format!("http://{}/v1", self.address)
    }

    /// Resolves when a connection that stalls was closed by the other side.
    pub(crate) async fn left(&self) {
        self.left.notified().await;
    }

    /// The requests that came, whole.
    pub(crate) fn seen(&self) -> Vec<String> {
        self.seen.lock().unwrap().clone()
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn play(
    mut stream: TcpStream,
    script: Vec<Step>,
    seen: Arc<Mutex<Vec<String>>>,
    left: Arc<Notify>,
) {
    stream.set_nodelay(true).unwrap();
    for step in script {
        let done = match step {
            Step::Read => read_request(&mut stream)
                .await
                .map(|request| seen.lock().unwrap().push(request)),
            Step::Send(bytes) => stream.write_all(&bytes).await.ok(),
            Step::Drip(bytes) => drip(&mut stream, &bytes).await,
            Step::Stall => {
                drain(&mut stream).await;
                left.notify_one();
                None
            }
            Step::Reset => {
                stream.set_zero_linger().unwrap();
                return;
            }
        };
        if done.is_none() {
            return;
        }
    }
    // Bytes left unread would turn the close into a reset.
    let _ = stream.shutdown().await;
    drain(&mut stream).await;
}

async fn drip(stream: &mut TcpStream, bytes: &[u8]) -> Option<()> {
    for byte in bytes {
        stream.write_all(&[*byte]).await.ok()?;
        tokio::task::yield_now().await;
    }
    Some(())
}

async fn drain(stream: &mut TcpStream) -> Option<()> {
    let mut buffer = [0; 4096];
    while stream.read(&mut buffer).await.ok()? > 0 {}
    None
}

async fn read_request(stream: &mut TcpStream) -> Option<String> {
    let mut request = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&request).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head
                .lines()
                .find_map(|line| line.strip_prefix("content-length: "));
            if body.len() >= length.map_or(0, |length| length.parse().unwrap()) {
                return Some(text);
            }
        }
        if stream.read_buf(&mut request).await.ok()? == 0 {
            return None;
        }
    }
}

/// An HTTP answer with a length.
pub(crate) fn answer(status: &str, headers: &[(&str, &str)], body: &[u8]) -> Vec<u8> {
    let mut head = format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\n", body.len());
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head.push_str("\r\n");
    [head.as_bytes(), body].concat()
}

/// An HTTP answer in chunks, `end` behind the last of them: `0\r\n\r\n` where it is whole.
pub(crate) fn chunked(chunks: &[&[u8]], end: &str) -> Vec<u8> {
    let mut answer =
        b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
            .to_vec();
    for chunk in chunks {
        answer.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
        answer.extend_from_slice(chunk);
        answer.extend_from_slice(b"\r\n");
    }
    answer.extend_from_slice(end.as_bytes());
    answer
}

/// An address at which nobody listens.
pub(crate) async fn closed_address() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0")
        .await
        .unwrap()
        .local_addr()
        .unwrap()
}

/// A listener whose queue is full, so that a further connection is never accepted.
pub(crate) struct NeverAccepts {
    pub(crate) address: SocketAddr,
    _listener: TcpListener,
    _queued: [TcpStream; 2],
}

impl NeverAccepts {
    /// Listens with a queue of one, which holds two, and fills it.
    pub(crate) async fn start() -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let listener = socket.listen(1).unwrap();
        let address = listener.local_addr().unwrap();
        let first = TcpStream::connect(address).await.unwrap();
        let second = TcpStream::connect(address).await.unwrap();
        Self {
            address,
            _listener: listener,
            _queued: [first, second],
        }
    }
}
