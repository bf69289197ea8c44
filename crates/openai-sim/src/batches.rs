//! `/batches`: many calls in a file, answered later in another.
//!
//! Invariants: each line is answered as the call that it is; a batch is found undone so often as the script says, then
//! done, and is billed then; one that was cancelled is billed for the lines that were done.
//! Does not know: prices: that a batch costs half is the caller's to know; time.
//! Source: OpenAI API reference, "Batch"; the types of openai 3.54.0 (Python), Batch.

mod line;

use serde_json::{Value, json};

use crate::files::{self, NewFile};
use crate::hash::hexadecimal;
use crate::lists;
use crate::plan::{Charge, Plan, PlannedBody, Setting};
use crate::refusal::Refusal;
use crate::route::Visit;
use crate::{fields, hash};
use line::Line;

const POLLS: u64 = 1;
/// Units: seconds.
const LIFE_S: u64 = 24 * 3600;
const LINES_MAX: usize = 50_000;
const ENDPOINTS: [&str; 5] = [
    "/v1/chat/completions",
    "/v1/completions",
    "/v1/embeddings",
    "/v1/moderations",
    "/v1/responses",
];

#[derive(Clone)]
pub(crate) struct Batch {
    object: Value,
    lines: Vec<Line>,
    polls: u64,
    polls_left: u64,
    is_open: bool,
}

pub(crate) fn create(visit: &Visit<'_>, setting: &Setting<'_>) -> Result<Plan, Refusal> {
    let body = visit.json()?;
    let file = fields::text(&body, "input_file_id")?;
    let file = file.ok_or_else(|| Refusal::missing("input_file_id"))?;
    let endpoint = fields::text(&body, "endpoint")?.ok_or_else(|| Refusal::missing("endpoint"))?;
    let window = fields::text(&body, "completion_window")?;
    let window = window.ok_or_else(|| Refusal::missing("completion_window"))?;
    if !ENDPOINTS.contains(&endpoint) {
        let message = format!("Invalid value: '{endpoint}'. Batches can't call it.");
        return Err(Refusal::invalid(
            message,
            Some("endpoint"),
            Some("invalid_value"),
        ));
    }
    let input = files::known(file, setting)?;
    let text = String::from_utf8_lossy(&input.content);
    let lines: Vec<Line> = text
        .lines()
        .filter(|line| !line.trim().is_empty())
        .take(LINES_MAX)
        .enumerate()
        .map(|(number, text)| Line::answer(text, endpoint, number as u64, setting))
        .collect();
    let id = format!("batch_{}", hexadecimal(setting.seed));
    let counts = json!({"total": lines.len(), "completed": 0, "failed": 0});
    let object = json!({
        "id": id,
        "object": "batch",
        "endpoint": endpoint,
        "model": lines.iter().find_map(|line| line.model()),
        "errors": null,
        "input_file_id": file,
        "completion_window": window,
        "status": "validating",
        "output_file_id": null,
        "error_file_id": null,
        "created_at": setting.created,
        "in_progress_at": null,
        "expires_at": setting.created + LIFE_S,
        "finalizing_at": null,
        "completed_at": null,
        "failed_at": null,
        "expired_at": null,
        "cancelling_at": null,
        "cancelled_at": null,
        "request_counts": counts,
        "usage": null,
        "metadata": body["metadata"],
    });
    let polls = setting.script.answer.polls.unwrap_or(POLLS);
    let batch = Batch {
        object: object.clone(),
        lines,
        polls,
        polls_left: polls,
        is_open: true,
    };
    if setting.is_kept() {
        let bytes = batch.lines.iter().map(Line::bytes).sum();
        setting.objects.batches.put(&id, batch, bytes);
    }
    Ok(Plan::free(object))
}

pub(crate) fn list(visit: &Visit<'_>, setting: &Setting<'_>) -> Result<Plan, Refusal> {
    let batches = setting.objects.batches.all().into_iter();
    Ok(lists::page(
        batches.map(|batch| batch.object).collect(),
        visit.query(),
    ))
}

pub(crate) fn get(visit: &Visit<'_>, setting: &Setting<'_>) -> Result<Plan, Refusal> {
    let look = |batch: &mut Batch| match setting.is_kept() {
        true => batch.look(setting),
        false => (batch.object.clone(), None),
    };
    let found = setting.objects.batches.change(visit.id(), look);
    found.map(told).ok_or_else(|| unknown(visit))
}

pub(crate) fn cancel(visit: &Visit<'_>, setting: &Setting<'_>) -> Result<Plan, Refusal> {
    let cancel = |batch: &mut Batch| batch.cancel(setting);
    let found = setting.objects.batches.change(visit.id(), cancel);
    found.map(told).ok_or_else(|| unknown(visit))
}

impl Batch {
    fn look(&mut self, setting: &Setting<'_>) -> (Value, Option<Charge>) {
        if self.object["status"] == "cancelling" {
            self.object["status"] = json!("cancelled");
            self.object["cancelled_at"] = json!(setting.created);
        }
        if !self.is_open {
            return (self.object.clone(), None);
        }
        if self.polls_left > 0 {
            self.polls_left -= 1;
            self.object["status"] = json!("in_progress");
            self.object["in_progress_at"] = json!(setting.created);
            return (self.object.clone(), None);
        }
        let charge = self.end(self.lines.len(), setting);
        self.object["status"] = json!("completed");
        self.object["finalizing_at"] = json!(setting.created);
        self.object["completed_at"] = json!(setting.created);
        (self.object.clone(), charge)
    }

    fn cancel(&mut self, setting: &Setting<'_>) -> (Value, Option<Charge>) {
        if !self.is_open {
            return (self.object.clone(), None);
        }
        let looks = usize::try_from(self.polls - self.polls_left).unwrap_or(0);
        let of = usize::try_from(self.polls.max(1)).unwrap_or(1);
        let charge = self.end(self.lines.len() * looks / of, setting);
        self.object["status"] = json!("cancelling");
        self.object["cancelling_at"] = json!(setting.created);
        (self.object.clone(), charge)
    }

    /// Ends it with the first lines done: writes their files and counts.
    fn end(&mut self, done: usize, setting: &Setting<'_>) -> Option<Charge> {
        self.is_open = false;
        let lines = std::mem::take(&mut self.lines);
        let (good, bad): (Vec<&Line>, Vec<&Line>) =
            lines.iter().take(done).partition(|line| line.is_good());
        let total = lines.len();
        self.object["request_counts"] =
            json!({"total": total, "completed": good.len(), "failed": bad.len()});
        for (name, lines, salt) in [("output", &good, 1), ("error", &bad, 2)] {
            if lines.is_empty() {
                continue;
            }
            let text: String = lines.iter().map(|line| line.text() + "\n").collect();
            let id = self.object["id"].as_str().unwrap_or_default();
            let new = NewFile {
                seed: hash::hash(id.as_bytes()).wrapping_add(salt),
                filename: &format!("{id}_{name}.jsonl"),
                purpose: "batch_output",
                content: text.into(),
            };
            let file = files::keep(new, setting);
            self.object[format!("{name}_file_id")] = file["id"].clone();
        }
        let mut charges = good.iter().filter_map(|line| line.charge.clone());
        let first = charges.next()?;
        let charge = charges.fold(first, |mut sum, one| {
            sum.calls += one.calls;
            sum.input += one.input;
            sum.output += one.output;
            sum
        });
        let reasoning: u64 = good.iter().map(|line| line.reasoning()).sum();
        self.object["usage"] = json!({
            "input_tokens": charge.input,
            "input_tokens_details": {"cached_tokens": 0},
            "output_tokens": charge.output,
            "output_tokens_details": {"reasoning_tokens": reasoning},
            "total_tokens": charge.input + charge.output,
        });
        Some(charge)
    }
}

fn told((value, late): (Value, Option<Charge>)) -> Plan {
    Plan {
        body: PlannedBody::Whole(value),
        charge: None,
        late,
    }
}

fn unknown(visit: &Visit<'_>) -> Refusal {
    Refusal::not_found("Batch", visit.id())
}
