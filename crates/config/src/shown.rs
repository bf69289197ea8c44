//! The settings as a person may see them: value and source of each, secrets by fingerprint.
//!
//! Invariants: no secret, and no part of one, is in a shown value.
//! Does not know: how they are laid out.

use figment::value::Value;

use crate::database_url;
use crate::fields::{FIELDS, Field};
use crate::kind::Kind;
use crate::layers::Merged;
use crate::secret_key::{self, fingerprint};
use crate::settings::Settings;

/// One setting as a person may see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shown {
    /// Dotted: `server.listen`.
    pub field: String,
    /// What it is; a secret is `[set, fingerprint 1a2b3c4d]` or `[not set]`.
    pub value: String,
    /// `built-in`, `config/default.toml:12`, `.env:3`, `environment OPENAI_BASE_URL`, `command line`.
    pub source: String,
}

/// All settings, in the order of the reference page.
pub(crate) fn all(settings: &Settings, merged: &Merged) -> Vec<Shown> {
    FIELDS
        .iter()
        .map(|field| one(field, settings, merged))
        .collect()
}

fn one(field: &Field, settings: &Settings, merged: &Merged) -> Shown {
    let (value, source) = match (merged.value(field.name), field.name) {
        (Some(value), _) => (
            written(field.kind, &value),
            merged.place(field.name).to_owned(),
        ),
        (None, "environment") => (
            settings.environment.name().to_owned(),
            "built-in".to_owned(),
        ),
        (None, "data_dir") => (
            settings.data_dir.display().to_string(),
            "built-in".to_owned(),
        ),
        (None, "secret_key") if secret_key::file(&settings.data_dir).exists() => {
            let source = secret_key::file(&settings.data_dir).display().to_string();
            (
                set(&secret_key::fingerprint_of(&settings.secret_key)),
                source,
            )
        }
        (None, _) => ("[not set]".to_owned(), "not set".to_owned()),
    };
    Shown {
        field: field.name.to_owned(),
        value,
        source,
    }
}

fn set(fingerprint: &str) -> String {
    format!("[set, fingerprint {fingerprint}]")
}

fn written(kind: Kind, value: &Value) -> String {
    match kind {
        Kind::Secret => set(&fingerprint(value.as_str().unwrap_or_default())),
        Kind::DatabaseUrl => database_url::shown(value.as_str().unwrap_or_default()),
        _ => plain(value),
    }
}

/// A value that is no secret, as a person writes it.
pub(crate) fn plain(value: &Value) -> String {
    match value {
        Value::String(_, text) => text.clone(),
        Value::Bool(_, flag) => flag.to_string(),
        Value::Num(_, number) => number
            .to_u128()
            .map(|number| number.to_string())
            .unwrap_or_default(),
        Value::Array(_, values) => values
            .iter()
            .map(|value| value.as_str().map_or_else(|| plain(value), str::to_owned))
            .collect::<Vec<_>>()
            .join(","),
        Value::Char(..) | Value::Dict(..) | Value::Empty(..) => String::new(),
    }
}
