//! What all requests of one gateway share.
//!
//! Invariants: everything here is read-only or synchronises itself; no field is locked across an await.
//! Does not know: any one request.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use access::{Keyring, Objects};
use config::{OnWriteFailure, Settings};
use cost_accounting::{Escrow, Ledger, PriceBook};
use http::HeaderValue;
use jiff::Timestamp;
use openai_client::Upstream;
use privacy::Scrubber;
use prometheus_client::registry::Registry;
use resilience::{CircuitBreaker, RequestLimiter};

use crate::cache::AnswerCache;
use crate::ids::RequestIds;
use crate::in_flight::InFlight;
use crate::status::Refusal;
use crate::telemetry::metrics::Metrics;

/// How long a server counts as not ready after money could not be held.
const FAILED_FOR_MS: u64 = 5_000;

/// A clock that counts from the start of the process and never goes back.
pub type Clock = Arc<dyn Fn() -> Duration + Send + Sync>;
/// The clock on the wall.
pub type WallClock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// What a gateway is made of.
pub struct Parts {
    /// The checked settings.
    pub settings: Arc<Settings>,
    /// Who may call.
    pub keyring: Arc<Keyring>,
    /// Whose what was made at the upstream is.
    pub objects: Objects,
    /// Where every call is entered.
    pub ledger: Ledger,
    /// Holds money for calls before they are sent. Whoever made it drives its `run`.
    pub escrow: Escrow,
    /// What calls cost.
    pub prices: Arc<PriceBook>,
    /// Where calls go.
    pub upstream: Upstream,
    /// The upstream's name in the ledger and in headers.
    pub upstream_name: String,
    /// True where the built-in simulator is the upstream; every answer says so.
    pub simulated: bool,
    /// True where the upstream knows the field `service_tier`, so that the tier can be made explicit.
    pub takes_tier: bool,
    /// Guards the upstream.
    pub breaker: Arc<CircuitBreaker>,
    /// Limits each key.
    pub limiter: Arc<RequestLimiter>,
    /// Keeps secrets out of what is written and sent.
    pub scrubber: Scrubber,
    /// The process's monotonic clock.
    pub clock: Clock,
    /// The wall clock.
    pub wall: WallClock,
    /// 32 bytes that only this installation knows: the key of the cache's digests.
    pub cache_secret: [u8; 32],
    /// 16 bytes from the system's random source: the seed of request ids.
    pub id_seed: [u8; 16],
}

pub(crate) struct Shared {
    pub(crate) settings: Arc<Settings>,
    pub(crate) keyring: Arc<Keyring>,
    pub(crate) objects: Objects,
    pub(crate) ledger: Ledger,
    pub(crate) escrow: Escrow,
    pub(crate) prices: Arc<PriceBook>,
    pub(crate) upstream: Upstream,
    pub(crate) upstream_name: Arc<str>,
    /// The same name as the value of a header, made once.
    pub(crate) route_header: HeaderValue,
    pub(crate) simulated: bool,
    pub(crate) takes_tier: bool,
    pub(crate) breaker: Arc<CircuitBreaker>,
    pub(crate) limiter: Arc<RequestLimiter>,
    pub(crate) scrubber: Scrubber,
    pub(crate) clock: Clock,
    pub(crate) wall: WallClock,
    pub(crate) cache: AnswerCache,
    pub(crate) ids: RequestIds,
    pub(crate) in_flight: InFlight,
    pub(crate) metrics: Metrics,
    stopping: AtomicBool,
    /// When money could last not be held for want of the store, in milliseconds of the clock, and one more; 0: all is well.
    budgets_failed_at: AtomicU64,
}

impl Shared {
    pub(crate) fn new(parts: Parts, registry: &mut Registry) -> Self {
        let cache_bytes = if parts.settings.cache.embeddings {
            parts.settings.cache.embedding_bytes_max
        } else {
            0
        };
        Self {
            cache: AnswerCache::new(cache_bytes, parts.cache_secret),
            ids: RequestIds::new(parts.id_seed),
            in_flight: InFlight::new(),
            metrics: Metrics::register(registry),
            settings: parts.settings,
            keyring: parts.keyring,
            objects: parts.objects,
            ledger: parts.ledger,
            escrow: parts.escrow,
            prices: parts.prices,
            upstream: parts.upstream,
            route_header: HeaderValue::from_str(&parts.upstream_name)
                .unwrap_or(HeaderValue::from_static("upstream")),
            upstream_name: parts.upstream_name.into(),
            simulated: parts.simulated,
            takes_tier: parts.takes_tier,
            breaker: parts.breaker,
            limiter: parts.limiter,
            scrubber: parts.scrubber,
            clock: parts.clock,
            wall: parts.wall,
            stopping: AtomicBool::new(false),
            budgets_failed_at: AtomicU64::new(0),
        }
    }

    /// New calls are refused from now on.
    pub(crate) fn stop(&self) {
        self.stopping.store(true, Ordering::Release);
    }

    /// True once a stop was asked for.
    pub(crate) fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Acquire)
    }

    /// Notes whether money could be held.
    pub(crate) fn budgets_failed(&self, failed: bool) {
        let at = if failed { self.now_ms() + 1 } else { 0 };
        if failed || self.budgets_failed_at.load(Ordering::Relaxed) != 0 {
            self.budgets_failed_at.store(at, Ordering::Relaxed);
        }
    }

    /// False for a while after money could not be held for want of the store: long enough to be noticed, and short enough that
    /// calls come again and find out.
    pub(crate) fn can_hold(&self) -> bool {
        let failed_at = self.budgets_failed_at.load(Ordering::Relaxed);
        failed_at == 0 || self.now_ms().saturating_sub(failed_at) > FAILED_FOR_MS
    }

    fn now_ms(&self) -> u64 {
        u64::try_from((self.clock)().as_millis()).unwrap_or(u64::MAX - 1)
    }

    /// True where calls go on though they may be missing from the ledger.
    pub(crate) fn goes_on_unwritten(&self) -> bool {
        self.settings.ledger.on_write_failure == OnWriteFailure::Continue
    }

    /// Ok where a call that costs money may start: fail closed when it could not be entered.
    pub(crate) fn may_spend(&self) -> Result<(), Refusal> {
        if self.is_stopping() {
            return Err(Refusal::ShuttingDown);
        }
        match self.ledger.writable() {
            Err(_) if !self.goes_on_unwritten() => Err(Refusal::LedgerUnavailable),
            _ => Ok(()),
        }
    }
}
