//! A socket with deadlines for the head of a request and for each write.
//!
//! Invariants: while no request is being answered, the head that has begun must be whole within its deadline, and so must the first
//! one of a connection; a write that waits longer than its deadline fails.
//! Does not know: HTTP. What answers requests says when one is under way.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Sleep;

/// How many requests of a connection are being answered.
#[derive(Debug, Default)]
pub(crate) struct Answering(AtomicUsize);

/// One request that is being answered; dropping it ends that.
#[derive(Debug)]
pub(crate) struct UnderWay(Arc<Answering>);

impl Answering {
    /// A request's head is whole.
    pub(crate) fn begin(self: &Arc<Self>) -> UnderWay {
        self.0.fetch_add(1, Ordering::Relaxed);
        UnderWay(Arc::clone(self))
    }

    fn is_idle(&self) -> bool {
        self.0.load(Ordering::Relaxed) == 0
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Where the head of a request stands.
enum Head {
    /// Nothing of it has come, or it is whole.
    Idle,
    /// It has begun. Most are whole by the next look, so the deadline is made only then.
    Begun,
    /// It is waited for.
    Awaited(Pin<Box<Sleep>>),
}

/// See the module.
pub(crate) struct Deadlines<S> {
    socket: S,
    header_timeout: Duration,
    write_timeout: Duration,
    answering: Arc<Answering>,
    head: Head,
    write: Option<Pin<Box<Sleep>>>,
}

impl<S> Deadlines<S> {
    /// The first head is waited for from now on.
    pub(crate) fn new(
        socket: S,
        header_timeout: Duration,
        write_timeout: Duration,
        answering: Arc<Answering>,
    ) -> Self {
        let head = Head::Awaited(Box::pin(tokio::time::sleep(header_timeout)));
        Self {
            socket,
            header_timeout,
            write_timeout,
            answering,
            head,
            write: None,
        }
    }

    /// Passes on what a write came to; while it waits, the deadline runs.
    fn watch<T>(
        &mut self,
        context: &mut Context<'_>,
        written: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if written.is_ready() {
            self.write = None;
            return written;
        }
        let write_timeout = self.write_timeout;
        let waiting = self
            .write
            .get_or_insert_with(|| Box::pin(tokio::time::sleep(write_timeout)));
        std::task::ready!(waiting.as_mut().poll(context));
        Poll::Ready(Err(io::Error::new(
            io::ErrorKind::TimedOut,
            "the caller takes nothing of its answer",
        )))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Deadlines<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if !this.answering.is_idle() {
            this.head = Head::Idle;
            return Pin::new(&mut this.socket).poll_read(context, buffer);
        }
        if matches!(this.head, Head::Begun) {
            this.head = Head::Awaited(Box::pin(tokio::time::sleep(this.header_timeout)));
        }
        if let Head::Awaited(deadline) = &mut this.head
            && deadline.as_mut().poll(context).is_ready()
        {
            let words = "the head of a request came too slowly";
            return Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, words)));
        }
        let before = buffer.filled().len();
        let read = Pin::new(&mut this.socket).poll_read(context, buffer);
        if matches!(this.head, Head::Idle) && buffer.filled().len() > before {
            this.head = Head::Begun;
        }
        read
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Deadlines<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = Pin::new(&mut this.socket).poll_write(context, bytes);
        this.watch(context, written)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = Pin::new(&mut this.socket).poll_write_vectored(context, slices);
        this.watch(context, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.socket.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let flushed = Pin::new(&mut this.socket).poll_flush(context);
        this.watch(context, flushed)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().socket).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn pair() -> (
        tokio::io::DuplexStream,
        Deadlines<tokio::io::DuplexStream>,
        Arc<Answering>,
    ) {
        let (caller, server) = tokio::io::duplex(64);
        let answering = Arc::new(Answering::default());
        (
            caller,
            Deadlines::new(server, SECOND, SECOND, Arc::clone(&answering)),
            answering,
        )
    }

    #[tokio::test(start_paused = true)]
    async fn a_head_that_never_ends_is_cut_off() {
        let (mut caller, mut io, _) = pair();
        caller.write_all(b"GET ").await.unwrap();
        let mut bytes = [0; 64];
        assert_eq!(io.read(&mut bytes).await.unwrap(), 4);
        assert_eq!(
            io.read(&mut bytes).await.unwrap_err().kind(),
            io::ErrorKind::TimedOut
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_may_take_its_time_while_its_request_is_answered() {
        let (mut caller, mut io, answering) = pair();
        let under_way = answering.begin();
        let mut bytes = [0; 64];
        let waiting = tokio::time::timeout(10 * SECOND, io.read(&mut bytes)).await;
        assert!(waiting.is_err(), "the body's deadline is elsewhere");
        drop(under_way);
        // Idle time is not counted, a head that has begun is.
        assert!(
            tokio::time::timeout(10 * SECOND, io.read(&mut bytes))
                .await
                .is_err()
        );
        caller.write_all(b"GET ").await.unwrap();
        assert_eq!(io.read(&mut bytes).await.unwrap(), 4);
        assert_eq!(
            io.read(&mut bytes).await.unwrap_err().kind(),
            io::ErrorKind::TimedOut
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_caller_that_takes_nothing_is_cut_off() {
        let (_caller, mut io, _) = pair();
        assert_eq!(
            io.write_all(&[0; 1000]).await.unwrap_err().kind(),
            io::ErrorKind::TimedOut
        );
    }
}
