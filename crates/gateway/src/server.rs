//! The accept loop: sockets to a [`Plane`], with a limit on everything.
//!
//! Invariants: no more than `connections_max` connections are open, and while others wait an answered one is closed; each has a deadline for its headers and each of its writes; a
//! stop takes no new calls, lets what is under way finish until the drain deadline, tells the rest, and returns.
//! Does not know: routes, keys.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http::{Request, Response};
use hyper::body::Incoming;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};

use crate::answer::Body;
use crate::connection;
use crate::in_flight::InFlight;

/// How long a failed accept (no file descriptors left, say) is waited out.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// How long what was told to end may take to do so.
const TELL_MAX: Duration = Duration::from_secs(5);

/// What answers the requests of a server: the data plane, or the admin plane.
pub trait Plane: Clone + Send + Sync + 'static {
    /// Answers one request; whatever goes wrong is an answer too.
    fn answer(&self, request: Request<Incoming>) -> impl Future<Output = Response<Body>> + Send;

    /// A stop was asked for: take no new calls.
    fn stop(&self) {}

    /// Resolves when nothing is under way that outlives its connection.
    fn idle(&self) -> impl Future<Output = ()> + Send {
        std::future::ready(())
    }

    /// The drain deadline passed: bring everything to an end.
    fn give_up(&self) {}

    /// A connection was opened (`1`) or closed (`-1`).
    fn connections_changed(&self, _by: i64) {}
}

/// The limits of a server.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// The most connections open at once; further ones wait in the system's queue.
    pub connections_max: usize,
    /// How long a caller may take for the head of a request, from its first byte.
    pub header_timeout: Duration,
    /// How long a connection may be idle between two requests.
    pub keep_alive_timeout: Duration,
    /// How long a caller may take nothing of an answer.
    pub write_timeout: Duration,
    /// How long what is under way may take to finish after a stop.
    pub drain: Duration,
}

/// A listening socket in front of a plane.
pub struct Server<P> {
    listener: TcpListener,
    limits: Limits,
    plane: P,
}

impl<P: Plane> Server<P> {
    /// Listens on `address`; port 0 takes a free one.
    ///
    /// Errors: those of the socket, such as an address that is in use.
    pub async fn bind(address: SocketAddr, limits: Limits, plane: P) -> io::Result<Self> {
        Ok(Self {
            listener: TcpListener::bind(address).await?,
            limits,
            plane,
        })
    }

    /// Where it listens.
    pub fn local_address(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Serves until `stop` resolves, then drains.
    pub async fn run(self, stop: impl Future<Output = ()>) {
        let Self {
            listener,
            limits,
            plane,
        } = self;
        let connections = InFlight::new();
        let closing = watch::Sender::new(false);
        accept(&listener, limits, &plane, &connections, &closing, stop).await;
        drop(listener);
        plane.stop();
        closing.send_replace(true);
        drain(limits, &plane, &connections).await;
    }
}

/// Accepts connections until `stop` resolves.
async fn accept<P: Plane>(
    listener: &TcpListener,
    limits: Limits,
    plane: &P,
    connections: &InFlight,
    closing: &watch::Sender<bool>,
    stop: impl Future<Output = ()>,
) {
    let places = Arc::new(Semaphore::new(limits.connections_max));
    tokio::pin!(stop);
    loop {
        let next = async {
            let place = Arc::clone(&places).acquire_owned().await;
            (place, listener.accept().await)
        };
        let (place, accepted) = tokio::select! {
            next = next => next,
            () = &mut stop => return,
        };
        match accepted {
            Ok((socket, _)) => {
                let (held, plane) = (connections.begin(), plane.clone());
                let (places, closing) = (Arc::clone(&places), closing.subscribe());
                drop(tokio::spawn(async move {
                    serve(socket, &plane, limits, &places, closing).await;
                    drop((place, held));
                }));
            }
            Err(error) => {
                tracing::warn!(%error, "failed to accept a connection");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

async fn serve<P: Plane>(
    socket: TcpStream,
    plane: &P,
    limits: Limits,
    places: &Semaphore,
    closing: watch::Receiver<bool>,
) {
    // Without this, Nagle's algorithm holds the first event of a stream back by 40 ms.
    if let Err(error) = socket.set_nodelay(true) {
        tracing::debug!(%error, "failed to set TCP_NODELAY");
    }
    plane.connections_changed(1);
    connection::serve(socket, plane, limits, places, closing).await;
    plane.connections_changed(-1);
}

/// Waits for what is under way, then tells it to end.
async fn drain<P: Plane>(limits: Limits, plane: &P, connections: &InFlight) {
    let under_way = async {
        connections.empty().await;
        plane.idle().await;
    };
    tokio::pin!(under_way);
    if tokio::time::timeout(limits.drain, &mut under_way)
        .await
        .is_ok()
    {
        return;
    }
    tracing::warn!(
        connections = connections.count(),
        "the drain deadline passed; telling what is left to end"
    );
    plane.give_up();
    if tokio::time::timeout(TELL_MAX, &mut under_way)
        .await
        .is_err()
    {
        tracing::warn!(
            connections = connections.count(),
            "left open connections behind"
        );
    }
}
