//! The checked settings: what the rest of keyward is handed, after every source was read and every rule held.
//!
//! Invariants: a `Settings` that exists has passed all checks of its environment; secrets are `SecretString`; paths are
//! absolute where the working directory is; the base URL carries no user name, password, query or fragment.
//! Does not know: files, variables, layers. A new field also goes to `raw.rs`, `fields.rs` and `config/default.toml`.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use secrecy::SecretString;
use serde::Deserialize;
use url::Url;

use crate::network::Network;

/// Everything that keyward can be told, checked.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Which rules hold: the lenient ones or those of production.
    pub environment: Environment,
    /// Whether answers and logs may carry detail that helps a developer. Always off in production.
    pub debug: bool,
    /// The root of all keys that keyward derives, see [`crate::derive`].
    pub secret_key: SecretString,
    /// Where the database is.
    pub database: Database,
    /// Where files live that keyward makes itself; absolute. By default the directory of the database.
    pub data_dir: PathBuf,
    /// Who answers the calls.
    pub upstream: Upstream,
    /// The two listeners and what a client may do to them.
    pub server: Server,
    /// How long an upstream may take.
    pub timeouts: Timeouts,
    /// When the circuit breaker opens and closes.
    pub breaker: Breaker,
    /// What a virtual key may do without limits of its own.
    pub limits: Limits,
    /// What is answered without asking the upstream.
    pub cache: Cache,
    /// What happens to a stream whose client has gone.
    pub stream: StreamSettings,
    /// What requests may hold and reach.
    pub requests: Requests,
    /// How budgets are held.
    pub budgets: Budgets,
    /// Who is told when a budget is nearly used up.
    pub alerts: Alerts,
    /// How calls are written down.
    pub ledger: LedgerSettings,
    /// What a model without a price means.
    pub prices: Prices,
    /// How keyward writes its log.
    pub log: Log,
}

/// Where keyward runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Environment {
    /// On a developer's machine: `.env` is read, the simulator may stand in, a secret key is made if there is none.
    Development,
    /// Before real users: every rule holds, or the program does not start.
    Production,
}

impl Environment {
    /// The name as it is written in `ENVIRONMENT` and in file names.
    pub fn name(self) -> &'static str {
        match self {
            Self::Development => "development",
            Self::Production => "production",
        }
    }
}

/// The database, as `DATABASE_URL` names it.
#[derive(Clone, Debug)]
pub enum Database {
    /// One SQLite file; the path is absolute.
    Sqlite(PathBuf),
    /// A PostgreSQL server, by its URL, which may hold a password.
    Postgres(SecretString),
}

/// Who answers the calls.
#[derive(Clone, Debug)]
pub enum Upstream {
    /// OpenAI, or anything that speaks its API.
    OpenAi {
        /// Any path prefix, without a slash at its end (the root keeps its own): `https://api.openai.com/v1`.
        base_url: Url,
        /// The key that only the upstream gets to see. One line of visible ASCII.
        api_key: SecretString,
        /// What the ledger and the metrics call this upstream: lower-case letters, digits, `-`.
        name: String,
    },
    /// The built-in stand-in on loopback. Never in production.
    Simulator,
}

/// The two listeners and what a client may do to them.
#[derive(Clone, Debug)]
pub struct Server {
    /// Where applications call.
    pub listen: SocketAddr,
    /// Where people and monitoring look.
    pub admin_listen: SocketAddr,
    /// A proxy in front ends TLS; its forwarding headers count when it is one of `trusted_proxies`.
    pub behind_tls_proxy: bool,
    /// The proxies in front; checked in production, not used for forwarding headers yet.
    pub trusted_proxies: Vec<Network>,
    /// Open connections at a time, on the data plane.
    pub connections_max: usize,
    /// From the first byte of a request to the end of its headers.
    pub header_timeout: Duration,
    /// From the end of the headers to the end of the body.
    pub body_timeout: Duration,
    /// How long an idle connection is kept.
    pub keep_alive_timeout: Duration,
    /// The longest request body, in bytes.
    pub body_bytes_max: usize,
    /// How long calls in flight may take after a stop was asked for.
    pub drain: Duration,
}

/// How long an upstream may take for one attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// Until the connection stands, TLS included.
    pub connect: Duration,
    /// Until the headers of the answer are here.
    pub first_byte: Duration,
    /// Between two pieces of the body.
    pub idle: Duration,
    /// From the start of the attempt to the end of the body.
    pub total: Duration,
}

/// When the circuit breaker opens and closes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Breaker {
    /// It opens at this many failures in a row.
    pub consecutive_failures_max: u32,
    /// Over this long the failure rate is counted.
    pub window: Duration,
    /// It opens at this share of failed attempts in the window, in percent (1 to 100).
    pub failure_rate_percent: u8,
    /// The rate counts only from this many attempts in the window.
    pub calls_min: u32,
    /// How long it stays open before it lets probes through.
    pub open_for: Duration,
    /// How many probes run while it is half open; all must succeed to close it.
    pub half_open_probes: u32,
}

/// What a virtual key may do without limits of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Requests a minute of a key that has no own number; at least 1.
    pub requests_per_minute: u32,
}

/// What is answered without asking the upstream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cache {
    /// Whether identical embedding calls of one identity are answered from memory.
    pub embeddings: bool,
    /// What the embedding cache may hold, in bytes.
    pub embedding_bytes_max: usize,
}

/// What happens to a stream whose client has gone: it is read on for its usage, up to both bounds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamSettings {
    /// Tokens read on at most.
    pub drain_tokens_max: u64,
    /// How long it is read on at most.
    pub drain: Duration,
}

/// What requests may hold and reach.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Requests {
    /// What becomes of a field that is not in the field table.
    pub unknown_fields: UnknownFields,
    /// Who may use what was made at the upstream through keyward.
    pub object_owner: ObjectOwner,
}

/// What becomes of a field that is not in the field table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum UnknownFields {
    /// It is sent on as it stands, and counted.
    Pass,
    /// The request is refused.
    Refuse,
}

/// Who may use a stored response, a file, a batch or the like.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ObjectOwner {
    /// All keys of the project whose key made it.
    Project,
    /// The key that made it alone.
    Key,
}

/// How budgets are held. Budgets themselves are in the database; see `keyward budget`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Budgets {
    /// The daily budget for everything, in USD as exact decimal text, that a new database begins with.
    pub daily_usd: Option<String>,
    /// How long a call waits for money that other calls hold, before it is refused.
    pub wait: Duration,
    /// The most tokens out of a call that names no maximum, for each choice, unless a share of its budget buys more.
    pub output_tokens: u64,
    /// Where a call names its end user.
    pub end_user: EndUserFrom,
    /// Distinct end users for which one key may begin budgets in a day.
    pub end_users_per_key_day_max: u32,
    /// How long money lent to a server that is gone stays lent.
    pub lease_life: Duration,
}

/// Where a call names its end user.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EndUserFrom {
    /// In `safety_identifier` or `user` of the body.
    Body,
    /// In the header `x-keyward-end-user`; what the body says is not read.
    Header,
    /// Nowhere: calls have no end user.
    None,
}

/// Who is told when a budget is nearly used up. The log always is.
#[derive(Clone, Debug)]
pub struct Alerts {
    /// Shares of a budget at which it is told, in percent, rising.
    pub percents: Vec<u8>,
    /// Where to send it; the address itself may be a secret.
    pub webhook_url: Option<SecretString>,
    /// What the bodies sent there are signed with.
    pub webhook_secret: Option<SecretString>,
    /// The form of what is sent.
    pub webhook_form: WebhookForm,
}

/// The form of what a webhook is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum WebhookForm {
    /// All figures as a JSON object.
    Json,
    /// One line of text, as Slack takes it.
    Slack,
}

/// How calls are written down.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LedgerSettings {
    /// How long the writer gathers entries before it commits them together.
    pub gather: Duration,
    /// What happens to calls while the ledger can't be written.
    pub on_write_failure: OnWriteFailure,
}

/// What happens to calls while the ledger can't be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OnWriteFailure {
    /// Calls are refused with 503: nothing is spent that is not written down.
    Refuse,
    /// Calls go on, and what they cost may be missing from the ledger.
    Continue,
}

/// What a model without a price means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Prices {
    /// What happens to a call for a model that has no price.
    pub unknown: UnknownPrice,
    /// Whether the upstream's project has its data processed in one region, which costs more with some models.
    pub regional_uplift: bool,
}

/// What happens to a call for a model that has no price.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum UnknownPrice {
    /// It is refused.
    Refuse,
    /// It is entered at zero cost. Development only.
    Zero,
}

/// How keyward writes its log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Log {
    /// JSON for machines or text for people.
    pub format: LogFormat,
    /// `error`, `warn`, `info`, `debug`, `trace`, or `target=level` pairs divided by commas.
    pub level: String,
}

/// The form of a log line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// Text on a terminal, JSON elsewhere.
    Auto,
    /// One JSON object a line.
    Json,
    /// One readable line.
    Text,
}
