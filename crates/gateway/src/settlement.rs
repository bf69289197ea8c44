//! How an attempt came to its end, and what is known of it then.
//!
//! Invariants: outcomes are a closed set, the ledger's words and metric labels; which of them prove that nothing was charged stands here.
//! Does not know: prices, the ledger.

use std::time::Duration;

use cost_accounting::Usage;

/// How an attempt came to its end: the ledger's `outcome` and a metric label.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// The whole answer was delivered.
    Finished,
    /// The upstream answered with an error that proves that nothing ran: 4xx.
    Refused,
    /// The upstream answered with a server error.
    UpstreamError,
    /// No connection came about; nothing ran.
    ConnectFailed,
    /// A deadline passed.
    Timeout,
    /// The answer broke off or was not readable.
    Broken,
    /// The caller left before the end.
    ClientGone,
    /// The server stopped before the end.
    Shutdown,
    /// The work was dropped without a settlement: a fault of ours.
    Abandoned,
    /// Answered from the cache.
    Cached,
}

impl Outcome {
    /// The word in the ledger and in metrics.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Finished => "finished",
            Self::Refused => "refused",
            Self::UpstreamError => "upstream_error",
            Self::ConnectFailed => "connect_failed",
            Self::Timeout => "timeout",
            Self::Broken => "broken",
            Self::ClientGone => "client_gone",
            Self::Shutdown => "shutdown",
            Self::Abandoned => "abandoned",
            Self::Cached => "cached",
        }
    }

    /// True where it is proven that the upstream charged nothing.
    pub(crate) fn is_proven_free(self) -> bool {
        matches!(self, Self::Refused | Self::ConnectFailed | Self::Cached)
    }
}

/// What is known of an attempt at its end.
#[derive(Debug)]
pub(crate) struct Settlement {
    pub(crate) outcome: Outcome,
    /// The upstream's status; 0 where there was none.
    pub(crate) status: u16,
    /// What the upstream reported; `None` where nothing was.
    pub(crate) usage: Option<Usage>,
    /// The model that the answer names.
    pub(crate) model_served: Option<String>,
    /// The service tier that the answer names.
    pub(crate) service_tier: Option<String>,
    /// From request to first chunk of a stream.
    pub(crate) first_chunk: Option<Duration>,
}

impl Settlement {
    /// An end about which nothing is known but how it came.
    pub(crate) fn bare(outcome: Outcome, status: u16) -> Self {
        Self {
            outcome,
            status,
            usage: None,
            model_served: None,
            service_tier: None,
            first_chunk: None,
        }
    }
}
