//! `/vector_stores`: made, listed, changed, deleted, and the files in them.
//!
//! Invariants: the counts of a store are those of its files; costs nothing.
//! Does not know: vectors: nothing is indexed, every file is done at once.
//! Source: OpenAI API reference, "Vector stores", "Vector store files".

use serde_json::{Value, json};

use crate::hash::hexadecimal;
use crate::lists;
use crate::plan::{Plan, Setting};
use crate::refusal::Refusal;
use crate::route::Visit;
use crate::{fields, files};

/// Files of one store.
const FILES_MAX: usize = 10_000;

#[derive(Clone)]
pub(crate) struct VectorStore {
    object: Value,
    files: Vec<Value>,
}

impl VectorStore {
    fn add(&mut self, id: &str, setting: &Setting<'_>) -> Result<Value, Refusal> {
        let known = files::known(id, setting)?;
        if self.files.len() >= FILES_MAX {
            let message = "The vector store has too many files.";
            return Err(Refusal::invalid(message, None, None));
        }
        let file = json!({
            "id": id,
            "object": "vector_store.file",
            "created_at": setting.created,
            "last_error": null,
            "status": "completed",
            "usage_bytes": known.content.len(),
            "vector_store_id": self.object["id"],
            "attributes": {},
        });
        self.files.retain(|file| file["id"] != id);
        self.files.push(file.clone());
        Ok(file)
    }

    fn told(&self) -> Value {
        let mut object = self.object.clone();
        let bytes = self
            .files
            .iter()
            .filter_map(|file| file["usage_bytes"].as_u64());
        object["usage_bytes"] = json!(bytes.sum::<u64>());
        let count = self.files.len();
        object["file_counts"] = json!({"in_progress": 0, "completed": count, "failed": 0, "cancelled": 0, "total": count});
        object
    }
}

pub(crate) fn create(visit: &Visit<'_>, setting: &Setting<'_>) -> Result<Plan, Refusal> {
    let body = visit.json()?;
    let id = format!("vs_{}", hexadecimal(setting.seed));
    let mut store = VectorStore {
        object: json!({
            "id": id,
            "object": "vector_store",
            "created_at": setting.created,
            "name": body["name"].as_str().unwrap_or_default(),
            "status": "completed",
            "expires_after": body["expires_after"],
            "expires_at": null,
            "last_active_at": setting.created,
            "metadata": body["metadata"].as_object().cloned().unwrap_or_default(),
        }),
        files: Vec::new(),
    };
    for file in fields::array(&body, "file_ids")? {
        store.add(file.as_str().unwrap_or_default(), setting)?;
    }
    let told = store.told();
    if setting.is_kept() {
        setting
            .objects
            .vector_stores
            .put(&id, store, told.to_string().len());
    }
    Ok(Plan::free(told))
}

pub(crate) fn list(visit: &Visit<'_>, setting: &Setting<'_>) -> Result<Plan, Refusal> {
    let stores = setting.objects.vector_stores.all();
    let told = stores.iter().map(VectorStore::told).collect();
    Ok(lists::page(told, visit.query()))
}

pub(crate) fn get(visit: &Visit<'_>, setting: &Setting<'_>) -> Result<Plan, Refusal> {
    within(visit, setting, |store| Ok(store.told()))
}

pub(crate) fn change(visit: &Visit<'_>, setting: &Setting<'_>) -> Result<Plan, Refusal> {
    let body = visit.json()?;
    within(visit, setting, |store| {
        for name in ["name", "metadata", "expires_after"] {
            if let Some(value) = fields::present(&body, name) {
                store.object[name] = value.clone();
            }
        }
        Ok(store.told())
    })
}

pub(crate) fn delete(visit: &Visit<'_>, setting: &Setting<'_>) -> Result<Plan, Refusal> {
    let id = visit.id();
    match setting.objects.vector_stores.remove(id) {
        true => Ok(Plan::free(
            json!({"id": id, "object": "vector_store.deleted", "deleted": true}),
        )),
        false => Err(unknown(visit)),
    }
}

pub(crate) fn add_file(visit: &Visit<'_>, setting: &Setting<'_>) -> Result<Plan, Refusal> {
    let body = visit.json()?;
    let id = fields::text(&body, "file_id")?.ok_or_else(|| Refusal::missing("file_id"))?;
    within(visit, setting, |store| store.add(id, setting))
}

pub(crate) fn files(visit: &Visit<'_>, setting: &Setting<'_>) -> Result<Plan, Refusal> {
    let store = setting.objects.vector_stores.get(visit.id());
    let store = store.ok_or_else(|| unknown(visit))?;
    Ok(lists::page(store.files, visit.query()))
}

pub(crate) fn file(visit: &Visit<'_>, setting: &Setting<'_>) -> Result<Plan, Refusal> {
    let id = visit.second_id();
    within(visit, setting, |store| {
        let found = store.files.iter().find(|file| file["id"] == id);
        found.cloned().ok_or_else(|| Refusal::not_found("File", id))
    })
}

pub(crate) fn remove_file(visit: &Visit<'_>, setting: &Setting<'_>) -> Result<Plan, Refusal> {
    let id = visit.second_id();
    within(visit, setting, |store| {
        let before = store.files.len();
        store.files.retain(|file| file["id"] != id);
        if store.files.len() == before {
            return Err(Refusal::not_found("File", id));
        }
        Ok(json!({"id": id, "object": "vector_store.file.deleted", "deleted": true}))
    })
}

fn within(
    visit: &Visit<'_>,
    setting: &Setting<'_>,
    act: impl FnOnce(&mut VectorStore) -> Result<Value, Refusal>,
) -> Result<Plan, Refusal> {
    let done = setting.objects.vector_stores.change(visit.id(), act);
    done.ok_or_else(|| unknown(visit))?.map(Plan::free)
}

fn unknown(visit: &Visit<'_>) -> Refusal {
    Refusal::not_found("Vector store", visit.id())
}
