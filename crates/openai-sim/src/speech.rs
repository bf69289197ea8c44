//! `POST /audio/speech`: a text becomes sound, as bytes or as events.
//!
//! Invariants: the same text gives the same bytes, the same by both ways.
//! Does not know: how anything sounds: it is silence of a length.
//! Source: OpenAI API reference, "Create speech" and its stream events.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde_json::{Value, json};

use crate::catalogue::Kind;
use crate::fields;
use crate::plan::{Charge, Event, Plan, PlannedBody, Setting, Style};
use crate::refusal::Refusal;
use crate::route::Visit;
use crate::script::TokenCounts;
use crate::tokens;

const CHARACTERS_MAX: usize = 4096;
/// How long a character takes.
const CHARACTER_BYTES: usize = 240;
/// Bytes of one event.
const EVENT_BYTES: usize = 4096;
/// Tokens of sound for a token of text.
const SOUND_TOKENS: u64 = 8;
const FORMATS: [(&str, &str); 6] = [
    ("mp3", "audio/mpeg"),
    ("opus", "audio/opus"),
    ("aac", "audio/aac"),
    ("flac", "audio/flac"),
    ("wav", "audio/wav"),
    ("pcm", "audio/pcm"),
];

pub(crate) fn create(visit: &Visit<'_>, setting: &Setting<'_>) -> Result<Plan, Refusal> {
    let body = visit.json()?;
    let (name, model) = fields::model(&body)?;
    let Kind::Speech { by_tokens } = model.kind else {
        return Err(Refusal::not_for(name, "v1/audio/speech"));
    };
    let input = fields::text(&body, "input")?.ok_or_else(|| Refusal::missing("input"))?;
    if fields::present(&body, "voice").is_none() {
        return Err(Refusal::missing("voice"));
    }
    let characters = input.chars().count();
    if characters > CHARACTERS_MAX {
        let message =
            format!("'input' has {characters} characters; at most {CHARACTERS_MAX} can be spoken.");
        return Err(Refusal::invalid(
            message,
            Some("input"),
            Some("string_too_long"),
        ));
    }
    let format = fields::text(&body, "response_format")?.unwrap_or("mp3");
    let Some((_, content_type)) = FORMATS.iter().find(|(known, _)| *known == format) else {
        let message = format!("Invalid value: '{format}' is no format of sound.");
        return Err(Refusal::invalid(
            message,
            Some("response_format"),
            Some("invalid_value"),
        ));
    };
    let counted = match by_tokens {
        true => TokenCounts {
            input: tokens::count(input),
            output: tokens::count(input) * SOUND_TOKENS,
            ..TokenCounts::default()
        },
        false => TokenCounts::default(),
    };
    let counts = setting.counts(counted);
    let mut charge = Charge::new(&body, name, model, counts);
    let sound = sound(format, characters * CHARACTER_BYTES);
    if fields::text(&body, "stream_format")? != Some("sse") {
        let planned = PlannedBody::Plain {
            content_type,
            bytes: sound,
        };
        return Ok(Plan::charged(planned, charge));
    }
    if !by_tokens {
        let message = "This model does not support streaming by events.";
        return Err(Refusal::invalid(message, Some("stream_format"), None));
    }
    let usage = setting.usage(json!({
        "input_tokens": counts.input,
        "output_tokens": counts.output,
        "total_tokens": counts.input + counts.output,
    }));
    let events = events(&sound, counts.output, usage);
    charge.hidden = 0;
    Ok(Plan::charged(
        PlannedBody::Stream(Style::Typed, events),
        charge,
    ))
}

fn events(sound: &[u8], tokens: u64, usage: Option<Value>) -> Vec<Event> {
    let pieces = sound.len().div_ceil(EVENT_BYTES).max(1) as u64;
    let mut events: Vec<Event> = sound
        .chunks(EVENT_BYTES)
        .enumerate()
        .map(|(turn, piece)| Event {
            value: json!({"type": "speech.audio.delta", "audio": STANDARD.encode(piece)}),
            // The rest goes with the first.
            tokens: tokens / pieces + if turn == 0 { tokens % pieces } else { 0 },
        })
        .collect();
    let mut done = json!({"type": "speech.audio.done"});
    if let Some(usage) = usage {
        done["usage"] = usage;
    }
    events.push(Event {
        value: done,
        tokens: 0,
    });
    events
}

/// Silence with the beginning of its format.
fn sound(format: &str, length: usize) -> Bytes {
    let mut bytes = match format {
        "mp3" => b"\xff\xf3\x64\xc4".to_vec(),
        "opus" => b"OggS".to_vec(),
        "aac" => b"\xff\xf1\x5c\x40".to_vec(),
        "flac" => b"fLaC".to_vec(),
        // A stream of unknown length, as the API writes it.
        "wav" => b"RIFF\xff\xff\xff\xffWAVEfmt ".to_vec(),
        _ => Vec::new(),
    };
    bytes.resize(length.max(bytes.len()), 0);
    bytes.into()
}
