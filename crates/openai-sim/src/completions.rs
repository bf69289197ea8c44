//! `POST /completions`: a prompt is completed, as before there were chats.
//!
//! Invariants: the same request gives the same answer; whole and streamed say the same; all candidates of `best_of` are
//! counted, whatever is given back.
//! Does not know: HTTP, connections, time.
//! Source: OpenAI API reference, "Create completion" (legacy).

use serde_json::{Value, json};

use crate::catalogue::Kind;
use crate::chat::quoted;
use crate::fields;
use crate::hash::letters;
use crate::plan::{Charge, Event, Plan, PlannedBody, Setting, Style};
use crate::refusal::Refusal;
use crate::route::Visit;
use crate::script::TokenCounts;
use crate::tokens;

const CHOICES_MAX: u64 = 128;
/// What is generated unless the request says otherwise.
const OUTPUT_TOKENS: u64 = 16;

struct Choice {
    pieces: Vec<String>,
    finish_reason: String,
}

pub(crate) fn create(visit: &Visit<'_>, setting: &Setting<'_>) -> Result<Plan, Refusal> {
    let body = visit.json()?;
    let (name, model) = fields::model(&body)?;
    let Kind::Completion {
        context_tokens_max,
        output_tokens_max,
    } = model.kind
    else {
        return Err(Refusal::not_for(name, "v1/completions"));
    };
    let stream = fields::truth(&body, "stream")?;
    let count = fields::number(&body, "n", CHOICES_MAX)?.unwrap_or(1);
    let best_of = fields::number(&body, "best_of", CHOICES_MAX)?.unwrap_or(count);
    if best_of < count || (stream && best_of > count) {
        let message = "'best_of' must be at least 'n', and can't be larger in a stream.";
        return Err(Refusal::invalid(message, Some("best_of"), None));
    }
    let most = fields::number(&body, "max_tokens", output_tokens_max)?.unwrap_or(OUTPUT_TOKENS);
    let prompts = prompts(&body)?;
    let input = prompts.iter().map(|(_, tokens)| tokens).sum();
    if input > context_tokens_max {
        return Err(Refusal::context_too_long(
            context_tokens_max,
            input,
            "prompt",
        ));
    }
    let mut choices = Vec::new();
    let mut output = 0;
    for (prompt, _) in &prompts {
        let generated = (0..count).map(|_| choice(prompt, most, &body, setting));
        let generated: Vec<Choice> = generated.collect();
        let said: usize = generated.iter().map(|choice| choice.pieces.len()).sum();
        output += said as u64 / count * best_of;
        choices.extend(generated);
    }
    let counts = setting.counts(TokenCounts {
        input,
        output,
        ..TokenCounts::default()
    });
    let mut charge = Charge::new(&body, name, model, counts);
    let head = json!({
        "id": format!("cmpl-{}", letters(setting.seed, 29)),
        "object": "text_completion",
        "created": setting.created,
        "model": setting.served(model),
    });
    let usage = setting.usage(json!({
        "prompt_tokens": counts.input,
        "completion_tokens": counts.output,
        "total_tokens": counts.input + counts.output,
    }));
    let planned = if stream {
        let asked = body["stream_options"]["include_usage"] == true;
        let events = chunks(&head, &choices, asked.then_some(usage).flatten(), asked);
        let shown: u64 = events.iter().map(|event| event.tokens).sum();
        charge.hidden = charge.output.saturating_sub(shown);
        PlannedBody::Stream(Style::Chunks, events)
    } else {
        PlannedBody::Whole(whole(head, &choices, usage))
    };
    Ok(Plan::charged(planned, charge))
}

/// The texts to complete, and how many tokens each has.
fn prompts(body: &Value) -> Result<Vec<(String, u64)>, Refusal> {
    let prompt = fields::present(body, "prompt").ok_or_else(|| Refusal::missing("prompt"))?;
    let wrong = || Refusal::wrong_type("prompt", "a string or an array", prompt);
    let one = |value: &Value| match value {
        Value::String(text) => Ok((text.clone(), tokens::count(text))),
        Value::Array(ids) if ids.iter().all(Value::is_u64) => Ok((String::new(), ids.len() as u64)),
        _ => Err(wrong()),
    };
    match prompt {
        Value::Array(items) if items.iter().any(|item| !item.is_u64()) => {
            items.iter().map(one).collect()
        }
        other => Ok(vec![one(other)?]),
    }
}

fn choice(prompt: &str, most: u64, body: &Value, setting: &Setting<'_>) -> Choice {
    let wish = &setting.script.answer;
    let mut text = match &wish.text {
        Some(text) => text.clone(),
        None => quoted(prompt),
    };
    let stops: Vec<&str> = match &body["stop"] {
        Value::String(stop) => vec![stop],
        Value::Array(stops) => stops.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    };
    let end = stops.iter().filter_map(|stop| text.find(stop)).min();
    text.truncate(end.unwrap_or(text.len()));
    let mut pieces: Vec<String> = tokens::split(&text)
        .into_iter()
        .map(str::to_owned)
        .collect();
    let most = usize::try_from(most).unwrap_or(usize::MAX);
    let cut = pieces.len() > most;
    pieces.truncate(most);
    let finish_reason = if cut { "length" } else { "stop" };
    let finish_reason = wish.finish_reason.as_deref().unwrap_or(finish_reason);
    Choice {
        pieces,
        finish_reason: finish_reason.to_owned(),
    }
}

fn whole(mut answer: Value, choices: &[Choice], usage: Option<Value>) -> Value {
    let choice = |(index, choice): (usize, &Choice)| {
        json!({
            "text": choice.pieces.concat(),
            "index": index,
            "logprobs": null,
            "finish_reason": choice.finish_reason,
        })
    };
    answer["choices"] = choices.iter().enumerate().map(choice).collect();
    if let Some(usage) = usage {
        answer["usage"] = usage;
    }
    answer
}

fn chunks(head: &Value, choices: &[Choice], usage: Option<Value>, usage_asked: bool) -> Vec<Event> {
    let chunk = |choices: Value, usage: Value, tokens: u64| {
        let mut value = head.clone();
        value["choices"] = choices;
        if usage_asked {
            value["usage"] = usage;
        }
        Event { value, tokens }
    };
    let mut events = Vec::new();
    for (index, choice) in choices.iter().enumerate() {
        let said = |text: &str, end: Option<&str>| json!([{"text": text, "index": index, "logprobs": null, "finish_reason": end}]);
        for piece in &choice.pieces {
            events.push(chunk(said(piece, None), Value::Null, 1));
        }
        events.push(chunk(said("", Some(&choice.finish_reason)), Value::Null, 0));
    }
    if let Some(usage) = usage {
        events.push(chunk(json!([]), usage, 0));
    }
    events
}
