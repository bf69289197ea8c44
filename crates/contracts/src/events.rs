//! A plain reader of server-sent events, for whole bodies.
//!
//! Invariants: shares no code with the clients that are checked by it; what has no empty line behind it is no event.
//! Does not know: chat, chunks as the network cuts them.
//! Source: WHATWG HTML, "Server-sent events", interpreting an event stream.

use serde_json::Value;

/// One event of a stream.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// Its `event` field, if it has one.
    pub name: Option<String>,
    /// Its `data` lines.
    pub data: EventData,
}

/// The data of an event.
#[derive(Clone, Debug, PartialEq)]
pub enum EventData {
    /// A JSON value.
    Json(Value),
    /// Anything else, as `[DONE]`.
    Text(String),
}

/// The events of a whole body. Comments are passed over; an event without data is none.
pub fn events(body: &[u8]) -> Vec<Event> {
    let text = String::from_utf8_lossy(body);
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    let mut events = Vec::new();
    let (mut name, mut data) = (None, None::<String>);
    for line in lines(text) {
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "" if line.is_empty() => {
                let name = name.take().filter(|name: &String| !name.is_empty());
                if let Some(data) = data.take() {
                    events.push(Event {
                        name,
                        data: read(data),
                    });
                }
            }
            "event" => name = Some(value.to_owned()),
            "data" => {
                data = Some(data.map_or_else(|| value.to_owned(), |data| data + "\n" + value));
            }
            _ => {}
        }
    }
    events
}

/// Whether a body begins as a stream of events does.
pub(crate) fn is_events(body: &[u8]) -> bool {
    [&b"data:"[..], b"event:", b"id:", b"retry:", b":"]
        .iter()
        .any(|start| body.starts_with(start))
}

fn read(data: String) -> EventData {
    // `[DONE]` is no JSON, and a number or a quoted text are nothing that the API sends.
    match serde_json::from_str(&data) {
        Ok(value) => EventData::Json(value),
        Err(_) => EventData::Text(data),
    }
}

/// The lines that are ended, by CR LF, LF or CR.
fn lines(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let end = rest.find(['\n', '\r'])?;
        let line = &rest[..end];
        let after = &rest[end..];
        rest = after
            .strip_prefix("\r\n")
            .unwrap_or_else(|| after.get(1..).unwrap_or_default());
        Some(line)
    })
}

#[cfg(test)]
mod tests {
    use super::{Event, EventData, events};
    use proptest::prelude::{prop, proptest};
    use serde_json::json;

    fn event(data: EventData) -> Event {
        Event { name: None, data }
    }

    #[test]
    fn events_end_at_empty_lines() {
        let expected = [
            event(EventData::Json(json!({"a": 1}))),
            event(EventData::Text("[DONE]".to_owned())),
        ];
        for body in [
            "data: {\"a\":1}\n\ndata: [DONE]\n\n",
            "data:{\"a\":1}\r\n\r\n: keep-alive\r\n\r\ndata: [DONE]\r\n\r\n",
            "\u{feff}data: {\"a\":\rdata: 1}\r\rid: 7\rdata: [DONE]\r\r",
        ] {
            assert_eq!(events(body.as_bytes()), expected, "{body:?}");
        }
    }

    #[test]
    fn what_is_not_ended_is_no_event_and_what_is_not_separated_is_one() {
        assert_eq!(events(b"data: {}\n"), []);
        assert_eq!(events(b"event: x\n\n: y\n\n\n"), []);
        let joined = events(b"data: {}\ndata: [DONE]\n\n");
        assert_eq!(joined, [event(EventData::Text("{}\n[DONE]".to_owned()))]);
        let named = events(b"event: done\ndata: 1\n\ndata: 2\n\n");
        assert_eq!(named[0].name.as_deref(), Some("done"));
        assert_eq!(named[1].name, None);
    }

    proptest! {
        #[test]
        fn what_was_written_is_read(numbers in prop::collection::vec(0_u32..9, 0..6)) {
            let body: String = numbers.iter().map(|number| format!("data: {number}\n\n")).collect();
            let read: Vec<Event> = numbers.iter().map(|number| event(EventData::Json(json!(number)))).collect();
            assert_eq!(events(body.as_bytes()), read);
        }
    }
}
