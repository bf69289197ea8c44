//! Finds who answers a call, after looking at its key.
//!
//! Invariants: no route answers without the key, if one is set; what is not in the table is a 404.
//! Does not know: scripts, bodies on the wire.

use http::Method;
use http::header::AUTHORIZATION;
use serde_json::Value;

use crate::calls::SeenCall;
use crate::plan::{Plan, Setting};
use crate::refusal::Refusal;
use crate::{chat, embeddings, models};

pub(crate) const EMBEDDINGS: &str = "/embeddings";

/// `path` is the call's without the prefix, or nothing if it lacks it.
pub(crate) fn plan(
    call: &SeenCall,
    path: Option<&str>,
    api_key: Option<&str>,
    setting: &Setting<'_>,
) -> Result<Plan, Refusal> {
    admit(call, api_key)?;
    let unknown = || Refusal::unknown_url(call.method.as_str(), &call.path);
    let path = path.ok_or_else(unknown)?;
    let (method, route): (Method, Route) = match path {
        "/chat/completions" => (Method::POST, |call, setting| {
            chat::plan(&json(call)?, setting)
        }),
        EMBEDDINGS => (Method::POST, |call, setting| {
            embeddings::plan(&json(call)?, setting)
        }),
        "/models" => (Method::GET, |_, _| Ok(models::list())),
        _ if path
            .strip_prefix("/models/")
            .is_some_and(|id| !id.is_empty()) =>
        {
            (Method::GET, |call, _| {
                models::one(call.path.rsplit('/').next().unwrap_or_default())
            })
        }
        _ => return Err(unknown()),
    };
    if call.method != method {
        return Err(Refusal::wrong_method(call.method.as_str(), &call.path));
    }
    route(call, setting)
}

type Route = fn(&SeenCall, &Setting<'_>) -> Result<Plan, Refusal>;

fn admit(call: &SeenCall, api_key: Option<&str>) -> Result<(), Refusal> {
    let Some(api_key) = api_key else {
        return Ok(());
    };
    let header = call
        .headers
        .get(AUTHORIZATION)
        .ok_or_else(Refusal::no_key)?;
    let presented = header
        .to_str()
        .ok()
        .and_then(|value| value.strip_prefix("Bearer "))
        .ok_or_else(Refusal::no_key)?;
    if presented == api_key {
        Ok(())
    } else {
        Err(Refusal::wrong_key(presented))
    }
}

fn json(call: &SeenCall) -> Result<Value, Refusal> {
    serde_json::from_slice(&call.body)
        .ok()
        .filter(Value::is_object)
        .ok_or_else(Refusal::unparsable_body)
}
