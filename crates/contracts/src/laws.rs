//! Laws between the values of an exchange, which no shape can say: sums, counts, equal ids, places in lists.
//!
//! Invariants: a law that lacks what it needs holds; a finding names places and numbers, never text.
//! Does not know: contracts, prices, wording.
//! Source: OpenAI API reference, chat completions, their chunks, responses, embeddings, models.

mod chat;
mod responses;
mod usage;
mod vectors;

use serde_json::Value;

use crate::difference::Difference;
use crate::exchange::{Exchange, Payload};
use crate::finding::{Finding, Place};

/// The laws that an exchange breaks. What an answer owes depends on its request, so the request has to be there.
pub fn laws(exchange: &Exchange) -> Vec<Finding> {
    let mut flaws = Flaws::default();
    let stem = match (exchange.route.as_str(), &exchange.answer) {
        _ if exchange.is_refused() => {
            refusal(exchange, &mut flaws);
            "error"
        }
        ("/chat/completions", Payload::Json(answer)) => {
            asked_for(exchange, false, &mut flaws);
            chat::whole(exchange, answer, &mut flaws);
            "chat_completion"
        }
        ("/chat/completions", Payload::Events(_)) => {
            asked_for(exchange, true, &mut flaws);
            chat::stream(exchange, &mut flaws);
            "chat_completion_chunk"
        }
        ("/completions", Payload::Json(answer)) => {
            asked_for(exchange, false, &mut flaws);
            head(answer, &mut flaws);
            let unreported = answer["usage"].is_null();
            flaws.add_if(unreported, "usage", "is missing in a whole answer");
            usage::check(&answer["usage"], usage::Called::default(), &mut flaws);
            "completion"
        }
        ("/responses" | "/responses/{id}", Payload::Json(answer)) if answer["object"] != "list" => {
            asked_for(exchange, false, &mut flaws);
            responses::whole(exchange, answer, &mut flaws);
            "response"
        }
        ("/responses", Payload::Events(_)) => {
            asked_for(exchange, true, &mut flaws);
            responses::stream(exchange, &mut flaws);
            "response_event"
        }
        ("/embeddings", Payload::Json(answer)) => {
            vectors::check(exchange, answer, &mut flaws);
            "embeddings"
        }
        ("/models", Payload::Json(answer)) => {
            distinct(answer, &mut flaws);
            "models"
        }
        _ => return Vec::new(),
    };
    let find = |difference| Finding::new(stem, Place::Law, difference);
    flaws.0.into_iter().map(find).collect()
}

/// The laws that are broken so far.
#[derive(Default)]
struct Flaws(Vec<Difference>);

impl Flaws {
    /// `flaw` reads after the place: `is not the sum of its parts`.
    fn add(&mut self, place: impl Into<String>, flaw: impl Into<String>) {
        self.0.push(Difference::broken(place, flaw));
    }

    fn add_if(&mut self, broken: bool, place: &str, flaw: &str) {
        if broken {
            self.add(place, flaw);
        }
    }
}

fn asked_for(exchange: &Exchange, streamed: bool, flaws: &mut Flaws) {
    let asked = exchange.asked("stream") == true;
    if exchange.request.is_some() && asked != streamed {
        let flaw = if asked {
            "is whole though a stream was asked for"
        } else {
            "is a stream though none was asked for"
        };
        flaws.add("", flaw);
    }
}

fn refusal(exchange: &Exchange, flaws: &mut Flaws) {
    for body in exchange.values() {
        let message = body["error"]["message"].as_str();
        flaws.add_if(message == Some(""), "error.message", "says nothing");
    }
}

fn distinct(answer: &Value, flaws: &mut Flaws) {
    let models = answer["data"].as_array().into_iter().flatten();
    let mut ids: Vec<&str> = models.filter_map(|model| model["id"].as_str()).collect();
    let all = ids.len();
    ids.sort_unstable();
    ids.dedup();
    flaws.add_if(ids.len() < all, "data[].id", "stands twice");
}

/// What every answer says of itself: `created` counts seconds since 1970, not milliseconds, and names are not empty.
fn head(answer: &Value, flaws: &mut Flaws) {
    const SECONDS_MIN: i64 = 1_000_000_000;
    const SECONDS_MAX: i64 = 100_000_000_000;
    for name in ["created", "created_at"] {
        let odd = answer[name]
            .as_i64()
            .is_some_and(|created| !(SECONDS_MIN..SECONDS_MAX).contains(&created));
        flaws.add_if(odd, name, "is no time in seconds since 1970");
    }
    for name in ["id", "model"] {
        flaws.add_if(answer[name] == "", name, "is empty");
    }
}

#[cfg(test)]
mod tests;
