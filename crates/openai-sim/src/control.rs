//! The control port: scripts, lies and the bill over HTTP, for tests in other processes.
//!
//! Invariants: has a listener of its own, so that nothing sent to the data port, or through a gateway, gets here; JSON
//! that is not understood whole changes nothing.
//! Does not know: answers of the data port.

use std::io;
use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use serde_json::{Value, json};

use crate::bill::Bill;
use crate::data::BODY_BYTES_MAX;
use crate::lie::Lie;
use crate::script::Script;
use crate::state::Shared;

pub(crate) async fn answer(
    shared: Arc<Shared>,
    request: Request<Incoming>,
) -> io::Result<Response<Full<Bytes>>> {
    let (head, body) = request.into_parts();
    let body = Limited::new(body, BODY_BYTES_MAX)
        .collect()
        .await
        .map_err(io::Error::other)?
        .to_bytes();
    let (status, value) = match act(&shared, &head.method, head.uri.path(), &body) {
        Ok(value) => (StatusCode::OK, value),
        Err((status, message)) => (status, json!({"error": message})),
    };
    let mut response = Response::new(Full::from(value.to_string()));
    *response.status_mut() = status;
    response.headers_mut().insert(
        http::header::CONTENT_TYPE,
        HeaderValue::from_static(crate::headers::JSON),
    );
    Ok(response)
}

fn act(
    shared: &Shared,
    method: &Method,
    path: &str,
    body: &[u8],
) -> Result<Value, (StatusCode, String)> {
    let bad = |message: String| (StatusCode::BAD_REQUEST, message);
    let done = json!({"ok": true});
    match (method.as_str(), path) {
        ("GET", "/__sim/bill") => return Ok(shared.with_bill(Bill::to_json)),
        ("GET", "/__sim/bill/users") => return Ok(shared.with_bill(Bill::users_to_json)),
        ("GET", "/__sim/script") => return Ok(json!({"calls_waiting": shared.scripts_waiting()})),
        ("DELETE", "/__sim") => shared.reset(),
        ("DELETE", "/__sim/script") => shared.forget_scripts(),
        ("DELETE", "/__sim/lie") => shared.forget_lies(),
        ("DELETE", "/__sim/bill") => shared.forget_bill(),
        ("POST", "/__sim/script") => {
            let scripts = each(body)
                .map_err(bad)?
                .iter()
                .map(Script::from_json)
                .collect::<Result<Vec<_>, _>>()
                .map_err(bad)?;
            scripts
                .into_iter()
                .try_for_each(|script| shared.script(script))
                .map_err(bad)?;
        }
        ("POST", "/__sim/lie") => {
            let lies = each(body)
                .map_err(bad)?
                .iter()
                .map(Lie::from_json)
                .collect::<Result<Vec<_>, _>>()
                .map_err(bad)?;
            lies.into_iter().for_each(|lie| shared.lie(lie));
        }
        _ => {
            let known = "GET, DELETE /__sim/bill; GET /__sim/bill/users; GET, POST, DELETE /__sim/script; POST, DELETE /__sim/lie; DELETE /__sim";
            return Err((
                StatusCode::NOT_FOUND,
                format!("no {method} {path} here; there are {known}"),
            ));
        }
    }
    Ok(done)
}

/// One object, or a list of them.
fn each(body: &[u8]) -> Result<Vec<Value>, String> {
    match serde_json::from_slice(body) {
        Ok(Value::Array(values)) => Ok(values),
        Ok(value) => Ok(vec![value]),
        Err(error) => Err(format!("the body is no JSON: {error}")),
    }
}
