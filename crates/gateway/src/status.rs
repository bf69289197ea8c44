//! Maps every refusal to an HTTP status, OpenAI's error body and a metric label. Nowhere else is that decided.
//!
//! Invariants: labels and codes are closed sets; a refusal that a repeat can't cure says `x-should-retry: false`, or each official
//! SDK would repeat it twice; no message holds a key, a prompt or a full URL.
//! Does not know: how a request is processed.
//! Source: OpenAI's error object `{"error":{"message","type","param","code"}}`; the SDKs' rule that `x-should-retry` decides first.

use std::time::Duration;

use access::Denied;
use cost_accounting::{BudgetRefusal, PicoUsd};
use http::header::{CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER};
use http::{HeaderMap, Response, StatusCode};
use privacy::Scrubber;
use resilience::Allowance;

use crate::answer::Body;
use crate::headers::write_allowance;

mod budget;
mod denied;

/// The header by which an SDK is told whether to repeat a call.
pub(crate) const SHOULD_RETRY: HeaderName = HeaderName::from_static("x-should-retry");

/// Why a call got no answer from the upstream, or none that may be passed on.
#[derive(Debug)]
pub(crate) enum Refusal {
    /// No key was presented.
    KeyMissing,
    /// The key may not do this.
    KeyDenied(Denied),
    /// The body is longer than the limit in bytes.
    BodyTooLarge(usize),
    /// The body did not arrive in time.
    BodyTimeout,
    /// The connection broke before the body was whole.
    BodyBroken,
    /// The body is not declared as JSON.
    ContentType,
    /// The body is not one JSON object; the words say what is wrong and where.
    InvalidJson(String),
    /// A field is missing or has a wrong value.
    InvalidField {
        field: &'static str,
        expected: &'static str,
    },
    /// A field is not taken.
    FieldRefused {
        field: &'static str,
        why: &'static str,
    },
    /// A field is not known, and the settings refuse such.
    FieldUnknown(String),
    /// No such route. The path is not told back: whoever sent a key in it need not be its owner.
    RouteUnknown,
    /// The route exists with another method.
    MethodNotAllowed { allowed: &'static str },
    /// The model has no price, so the call can't be bounded.
    ModelUnpriced(String),
    /// A budget has no room for the call.
    Budget(Box<BudgetRefusal>),
    /// The key named more end users today than it may.
    EndUsers { made_today: i64, most: i64 },
    /// The call may cost more than any budget can hold.
    TooDear(PicoUsd),
    /// The key's request limit is reached.
    RateLimited(resilience::Refused),
    /// The circuit to the upstream is open.
    CircuitOpen(Duration),
    /// The ledger can't be written, or money can't be held: the database is slow or gone.
    LedgerUnavailable,
    /// The upstream could not be reached.
    UpstreamUnreachable,
    /// The upstream did not answer in time.
    UpstreamTimeout,
    /// The upstream's answer broke off, was too long or was no HTTP.
    UpstreamBroken,
    /// The upstream's answer is not what its kind requires.
    UpstreamMalformed,
    /// The upstream's error body was too long or broke off; its status passes.
    UpstreamErrorUnreadable,
    /// The upstream refused keyward's own key.
    UpstreamCredentials,
    /// The upstream answered with a redirect, which is never followed: the key would go elsewhere.
    UpstreamRedirect,
    /// The server is stopping.
    ShuttingDown,
    /// A stored response, file or the like that is not the caller's, or does not exist.
    ObjectUnknown,
    /// A route that is not served, and why.
    RouteRefused(&'static str),
    /// No such call under this key.
    CallUnknown,
    /// A broken invariant; the log has the cause.
    Internal,
}

/// The constant part of a refusal.
struct Form {
    status: StatusCode,
    kind: &'static str,
    code: &'static str,
    /// `Some(false)` stops an SDK's repeats; `None` leaves its own rule.
    should_retry: Option<bool>,
}

/// The caller's fault: a repeat can't help.
const fn caller(status: StatusCode, code: &'static str) -> Form {
    Form {
        status,
        kind: "invalid_request_error",
        code,
        should_retry: Some(false),
    }
}

/// A limit that only a person or the clock can move. Without the last word each SDK would repeat it.
const fn quota(code: &'static str) -> Form {
    Form {
        status: StatusCode::TOO_MANY_REQUESTS,
        kind: "insufficient_quota",
        code,
        should_retry: Some(false),
    }
}

/// The upstream's fault.
const fn upstream(status: StatusCode, code: &'static str) -> Form {
    Form {
        status,
        kind: "upstream_error",
        code,
        should_retry: None,
    }
}

/// The fault of the upstream's settings here: a repeat can't help.
const fn misconfigured(code: &'static str) -> Form {
    Form {
        status: StatusCode::BAD_GATEWAY,
        kind: "upstream_error",
        code,
        should_retry: Some(false),
    }
}

/// Our own state.
const fn server(status: StatusCode, code: &'static str) -> Form {
    Form {
        status,
        kind: "server_error",
        code,
        should_retry: None,
    }
}

impl Refusal {
    fn form(&self) -> Form {
        use StatusCode as Status;
        match self {
            Self::KeyMissing => caller(Status::UNAUTHORIZED, "missing_api_key"),
            Self::KeyDenied(denied) => denied::form(denied),
            Self::BodyTooLarge(_) => caller(Status::PAYLOAD_TOO_LARGE, "request_too_large"),
            Self::BodyTimeout => caller(Status::REQUEST_TIMEOUT, "request_body_timeout"),
            Self::BodyBroken => caller(Status::BAD_REQUEST, "request_body_broken"),
            Self::ContentType => caller(Status::UNSUPPORTED_MEDIA_TYPE, "unsupported_content_type"),
            Self::InvalidJson(_) => caller(Status::BAD_REQUEST, "invalid_json"),
            Self::InvalidField { .. } => caller(Status::BAD_REQUEST, "invalid_value"),
            Self::FieldRefused { .. } => caller(Status::BAD_REQUEST, "unsupported_parameter"),
            Self::FieldUnknown(_) => caller(Status::BAD_REQUEST, "unknown_parameter"),
            Self::RouteUnknown => caller(Status::NOT_FOUND, "unknown_url"),
            Self::MethodNotAllowed { .. } => {
                caller(Status::METHOD_NOT_ALLOWED, "method_not_supported")
            }
            Self::ModelUnpriced(_) => caller(Status::BAD_REQUEST, "model_price_unknown"),
            Self::ObjectUnknown => caller(Status::NOT_FOUND, "object_not_found"),
            Self::RouteRefused(_) => caller(Status::FORBIDDEN, "route_refused"),
            Self::CallUnknown => caller(Status::NOT_FOUND, "call_not_found"),
            Self::RateLimited(_) => Form {
                kind: "requests",
                ..server(Status::TOO_MANY_REQUESTS, "rate_limit_exceeded")
            },
            Self::Budget(_) => quota("budget_exceeded"),
            Self::EndUsers { .. } => quota("end_users_exceeded"),
            Self::TooDear(_) => caller(Status::BAD_REQUEST, "call_too_dear"),
            Self::CircuitOpen(_) => upstream(Status::SERVICE_UNAVAILABLE, "circuit_open"),
            Self::UpstreamUnreachable => upstream(Status::BAD_GATEWAY, "upstream_unreachable"),
            Self::UpstreamTimeout => upstream(Status::GATEWAY_TIMEOUT, "upstream_timeout"),
            Self::UpstreamBroken => upstream(Status::BAD_GATEWAY, "upstream_broken"),
            Self::UpstreamMalformed => upstream(Status::BAD_GATEWAY, "upstream_malformed"),
            Self::UpstreamErrorUnreadable => {
                upstream(Status::BAD_GATEWAY, "upstream_error_unreadable")
            }
            Self::UpstreamCredentials => misconfigured("upstream_credentials_rejected"),
            Self::UpstreamRedirect => misconfigured("upstream_redirect"),
            Self::LedgerUnavailable => server(Status::SERVICE_UNAVAILABLE, "ledger_unavailable"),
            Self::ShuttingDown => server(Status::SERVICE_UNAVAILABLE, "shutting_down"),
            Self::Internal => server(Status::INTERNAL_SERVER_ERROR, "internal_error"),
        }
    }

    /// The metric label: one of a closed set.
    pub(crate) fn label(&self) -> &'static str {
        self.form().code
    }

    /// The HTTP status.
    pub(crate) fn status(&self) -> StatusCode {
        self.form().status
    }

    fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::RateLimited(refused) => Some(refused.retry_after),
            Self::CircuitOpen(retry_after) => Some(*retry_after),
            Self::ShuttingDown | Self::LedgerUnavailable => Some(Duration::from_secs(1)),
            _ => None,
        }
    }

    fn param(&self) -> Option<&'static str> {
        match self {
            Self::InvalidField { field, .. } | Self::FieldRefused { field, .. } => Some(field),
            Self::ModelUnpriced(_) | Self::KeyDenied(Denied::ModelNotAllowed { .. }) => {
                Some("model")
            }
            _ => None,
        }
    }

    /// What is wrong and what to do about it, for a person.
    fn message(&self) -> String {
        match self {
            Self::KeyMissing => "No key was presented. Send your virtual key as `Authorization: Bearer kw-…`; `keyward keys create --name NAME` makes one.".to_owned(),
            Self::KeyDenied(denied) => denied::message(denied),
            Self::BodyTooLarge(limit) => format!("The request body is longer than {limit} bytes. Send less, or raise server.body_bytes_max."),
            Self::BodyTimeout => "The request body did not arrive in time. Send it faster, or raise server.body_timeout.".to_owned(),
            Self::BodyBroken => "The connection broke before the request body was whole. Send it again.".to_owned(),
            Self::ContentType => "The request body must be JSON. Send it with `Content-Type: application/json`.".to_owned(),
            Self::InvalidJson(what) => format!("The request body is not one valid JSON object: {what}."),
            Self::InvalidField { field, expected } => format!("Invalid value for `{field}`: expected {expected}."),
            Self::FieldRefused { field, why } => format!("`{field}` is not taken here: {why}."),
            Self::FieldUnknown(name) => format!("Unknown field `{name}`. Fields that keyward does not know are refused by the setting requests.unknown_fields; leave it out, or set that to \"pass\"."),
            Self::ObjectUnknown => "No such object under this key. What was made at the upstream can be used by the project that made it through keyward, and by nobody else.".to_owned(),
            Self::RouteRefused(why) => format!("This route is not served: {why}."),
            Self::RouteUnknown => "Unknown route. docs/reference/routes.md lists what is served.".to_owned(),
            Self::MethodNotAllowed { allowed } => format!("This route takes {allowed} only."),
            Self::ModelUnpriced(model) => format!("No price is known for model `{model}`, so its cost can't be bounded. Check the name (GET /v1/models), or add a price to config/prices.local.toml."),
            Self::Budget(refusal) => budget::message(refusal),
            Self::EndUsers { made_today, most } => format!("This key has named {made_today} new end users today and may name {most} a day, since each begins a budget. Name fewer, or raise budgets.end_users_per_key_day_max."),
            Self::TooDear(needed) => format!("This call may cost up to {needed} USD, which is more than any budget can hold. Set a maximum of tokens, or send less."),
            Self::RateLimited(resilience::Refused { limit, .. }) => format!("Rate limit reached: this key may make {limit} requests a minute. Wait as long as Retry-After says."),
            Self::CircuitOpen(_) => "The upstream failed too often, so calls to it are held back for a while. Try again as Retry-After says.".to_owned(),
            Self::LedgerUnavailable => "The ledger can't be written or the budgets can't be held, so no call may start that could cost money. Check the database and its disk; `keyward config show` names it.".to_owned(),
            Self::UpstreamUnreachable => "The upstream could not be reached. Check OPENAI_BASE_URL and the network; `/readyz` shows the state.".to_owned(),
            Self::UpstreamTimeout => "The upstream did not answer in time. Try again, or raise timeouts.first_byte, timeouts.idle or timeouts.total.".to_owned(),
            Self::UpstreamBroken => "The upstream's answer broke off or was not readable. Try again.".to_owned(),
            Self::UpstreamMalformed => "The upstream's answer was not of the form that this route promises. Try again, and check OPENAI_BASE_URL.".to_owned(),
            Self::UpstreamErrorUnreadable => "The upstream refused the call by this status; its error body was too long or broke off.".to_owned(),
            Self::UpstreamCredentials => "The upstream refused keyward's own key. The operator has to check OPENAI_API_KEY; your virtual key is fine.".to_owned(),
            Self::UpstreamRedirect => "The upstream answered with a redirect, which is never followed. The operator has to check OPENAI_BASE_URL.".to_owned(),
            Self::ShuttingDown => "The server is stopping. Try again in a moment.".to_owned(),
            Self::CallUnknown => "No call with this id was made with this key. Take the id from the `x-request-id` header of the answer.".to_owned(),
            Self::Internal => "An internal error occurred. The log of keyward has the cause.".to_owned(),
        }
    }

    /// The error object alone, as it stands in a body or in a stream's last event.
    pub(crate) fn error_object(&self) -> String {
        let form = self.form();
        let mut error = serde_json::json!({"message": self.message(), "type": form.kind, "param": self.param(), "code": form.code});
        if let Self::Budget(refusal) = self {
            error["budget"] = budget::object(refusal);
        }
        serde_json::json!({ "error": error }).to_string()
    }

    /// The same as an event inside a stream of typed events: its members stand where the API has them, and where SDKs look.
    pub(crate) fn error_event(&self, sequence_number: u64) -> String {
        let form = self.form();
        let (message, param) = (self.message(), self.param());
        let error = serde_json::json!({"message": message, "type": form.kind, "param": param, "code": form.code});
        serde_json::json!({
            "type": "error",
            "code": form.code,
            "message": message,
            "param": param,
            "sequence_number": sequence_number,
            "error": error,
        })
        .to_string()
    }

    /// The whole answer. What a caller sent may stand in its message, so it is scrubbed.
    pub(crate) fn into_response(self, scrubber: &Scrubber) -> Response<Body> {
        let mut response = Response::new(Body::whole(
            scrubber.scrub(&self.error_object()).into_owned(),
        ));
        *response.status_mut() = self.status();
        self.write_headers(response.headers_mut());
        response
    }

    fn write_headers(&self, headers: &mut HeaderMap) {
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        if let Some(should_retry) = self.form().should_retry {
            headers.insert(
                SHOULD_RETRY,
                HeaderValue::from_static(if should_retry { "true" } else { "false" }),
            );
        }
        if let Some(wait) = self.retry_after() {
            // Whole seconds, rounded up: a caller who comes back a moment early is refused again.
            headers.insert(
                RETRY_AFTER,
                HeaderValue::from(wait.as_millis().div_ceil(1000).max(1) as u64),
            );
        }
        if let Self::RateLimited(refused) = self {
            let (limit, reset_after) = (refused.limit, refused.reset_after);
            write_allowance(
                headers,
                &Allowance {
                    limit,
                    remaining: 0,
                    reset_after,
                },
            );
        }
        if let Self::MethodNotAllowed { allowed } = self {
            headers.insert(http::header::ALLOW, HeaderValue::from_static(allowed));
        }
    }
}
