//! A TCP proxy that breaks connections after a counted number of bytes.
//!
//! Invariants: bytes before the fault pass unchanged and in order, both ways; the fault counts what the upstream answers, per connection.
//! Does not know: HTTP.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
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
}

impl Fault {
    fn passes(self) -> usize {
        match self {
            Self::None => usize::MAX,
            Self::Cut { after_bytes } | Self::Stall { after_bytes } => after_bytes,
        }
    }
}

/// A running proxy; it stops and closes its connections when dropped.
#[derive(Debug)]
pub struct FaultProxy {
    address: SocketAddr,
    task: JoinHandle<()>,
}

impl FaultProxy {
    /// Listens on a free loopback port and passes on to `upstream`.
    ///
    /// Errors: no port can be bound.
    pub async fn start(upstream: SocketAddr, fault: Fault) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let task = tokio::spawn(async move {
            let mut connections = JoinSet::new();
            loop {
                if let Ok((client, _)) = listener.accept().await {
                    connections.spawn(pass(client, upstream, fault));
                }
                while connections.try_join_next().is_some() {}
            }
        });
        Ok(Self { address, task })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for FaultProxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn pass(client: TcpStream, upstream: SocketAddr, fault: Fault) -> io::Result<()> {
    let upstream = TcpStream::connect(upstream).await?;
    client.set_nodelay(true)?;
    upstream.set_nodelay(true)?;
    let (from_client, to_client) = client.into_split();
    let (from_upstream, to_upstream) = upstream.into_split();
    let requests = copy(from_client, to_upstream, Fault::None);
    let answers = copy(from_upstream, to_client, fault);
    // Whichever side ends first ends the connection, as a cut has to reach both.
    tokio::select! {
        ended = requests => ended,
        ended = answers => ended,
    }
}

async fn copy(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, fault: Fault) -> io::Result<()> {
    let mut left = fault.passes();
    let mut buffer = vec![0; BUFFER_BYTES];
    while left > 0 {
        let wanted = buffer.get_mut(..left.min(BUFFER_BYTES)).unwrap_or_default();
        let count = from.read(wanted).await?;
        if count == 0 {
            return to.shutdown().await;
        }
        to.write_all(wanted.get(..count).unwrap_or_default())
            .await?;
        left -= count;
    }
    if let Fault::Stall { .. } = fault {
        std::future::pending::<()>().await;
    }
    Ok(())
}
