//! Puts a planned answer into bytes, as a script wants it.
//!
//! Invariants: without a script the bytes are exactly the plan's; events end as server-sent events do.
//! Does not know: time, connections, how a body ends.
//! Source: WHATWG HTML, "Server-sent events"; OpenAI API reference, streaming.

use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use serde_json::{Value, json};

use crate::headers::{self, Told};
use crate::lie::{Lie, Line};
use crate::plan::{Charge, Event, Plan, PlannedBody, Style};
use crate::refusal::{Refusal, error_body, usual_words};
use crate::script::{Quirk, Script};

pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) content_type: &'static str,
    pub(crate) headers: HeaderMap,
    pub(crate) pieces: Vec<Piece>,
    /// Whether the body's length is told before it.
    pub(crate) whole: bool,
    pub(crate) charge: Option<Charge>,
    pub(crate) late: Option<Charge>,
}

/// Bytes that leave together, and the output tokens in them.
pub(crate) struct Piece {
    pub(crate) bytes: Bytes,
    pub(crate) tokens: u64,
}

/// What surrounds a reply.
pub(crate) struct Frame<'a> {
    pub(crate) script: &'a Script,
    pub(crate) lies: &'a [Lie],
    pub(crate) seed: u64,
    pub(crate) keyward: bool,
    pub(crate) cache_hit: bool,
}

pub(crate) fn compose(planned: Result<Plan, Refusal>, frame: &Frame<'_>) -> Reply {
    let script = frame.script;
    let mut reply = match (
        &script.raw,
        script.status.filter(|status| status.as_u16() >= 400),
        planned,
    ) {
        (Some(raw), _, planned) => {
            raw_reply(raw, planned.ok().and_then(|plan| plan.charge), script)
        }
        (None, Some(status), planned) => {
            let charge = planned
                .ok()
                .and_then(|plan| plan.charge)
                .filter(|_| script.billed == Some(true));
            whole_reply(status, error(script, status), charge, frame)
        }
        (None, None, Err(refusal)) => whole_reply(refusal.status, refusal.body(), None, frame),
        (None, None, Ok(plan)) => plan_reply(plan, frame),
    };
    if script.has(Quirk::ErrorWithStatus200) && reply.status.as_u16() >= 400 {
        reply.status = StatusCode::OK;
    }
    let told = Told {
        seed: frame.seed,
        content_type: reply.content_type,
        charge: reply.charge.as_ref(),
        keyward: frame.keyward,
        whole: reply.whole,
        cache_hit: frame.cache_hit,
    };
    reply.headers = headers::write(&told);
    for (name, value) in &script.headers {
        // Not `extend`, which would keep the ordinary value beside the scripted one.
        reply.headers.insert(name, value.clone());
    }
    for lie in frame.lies {
        lie.head(&mut reply.status, &mut reply.headers);
    }
    if script.billed == Some(false) || frame.cache_hit {
        reply.charge = None;
        reply.late = None;
    }
    reply
}

fn raw_reply(raw: &Bytes, charge: Option<Charge>, script: &Script) -> Reply {
    let events = script.headers.iter().any(|(name, value)| {
        name == "content-type" && value.as_bytes().starts_with(b"text/event-stream")
    });
    Reply {
        status: script.status.unwrap_or(StatusCode::OK),
        content_type: headers::JSON,
        headers: HeaderMap::new(),
        pieces: vec![Piece {
            bytes: raw.clone(),
            tokens: 0,
        }],
        whole: !events,
        charge: charge.filter(|_| script.billed == Some(true)),
        late: None,
    }
}

fn plan_reply(plan: Plan, frame: &Frame<'_>) -> Reply {
    let status = frame.script.status.unwrap_or(StatusCode::OK);
    let mut reply = match plan.body {
        PlannedBody::Whole(value) => whole_reply(status, value, plan.charge, frame),
        PlannedBody::Stream(style, events) => Reply {
            status,
            content_type: headers::EVENTS,
            headers: HeaderMap::new(),
            pieces: stream(style, events, frame),
            whole: false,
            charge: plan.charge,
            late: None,
        },
        PlannedBody::Plain {
            content_type,
            bytes,
        } => Reply {
            status,
            content_type,
            headers: HeaderMap::new(),
            pieces: vec![Piece { bytes, tokens: 0 }],
            whole: true,
            charge: plan.charge,
            late: None,
        },
    };
    reply.late = plan.late;
    reply
}

fn whole_reply(
    status: StatusCode,
    value: Value,
    charge: Option<Charge>,
    frame: &Frame<'_>,
) -> Reply {
    let page = frame.lies.iter().find_map(|lie| lie.page(&value));
    let mut text = match page {
        Some(page) => page.to_owned(),
        None => told(value, frame.lies, status, 0),
    };
    if frame.script.fault.malformed {
        text.truncate(text.floor_char_boundary(text.len() / 2));
    }
    let content_type = match page {
        Some(_) => headers::PAGE,
        None if status.as_u16() >= 400 => headers::ERROR_JSON,
        None => headers::JSON,
    };
    let pieces = vec![Piece {
        bytes: text.into(),
        tokens: 0,
    }];
    Reply {
        status,
        content_type,
        headers: HeaderMap::new(),
        pieces,
        whole: true,
        charge,
        late: None,
    }
}

fn error(script: &Script, status: StatusCode) -> Value {
    let (message, kind, code) = usual_words(status);
    let words = &script.error;
    let message = words.message.as_deref().unwrap_or(message);
    error_body(
        message,
        words.kind.as_deref().unwrap_or(kind),
        &Value::Null,
        &script.error_code(code, status),
    )
}

fn told(mut value: Value, lies: &[Lie], status: StatusCode, number: usize) -> String {
    lies.iter()
        .for_each(|lie| lie.apply(&mut value, status, number));
    value.to_string()
}

fn stream(style: Style, mut events: Vec<Event>, frame: &Frame<'_>) -> Vec<Piece> {
    let (script, lies) = (frame.script, frame.lies);
    events.truncate(script.fault.error_after_chunks.unwrap_or(usize::MAX));
    lies.iter().for_each(|lie| lie.reorder(&mut events));
    if style == Style::Numbered {
        for (number, event) in events.iter_mut().enumerate() {
            event.value["sequence_number"] = number.into();
        }
    }
    let mut lines: Vec<Line> = events
        .into_iter()
        .enumerate()
        .map(|(number, event)| Line {
            name: name(style, &event.value),
            ..Line::new(
                told(event.value, lies, StatusCode::OK, number),
                event.tokens,
            )
        })
        .collect();
    if script.fault.malformed {
        lines.insert(lines.len().min(1), Line::new("{\"id\":\"chatcmpl-", 0));
    }
    if script.fault.error_after_chunks.is_some() {
        let status = script.status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let number = lines.len();
        let error = error_event(style, error(script, status), number);
        lines.push(Line {
            name: name(style, &error),
            ..Line::new(told(error, lies, status, number), 0)
        });
    } else if style == Style::Chunks && !script.has(Quirk::NoDone) {
        lines.push(Line::new("[DONE]", 0));
    }
    lies.iter().for_each(|lie| lie.twist_lines(&mut lines));
    lines.iter().map(|line| piece(line, script)).collect()
}

fn name(style: Style, event: &Value) -> Option<String> {
    let named = matches!(style, Style::Numbered | Style::Named);
    let kind = event["type"].as_str().filter(|_| named)?;
    Some(kind.to_owned())
}

/// The stream of a response has its errors flat, with a number.
fn error_event(style: Style, body: Value, number: usize) -> Value {
    if style != Style::Numbered {
        return body;
    }
    let error = &body["error"];
    json!({"type": "error", "code": error["code"], "message": error["message"], "param": error["param"], "sequence_number": number})
}

fn piece(line: &Line, script: &Script) -> Piece {
    let line_end = if script.has(Quirk::CarriageReturns) {
        "\r\n"
    } else {
        "\n"
    };
    let comment = if script.has(Quirk::CommentsBetweenEvents) {
        format!(": keep-alive{line_end}{line_end}")
    } else {
        String::new()
    };
    let event_end = if line.ends { line_end } else { "" };
    let name = match &line.name {
        Some(name) => format!("event: {name}{line_end}"),
        None => String::new(),
    };
    Piece {
        bytes: format!("{comment}{name}data: {}{line_end}{event_end}", line.data).into(),
        tokens: line.tokens,
    }
}

/// The answer to a request that could not even be read.
pub(crate) fn unread(refusal: Refusal, seed: u64) -> Reply {
    let frame = Frame {
        script: &Script::default(),
        lies: &[],
        seed,
        keyward: false,
        cache_hit: false,
    };
    compose(Err(refusal), &frame)
}
