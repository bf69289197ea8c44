//! What was made at the upstream, and whose it is: checked before a call names it, kept when it was made.
//!
//! Invariants: a caller reaches only what its own project or key made; what is another's is answered as if it did not exist; what could
//! not be kept can be reached by nobody.
//! Does not know: which routes name ids; SQL.

use std::time::Duration;

use access::VirtualKey;
use serde::Deserialize;

use crate::shared::Shared;
use crate::status::Refusal;

/// How long the end of an answer may wait for its owner to be kept.
const KEEPING_MAX: Duration = Duration::from_secs(3);

/// Whether the caller may use all of these.
///
/// Errors: [`Refusal::ObjectUnknown`] for one that is another's or nobody's; [`Refusal::LedgerUnavailable`] where the database gives no
/// answer.
pub(crate) async fn check(
    shared: &Shared,
    key: &VirtualKey,
    ids: &[impl AsRef<str> + Sync],
) -> Result<(), Refusal> {
    for id in ids {
        match shared.objects.may_use(key, id.as_ref()).await {
            Ok(true) => {}
            Ok(false) => return Err(Refusal::ObjectUnknown),
            Err(error) => {
                tracing::error!(%error, "failed to look up whose an object is");
                return Err(Refusal::LedgerUnavailable);
            }
        }
    }
    Ok(())
}

/// Keeps the caller as the owner of these.
pub(crate) async fn keep(
    shared: &Shared,
    key: &VirtualKey,
    kind: &str,
    ids: &[impl AsRef<str> + Sync],
) {
    let keeping = shared.objects.keep(kind, ids, key, (shared.wall)());
    match tokio::time::timeout(KEEPING_MAX, keeping).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => {
            tracing::error!(%error, kind, "failed to keep whose an object is; nobody can use it");
        }
        Err(_) => tracing::error!(
            kind,
            "no time to keep whose an object is; nobody can use it"
        ),
    }
}

/// Forgets what was deleted.
pub(crate) async fn forget(shared: &Shared, id: &str) {
    if let Err(error) = shared.objects.forget(id).await {
        tracing::warn!(%error, "failed to forget an object that was deleted");
    }
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Made {
    id: Option<String>,
    output: Vec<Item>,
    conversation: Option<Item>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Item {
    id: Option<String>,
    /// Where code was run; a later call may run more there.
    container_id: Option<String>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Event {
    response: Made,
}

/// The ids that an answer brought into being: its own, and those of its items, which a later call may refer to.
pub(crate) fn made_by(body: &[u8]) -> Vec<String> {
    ids(serde_json::from_slice(body).unwrap_or_default())
}

/// The same of the event that ends the stream of a response.
pub(crate) fn made_by_event(data: &[u8]) -> Vec<String> {
    let event: Event = serde_json::from_slice(data).unwrap_or_default();
    ids(event.response)
}

fn ids(made: Made) -> Vec<String> {
    let items = made.output.into_iter().chain(made.conversation);
    let named = items.flat_map(|item| item.id.into_iter().chain(item.container_id));
    made.id.into_iter().chain(named).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_makes_itself_and_its_items() {
        let body = r#"{"id":"resp_1","output":[{"id":"rs_1","type":"reasoning"},{"type":"x"},{"id":"ci_1","container_id":"cntr_1"}],"conversation":{"id":"conv_1"}}"#;
        let made = ["resp_1", "rs_1", "ci_1", "cntr_1", "conv_1"];
        assert_eq!(made_by(body.as_bytes()), made);
        let event = format!(r#"{{"type":"response.completed","response":{body}}}"#);
        assert_eq!(made_by_event(event.as_bytes()), made);
        assert_eq!(
            made_by(br#"{"id":"file-1","output":null}"#),
            Vec::<String>::new()
        );
        assert_eq!(made_by(br#"{"id":"file-1"}"#), ["file-1"]);
        assert_eq!(made_by(b"no"), Vec::<String>::new());
    }
}
