//! Lists of objects, less what is not the caller's.
//!
//! Invariants: nothing of another's object is shown, its id included; the items that stay are the bytes that came.
//! Does not know: what the objects are.

use bytes::Bytes;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::pass::READ_BYTES_MAX;
use crate::edits::Edits;
use crate::object::{Object, range_in};
use crate::request::Caller;
use crate::shared::Shared;
use crate::status::Refusal;

#[derive(Deserialize)]
struct Item<'json> {
    #[serde(borrow)]
    id: Option<std::borrow::Cow<'json, str>>,
}

/// The list with the caller's own objects only.
///
/// Errors: an answer that is no list, or too long; a database that gives no answer.
pub(super) async fn only_own(
    shared: &Shared,
    caller: &Caller,
    body: &Bytes,
) -> Result<Bytes, Refusal> {
    if body.len() > READ_BYTES_MAX {
        return Err(Refusal::UpstreamMalformed);
    }
    let object = Object::read(body).map_err(|_| Refusal::UpstreamMalformed)?;
    let data = object.get("data").ok_or(Refusal::UpstreamMalformed)?;
    let items: Vec<&RawValue> =
        serde_json::from_str(data.get()).map_err(|_| Refusal::UpstreamMalformed)?;
    let mut own: Vec<(&RawValue, String)> = Vec::new();
    for item in items {
        let id = serde_json::from_str::<Item<'_>>(item.get()).ok();
        let Some(id) = id.and_then(|item| item.id) else {
            continue;
        };
        match shared.objects.may_use(&caller.key, &id).await {
            Ok(true) => own.push((item, id.into_owned())),
            Ok(false) => {}
            Err(error) => {
                tracing::error!(%error, "failed to look up whose an object is");
                return Err(Refusal::LedgerUnavailable);
            }
        }
    }
    let mut edits = Edits::default();
    let list: Vec<&str> = own.iter().map(|(item, _)| item.get()).collect();
    edits.replace(
        range_in(body, data.get().as_bytes()),
        format!("[{}]", list.join(",")),
    );
    let ends = [
        ("first_id", own.first().map(|(_, id)| id)),
        ("last_id", own.last().map(|(_, id)| id)),
    ];
    for (name, id) in ends {
        if let Some(value) = object.get(name) {
            let id = id.map_or(serde_json::Value::Null, |id| id.as_str().into());
            edits.replace(range_in(body, value.get().as_bytes()), id.to_string());
        }
    }
    // Without an object of the caller's own there is none to go on behind.
    if let (true, Some(value)) = (own.is_empty(), object.get("has_more")) {
        edits.replace(range_in(body, value.get().as_bytes()), "false");
    }
    edits.apply(body).ok_or(Refusal::UpstreamMalformed)
}
