//! The route table: what is served, under which permission, how it is metered, and what the privacy rules have to say about it.
//!
//! Invariants: what is not in the table is denied; `/v1` may be left out; a path with another method is told which one it takes.
//! Does not know: how a route does its work.

mod calls;
mod health;
mod models;

use std::sync::Arc;

use bytes::Bytes;
use http::uri::PathAndQuery;
use http::{Method, Response};
use privacy::Scrubber;
use resilience::Allowance;

use crate::answer::Body;
use crate::pipeline::{self, Incoming};
use crate::request::Operation;
use crate::shared::Shared;
use crate::status::Refusal;

/// What serves a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Serve {
    /// Through the pipeline, into the ledger.
    Metered(Operation),
    /// The models that the caller may use; free.
    Models,
    /// One of them; free.
    Model,
    /// What a call of the caller's cost; free.
    Call,
    /// Is the process alive? Open to all.
    Health,
    /// Can it serve? Open to all.
    Ready,
}

/// How a route is metered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Meter {
    /// By the tokens that the upstream reports.
    Tokens,
    /// It costs nothing.
    Free,
}

/// What leaves by a route, for the privacy rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Leaves {
    /// Generated text, which may quote sources.
    GeneratedText,
    /// Numbers made of the caller's own text.
    Vectors,
    /// Facts of the service, no text of sources.
    ServiceFacts,
}

/// One row of the table.
#[derive(Clone, Copy, Debug)]
pub struct Route {
    /// The method it takes.
    pub method: &'static str,
    /// The path without `/v1`; `{id}` stands for one segment.
    pub template: &'static str,
    /// The endpoint that a virtual key must permit; empty where any key will do, or none is asked for.
    pub permission: &'static str,
    /// How it is metered.
    pub meter: Meter,
    /// What leaves by it.
    pub leaves: Leaves,
    pub(crate) serve: Serve,
}

const fn route(
    method: &'static str,
    template: &'static str,
    permission: &'static str,
    meter: Meter,
    leaves: Leaves,
    serve: Serve,
) -> Route {
    Route {
        method,
        template,
        permission,
        meter,
        leaves,
        serve,
    }
}

/// All that is served.
pub const ROUTES: [Route; 11] = [
    route(
        "POST",
        "/chat/completions",
        "chat.completions",
        Meter::Tokens,
        Leaves::GeneratedText,
        Serve::Metered(Operation::Chat),
    ),
    route(
        "POST",
        "/embeddings",
        "embeddings",
        Meter::Tokens,
        Leaves::Vectors,
        Serve::Metered(Operation::Embeddings),
    ),
    route(
        "POST",
        "/responses",
        "responses",
        Meter::Tokens,
        Leaves::GeneratedText,
        Serve::Metered(Operation::Responses),
    ),
    route(
        "POST",
        "/completions",
        "completions",
        Meter::Tokens,
        Leaves::GeneratedText,
        Serve::Metered(Operation::Completions),
    ),
    route(
        "POST",
        "/images/generations",
        "images.generations",
        Meter::Tokens,
        Leaves::GeneratedText,
        Serve::Metered(Operation::Images),
    ),
    route(
        "POST",
        "/audio/speech",
        "audio.speech",
        Meter::Tokens,
        Leaves::GeneratedText,
        Serve::Metered(Operation::Speech),
    ),
    route(
        "GET",
        "/models",
        "models",
        Meter::Free,
        Leaves::ServiceFacts,
        Serve::Models,
    ),
    route(
        "GET",
        "/models/{id}",
        "models",
        Meter::Free,
        Leaves::ServiceFacts,
        Serve::Model,
    ),
    route(
        "GET",
        "/keyward/calls/{id}",
        "",
        Meter::Free,
        Leaves::ServiceFacts,
        Serve::Call,
    ),
    route(
        "GET",
        "/healthz",
        "",
        Meter::Free,
        Leaves::ServiceFacts,
        Serve::Health,
    ),
    route(
        "GET",
        "/readyz",
        "",
        Meter::Free,
        Leaves::ServiceFacts,
        Serve::Ready,
    ),
];

impl Route {
    /// The route's name in metrics: its permission, or its path.
    pub(crate) fn label(&self) -> &'static str {
        if self.permission.is_empty() {
            self.template
        } else {
            self.permission
        }
    }
}

/// A route and the segment that stands for `{id}`.
#[derive(Debug)]
pub(crate) struct Matched<'path> {
    pub(crate) route: &'static Route,
    pub(crate) id: Option<&'path str>,
}

/// Finds the route of a request.
///
/// Errors: [`Refusal::RouteUnknown`], or [`Refusal::MethodNotAllowed`] where only the method differs.
pub(crate) fn find<'path>(method: &Method, path: &'path str) -> Result<Matched<'path>, Refusal> {
    static TABLE: [Route; ROUTES.len()] = ROUTES;
    let bare = path
        .strip_prefix("/v1")
        .filter(|rest| rest.starts_with('/'))
        .unwrap_or(path);
    let mut other_method = None;
    for route in &TABLE {
        let Some(id) = matches(route.template, bare) else {
            continue;
        };
        if route.method == method.as_str() {
            return Ok(Matched { route, id });
        }
        other_method = Some(route.method);
    }
    Err(
        other_method.map_or(Refusal::RouteUnknown, |allowed| Refusal::MethodNotAllowed {
            allowed,
        }),
    )
}

/// `Some` where `path` is of the form `template`; inside it the segment for `{id}`, if the form has one.
fn matches<'path>(template: &str, path: &'path str) -> Option<Option<&'path str>> {
    match template.strip_suffix("{id}") {
        None => (template == path).then_some(None),
        Some(head) => path
            .strip_prefix(head)
            .filter(|id| !id.is_empty() && !id.contains('/'))
            .map(Some),
    }
}

/// Serves a request that has a route.
pub(crate) async fn serve<B>(
    shared: &Arc<Shared>,
    matched: Matched<'_>,
    incoming: Incoming,
    body: B,
    allowance: &mut Option<Allowance>,
) -> Result<Response<Body>, Refusal>
where
    B: http_body::Body<Data = Bytes> + Send + Unpin,
{
    match matched.route.serve {
        Serve::Metered(operation) => {
            pipeline::run(shared, operation, incoming, body, allowance).await
        }
        Serve::Models => models::list(shared, &incoming.headers, allowance).await,
        Serve::Model => {
            models::one(
                shared,
                &incoming.headers,
                matched.id.unwrap_or_default(),
                allowance,
            )
            .await
        }
        Serve::Call => {
            calls::show(
                shared,
                &incoming.headers,
                matched.id.unwrap_or_default(),
                allowance,
            )
            .await
        }
        Serve::Health => Ok(health::alive()),
        Serve::Ready => Ok(health::ready(shared)),
    }
}

/// The path of an upstream call: the route's own, with the caller's query behind it unless a key stands in that.
pub(crate) fn with_query(path: &str, asked: Option<&PathAndQuery>, scrubber: &Scrubber) -> String {
    match asked.and_then(PathAndQuery::query) {
        Some(query) if scrubber.scrub(query) == query => format!("{path}?{query}"),
        _ => path.to_owned(),
    }
}

/// A whole JSON answer of our own.
fn json(status: http::StatusCode, value: &serde_json::Value) -> Response<Body> {
    let mut response = Response::new(Body::whole(value.to_string()));
    *response.status_mut() = status;
    response.headers_mut().insert(
        http::header::CONTENT_TYPE,
        http::HeaderValue::from_static("application/json"),
    );
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(method: &Method, path: &str, template: Option<&str>) {
        assert_eq!(
            find(method, path)
                .ok()
                .map(|matched| matched.route.template),
            template,
            "{method} {path}"
        );
    }

    #[test]
    fn only_what_stands_in_the_table_is_found() {
        check(
            &Method::POST,
            "/v1/chat/completions",
            Some("/chat/completions"),
        );
        check(
            &Method::POST,
            "/chat/completions",
            Some("/chat/completions"),
        );
        check(&Method::GET, "/v1/models/gpt-4o-mini", Some("/models/{id}"));
        check(&Method::GET, "/v1/healthz", Some("/healthz"));
        for path in [
            "/",
            "",
            "/v1",
            "/v1/",
            "/v1/v1/models",
            "/v1/models/",
            "/v1/models/a/b",
            "/v1/chat/completions/",
            "/V1/models",
            "/v1models",
            "/v1/chat/completions/x",
            "/v1/organization/costs",
        ] {
            check(&Method::GET, path, None);
        }
        assert!(matches!(
            find(&Method::GET, "/v1/embeddings"),
            Err(Refusal::MethodNotAllowed { allowed: "POST" })
        ));
    }
}
