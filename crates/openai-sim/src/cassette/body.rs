//! Replaces what a whole body says, be it JSON, a stream of events or anything else.
//!
//! Invariants: what is no text or number with a meaning stays byte for byte; words that a stream cuts over several
//! events are replaced as one, and cut at the same letters.
//! Does not know: chunks, headers.
//! Source: WHATWG HTML, "Server-sent events"; OpenAI API reference, streaming and logprobs.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use serde_json::Value;

use super::edits::Edits;
use super::literals::{Kind, Literal, Step, decoded, literals};
use super::policy::{CREATED, Place, Treatment, treat};
use super::{filler, prose, vectors};

/// The replacements that make a body say nothing. `kept`: values that stay where they stand alone in JSON.
pub(super) fn edits(body: &str, stream: bool, place: Place<'_>, kept: &BTreeSet<String>) -> Edits {
    let mut scrub = Scrub::new(kept);
    if stream {
        for (offset, data) in scrub.events(body) {
            scrub.document(offset, data, place);
        }
    } else {
        scrub.document(0, body, place);
    }
    scrub.finish()
}

/// A text of a group: where it is written, how, and what it says.
struct Part {
    range: Range<usize>,
    literal: String,
    says: String,
    /// The way to the object that holds it.
    holder: String,
}

struct Scrub<'a> {
    kept: &'a BTreeSet<String>,
    edits: Edits,
    /// Texts that belong together, by what they are parts of.
    groups: BTreeMap<String, Vec<Part>>,
    /// Tokens that could have been chosen, each with the way to the one that was.
    alternatives: Vec<(Part, String)>,
    /// Bytes of tokens: where, the way to the object that holds the token, which byte.
    bytes: Vec<(Range<usize>, String, usize)>,
    /// The first time of creation, which becomes [`CREATED`]; others keep their distance from it, since an upstream
    /// whose chunks differ in it is to be seen as such.
    created: Option<i64>,
    documents: usize,
}

impl<'a> Scrub<'a> {
    fn new(kept: &'a BTreeSet<String>) -> Self {
        Self {
            kept,
            edits: Edits::default(),
            groups: BTreeMap::new(),
            alternatives: Vec::new(),
            bytes: Vec::new(),
            created: None,
            documents: 0,
        }
    }

    /// The data of the events of a stream, each with where it starts. What else says something is replaced.
    fn events<'t>(&mut self, body: &'t str) -> Vec<(usize, &'t str)> {
        let mut found = Vec::new();
        let mut start = 0;
        for line in body.split_inclusive('\n') {
            let text = line.trim_end_matches(['\n', '\r']);
            let (name, value) = text.split_once(':').unwrap_or(("", text));
            let offset = start + (text.len() - value.len());
            match name {
                "data" if value.trim() == "[DONE]" => {}
                "data" => found.push((offset, value)),
                "event" | "retry" => {}
                _ => self.edits.take(prose::edits(value, self.kept), offset),
            }
            start += line.len();
        }
        found
    }

    fn document(&mut self, offset: usize, text: &str, place: Place<'_>) {
        let Ok(value) = serde_json::from_str::<Value>(text) else {
            self.edits.take(prose::edits(text, self.kept), offset);
            return;
        };
        self.documents += 1;
        let mut vector: Option<(Vec<Step>, Range<usize>, usize)> = None;
        for literal in literals(text) {
            let range = literal.range.start + offset..literal.range.end + offset;
            let written = text.get(literal.range.clone()).unwrap_or_default();
            if treat(&literal, place) == Treatment::Vector && literal.kind == Kind::Number {
                let holder = literal.way[..literal.way.len().saturating_sub(1)].to_vec();
                vector = match vector.take() {
                    Some((known, whole, count)) if known == holder => {
                        Some((known, whole.start..range.end, count + 1))
                    }
                    other => {
                        self.vector(other);
                        Some((holder, range, 1))
                    }
                };
                continue;
            }
            self.literal(&literal, range, written, &value, place);
        }
        self.vector(vector);
    }

    fn created(&mut self, written: &str) -> String {
        let fixed = i64::try_from(CREATED).unwrap_or_default();
        let Ok(created) = written.parse::<i64>() else {
            return fixed.to_string();
        };
        let first = *self.created.get_or_insert(created);
        fixed
            .saturating_add(created.saturating_sub(first))
            .to_string()
    }

    fn literal(
        &mut self,
        literal: &Literal,
        range: Range<usize>,
        written: &str,
        document: &Value,
        place: Place<'_>,
    ) {
        let treatment = match treat(literal, place) {
            Treatment::Keep if is_program(literal, document) => Treatment::Says,
            treatment => treatment,
        };
        let new = match treatment {
            Treatment::Keep => return,
            Treatment::Digits => prose::number(written),
            Treatment::Created => self.created(written),
            Treatment::Byte => {
                if let Some(Step::Item(index)) = literal.way.last() {
                    let holder = holder(&literal.way, 2, self.documents);
                    self.bytes.push((range, holder, *index));
                }
                return;
            }
            Treatment::Id => {
                let says = decoded(written);
                prose::rewritten(written, &says, &filler::id(&says))
            }
            Treatment::Vector => {
                let says = decoded(written);
                match vectors::marker_of_text(&says) {
                    Some(marker) => prose::rewritten(written, &says, &marker),
                    None => self.said(written),
                }
            }
            Treatment::Says if is_part(literal) => {
                let part = Part {
                    range,
                    literal: written.to_owned(),
                    says: decoded(written),
                    holder: holder(&literal.way, 1, self.documents),
                };
                if literal.names().any(|name| name == "top_logprobs") {
                    let chosen = holder(&literal.way, 3, self.documents);
                    self.alternatives.push((part, chosen));
                } else {
                    let group = self.groups.entry(group(&literal.way, document));
                    group.or_default().push(part);
                }
                return;
            }
            Treatment::Says => self.said(written),
        };
        self.edits.put(range, new);
    }

    fn said(&self, written: &str) -> String {
        let says = decoded(written);
        let new = prose::edits(&says, self.kept).apply(&says);
        prose::rewritten(written, &says, &new)
    }

    fn vector(&mut self, vector: Option<(Vec<Step>, Range<usize>, usize)>) {
        if let Some((_, range, count)) = vector {
            let marker = Value::from(vectors::marker(count)).to_string();
            self.edits.put(range, marker);
        }
    }

    fn finish(mut self) -> Edits {
        // What tokens said and say now, by the way to what holds them.
        let mut tokens: BTreeMap<String, (String, String)> = BTreeMap::new();
        for parts in std::mem::take(&mut self.groups).into_values() {
            let whole: String = parts.iter().map(|part| part.says.as_str()).collect();
            let edits = prose::edits(&whole, self.kept);
            let new = edits.apply(&whole);
            let ends = parts.iter().scan(0, |end, part| {
                *end += part.says.len();
                Some(*end)
            });
            let news: Vec<&str> = edits.recut(&new, ends);
            for (part, new) in parts.into_iter().zip(news) {
                self.rewrite(part, new.to_owned(), &mut tokens);
            }
        }
        for (part, chosen) in std::mem::take(&mut self.alternatives) {
            let new = match tokens.get(&chosen) {
                Some((said, says)) if *said == part.says => says.clone(),
                _ => prose::edits(&part.says, self.kept).apply(&part.says),
            };
            self.rewrite(part, new, &mut tokens);
        }
        for (range, holder, index) in std::mem::take(&mut self.bytes) {
            // A token that is only a part of a character is written otherwise; then nothing of it is kept.
            let token = tokens.get(&holder).map(|(_, says)| says.as_bytes());
            let byte = token.and_then(|token| token.get(index)).copied();
            self.edits.put(range, byte.unwrap_or(b'x').to_string());
        }
        self.edits.sort();
        self.edits
    }

    fn rewrite(
        &mut self,
        part: Part,
        new: String,
        tokens: &mut BTreeMap<String, (String, String)>,
    ) {
        let written = prose::rewritten(&part.literal, &part.says, &new);
        self.edits.put(part.range, written);
        tokens.insert(part.holder, (part.says, new));
    }
}

/// Whether the text is one piece of a longer one.
fn is_part(literal: &Literal) -> bool {
    literal.name() == "token" || literal.names().any(|name| name == "delta")
}

/// Whether the text is a program that a model wrote, not a word.
fn is_program(literal: &Literal, document: &Value) -> bool {
    let kind = document["type"].as_str().unwrap_or_default();
    literal.name() == "code" && kind.starts_with("response.code_interpreter")
}

/// The way to what holds a value, in one document.
fn holder(way: &[Step], steps_up: usize, document: usize) -> String {
    let steps = &way[..way.len().saturating_sub(steps_up)];
    format!("{document}{steps:?}")
}

/// What the texts on this way are parts of: its names, and the `index` or id of the items on it; of a typed event its
/// type and the item that it is about, too.
fn group(way: &[Step], document: &Value) -> String {
    let mut group = String::new();
    if document["type"].is_string() {
        for name in ["type", "item_id", "content_index", "summary_index"] {
            group.push_str(&format!("{} ", document[name]));
        }
    }
    let mut value = document;
    for step in way {
        value = match step {
            Step::Field(name) => {
                group.push('.');
                group.push_str(name);
                &value[name.as_str()]
            }
            Step::Item(at) => {
                let item = &value[*at];
                if let Some(index) = item.get("index").and_then(Value::as_u64) {
                    group.push_str(&format!("[{index}]"));
                } else if let Some(id) = item["id"].as_str() {
                    group.push_str(&format!("[{id}]"));
                }
                item
            }
        };
    }
    group
}
