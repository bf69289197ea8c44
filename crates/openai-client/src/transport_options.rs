//! How connections to an upstream are made and kept, whichever transport makes them.
//!
//! Invariants: both transports take every number from here.
//! Does not know: which transport reads it.

use std::time::Duration;

/// The most idle connections kept for one upstream; HTTP/2 needs one, HTTP/1.1 one for each call that was ever under way at once.
pub const IDLE_CONNECTIONS_MAX: usize = 512;

/// How often a quiet HTTP/2 connection with calls on it is asked whether it lives, and how long it may think about it. Without
/// this, a path that drops packets silently takes every call of the shared connection down to its own time limit.
pub(crate) const PING_INTERVAL: Duration = Duration::from_secs(20);
pub(crate) const PING_TIMEOUT: Duration = Duration::from_secs(10);

/// The same question for TCP itself, which HTTP/1.1 needs while a model thinks: when a quiet connection is first probed and how
/// often, and how many probes may stay unanswered.
pub(crate) const PROBE_INTERVAL: Duration = Duration::from_secs(15);
pub(crate) const PROBES_MAX: u32 = 3;

/// How long sent bytes may stay unacknowledged, where the system can be told.
#[cfg(any(target_os = "linux", target_os = "android", target_os = "fuchsia"))]
pub(crate) const UNACKNOWLEDGED_MAX: Duration = Duration::from_secs(30);

/// How connections are made and kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TransportOptions {
    /// The most time for name, TCP and TLS together.
    pub connect: Duration,
    /// How long an unused connection is kept. Shorter than upstreams keep theirs: a call sent into a connection that is just being
    /// closed fails without a proof that it did not run.
    pub pool_idle: Duration,
}

impl Default for TransportOptions {
    /// 5 s to connect, as OpenAI's own clients have it; 30 s idle, which is below common servers' 60 s.
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(5),
            pool_idle: Duration::from_secs(30),
        }
    }
}
