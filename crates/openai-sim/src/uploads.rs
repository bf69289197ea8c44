//! `/uploads`: a large file in parts.
//!
//! Invariants: a finished upload is the file that its parts make in the order that was told; costs nothing.
//! Does not know: what the file is used for; time, so no upload expires.
//! Source: OpenAI API reference, "Uploads".

use bytes::{Bytes, BytesMut};
use serde_json::{Value, json};

use crate::fields;
use crate::files::{self, NewFile};
use crate::hash::hexadecimal;
use crate::plan::{Plan, Setting};
use crate::refusal::Refusal;
use crate::route::Visit;

/// How long an upload may take. Units: seconds.
const LIFE_S: u64 = 3600;
/// Parts of one upload.
const PARTS_MAX: usize = 1024;

#[derive(Clone)]
pub(crate) struct Upload {
    object: Value,
    parts: Vec<(String, Bytes)>,
}

pub(crate) fn create(visit: &Visit<'_>, setting: &Setting<'_>) -> Result<Plan, Refusal> {
    let body = visit.json()?;
    let filename = fields::text(&body, "filename")?.ok_or_else(|| Refusal::missing("filename"))?;
    let bytes =
        fields::number(&body, "bytes", u64::MAX)?.ok_or_else(|| Refusal::missing("bytes"))?;
    let id = format!("upload_{}", hexadecimal(setting.seed));
    let object = json!({
        "id": id,
        "object": "upload",
        "bytes": bytes,
        "created_at": setting.created,
        "expires_at": setting.created + LIFE_S,
        "filename": filename,
        "purpose": files::purpose(&body)?,
        "status": "pending",
    });
    let upload = Upload {
        object: object.clone(),
        parts: Vec::new(),
    };
    setting.objects.uploads.put(&id, upload, 512);
    Ok(Plan::free(object))
}

pub(crate) fn add(visit: &Visit<'_>, setting: &Setting<'_>) -> Result<Plan, Refusal> {
    let form = visit.form()?;
    let data = form.part("data").ok_or_else(|| Refusal::missing("data"))?;
    let mut upload = pending(visit, setting)?;
    if upload.parts.len() >= PARTS_MAX {
        return Err(Refusal::invalid(
            "The upload has too many parts.",
            None,
            None,
        ));
    }
    let id = format!("part_{}", hexadecimal(setting.seed));
    upload.parts.push((id.clone(), data.bytes.clone()));
    keep(visit.id(), upload, setting);
    Ok(Plan::free(json!({
        "id": id,
        "object": "upload.part",
        "created_at": setting.created,
        "upload_id": visit.id(),
    })))
}

pub(crate) fn complete(visit: &Visit<'_>, setting: &Setting<'_>) -> Result<Plan, Refusal> {
    let body = visit.json()?;
    let mut upload = pending(visit, setting)?;
    let mut content = BytesMut::new();
    for wanted in fields::array(&body, "part_ids")? {
        let part = upload.parts.iter().find(|(id, _)| *wanted == **id);
        let (_, bytes) = part.ok_or_else(|| Refusal::not_found("Part", &wanted.to_string()))?;
        content.extend_from_slice(bytes);
    }
    if upload.object["bytes"] != content.len() {
        let message = "The parts do not have as many bytes as the upload was announced with.";
        return Err(Refusal::invalid(message, None, None));
    }
    let text = |name: &str| upload.object[name].as_str().unwrap_or_default();
    let new = NewFile {
        seed: setting.seed,
        filename: text("filename"),
        purpose: text("purpose"),
        content: content.freeze(),
    };
    upload.object["file"] = files::keep(new, setting);
    upload.object["status"] = json!("completed");
    upload.parts = Vec::new();
    let object = upload.object.clone();
    keep(visit.id(), upload, setting);
    Ok(Plan::free(object))
}

pub(crate) fn cancel(visit: &Visit<'_>, setting: &Setting<'_>) -> Result<Plan, Refusal> {
    let mut upload = pending(visit, setting)?;
    upload.object["status"] = json!("cancelled");
    upload.parts = Vec::new();
    let object = upload.object.clone();
    keep(visit.id(), upload, setting);
    Ok(Plan::free(object))
}

fn pending(visit: &Visit<'_>, setting: &Setting<'_>) -> Result<Upload, Refusal> {
    let upload = setting.objects.uploads.get(visit.id());
    let upload = upload.ok_or_else(|| Refusal::not_found("Upload", visit.id()))?;
    if upload.object["status"] != "pending" {
        let message = "The upload is not pending.";
        return Err(Refusal::invalid(message, None, None));
    }
    Ok(upload)
}

fn keep(id: &str, upload: Upload, setting: &Setting<'_>) {
    let bytes = upload.parts.iter().map(|(_, bytes)| bytes.len()).sum();
    setting.objects.uploads.put(id, upload, bytes);
}
