//! Plays a cassette: finds the recorded answer to a call and gives it with its timing.
//!
//! Invariants: equal requests get their answers in the order of the recording, and the last one again after that; a
//! request that the cassette lacks gets an error that names what is nearest, never another's answer.
//! Does not know: keys, scripts, lies.

use std::collections::{BTreeMap, VecDeque};
use std::future::pending;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http::header::CONTENT_LENGTH;
use http::{HeaderName, HeaderValue, Response, StatusCode};
use serde_json::Value;

use crate::calls::SeenCall;
use crate::cassette::{self, Cassette, Ending, Recorded};
use crate::meter::Meter;
use crate::playback::{Playback, Step};
use crate::refusal::Refusal;
use crate::server::Peer;

/// Differences that an error names.
const DIFFERENCES_NAMED_MAX: usize = 3;

/// How fast a cassette is played.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Timing {
    /// With the waits of the recording.
    #[default]
    AsRecorded,
    /// Without waits; what never came still does not.
    Fast,
}

pub(crate) struct Player {
    cassette: Arc<Cassette>,
    timing: Timing,
    /// How often the exchanges that answer equal requests were taken, by the first of them.
    taken: Mutex<BTreeMap<usize, usize>>,
}

/// A recorded exchange that is to be played.
pub(crate) struct Take<'a> {
    exchange: &'a Recorded,
    timing: Timing,
}

impl Player {
    pub(crate) fn new(cassette: Arc<Cassette>, timing: Timing) -> Self {
        Self {
            cassette,
            timing,
            taken: Mutex::default(),
        }
    }

    /// Begins anew.
    pub(crate) fn rewind(&self) {
        self.taken
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clear();
    }

    /// Errors: the cassette has no such request.
    pub(crate) fn take(&self, call: &SeenCall) -> Result<Take<'_>, Refusal> {
        let path = match &call.query {
            Some(query) => format!("{}?{query}", call.path),
            None => call.path.clone(),
        };
        let path = cassette::path_like_recorded(&path);
        let request = cassette::request_of(&call.body);
        let request = cassette::request_like_recorded(&path, request.as_ref());
        let route: Vec<(usize, &Recorded)> = self
            .cassette
            .exchanges
            .iter()
            .enumerate()
            .filter(|(_, exchange)| {
                exchange.path == path && exchange.method == call.method.as_str()
            })
            .collect();
        let equal: Vec<&(usize, &Recorded)> = route
            .iter()
            .filter(|(_, exchange)| exchange.request == request)
            .collect();
        let Some((first, _)) = equal.first() else {
            return Err(lacking(
                call.method.as_str(),
                &path,
                &route,
                request.as_ref(),
            ));
        };
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let times = taken.entry(*first).or_default();
        let turn = (*times).min(equal.len() - 1);
        *times += 1;
        let (_, exchange) = equal[turn];
        Ok(Take {
            exchange,
            timing: self.timing,
        })
    }
}

impl Take<'_> {
    /// Errors: nothing was answered when this was recorded.
    pub(crate) async fn play(self, meter: Meter, peer: &Peer) -> io::Result<Response<Playback>> {
        let exchange = self.exchange;
        self.wait(exchange.headers_after_ms).await;
        let Some(status) = exchange.status else {
            return match exchange.ending {
                Ending::Timeout | Ending::Left => pending().await,
                Ending::Whole | Ending::Cut => {
                    Err(io::Error::from(io::ErrorKind::ConnectionAborted))
                }
            };
        };
        let chunks = cassette::expand(exchange);
        let body_bytes: usize = chunks.iter().map(|chunk| chunk.bytes.len()).sum();
        let mut steps = VecDeque::with_capacity(chunks.len() * 2 + 1);
        let mut now_ms = exchange.headers_after_ms;
        for chunk in chunks {
            let wait = Duration::from_millis(chunk.after_ms.saturating_sub(now_ms));
            now_ms = now_ms.max(chunk.after_ms);
            if self.timing == Timing::AsRecorded && !wait.is_zero() {
                steps.push_back(Step::Wait(wait));
            }
            steps.push_back(Step::Send {
                bytes: chunk.bytes,
                tokens: 0,
            });
        }
        match exchange.ending {
            Ending::Whole => {}
            Ending::Cut => steps.push_back(Step::Fail { reset: false }),
            Ending::Timeout | Ending::Left => steps.push_back(Step::Hang),
        }
        let mut response = Response::new(Playback::new(steps, meter, peer.reset.clone()));
        *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_GATEWAY);
        for (name, value) in &exchange.headers {
            if let (Ok(name), Ok(value)) =
                (HeaderName::try_from(name), HeaderValue::try_from(value))
            {
                response.headers_mut().append(name, value);
            }
        }
        if exchange.ending == Ending::Whole && !exchange.is_stream() {
            response
                .headers_mut()
                .insert(CONTENT_LENGTH, body_bytes.into());
        }
        Ok(response)
    }

    async fn wait(&self, milliseconds: u64) {
        if self.timing == Timing::AsRecorded && milliseconds > 0 {
            tokio::time::sleep(Duration::from_millis(milliseconds)).await;
        }
    }
}

/// Names fields only, not what they say.
fn lacking(
    method: &str,
    path: &str,
    route: &[(usize, &Recorded)],
    request: Option<&Value>,
) -> Refusal {
    let null = Value::Null;
    let asked = request.unwrap_or(&null);
    let nearest = route
        .iter()
        .map(|(index, exchange)| {
            let mut found = Vec::new();
            differences(
                asked,
                exchange.request.as_ref().unwrap_or(&null),
                "",
                &mut found,
            );
            (found, *index)
        })
        .min_by_key(|(found, _)| found.len());
    let message = match nearest {
        None => format!("The cassette has no {method} {path}."),
        Some((found, index)) => {
            let named = found.len().min(DIFFERENCES_NAMED_MAX);
            let rest = match found.len() - named {
                0 => String::new(),
                rest => format!(" and {rest} more"),
            };
            format!(
                "The cassette has no such {method} {path}. Nearest is exchange {}, which differs in {}{rest}.",
                index + 1,
                found[..named].join(", ")
            )
        }
    };
    Refusal::not_in_cassette(message)
}

fn differences(left: &Value, right: &Value, way: &str, found: &mut Vec<String>) {
    match (left, right) {
        (Value::Object(left), Value::Object(right)) => {
            let names = left
                .keys()
                .chain(right.keys().filter(|name| !left.contains_key(*name)));
            for name in names {
                let dot = if way.is_empty() { "" } else { "." };
                let way = format!("{way}{dot}{name}");
                match (left.get(name), right.get(name)) {
                    (Some(left), Some(right)) => differences(left, right, &way, found),
                    _ => found.push(way),
                }
            }
        }
        (Value::Array(left), Value::Array(right)) if left.len() == right.len() => {
            for (index, (left, right)) in left.iter().zip(right).enumerate() {
                differences(left, right, &format!("{way}[{index}]"), found);
            }
        }
        _ if left == right => {}
        _ if way.is_empty() => found.push("the body".to_owned()),
        _ => found.push(way.to_owned()),
    }
}
