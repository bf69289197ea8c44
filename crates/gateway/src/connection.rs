//! One connection of a caller: HTTP/1.1 with deadlines.
//!
//! Invariants: a caller who sends its headers slowly, is idle for too long, or takes nothing of its answer for the write deadline, is
//! cut off; a request that is being answered is not.
//! Does not know: what is served.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::HeaderValue;
use http::header::CONNECTION;
use http_body::{Body as HttpBody, Frame, SizeHint};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::{Semaphore, watch};

use crate::answer::{Body, Cut};
use crate::deadlines::{Answering, Deadlines};
use crate::server::{Limits, Plane};

/// Serves requests of one connection until it closes, or `closing` turns true and the request under way is answered.
pub(crate) async fn serve<S, P>(
    socket: S,
    plane: &P,
    limits: Limits,
    places: &Semaphore,
    mut closing: watch::Receiver<bool>,
) where
    S: AsyncRead + AsyncWrite + Unpin,
    P: Plane,
{
    let answering = Arc::new(Answering::default());
    let io = TokioIo::new(Deadlines::new(
        socket,
        limits.header_timeout,
        limits.write_timeout,
        Arc::clone(&answering),
    ));
    let service = service_fn(|request| {
        let under_way = answering.begin();
        async move {
            let mut answer = plane.answer(request).await;
            if places.available_permits() == 0 {
                // Others wait for a place: an idle connection must not keep it.
                answer
                    .headers_mut()
                    .insert(CONNECTION, HeaderValue::from_static("close"));
            }
            Ok::<_, Infallible>(answer.map(|body| UnderWay {
                body,
                _under_way: under_way,
            }))
        }
    });
    // hyper's own timer runs from the end of one answer to the end of the next head: it bounds idle time.
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.keep_alive_timeout)
        .serve_connection(io, service);
    tokio::pin!(connection);
    let result = tokio::select! {
        result = connection.as_mut() => result,
        () = closed(&mut closing) => {
            connection.as_mut().graceful_shutdown();
            connection.as_mut().await
        }
    };
    if let Err(error) = result {
        tracing::debug!(%error, "a connection ended early");
    }
}

/// Resolves when the server closes, or is gone.
async fn closed(closing: &mut watch::Receiver<bool>) {
    let _ = closing.wait_for(|closing| *closing).await;
}

/// An answer's body that says when it is done.
struct UnderWay<G> {
    body: Body,
    _under_way: G,
}

impl<G: Unpin> HttpBody for UnderWay<G> {
    type Data = Bytes;
    type Error = Cut;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Cut>>> {
        Pin::new(&mut self.get_mut().body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
