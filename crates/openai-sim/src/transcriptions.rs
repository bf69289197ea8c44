//! `POST /audio/transcriptions` and `POST /audio/translations`: what is heard in a file.
//!
//! Invariants: the same file is heard the same; the longer the file, the more it costs.
//! Does not know: sound; it hears the script's text, or one sentence.
//! Source: OpenAI API reference, "Create transcription", "Create translation", and the transcription's events.

use bytes::Bytes;
use serde_json::{Value, json};

use crate::catalogue::{Kind, Model};
use crate::form::Form;
use crate::plan::{Charge, Event, Plan, PlannedBody, Setting, Style};
use crate::refusal::Refusal;
use crate::route::Visit;
use crate::script::TokenCounts;
use crate::{fields, tokens};

/// About a second of compressed sound.
const SECOND_BYTES: u64 = 16_000;
const SECOND_TOKENS: u64 = 10;
const HEARD: &str = "The quick brown fox jumps over the lazy dog.";
const TEXT: &str = "text/plain; charset=utf-8";

/// What was heard, and what it costs.
struct Heard<'a> {
    text: &'a str,
    seconds: u64,
    by_tokens: bool,
    counts: TokenCounts,
}

pub(crate) fn transcribe(visit: &Visit<'_>, setting: &Setting<'_>) -> Result<Plan, Refusal> {
    let form = visit.form()?;
    let body = form.fields();
    let (heard, charge) = listen(&form, &body, setting, "v1/audio/transcriptions")?;
    let format = fields::text(&body, "response_format")?.unwrap_or("json");
    // The older model takes no notice of it.
    if fields::truth(&body, "stream")? && heard.by_tokens {
        let events = events(&heard, setting);
        return Ok(Plan::charged(
            PlannedBody::Stream(Style::Typed, events),
            charge,
        ));
    }
    let planned = match format {
        "json" => {
            let mut answer = json!({"text": heard.text});
            if let Some(usage) = setting.usage(heard.usage()) {
                answer["usage"] = usage;
            }
            PlannedBody::Whole(answer)
        }
        "verbose_json" if !heard.by_tokens => {
            let mut answer = verbose(&heard, "transcribe");
            if let Some(usage) = setting.usage(heard.usage()) {
                answer["usage"] = usage;
            }
            PlannedBody::Whole(answer)
        }
        other => plain(&heard, other)?,
    };
    Ok(Plan::charged(planned, charge))
}

pub(crate) fn translate(visit: &Visit<'_>, setting: &Setting<'_>) -> Result<Plan, Refusal> {
    let form = visit.form()?;
    let body = form.fields();
    let (heard, charge) = listen(&form, &body, setting, "v1/audio/translations")?;
    if heard.by_tokens {
        return Err(Refusal::not_for(
            &charge.payer.model,
            "v1/audio/translations",
        ));
    }
    let planned = match fields::text(&body, "response_format")?.unwrap_or("json") {
        "json" => PlannedBody::Whole(json!({"text": heard.text})),
        "verbose_json" => PlannedBody::Whole(verbose(&heard, "translate")),
        other => plain(&heard, other)?,
    };
    Ok(Plan::charged(planned, charge))
}

fn listen<'a>(
    form: &Form,
    body: &Value,
    setting: &'a Setting<'_>,
    route: &str,
) -> Result<(Heard<'a>, Charge), Refusal> {
    let (name, model): (&str, &'static Model) = fields::model(body)?;
    let Kind::Transcription { by_tokens } = model.kind else {
        return Err(Refusal::not_for(name, route));
    };
    let file = form.part("file").filter(|part| part.filename.is_some());
    let file = file.ok_or_else(|| Refusal::missing("file"))?;
    if file.bytes.is_empty() {
        let message = "The audio file could not be decoded or its format is not supported.";
        return Err(Refusal::invalid(
            message,
            Some("file"),
            Some("invalid_value"),
        ));
    }
    let seconds = (file.bytes.len() as u64).div_ceil(SECOND_BYTES);
    let text = setting.script.answer.text.as_deref().unwrap_or(HEARD);
    let counted = match by_tokens {
        true => TokenCounts {
            input: seconds * SECOND_TOKENS + body["prompt"].as_str().map_or(0, tokens::count),
            output: tokens::count(text),
            ..TokenCounts::default()
        },
        false => TokenCounts::default(),
    };
    let counts = setting.counts(counted);
    let heard = Heard {
        text,
        seconds,
        by_tokens,
        counts,
    };
    Ok((heard, Charge::new(body, name, model, counts)))
}

impl Heard<'_> {
    fn usage(&self) -> Value {
        let counts = self.counts;
        if !self.by_tokens {
            return json!({"type": "duration", "seconds": self.seconds});
        }
        let audio_tokens = (self.seconds * SECOND_TOKENS).min(counts.input);
        json!({
            "type": "tokens",
            "input_tokens": counts.input,
            "input_token_details": {"audio_tokens": audio_tokens, "text_tokens": counts.input - audio_tokens},
            "output_tokens": counts.output,
            "total_tokens": counts.input + counts.output,
        })
    }
}

fn events(heard: &Heard<'_>, setting: &Setting<'_>) -> Vec<Event> {
    let mut events: Vec<Event> = tokens::split(heard.text)
        .into_iter()
        .map(|piece| Event {
            value: json!({"type": "transcript.text.delta", "delta": piece}),
            tokens: 1,
        })
        .collect();
    let mut done = json!({"type": "transcript.text.done", "text": heard.text});
    if let Some(usage) = setting.usage(heard.usage()) {
        done["usage"] = usage;
    }
    events.push(Event {
        value: done,
        tokens: 0,
    });
    events
}

fn verbose(heard: &Heard<'_>, task: &str) -> Value {
    let segment = json!({
        "id": 0, "seek": 0, "start": 0.0, "end": heard.seconds as f64, "text": heard.text, "tokens": [50364],
        "temperature": 0.0, "avg_logprob": -0.25, "compression_ratio": 1.25, "no_speech_prob": 0.01,
    });
    json!({
        "task": task,
        "language": "english",
        "duration": heard.seconds as f64,
        "text": heard.text,
        "segments": [segment],
    })
}

fn plain(heard: &Heard<'_>, format: &str) -> Result<PlannedBody, Refusal> {
    let (text, seconds) = (heard.text, heard.seconds);
    let (hours, minutes, rest) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    let text = match format {
        "text" => format!("{text}\n"),
        "srt" if !heard.by_tokens => {
            format!("1\n00:00:00,000 --> {hours:02}:{minutes:02}:{rest:02},000\n{text}\n\n\n")
        }
        "vtt" if !heard.by_tokens => {
            format!("WEBVTT\n\n00:00:00.000 --> {hours:02}:{minutes:02}:{rest:02}.000\n{text}\n\n")
        }
        _ => {
            let message = format!("response_format '{format}' is not compatible with this model.");
            return Err(Refusal::invalid(
                message,
                Some("response_format"),
                Some("unsupported_value"),
            ));
        }
    };
    Ok(PlannedBody::Plain {
        content_type: TEXT,
        bytes: Bytes::from(text),
    })
}
