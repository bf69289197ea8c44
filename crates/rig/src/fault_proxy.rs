//! A TCP proxy that breaks connections: after a counted number of bytes, or when it is told to.
//!
//! Invariants: bytes before the fault pass unchanged and in order, both ways; the fault counts what the upstream answers, per connection, from when
//! it was set.
//! Does not know: HTTP, SQL.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};

const BUFFER_BYTES: usize = 8 * 1024;

/// What happens to a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Everything passes.
    None,
    /// After this many bytes of answers the connection is closed.
    Cut {
        /// Bytes that still pass.
        after_bytes: usize,
    },
    /// After this many bytes of answers nothing more comes, and the connection stays open.
    Stall {
        /// Bytes that still pass.
        after_bytes: usize,
    },
    /// Each piece of an answer comes so much later.
    Slow {
        /// The wait before each piece.
        pause: Duration,
    },
    /// No connection is taken, and those that are open are closed.
    Refuse,
    /// The connection is closed in place of the answer to the first request that has these words: what was asked is done, and nobody hears of it.
    Unheard {
        /// Words of the request, as its bytes have them.
        request: &'static str,
    },
}

impl Fault {
    fn passes(self) -> usize {
        match self {
            Self::Cut { after_bytes } | Self::Stall { after_bytes } => after_bytes,
            _ => usize::MAX,
        }
    }
}

/// A running proxy; it stops and closes its connections when dropped.
#[derive(Debug)]
pub struct FaultProxy {
    address: SocketAddr,
    fault: watch::Sender<Fault>,
    task: JoinHandle<()>,
}

impl FaultProxy {
    /// Listens on a free loopback port and passes on to `upstream`.
    ///
    /// Errors: no port can be bound.
    pub async fn start(upstream: SocketAddr, fault: Fault) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let (fault, faults) = watch::channel(fault);
        let task = tokio::spawn(async move {
            let mut connections = JoinSet::new();
            loop {
                if let Ok((client, _)) = listener.accept().await {
                    connections.spawn(pass(client, upstream, faults.clone()));
                }
                while connections.try_join_next().is_some() {}
            }
        });
        Ok(Self {
            address,
            fault,
            task,
        })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Changes the fault, for connections that are open and those to come.
    pub fn set(&self, fault: Fault) {
        self.fault.send_replace(fault);
    }
}

impl Drop for FaultProxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn pass(
    client: TcpStream,
    upstream: SocketAddr,
    faults: watch::Receiver<Fault>,
) -> io::Result<()> {
    if *faults.borrow() == Fault::Refuse {
        return Ok(());
    }
    let upstream = TcpStream::connect(upstream).await?;
    client.set_nodelay(true)?;
    upstream.set_nodelay(true)?;
    let (from_client, to_client) = client.into_split();
    let (from_upstream, to_upstream) = upstream.into_split();
    let asked = Arc::new(AtomicBool::new(false));
    let requests = requests(from_client, to_upstream, faults.clone(), &asked);
    let answers = answers(from_upstream, to_client, faults, &asked);
    // Whichever side ends first ends the connection, as a cut has to reach both.
    tokio::select! {
        ended = requests => ended,
        ended = answers => ended,
    }
}

async fn requests(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    faults: watch::Receiver<Fault>,
    asked: &AtomicBool,
) -> io::Result<()> {
    let mut buffer = vec![0; BUFFER_BYTES];
    loop {
        let count = from.read(&mut buffer).await?;
        if count == 0 {
            return to.shutdown().await;
        }
        let piece = buffer.get(..count).unwrap_or_default();
        if let Fault::Unheard { request } = *faults.borrow()
            && piece
                .windows(request.len())
                .any(|window| window == request.as_bytes())
        {
            asked.store(true, Ordering::SeqCst);
        }
        to.write_all(piece).await?;
    }
}

async fn answers(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    mut faults: watch::Receiver<Fault>,
    asked: &AtomicBool,
) -> io::Result<()> {
    let mut buffer = vec![0; BUFFER_BYTES];
    loop {
        let fault = *faults.borrow_and_update();
        let mut left = fault.passes();
        loop {
            match fault {
                Fault::Refuse => return Ok(()),
                Fault::Cut { .. } if left == 0 => return Ok(()),
                _ => {}
            }
            let wanted = buffer.get_mut(..left.min(BUFFER_BYTES)).unwrap_or_default();
            let count = tokio::select! {
                changed = faults.changed() => match changed {
                    Ok(()) => break,
                    Err(_) => return Ok(()),
                },
                count = from.read(wanted), if left > 0 => count?,
            };
            if count == 0 {
                return to.shutdown().await;
            }
            match fault {
                // The answer is here, so what was asked is done.
                Fault::Unheard { .. } if asked.load(Ordering::SeqCst) => return Ok(()),
                Fault::Slow { pause } => tokio::time::sleep(pause).await,
                _ => {}
            }
            to.write_all(buffer.get(..count).unwrap_or_default())
                .await?;
            left -= count;
        }
    }
}
