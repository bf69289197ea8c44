//! One line of a batch, and its answer.
//!
//! Invariants: a line is answered as if it had come by itself; one that is no call, or calls another route than the
//! batch, fails alone.
//! Does not know: files, when it is answered.

use http::{HeaderMap, Method};
use serde_json::{Value, json};

use crate::calls::SeenCall;
use crate::hash::{hash, hexadecimal};
use crate::plan::{Charge, PlannedBody, Setting};
use crate::refusal::error_body;
use crate::route;
use crate::script::Script;

#[derive(Clone)]
pub(super) struct Line {
    status: u16,
    answer: Value,
    id: String,
    custom_id: Value,
    pub(super) charge: Option<Charge>,
}

impl Line {
    pub(super) fn answer(text: &str, endpoint: &str, number: u64, setting: &Setting<'_>) -> Self {
        let call: Value = serde_json::from_str(text).unwrap_or_default();
        let seed = setting.seed ^ hash(&number.to_le_bytes());
        let fits = call["method"] == "POST" && call["url"] == endpoint && call["body"].is_object();
        let failure = setting.script.answer.failure.as_deref();
        let (status, answer, charge) = match (fits, failure) {
            (true, None) => planned(&call["body"], endpoint, seed, setting),
            (true, Some(code)) => (500, error("The line failed.", code), None),
            (false, _) => (
                400,
                error("The line is no call of the batch.", "invalid_request"),
                None,
            ),
        };
        Self {
            status,
            answer,
            id: hexadecimal(seed),
            custom_id: call["custom_id"].clone(),
            charge,
        }
    }

    pub(super) fn is_good(&self) -> bool {
        self.status < 400
    }

    pub(super) fn model(&self) -> Option<&str> {
        self.answer["model"].as_str()
    }

    pub(super) fn reasoning(&self) -> u64 {
        let usage = &self.answer["usage"];
        let details = ["completion_tokens_details", "output_tokens_details"];
        let counts = details.map(|name| usage[name]["reasoning_tokens"].as_u64().unwrap_or(0));
        counts.iter().sum()
    }

    /// About what it takes to hold it.
    pub(super) fn bytes(&self) -> usize {
        self.answer.to_string().len() * 2
    }

    /// As it stands in the file of answers.
    pub(super) fn text(&self) -> String {
        let id = &self.id;
        let response = json!({"status_code": self.status, "request_id": id, "body": self.answer});
        json!({"id": format!("batch_req_{id}"), "custom_id": self.custom_id, "response": response, "error": null})
            .to_string()
    }
}

fn planned(
    body: &Value,
    endpoint: &str,
    seed: u64,
    setting: &Setting<'_>,
) -> (u16, Value, Option<Charge>) {
    let path = endpoint.strip_prefix("/v1").unwrap_or(endpoint);
    let call = SeenCall {
        number: 0,
        method: Method::POST,
        path: path.to_owned(),
        query: None,
        headers: HeaderMap::new(),
        body: body.to_string().into(),
        connection: 0,
    };
    let own = Setting {
        seed,
        created: setting.created,
        script: &Script::default(),
        objects: setting.objects,
    };
    match route::plan(&call, Some(path), None, &own) {
        Ok(plan) => match plan.body {
            PlannedBody::Whole(answer) => (200, answer, plan.charge),
            PlannedBody::Stream(..) | PlannedBody::Plain { .. } => (
                400,
                error("A batch has no streams.", "invalid_request"),
                None,
            ),
        },
        Err(refusal) => (refusal.status.as_u16(), refusal.body(), None),
    }
}

fn error(message: &str, code: &str) -> Value {
    error_body(message, "invalid_request_error", &Value::Null, &json!(code))
}
