//! Writes a response as the events of a stream.
//!
//! Invariants: `response.created` comes first and one event ends the stream; every item is added, said piece by piece
//! and done before the next; the deltas of a part join to its text; usage stands in the last event only.
//! Does not know: server-sent events; numbers of events, which are given when the order is known.
//! Source: OpenAI API reference, "Streaming events"; the types of openai 3.54.0 (Python), ResponseStreamEvent.

use serde_json::{Value, json};

use super::answer::Answer;
use super::ask::Ask;
use super::item::{Item, Said, scores};
use super::object::{self, Phase};
use crate::hash::letters;
use crate::plan::{Event, Setting};
use crate::tokens;

/// Characters of padding: an event's length is not to tell its text's.
const OBFUSCATION_MAX: usize = 16;

struct Writer<'a> {
    setting: &'a Setting<'a>,
    obfuscated: bool,
    /// The item that is said, by its place in the output.
    place: usize,
    events: Vec<Event>,
}

pub(super) fn write(answer: &Answer, ask: &Ask<'_>, setting: &Setting<'_>) -> Vec<Event> {
    let mut writer = Writer {
        setting,
        obfuscated: ask.chat.include_obfuscation,
        place: 0,
        events: Vec::new(),
    };
    let response = |phase| json!({"response": object::write(answer, ask, setting, phase)});
    if ask.background {
        writer.push("response.created", response(Phase::Queued), 0);
        writer.push("response.queued", response(Phase::Queued), 0);
    } else {
        writer.push("response.created", response(Phase::InProgress), 0);
    }
    writer.push("response.in_progress", response(Phase::InProgress), 0);
    let status = answer.end.status();
    for (place, item) in answer.items.iter().enumerate() {
        writer.place = place;
        writer.item(item, status);
    }
    writer.push(&format!("response.{status}"), response(Phase::Ended), 0);
    writer.events
}

impl Writer<'_> {
    fn push(&mut self, kind: &str, mut fields: Value, tokens: u64) {
        fields["type"] = json!(kind);
        self.events.push(Event {
            value: fields,
            tokens,
        });
    }

    fn item(&mut self, item: &Item, status: &str) {
        let place = self.place;
        let named = match item {
            Item::Call { name, .. } => tokens::count(name),
            _ => 0,
        };
        let begun = json!({"output_index": place, "item": item.begun()});
        self.push("response.output_item.added", begun, named);
        match item {
            Item::Reasoning { summary, .. } => {
                if let Some(pieces) = summary {
                    self.summary(item.id(), pieces);
                }
            }
            Item::Search { .. } => {
                for step in ["in_progress", "searching", "completed"] {
                    let fields = json!({"output_index": place, "item_id": item.id()});
                    self.push(&format!("response.web_search_call.{step}"), fields, 0);
                }
            }
            Item::Message {
                said,
                pieces,
                logprobs,
                ..
            } => self.part(item, *said, pieces, *logprobs),
            Item::Call { pieces, .. } => {
                for piece in pieces {
                    let fields =
                        json!({"output_index": place, "item_id": item.id(), "delta": piece});
                    self.delta("response.function_call_arguments.delta", fields, 1);
                }
                let whole = json!({"output_index": place, "item_id": item.id(), "arguments": pieces.concat()});
                self.push("response.function_call_arguments.done", whole, 0);
            }
        }
        let ended = json!({"output_index": place, "item": item.ended(status)});
        self.push("response.output_item.done", ended, 0);
    }

    fn part(&mut self, item: &Item, said: Said, pieces: &[String], logprobs: Option<u64>) {
        let at = |fields: Value| {
            let mut all =
                json!({"item_id": item.id(), "output_index": self.place, "content_index": 0});
            if let (Value::Object(all), Value::Object(fields)) = (&mut all, fields) {
                all.extend(fields);
            }
            all
        };
        let (word, name) = match said {
            Said::Text => ("output_text", "text"),
            Said::Refusal => ("refusal", "refusal"),
        };
        let begun = at(json!({"part": item.part(false)}));
        let deltas: Vec<Value> = pieces
            .iter()
            .map(|piece| {
                let mut delta = at(json!({"delta": piece}));
                if said == Said::Text {
                    delta["logprobs"] = scores(std::slice::from_ref(piece), logprobs);
                }
                delta
            })
            .collect();
        let mut done = at(json!({name: pieces.concat()}));
        if said == Said::Text {
            done["logprobs"] = scores(pieces, logprobs);
        }
        let ended = at(json!({"part": item.part(true)}));
        self.push("response.content_part.added", begun, 0);
        for delta in deltas {
            self.delta(&format!("response.{word}.delta"), delta, 1);
        }
        self.push(&format!("response.{word}.done"), done, 0);
        self.push("response.content_part.done", ended, 0);
    }

    fn summary(&mut self, id: &str, pieces: &[String]) {
        let place = self.place;
        let at = || json!({"item_id": id, "output_index": place, "summary_index": 0});
        let part = |text: &str| {
            let mut fields = at();
            fields["part"] = json!({"type": "summary_text", "text": text});
            fields
        };
        self.push("response.reasoning_summary_part.added", part(""), 0);
        for piece in pieces {
            let mut fields = at();
            fields["delta"] = json!(piece);
            self.delta("response.reasoning_summary_text.delta", fields, 0);
        }
        let mut done = at();
        done["text"] = json!(pieces.concat());
        self.push("response.reasoning_summary_text.done", done, 0);
        let whole = part(&pieces.concat());
        self.push("response.reasoning_summary_part.done", whole, 0);
    }

    fn delta(&mut self, kind: &str, mut fields: Value, tokens: u64) {
        if self.obfuscated {
            let seed = self.setting.seed ^ self.events.len() as u64;
            let padding = letters(seed, OBFUSCATION_MAX);
            fields["obfuscation"] = json!(padding[..seed as usize % OBFUSCATION_MAX]);
        }
        self.push(kind, fields, tokens);
    }
}
