//! One upstream: where it is, which key opens it, how long it may take; sends exactly one attempt per call.
//!
//! Invariants: the key goes to the configured scheme, host and port only, whatever a call's path or headers say; nothing is
//! repeated or followed; every attempt ends within `Timeouts::total`.
//! Does not know: JSON, budgets, which attempt of a request this is.

mod base_url;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{self, HeaderName};
use http::uri::{self, Authority, PathAndQuery, Scheme, Uri};
use http::{HeaderMap, HeaderValue, Method};
use secrecy::SecretString;

use crate::answer::Answer;
use crate::attempt_error::{AttemptError, AttemptErrorKind, Phase, UpstreamName};
use crate::key::UpstreamKey;
use crate::streamed_body::StreamedBody;
use crate::transport::{Transport, TransportFuture};

/// Headers of a call that never go out: the caller's credentials, what the connection sets itself, and encodings that nobody here reads.
const DROPPED: [HeaderName; 9] = [
    header::AUTHORIZATION,
    header::COOKIE,
    header::HOST,
    header::CONTENT_LENGTH,
    header::TRANSFER_ENCODING,
    header::CONNECTION,
    header::UPGRADE,
    header::EXPECT,
    header::ACCEPT_ENCODING,
];

/// How long each part of an attempt may take. The limit for connecting belongs to the transport.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeouts {
    /// From the start of the attempt, connecting included, to the head of the answer.
    pub first_byte: Duration,
    /// Between two chunks of the body.
    pub idle: Duration,
    /// The whole attempt, body included.
    pub total: Duration,
}

impl Default for Timeouts {
    /// 300 s, 120 s and 600 s: models think for minutes before a whole answer, and OpenAI's own clients give up at 600 s.
    fn default() -> Self {
        Self {
            first_byte: Duration::from_secs(300),
            idle: Duration::from_secs(120),
            total: Duration::from_secs(600),
        }
    }
}

/// What an [`Upstream`] is made of.
pub struct UpstreamOptions {
    /// What it is called in errors and entries.
    pub name: UpstreamName,
    /// `http` or `https`, host, port, and any path prefix, such as `https://api.openai.com/v1`.
    pub base_url: String,
    /// The key, sent as `authorization: Bearer …`; `None` for a local server without one.
    pub key: Option<SecretString>,
    /// Its time limits.
    pub timeouts: Timeouts,
}

/// Why an upstream could not be set up. Never shows the URL or the key: either may hold a secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("upstream {upstream} cannot be used: {kind}")]
pub struct UpstreamError {
    /// The upstream that was to be made.
    pub upstream: UpstreamName,
    /// What is wrong with its options.
    pub kind: UpstreamErrorKind,
}

/// What is wrong with an upstream's options.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum UpstreamErrorKind {
    /// The base URL is no URL.
    #[error("the base URL does not parse; write it like https://api.openai.com/v1")]
    Url,
    /// The scheme is neither `http` nor `https`.
    #[error("the scheme of the base URL must be http or https")]
    Scheme,
    /// The base URL has a user name or password.
    #[error("the base URL must not hold a user name or password")]
    Credentials,
    /// The base URL has a query or fragment.
    #[error("the base URL must end with its path; no query, no fragment")]
    Query,
    /// The key is empty or can't stand in a header.
    #[error("the key is empty, or has characters such as line ends that a header cannot carry")]
    Key,
}

/// One call to make. `path` begins with `/` and is joined to the base URL's prefix; it may carry a query.
#[derive(Clone)]
pub struct Call<'path> {
    /// The method.
    pub method: Method,
    /// Such as `/chat/completions`.
    pub path: &'path str,
    /// Further headers, allow-listed by the caller; credentials and connection headers among them are dropped.
    pub headers: HeaderMap,
    /// The body as it goes out; JSON unless `headers` says otherwise.
    pub body: Bytes,
}

impl fmt::Debug for Call<'_> {
    /// Without headers and body: they hold prompts and names.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut call = formatter.debug_struct("Call");
        call.field("method", &self.method)
            .field("body_bytes", &self.body.len())
            .finish_non_exhaustive()
    }
}

/// One upstream, ready to be called from any task.
pub struct Upstream {
    name: UpstreamName,
    scheme: Scheme,
    authority: Authority,
    prefix: String,
    key: Option<UpstreamKey>,
    timeouts: Timeouts,
    transport: Arc<dyn Transport>,
}

impl Upstream {
    /// Checks `options`, parses the base URL and prepares the key's header, each once.
    ///
    /// Errors: [`UpstreamErrorKind`], never showing the value that is wrong.
    pub fn new(
        options: UpstreamOptions,
        transport: Arc<dyn Transport>,
    ) -> Result<Self, UpstreamError> {
        let UpstreamOptions {
            name,
            base_url,
            key,
            timeouts,
        } = options;
        let refuse = |kind| UpstreamError {
            upstream: name.clone(),
            kind,
        };
        let (scheme, authority, prefix) = base_url::read(&base_url).map_err(refuse)?;
        let key = key
            .map(UpstreamKey::new)
            .transpose()
            .map_err(|_| refuse(UpstreamErrorKind::Key))?;
        Ok(Self {
            name,
            scheme,
            authority,
            prefix,
            key,
            timeouts,
            transport,
        })
    }

    /// What it is called.
    pub fn name(&self) -> &UpstreamName {
        &self.name
    }

    /// Its time limits.
    pub fn timeouts(&self) -> Timeouts {
        self.timeouts
    }

    /// Makes exactly one attempt and resolves when the head of the answer is complete. Dropping it ends the attempt.
    ///
    /// Shape: an answer of any status is an [`Answer`], redirects included; [`Answer::error`] tells what a failing status means.
    /// Errors: [`AttemptErrorKind`] other than `Status`, `Stream` and `TooLarge`.
    pub async fn send(&self, call: Call<'_>) -> Result<Answer, AttemptError> {
        let request = self
            .request(call)
            .ok_or_else(|| self.error(AttemptErrorKind::Unsendable))?;
        self.answered(self.transport.send(request)).await
    }

    /// The same with a body that still comes in; that of `call` is not read.
    ///
    /// Shape: the time that the body takes counts as time until the head of the answer.
    /// Errors: as of [`Upstream::send`].
    pub async fn send_streamed(
        &self,
        call: Call<'_>,
        body: StreamedBody,
    ) -> Result<Answer, AttemptError> {
        let request = self
            .request(call)
            .ok_or_else(|| self.error(AttemptErrorKind::Unsendable))?;
        let request = request.map(|_| body);
        self.answered(self.transport.send_streamed(request)).await
    }

    async fn answered(&self, sending: TransportFuture) -> Result<Answer, AttemptError> {
        // One timer for both limits: setting it on, to a later time, takes no lock, and a second one would cost every call.
        let (limit, phase) = self.head_limit();
        let mut timer = Box::pin(tokio::time::sleep(limit));
        let ends = timer
            .deadline()
            .checked_add(self.timeouts.total.saturating_sub(limit));
        let response = tokio::select! {
            biased;
            sent = sending => {
                sent.map_err(|error| AttemptError::from_transport(self.name.clone(), error))?
            }
            () = timer.as_mut() => return Err(self.error(AttemptErrorKind::Timeout(phase))),
        };
        match ends {
            Some(ends) => timer.as_mut().reset(ends),
            // Past the end of the clock, which the timer itself knows how to hold.
            None => timer.set(tokio::time::sleep(self.timeouts.total)),
        }
        Ok(Answer::new(
            self.name.clone(),
            response,
            self.timeouts.idle,
            timer,
        ))
    }

    /// How long the head of an answer may take, and which limit that is.
    fn head_limit(&self) -> (Duration, Phase) {
        let Timeouts {
            first_byte, total, ..
        } = self.timeouts;
        if first_byte < total {
            (first_byte, Phase::FirstByte)
        } else {
            (total, Phase::Total)
        }
    }

    /// Whether this upstream's key stands in what an answer brought. Such bytes must not go to a caller.
    pub fn key_stands_in(&self, bytes: &[u8]) -> bool {
        self.key.as_ref().is_some_and(|key| key.stands_in(bytes))
    }

    pub(crate) fn error(&self, kind: AttemptErrorKind) -> AttemptError {
        AttemptError::new(self.name.clone(), kind)
    }

    /// `text` without this upstream's key.
    pub(crate) fn scrub(&self, text: String) -> String {
        match &self.key {
            Some(key) => key.scrub(text),
            None => text,
        }
    }

    fn request(&self, call: Call<'_>) -> Option<http::Request<Bytes>> {
        let Call {
            method,
            path,
            mut headers,
            body,
        } = call;
        for name in &DROPPED {
            headers.remove(name);
        }
        if let Some(key) = &self.key {
            headers.insert(header::AUTHORIZATION, key.header());
        }
        // Firewalls in front of upstreams take a request without it for a robot's.
        headers
            .entry(header::ACCEPT)
            .or_insert(HeaderValue::from_static("*/*"));
        if !body.is_empty() && !headers.contains_key(header::CONTENT_TYPE) {
            headers.insert(
                header::CONTENT_TYPE,
                HeaderValue::from_static("application/json"),
            );
        }
        let mut request = http::Request::new(body);
        *request.method_mut() = method;
        *request.uri_mut() = self.uri(path)?;
        *request.headers_mut() = headers;
        Some(request)
    }

    /// The URI of `path` under the prefix; `None` where it would leave the prefix, or is no path.
    fn uri(&self, path: &str) -> Option<Uri> {
        let before_query = path.split('?').next().unwrap_or(path);
        if !path.starts_with('/')
            || path.contains('#')
            || before_query.split(['/', '\\']).any(is_dots)
        {
            return None;
        }
        let joined = Bytes::from([self.prefix.as_bytes(), path.as_bytes()].concat());
        let mut parts = uri::Parts::default();
        parts.scheme = Some(self.scheme.clone());
        parts.authority = Some(self.authority.clone());
        parts.path_and_query = Some(PathAndQuery::from_maybe_shared(joined).ok()?);
        Uri::from_parts(parts).ok()
    }
}

impl fmt::Debug for Upstream {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut upstream = formatter.debug_struct("Upstream");
        upstream
            .field("name", &self.name)
            .field("timeouts", &self.timeouts)
            .finish_non_exhaustive()
    }
}

/// Whether a path segment is `.` or `..`, which a URL parser further down would resolve, plain or escaped.
fn is_dots(segment: &str) -> bool {
    without_dot(segment).is_some_and(|rest| rest.is_empty() || without_dot(rest) == Some(""))
}

fn without_dot(segment: &str) -> Option<&str> {
    [".", "%2e", "%2E"]
        .iter()
        .find_map(|dot| segment.strip_prefix(dot))
}

#[cfg(test)]
mod tests;
