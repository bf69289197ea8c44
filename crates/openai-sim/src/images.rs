//! `POST /images/generations` and `POST /images/edits`.
//!
//! Invariants: as many images as were asked for; the counted output grows with quality and number.
//! Does not know: what the images show: all are one grey dot.
//! Source: OpenAI API reference, "Images"; tokens by quality from the image generation guide.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::catalogue::Kind;
use crate::plan::{Charge, Event, Plan, PlannedBody, Setting, Style};
use crate::refusal::Refusal;
use crate::route::Visit;
use crate::script::TokenCounts;
use crate::{fields, tokens};

const IMAGES_MAX: u64 = 10;
const PARTIAL_IMAGES_MAX: u64 = 3;
/// Of an image that is sent along.
const INPUT_IMAGE_TOKENS: u64 = 323;
/// The smallest PNG: one pixel.
const IMAGE: [u8; 67] = [
    137, 80, 78, 71, 13, 10, 26, 10, 0, 0, 0, 13, 73, 72, 68, 82, 0, 0, 0, 1, 0, 0, 0, 1, 8, 0, 0,
    0, 0, 58, 126, 155, 85, 0, 0, 0, 10, 73, 68, 65, 84, 120, 218, 99, 104, 0, 0, 0, 130, 0, 129,
    218, 69, 8, 59, 0, 0, 0, 0, 73, 69, 78, 68, 174, 66, 96, 130,
];

/// What both routes have.
struct Ask {
    fields: Value,
    images: u64,
    /// The first word of the events.
    word: &'static str,
    route: &'static str,
}

pub(crate) fn generate(visit: &Visit<'_>, setting: &Setting<'_>) -> Result<Plan, Refusal> {
    let ask = Ask {
        fields: visit.json()?,
        images: 0,
        word: "image_generation",
        route: "v1/images/generations",
    };
    plan(&ask, setting)
}

pub(crate) fn edit(visit: &Visit<'_>, setting: &Setting<'_>) -> Result<Plan, Refusal> {
    let form = visit.form()?;
    if form.part("image").is_none() {
        return Err(Refusal::missing("image"));
    }
    let ask = Ask {
        fields: form.fields(),
        images: form.count("image"),
        word: "image_edit",
        route: "v1/images/edits",
    };
    plan(&ask, setting)
}

fn plan(ask: &Ask, setting: &Setting<'_>) -> Result<Plan, Refusal> {
    let body = &ask.fields;
    let (name, model) = fields::model(body)?;
    if model.kind != Kind::Image {
        return Err(Refusal::not_for(name, ask.route));
    }
    let prompt = fields::text(body, "prompt")?.ok_or_else(|| Refusal::missing("prompt"))?;
    let count = fields::number(body, "n", IMAGES_MAX)?.unwrap_or(1);
    let (quality, each) = match body["quality"].as_str() {
        Some("low") => ("low", 272),
        Some("high") => ("high", 4160),
        _ => ("medium", 1056),
    };
    let text_tokens = tokens::count(prompt);
    let image_tokens = ask.images * INPUT_IMAGE_TOKENS;
    let counts = setting.counts(TokenCounts {
        input: text_tokens + image_tokens,
        output: each * count,
        ..TokenCounts::default()
    });
    let usage = setting.usage(json!({
        "input_tokens": counts.input,
        "input_tokens_details": {"image_tokens": image_tokens, "text_tokens": counts.input.saturating_sub(image_tokens)},
        "output_tokens": counts.output,
        "output_tokens_details": {"image_tokens": counts.output, "text_tokens": 0},
        "total_tokens": counts.input + counts.output,
    }));
    let word = |name: &str, usual: &'static str| match body[name].as_str() {
        None | Some("auto") => json!(usual),
        Some(word) => json!(word),
    };
    let said = json!({
        "background": word("background", "opaque"),
        "output_format": word("output_format", "png"),
        "quality": quality,
        "size": word("size", "1024x1024"),
    });
    let mut charge = Charge::new(body, name, model, counts);
    let planned = if fields::truth(body, "stream")? {
        let partial = body["partial_images"].as_u64().unwrap_or(0);
        // An image is generated whole, whoever waits for it.
        charge.hidden = charge.output;
        let events = events(
            ask.word,
            &said,
            partial.min(PARTIAL_IMAGES_MAX),
            usage,
            setting,
        );
        PlannedBody::Stream(Style::Named, events)
    } else {
        let mut answer = said;
        answer["created"] = json!(setting.created);
        answer["data"] = (0..count).map(|_| json!({"b64_json": image()})).collect();
        if let Some(usage) = usage {
            answer["usage"] = usage;
        }
        PlannedBody::Whole(answer)
    };
    Ok(Plan::charged(planned, charge))
}

fn events(
    word: &str,
    said: &Value,
    partial: u64,
    usage: Option<Value>,
    setting: &Setting<'_>,
) -> Vec<Event> {
    let event = |kind: &str| {
        let mut value = said.clone();
        value["type"] = json!(format!("{word}.{kind}"));
        value["b64_json"] = json!(image());
        value["created_at"] = json!(setting.created);
        Event { value, tokens: 0 }
    };
    let mut events: Vec<Event> = (0..partial)
        .map(|index| {
            let mut event = event("partial_image");
            event.value["partial_image_index"] = json!(index);
            event
        })
        .collect();
    let mut completed = event("completed");
    if let Some(mut usage) = usage {
        // Streams tell less of the output.
        if let Some(usage) = usage.as_object_mut() {
            usage.remove("output_tokens_details");
        }
        completed.value["usage"] = usage;
    }
    events.push(completed);
    events
}

fn image() -> String {
    STANDARD.encode(IMAGE)
}
