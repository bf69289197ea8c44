//! The route table: what is served, under which permission, how it is metered, and what the privacy rules have to say about it.
//!
//! Invariants: what is not in the table is denied; `/v1` may be left out; a path with another method is told which one it takes.
//! Does not know: how a route does its work.

mod calls;
mod health;
mod models;
pub(crate) mod page;

use std::sync::Arc;

use bytes::Bytes;
use http::uri::PathAndQuery;
use http::{Method, Response};
use privacy::Scrubber;
use resilience::Allowance;

use crate::answer::Body;
use crate::operation::Operation;
use crate::pipeline::{self, Incoming};
use crate::shared::Shared;
use crate::status::Refusal;

use crate::table::ANY;
pub use crate::table::routes;
pub use page::routes_page;

/// What serves a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Serve {
    /// Through the pipeline, into the ledger.
    Metered(Operation),
    /// To the upstream and back as it comes.
    Passed,
    /// Not at all, for this reason.
    Refused(&'static str),
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
    /// By the characters of the request, or by the tokens that events report.
    Characters,
    /// It costs nothing, or nothing yet.
    Free,
}

/// What leaves by a route, for the privacy rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Leaves {
    /// Generated text, which may quote sources.
    GeneratedText,
    /// Numbers made of the caller's own text.
    Vectors,
    /// What the caller or its project put there.
    OwnContent,
    /// Facts of the service, no text of sources.
    ServiceFacts,
}

/// What an answer of a passed route brings about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Makes {
    /// Nothing that is kept.
    Nothing,
    /// An object of this kind, which its answer names; the caller becomes its owner.
    Object(&'static str),
    /// The end of the object that the path names.
    Gone,
    /// A list of objects, of which the caller sees its own.
    List,
}

/// One row of the table.
#[derive(Clone, Copy, Debug)]
pub struct Route {
    /// The method it takes.
    pub method: &'static str,
    /// The path without `/v1`. `{object}` stands for the id of something that has an owner, `{part}` for a part of that, `{id}` for
    /// another id, `{rest}` for whatever follows.
    pub template: &'static str,
    /// The endpoint that a virtual key must permit; empty where any key will do, or none is asked for.
    pub permission: &'static str,
    /// How it is metered.
    pub meter: Meter,
    /// What leaves by it.
    pub leaves: Leaves,
    /// What its answer brings about.
    pub makes: Makes,
    pub(crate) serve: Serve,
}

impl Route {
    /// The route's name in metrics: its permission, or its path.
    pub(crate) fn label(&self) -> &'static str {
        if self.permission.is_empty() {
            self.template
        } else {
            self.permission
        }
    }

    /// What keyward does with it, in a word or a reason.
    #[must_use]
    pub fn treatment(&self) -> String {
        match self.serve {
            Serve::Metered(_) => "served, metered".to_owned(),
            Serve::Passed => "passed".to_owned(),
            Serve::Refused(why) => format!("refused: {why}"),
            _ => "served".to_owned(),
        }
    }
}

/// A route and what stands in its path.
#[derive(Debug)]
pub(crate) struct Matched<'path> {
    pub(crate) route: &'static Route,
    /// The path without `/v1`.
    pub(crate) path: &'path str,
    /// The segments for `{object}`.
    pub(crate) ids: Vec<&'path str>,
    /// The segment for `{id}`.
    pub(crate) id: Option<&'path str>,
}

/// Finds the route of a request.
///
/// Errors: [`Refusal::RouteUnknown`], or [`Refusal::MethodNotAllowed`] where only the method differs.
pub(crate) fn find<'path>(method: &Method, path: &'path str) -> Result<Matched<'path>, Refusal> {
    let bare = ["/openai/v1", "/v1"]
        .iter()
        .find_map(|prefix| {
            path.strip_prefix(prefix)
                .filter(|rest| rest.starts_with('/'))
        })
        .unwrap_or(path);
    let mut other_method = None;
    for route in routes() {
        let Some((ids, id)) = matches(route.template, bare) else {
            continue;
        };
        if route.method == method.as_str() || route.method == ANY {
            return Ok(Matched {
                route,
                path: bare,
                ids,
                id,
            });
        }
        other_method = Some(route.method);
    }
    Err(
        other_method.map_or(Refusal::RouteUnknown, |allowed| Refusal::MethodNotAllowed {
            allowed,
        }),
    )
}

/// The segments of `path` for `{object}` and for `{id}`, where it is of the form `template`.
fn matches<'path>(
    template: &str,
    path: &'path str,
) -> Option<(Vec<&'path str>, Option<&'path str>)> {
    if !template.contains('{') {
        return (template == path).then(|| (Vec::new(), None));
    }
    let (mut ids, mut id) = (Vec::new(), None);
    let mut segments = path.split('/');
    for part in template.split('/') {
        if part == "{rest}" {
            return segments
                .next()
                .filter(|rest| !rest.is_empty())
                .map(|_| (ids, id));
        }
        let segment = segments.next()?;
        match part {
            "{object}" if !segment.is_empty() => ids.push(segment),
            "{id}" if !segment.is_empty() => id = Some(segment),
            "{part}" if access::is_object_id(segment) => {}
            _ if part == segment => {}
            _ => return None,
        }
    }
    segments.next().is_none().then_some((ids, id))
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
        Serve::Passed => pipeline::pass(shared, &matched, incoming, body, allowance).await,
        Serve::Refused(why) => {
            pipeline::authenticate(shared, &incoming.headers, None)?;
            Err(Refusal::RouteRefused(why))
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
mod tests;
