//! The settings as they are written: one plain struct a section, before any rule between fields.
//!
//! Invariants: the fields are those of `fields.rs`; a field is optional exactly if the built-in file leaves it open.
//! Does not know: rules, sources. Nothing here can print itself, for it holds secrets as plain text.

use std::net::SocketAddr;

use serde::Deserialize;

use crate::duration::Span;
use crate::settings::{
    EndUserFrom, LogFormat, ObjectOwner, OnWriteFailure, UnknownFields, UnknownPrice, WebhookForm,
};

/// All sections.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawSettings {
    /// Read beforehand, because it decides which files are read; here only so that it is no unknown field.
    #[serde(rename = "environment")]
    pub(crate) _environment: Option<String>,
    pub(crate) debug: bool,
    pub(crate) secret_key: Option<String>,
    pub(crate) database_url: String,
    pub(crate) data_dir: Option<String>,
    pub(crate) upstream: RawUpstream,
    pub(crate) server: RawServer,
    pub(crate) timeouts: RawTimeouts,
    pub(crate) breaker: RawBreaker,
    pub(crate) limits: RawLimits,
    pub(crate) cache: RawCache,
    pub(crate) stream: RawStream,
    pub(crate) requests: RawRequests,
    pub(crate) budgets: RawBudgets,
    pub(crate) alerts: RawAlerts,
    pub(crate) ledger: RawLedger,
    pub(crate) prices: RawPrices,
    pub(crate) log: RawLog,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawUpstream {
    pub(crate) base_url: String,
    pub(crate) api_key: Option<String>,
    pub(crate) name: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawServer {
    pub(crate) listen: SocketAddr,
    pub(crate) admin_listen: SocketAddr,
    pub(crate) behind_tls_proxy: bool,
    pub(crate) trusted_proxies: Vec<String>,
    pub(crate) connections_max: usize,
    pub(crate) header_timeout: Span,
    pub(crate) body_timeout: Span,
    pub(crate) keep_alive_timeout: Span,
    pub(crate) body_bytes_max: usize,
    pub(crate) drain: Span,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawTimeouts {
    pub(crate) connect: Span,
    pub(crate) first_byte: Span,
    pub(crate) idle: Span,
    pub(crate) total: Span,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawBreaker {
    pub(crate) consecutive_failures_max: u32,
    pub(crate) window: Span,
    pub(crate) failure_rate_percent: u8,
    pub(crate) calls_min: u32,
    pub(crate) open_for: Span,
    pub(crate) half_open_probes: u32,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawLimits {
    pub(crate) requests_per_minute: u32,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawCache {
    pub(crate) embeddings: bool,
    pub(crate) embedding_bytes_max: usize,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawStream {
    pub(crate) drain_tokens_max: u64,
    pub(crate) drain: Span,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawRequests {
    pub(crate) unknown_fields: UnknownFields,
    pub(crate) object_owner: ObjectOwner,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawBudgets {
    pub(crate) daily_usd: String,
    pub(crate) wait: Span,
    pub(crate) output_tokens: u64,
    pub(crate) end_user: EndUserFrom,
    pub(crate) end_users_per_key_day_max: u32,
    pub(crate) lease_life: Span,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawAlerts {
    pub(crate) percents: Vec<u8>,
    pub(crate) webhook_url: Option<String>,
    pub(crate) webhook_secret: Option<String>,
    pub(crate) webhook_form: WebhookForm,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawLedger {
    pub(crate) gather: Span,
    pub(crate) on_write_failure: OnWriteFailure,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawPrices {
    pub(crate) unknown: UnknownPrice,
    pub(crate) regional_uplift: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawLog {
    pub(crate) format: LogFormat,
    pub(crate) level: String,
}
