//! `/files`: uploaded, listed, got, read, deleted.
//!
//! Invariants: a file's content is the bytes that were sent; costs nothing.
//! Does not know: what the files are used for.
//! Source: OpenAI API reference, "Files".

use bytes::Bytes;
use serde_json::{Value, json};

use crate::hash::letters;
use crate::lists::{self, parameter};
use crate::plan::{Plan, PlannedBody, Setting};
use crate::refusal::Refusal;
use crate::route::Visit;

const PURPOSES: [&str; 6] = [
    "assistants",
    "batch",
    "evals",
    "fine-tune",
    "user_data",
    "vision",
];
const CONTENT: &str = "application/octet-stream";

#[derive(Clone)]
pub(crate) struct File {
    pub(crate) object: Value,
    pub(crate) content: Bytes,
}

/// What is told of a file before it is one.
pub(crate) struct NewFile<'a> {
    /// Makes its id.
    pub(crate) seed: u64,
    pub(crate) filename: &'a str,
    pub(crate) purpose: &'a str,
    pub(crate) content: Bytes,
}

/// Keeps a file; gives its object.
pub(crate) fn keep(new: NewFile<'_>, setting: &Setting<'_>) -> Value {
    let id = format!("file-{}", letters(new.seed, 22));
    let object = json!({
        "id": id,
        "object": "file",
        "bytes": new.content.len(),
        "created_at": setting.created,
        "expires_at": null,
        "filename": new.filename,
        "purpose": new.purpose,
        "status": "processed",
        "status_details": null,
    });
    let (bytes, content) = (new.content.len() + 512, new.content);
    let file = File {
        object: object.clone(),
        content,
    };
    setting.objects.files.put(&id, file, bytes);
    object
}

pub(crate) fn purpose(body: &Value) -> Result<&str, Refusal> {
    let purpose = body["purpose"]
        .as_str()
        .ok_or_else(|| Refusal::missing("purpose"))?;
    if PURPOSES.contains(&purpose) {
        return Ok(purpose);
    }
    let message = format!("Invalid value for 'purpose': '{purpose}'.");
    Err(Refusal::invalid(
        message,
        Some("purpose"),
        Some("invalid_value"),
    ))
}

pub(crate) fn create(visit: &Visit<'_>, setting: &Setting<'_>) -> Result<Plan, Refusal> {
    let form = visit.form()?;
    let fields = form.fields();
    let purpose = purpose(&fields)?;
    let file = form.part("file").ok_or_else(|| Refusal::missing("file"))?;
    let new = NewFile {
        seed: setting.seed,
        filename: file.filename.as_deref().unwrap_or("upload"),
        purpose,
        content: file.bytes.clone(),
    };
    Ok(Plan::free(keep(new, setting)))
}

pub(crate) fn list(visit: &Visit<'_>, setting: &Setting<'_>) -> Result<Plan, Refusal> {
    let wanted = parameter(visit.query(), "purpose");
    let files = setting.objects.files.all().into_iter();
    let files = files
        .map(|file| file.object)
        .filter(|file| wanted.is_none_or(|wanted| file["purpose"] == wanted));
    Ok(lists::page(files.collect(), visit.query()))
}

pub(crate) fn get(visit: &Visit<'_>, setting: &Setting<'_>) -> Result<Plan, Refusal> {
    Ok(Plan::free(known(visit.id(), setting)?.object))
}

pub(crate) fn content(visit: &Visit<'_>, setting: &Setting<'_>) -> Result<Plan, Refusal> {
    let file = known(visit.id(), setting)?;
    Ok(Plan {
        body: PlannedBody::Plain {
            content_type: CONTENT,
            bytes: file.content,
        },
        charge: None,
        late: None,
    })
}

pub(crate) fn delete(visit: &Visit<'_>, setting: &Setting<'_>) -> Result<Plan, Refusal> {
    let id = visit.id();
    known(id, setting)?;
    setting.objects.files.remove(id);
    Ok(Plan::free(
        json!({"id": id, "object": "file", "deleted": true}),
    ))
}

pub(crate) fn known(id: &str, setting: &Setting<'_>) -> Result<File, Refusal> {
    let file = setting.objects.files.get(id);
    file.ok_or_else(|| Refusal::not_found("File", id))
}
