//! Accepts connections on a loopback listener and serves HTTP/1.1 on them.
//!
//! Invariants: at most [`CONNECTIONS_MAX`] connections at once, the others wait; when the server is dropped, so are its
//! connections; TCP_NODELAY is on.
//! Does not know: what is answered.

use std::io;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use http::{Request, Response};
use http_body::Body;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::state::Shared;
use crate::wire::Wire;
use crate::{control, data};

/// Connections served at once.
const CONNECTIONS_MAX: usize = 4096;

/// The connection that a request came over.
#[derive(Clone)]
pub(crate) struct Peer {
    /// Counts from 1.
    pub(crate) connection: u64,
    /// Set: when the connection ends, it ends by a TCP reset.
    pub(crate) reset: Arc<AtomicBool>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Port {
    Data,
    Control,
}

/// Serves until it is dropped.
pub(crate) async fn serve(listener: TcpListener, shared: Arc<Shared>, port: Port) {
    let mut accepting = match port {
        Port::Data => shared.accepting(),
        Port::Control => watch::channel(true).1,
    };
    let mut connections = JoinSet::new();
    loop {
        let open = *accepting.borrow_and_update() && connections.len() < CONNECTIONS_MAX;
        tokio::select! {
            Ok(()) = accepting.changed() => {}
            Some(_) = connections.join_next() => {}
            accepted = listener.accept(), if open => {
                // An error here is the client's (gone before it was served) or the machine's (no file left): both pass.
                match accepted {
                    Ok((stream, _)) => drop(connections.spawn(connection(stream, shared.clone(), port))),
                    Err(_) => tokio::task::yield_now().await,
                }
            }
        }
    }
}

async fn connection(stream: TcpStream, shared: Arc<Shared>, port: Port) {
    let reset = Arc::new(AtomicBool::new(false));
    // Without it small chunks of a stream would wait for each other; if it fails they do.
    let _ = stream.set_nodelay(true);
    let wire = Wire::new(stream, reset.clone());
    match port {
        Port::Data => {
            let peer = Peer {
                connection: shared.connected(),
                reset,
            };
            run(wire, move |request| {
                data::answer(shared.clone(), request, peer.clone())
            })
            .await;
        }
        Port::Control => {
            run(wire, move |request| {
                control::answer(shared.clone(), request)
            })
            .await
        }
    }
}

async fn run<F, A, B>(wire: Wire, answer: F)
where
    F: Fn(Request<Incoming>) -> A,
    A: Future<Output = io::Result<Response<B>>>,
    B: Body + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    // An error is a client that left or a script that wants it so.
    let _ = http1::Builder::new()
        .serve_connection(TokioIo::new(wire), service_fn(answer))
        .await;
}
