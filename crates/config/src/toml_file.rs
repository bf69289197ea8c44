//! Reads a TOML file of settings and looks for secrets in any TOML file.
//!
//! Invariants: a key-shaped literal is found in values, names and comments, also where the file is not valid TOML; what is
//! reported is file and line, never text of the file.
//! Does not know: which files there are, what settings mean.
//! Source: TOML 1.0.

use toml_edit::{ImDocument, Item, TableLike, Value};

use crate::error::{Problems, shown_name};
use crate::fields::{self, FIELDS};
use crate::key_shape;
use crate::kind::Kind;
use crate::layer::{Layer, suggestion};

const LEAKED: &str =
    "take it out, replace that key (others may have read it), and set the new one as a variable";
/// Names whose values are looked at for randomness, not only for shapes.
const SECRET_WORDS: [&str; 5] = ["key", "secret", "token", "password", "credential"];

/// A TOML file, whole.
pub(crate) struct TomlFile<'t> {
    /// How it is named in messages.
    pub(crate) shown: &'t str,
    /// Its text.
    pub(crate) text: &'t str,
}

impl TomlFile<'_> {
    /// Reads its settings into a layer.
    pub(crate) fn settings(&self, layer: &mut Layer, problems: &mut Problems) {
        let document = match ImDocument::parse(self.text) {
            Ok(document) => document,
            Err(error) => {
                // The parser's own message may quote the file.
                let place = self.place(error.span());
                problems.add(
                    self.shown,
                    &place,
                    "is not valid TOML there",
                    "correct the syntax, or a name that stands twice",
                );
                return;
            }
        };
        for (name, item) in document.iter() {
            let place = self.place_of(document.as_table(), name, item);
            match item.as_table_like() {
                Some(section) if fields::is_section(name) => {
                    self.section(name, section, layer, problems)
                }
                _ => self.field(name, item, &place, layer, problems),
            }
        }
    }

    fn section(
        &self,
        section: &str,
        table: &dyn TableLike,
        layer: &mut Layer,
        problems: &mut Problems,
    ) {
        for (name, item) in table.iter() {
            let place = self.place_of(table, name, item);
            self.field(&format!("{section}.{name}"), item, &place, layer, problems);
        }
    }

    fn field(
        &self,
        name: &str,
        item: &Item,
        place: &str,
        layer: &mut Layer,
        problems: &mut Problems,
    ) {
        match (fields::named(name), item.as_value()) {
            (None, _) if fields::is_section(name) => {
                problems.add(
                    name,
                    place,
                    "is one value where a table belongs",
                    format!("write [{name}] and its fields below"),
                );
            }
            (None, _) => problems.add(
                shown_name(name),
                place,
                "is no setting",
                suggestion(name, FIELDS.iter().map(|field| field.name.to_owned())),
            ),
            (Some(field), _) if field.kind == Kind::Secret => {
                problems.add(
                    field.name,
                    place,
                    "is a secret, and secrets stay out of files",
                    format!("take it out and set {}", field.variable()),
                );
            }
            (Some(field), _) if !field.may_stand_in_file() => {
                problems.add(
                    field.name,
                    place,
                    "decides which files are read, so no file can set it",
                    format!("set {}", field.variable()),
                );
            }
            (Some(field), Some(value)) => {
                layer.set(field, place, field.kind.read_toml(value), problems)
            }
            (Some(field), None) => problems.add(
                field.name,
                place,
                "is a table where one value belongs",
                field.kind.remedy(),
            ),
        }
    }

    /// Looks for secrets in the whole text.
    pub(crate) fn find_secrets(&self, problems: &mut Problems) {
        let mut lines: Vec<(usize, &str)> = Vec::new();
        for (index, line) in self.text.lines().enumerate() {
            lines.extend(key_shape::find(line).map(|shape| (index + 1, shape)));
        }
        if let Ok(document) = ImDocument::parse(self.text) {
            self.secrets_in_item("", document.as_item(), &mut lines);
        }
        lines.sort_unstable();
        lines.dedup_by_key(|(line, _)| *line);
        for (line, shape) in lines {
            problems.add(
                self.shown,
                &format!("{}:{line}", self.shown),
                format!("holds {shape}"),
                LEAKED,
            );
        }
    }

    // Depth is bounded by the parser's recursion limit.
    fn secrets_in_item(&self, name: &str, item: &Item, lines: &mut Vec<(usize, &'static str)>) {
        if let Some(value) = item.as_value() {
            self.secrets_in_value(name, value, lines);
        } else if let Some(table) = item.as_table_like() {
            table
                .iter()
                .for_each(|(name, item)| self.secrets_in_item(name, item, lines));
        } else if let Some(tables) = item.as_array_of_tables() {
            tables
                .iter()
                .flat_map(toml_edit::Table::iter)
                .for_each(|(name, item)| self.secrets_in_item(name, item, lines));
        }
    }

    fn secrets_in_value(&self, name: &str, value: &Value, lines: &mut Vec<(usize, &'static str)>) {
        match value {
            Value::String(text) => {
                let named = SECRET_WORDS
                    .iter()
                    .any(|word| name.to_ascii_lowercase().contains(word));
                let random = (named && key_shape::looks_random(text.value()))
                    .then_some("what looks like a secret");
                // Escapes may hide a shape from the look at the lines; the decoded text has it.
                let shape = key_shape::find(text.value()).or(random);
                lines.extend(shape.map(|shape| (self.line(text.span()), shape)));
            }
            Value::Array(array) => array
                .iter()
                .for_each(|value| self.secrets_in_value(name, value, lines)),
            Value::InlineTable(table) => table
                .iter()
                .for_each(|(name, value)| self.secrets_in_value(name, value, lines)),
            Value::Integer(_) | Value::Float(_) | Value::Boolean(_) | Value::Datetime(_) => {}
        }
    }

    fn place_of(&self, table: &dyn TableLike, name: &str, item: &Item) -> String {
        let key = table.get_key_value(name).and_then(|(key, _)| key.span());
        self.place(key.or_else(|| item.span()))
    }

    fn place(&self, span: Option<std::ops::Range<usize>>) -> String {
        format!("{}:{}", self.shown, self.line(span))
    }

    fn line(&self, span: Option<std::ops::Range<usize>>) -> usize {
        let before = span
            .and_then(|span| self.text.get(..span.start))
            .unwrap_or_default();
        before.bytes().filter(|byte| *byte == b'\n').count() + 1
    }
}
