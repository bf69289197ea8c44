//! Writes the reference page of the settings and `.env.example` from the table of fields.
//!
//! Invariants: every field is on the page and in the example; the example holds defaults and placeholders only.
//! Does not know: where the two files lie.

use std::fmt::Write;

use crate::fields::{FIELDS, Field};
use crate::layers;
use crate::shown;

const PAGE_HEAD: &str = include_str!("page_head.md");

const EXAMPLE_HEAD: &str = "\
# Copy this file to .env (git ignores it) and uncomment what you change. keyward reads .env in development only.
# One NAME=value a line; quotes as in a shell, nothing is expanded. What the environment sets wins over this file.
# Every setting, with bounds and the rules of production: docs/reference/settings.md
";

/// The reference page, `docs/reference/settings.md`.
pub fn settings_page() -> String {
    let mut page = PAGE_HEAD.to_owned();
    let mut section = "";
    for field in FIELDS {
        let of_field = field
            .name
            .split_once('.')
            .map_or("top level", |(section, _)| section);
        if of_field != section {
            section = of_field;
            let title = if field.name.contains('.') {
                format!("`[{section}]`")
            } else {
                "Top level".to_owned()
            };
            // Writing into a `String` cannot fail.
            let _ = write!(
                page,
                "\n### {title}\n\n| setting | variable | what it may be | default | meaning |\n|---|---|---|---|---|\n"
            );
        }
        let _ = writeln!(
            page,
            "| `{}` | `{}` | {} | {} | {} |",
            field.name,
            field.variable(),
            field.kind.noun(),
            default_cell(field),
            field.meaning
        );
    }
    page
}

/// The example file, `.env.example`.
pub fn env_example() -> String {
    let mut example = EXAMPLE_HEAD.to_owned();
    for field in FIELDS {
        let text = field
            .example
            .map_or_else(|| default(field).unwrap_or_default(), str::to_owned);
        let _ = write!(
            example,
            "\n# {}\n# {}={text}\n",
            field.meaning.replace('`', ""),
            field.variable()
        );
    }
    example
}

fn default_cell(field: &Field) -> String {
    match (default(field), field.absent) {
        (Some(text), _) if text.is_empty() => "none".to_owned(),
        (Some(text), _) => format!("`{text}`"),
        (None, Some(meaning)) => meaning.to_owned(),
        (None, None) => "none".to_owned(),
    }
}

fn default(field: &Field) -> Option<String> {
    match field.absent {
        Some(word) if field.name == "environment" => Some(word.to_owned()),
        _ => layers::built_in_value(field.name).map(|value| shown::plain(&value)),
    }
}
