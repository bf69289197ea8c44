//! Finds who answers a call, after looking at its key.
//!
//! Invariants: no route answers without the key, if one is set; what is not in the table is a 404, and what is there
//! for another method a 405.
//! Does not know: scripts, bodies on the wire.

use http::header::AUTHORIZATION;
use serde_json::Value;

use crate::calls::SeenCall;
use crate::form::Form;
use crate::plan::{Plan, Setting};
use crate::refusal::Refusal;
use crate::{
    batches, chat, completions, conversations, embeddings, files, images, models, moderations,
    responses, speech, transcriptions, uploads, vector_stores,
};

pub(crate) const EMBEDDINGS: &str = "/embeddings";

/// A call and what stands in it where its route has names in braces.
pub(crate) struct Visit<'a> {
    pub(crate) call: &'a SeenCall,
    pub(crate) ids: Vec<&'a str>,
}

type Handler = fn(&Visit<'_>, &Setting<'_>) -> Result<Plan, Refusal>;

/// The first that fits answers.
const ROUTES: &[(&str, &str, Handler)] = &[
    ("POST", "/chat/completions", |visit, setting| {
        chat::plan(&visit.json()?, setting)
    }),
    ("POST", EMBEDDINGS, |visit, setting| {
        embeddings::plan(&visit.json()?, setting)
    }),
    ("GET", "/models", |_, _| Ok(models::list())),
    ("GET", "/models/{model}", |visit, _| models::one(visit.id())),
    ("POST", "/responses", responses::create),
    ("POST", "/responses/input_tokens", responses::count),
    ("GET", "/responses/{id}", responses::get),
    ("DELETE", "/responses/{id}", responses::delete),
    ("POST", "/responses/{id}/cancel", responses::cancel),
    ("GET", "/responses/{id}/input_items", responses::input_items),
    ("POST", "/conversations", conversations::create),
    ("GET", "/conversations/{id}", conversations::get),
    ("DELETE", "/conversations/{id}", conversations::delete),
    ("GET", "/conversations/{id}/items", conversations::items),
    ("POST", "/completions", completions::create),
    ("POST", "/moderations", moderations::create),
    ("POST", "/images/generations", images::generate),
    ("POST", "/images/edits", images::edit),
    ("POST", "/audio/speech", speech::create),
    ("POST", "/audio/transcriptions", transcriptions::transcribe),
    ("POST", "/audio/translations", transcriptions::translate),
    ("POST", "/files", files::create),
    ("GET", "/files", files::list),
    ("GET", "/files/{id}", files::get),
    ("DELETE", "/files/{id}", files::delete),
    ("GET", "/files/{id}/content", files::content),
    ("POST", "/uploads", uploads::create),
    ("POST", "/uploads/{id}/parts", uploads::add),
    ("POST", "/uploads/{id}/complete", uploads::complete),
    ("POST", "/uploads/{id}/cancel", uploads::cancel),
    ("POST", "/batches", batches::create),
    ("GET", "/batches", batches::list),
    ("GET", "/batches/{id}", batches::get),
    ("POST", "/batches/{id}/cancel", batches::cancel),
    ("POST", "/vector_stores", vector_stores::create),
    ("GET", "/vector_stores", vector_stores::list),
    ("GET", "/vector_stores/{id}", vector_stores::get),
    ("POST", "/vector_stores/{id}", vector_stores::change),
    ("DELETE", "/vector_stores/{id}", vector_stores::delete),
    ("POST", "/vector_stores/{id}/files", vector_stores::add_file),
    ("GET", "/vector_stores/{id}/files", vector_stores::files),
    (
        "GET",
        "/vector_stores/{id}/files/{file}",
        vector_stores::file,
    ),
    (
        "DELETE",
        "/vector_stores/{id}/files/{file}",
        vector_stores::remove_file,
    ),
];

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
    let mut there = ROUTES
        .iter()
        .filter_map(|(method, template, handler)| Some((method, ids(template, path)?, handler)))
        .peekable();
    there.peek().ok_or_else(unknown)?;
    let (_, ids, handler) = there
        .find(|(method, _, _)| call.method == **method)
        .ok_or_else(|| Refusal::wrong_method(call.method.as_str(), &call.path))?;
    handler(&Visit { call, ids }, setting)
}

/// Whether `path` is what `wanted` says: the same, or the same but for names in braces.
pub(crate) fn fits(wanted: &str, path: &str) -> bool {
    wanted == path || ids(wanted, path).is_some()
}

/// What stands in `path` for the names in braces, if it is a path of the template.
fn ids<'p>(template: &str, path: &'p str) -> Option<Vec<&'p str>> {
    let mut parts = path.split('/');
    let mut ids = Vec::new();
    for wanted in template.split('/') {
        let part = parts.next()?;
        if wanted.starts_with('{') && !part.is_empty() {
            ids.push(part);
        } else if wanted != part {
            return None;
        }
    }
    parts.next().is_none().then_some(ids)
}

impl Visit<'_> {
    /// The first of the ids.
    pub(crate) fn id(&self) -> &str {
        self.ids.first().copied().unwrap_or_default()
    }

    pub(crate) fn query(&self) -> Option<&str> {
        self.call.query.as_deref()
    }

    /// The second of the ids.
    pub(crate) fn second_id(&self) -> &str {
        self.ids.get(1).copied().unwrap_or_default()
    }

    /// The body as a form of several parts.
    pub(crate) fn form(&self) -> Result<Form, Refusal> {
        let content_type = self.call.header("content-type").unwrap_or_default();
        Form::read(content_type, &self.call.body).ok_or_else(Refusal::unparsable_form)
    }

    /// The body as an object of JSON.
    pub(crate) fn json(&self) -> Result<Value, Refusal> {
        serde_json::from_slice(&self.call.body)
            .ok()
            .filter(Value::is_object)
            .ok_or_else(Refusal::unparsable_body)
    }
}

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

#[cfg(test)]
mod tests {
    use super::{fits, ids};

    #[test]
    fn names_in_braces_stand_for_one_part_of_a_path() {
        assert_eq!(ids("/a/{id}/b", "/a/x/b"), Some(vec!["x"]));
        assert_eq!(ids("/a/{id}", "/a/x/b"), None);
        assert_eq!(ids("/a/{id}", "/a/"), None);
        assert!(fits("/a/b", "/a/b") && !fits("/a/b", "/a/c"));
    }
}
