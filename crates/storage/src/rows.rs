//! The plain values that cross the border of this crate: keys, ledger entries, usage sums.
//!
//! Invariants: integers and strings only, so that each caller keeps its own types; a value read back equals the value
//! written, but for `entry_id`, which the store gives.
//! Does not know: what a model, a price or an endpoint means.

/// What was made at the upstream, and under which virtual key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObjectRow {
    /// Its id at the upstream, unique.
    pub id: String,
    /// What it is; the store does not ask.
    pub kind: String,
    /// The id of the key that made it.
    pub key_id: String,
    /// The project of that key.
    pub project: String,
    /// When, in milliseconds since 1970, UTC.
    pub made_at_ms: i64,
}

/// A virtual key at rest. The secret itself is never here, only its digest.
#[derive(Clone, Debug, PartialEq)]
pub struct KeyRow {
    /// Public id, unique.
    pub id: String,
    /// Digest of the secret, unique.
    pub digest: [u8; 32],
    /// What people call the key.
    pub name: String,
    /// Project that its use is booked under.
    pub project: String,
    /// Model names or patterns the key may use; empty: all.
    pub models: Vec<String>,
    /// Endpoint names the key may call; empty: all.
    pub endpoints: Vec<String>,
    /// Free labels, in the order given.
    pub tags: Vec<String>,
    /// `minted`, `imported` or `weak`.
    pub origin: String,
    /// Requests a minute, if limited.
    pub requests_per_minute: Option<i64>,
    /// Milliseconds since 1970-01-01 UTC.
    pub created_at_ms: i64,
    /// Milliseconds since 1970-01-01 UTC.
    pub expires_at_ms: Option<i64>,
    /// Milliseconds since 1970-01-01 UTC.
    pub revoked_at_ms: Option<i64>,
}

/// What became of a revocation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyRevocation {
    /// The key was live and is revoked now.
    Revoked,
    /// The key had been revoked before; nothing changed.
    AlreadyRevoked {
        /// Milliseconds since 1970-01-01 UTC.
        at_ms: i64,
    },
    /// No key has this id.
    NotFound,
}

/// One line of the ledger. Lines are appended and never changed.
///
/// Shape: usage classes are disjoint. A line with `adjustment` above zero holds *differences* to the line `adjusts`, so
/// that a sum over lines is always the truth; only there may tokens and cost be negative.
#[derive(Clone, Debug, PartialEq)]
pub struct EntryRow {
    /// Given by the store, growing; zero on the way in.
    pub entry_id: i64,
    /// The request, best in the order of time (UUID version 7): the one index of the ledger is on it.
    pub request_id: [u8; 16],
    /// Zero for a cache hit, from one for tries upstream.
    pub attempt: i64,
    /// Zero for the entry itself, from one for rows that correct it.
    pub adjustment: i64,
    /// `entry_id` of the row that this one corrects; set exactly when `adjustment` is above zero.
    pub adjusts: Option<i64>,
    /// `reported`, `estimated`, `unsettled` or `adjusted`.
    pub state: String,
    /// Milliseconds since 1970-01-01 UTC.
    pub at_ms: i64,
    /// Days since 1970-01-01 UTC, of the window the reservation was granted in; the daily sums go by it.
    pub window_day: i64,
    /// The lease that the reservation was cut from.
    pub lease_id: Option<i64>,
    /// The virtual key that is charged.
    pub key_id: String,
    /// The project that is charged.
    pub project: String,
    /// Name of the endpoint.
    pub endpoint: String,
    /// The model that was asked for.
    pub model: String,
    /// The model that the answer named.
    pub model_served: Option<String>,
    /// Name of the upstream.
    pub upstream: String,
    /// Service tier that the answer named.
    pub service_tier: Option<String>,
    /// The price row that made the cost.
    pub price_row: Option<String>,
    /// Tokens in that were neither read from nor written to the provider's prompt cache.
    pub input_tokens: i64,
    /// Tokens in that were read from the provider's prompt cache.
    pub cached_input_tokens: i64,
    /// Tokens in that were written to the provider's prompt cache for 30 minutes.
    pub cache_write_30m_tokens: i64,
    /// Tokens in that were written to the provider's prompt cache for 12 hours.
    pub cache_write_12h_tokens: i64,
    /// Tokens out without reasoning.
    pub output_tokens: i64,
    /// Reasoning tokens out.
    pub reasoning_tokens: i64,
    /// Other meters as a JSON object.
    pub other_usage: Option<String>,
    /// 1e-12 USD.
    pub cost_pico_usd: i64,
    /// HTTP status of the upstream's answer; 0 where none came.
    pub status: i64,
    /// How the attempt ended, one of a closed set of the caller's.
    pub outcome: String,
    /// Answered from the cache.
    pub cached: bool,
    /// The answer was streamed.
    pub stream: bool,
    /// From the arrival of the request to the end of the attempt.
    pub latency_ms: i64,
    /// From the arrival of the request to the first chunk of the answer.
    pub first_chunk_ms: Option<i64>,
    /// End user that the caller named.
    pub end_user: Option<String>,
    /// Labels of the key and the request.
    pub tags: Vec<String>,
}

/// What became of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Appended {
    /// It was written now.
    New {
        /// Its id.
        entry_id: i64,
    },
    /// The same entry had been written before; nothing was counted again.
    Duplicate {
        /// The id it got then.
        entry_id: i64,
    },
}

impl Appended {
    /// The id of the entry, whenever it was written.
    #[must_use]
    pub fn entry_id(self) -> i64 {
        match self {
            Appended::New { entry_id } | Appended::Duplicate { entry_id } => entry_id,
        }
    }
}

/// What the sums are grouped by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UsageBy {
    /// By `window_day`.
    Day,
    /// By the model asked for.
    Model,
    /// By key id.
    Key,
    /// By project.
    Project,
}

/// Which sums are wanted. Every filter that is set must hold.
#[derive(Clone, Debug, PartialEq)]
pub struct UsageQuery {
    /// The grouping.
    pub by: UsageBy,
    /// First day, inclusive, in days since 1970-01-01 UTC.
    pub day_from: Option<i64>,
    /// Last day, inclusive, in days since 1970-01-01 UTC.
    pub day_to: Option<i64>,
    /// Only this key.
    pub key_id: Option<String>,
    /// Only this project.
    pub project: Option<String>,
    /// Only this model.
    pub model: Option<String>,
}

impl UsageQuery {
    /// Everything, grouped so.
    #[must_use]
    pub fn all(by: UsageBy) -> UsageQuery {
        UsageQuery {
            by,
            day_from: None,
            day_to: None,
            key_id: None,
            project: None,
            model: None,
        }
    }
}

/// Sums of one group. Rows come in the order of `group` (days by number, the rest by bytes).
#[derive(Clone, Debug, PartialEq)]
pub struct UsageRow {
    /// Name of the group; a day is its number since 1970-01-01 as text.
    pub group: String,
    /// Entries with `attempt` of at most one, neither adjustments nor `unsettled`: requests that reached the cache or an
    /// upstream.
    pub requests: i64,
    /// Entries with `attempt` of at least one, neither adjustments nor `unsettled`.
    pub attempts: i64,
    /// All classes of input together.
    pub input_tokens: i64,
    /// Output and reasoning together.
    pub output_tokens: i64,
    /// 1e-12 USD; a sum may pass what 64 bits hold (9.2 million USD).
    pub cost_pico_usd: i128,
}

/// Whether the store can write at this moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StoreHealth {
    /// The last commit was good, and the disk keeps up.
    Writable,
    /// The last commit failed, or the disk does not keep up: an entry waits for longer than `ENTRY_WAIT_MAX`, or more
    /// than `ENTRIES_WAITING_WRITABLE_MAX` wait. What waits is not lost, and is tried again.
    Failing {
        /// Commits that failed in a row; zero if none failed and yet the disk does not keep up.
        commits_failed: u32,
        /// Entries that wait in memory.
        entries_waiting: usize,
        /// Why the last commit failed, or what waits.
        message: String,
    },
}
