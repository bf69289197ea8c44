//! One question: a route, a body, and how its answer is judged later.
//!
//! Invariants: the route has no prefix and no host; no question asks for more output than its body says.
//! Does not know: who is asked.

use serde_json::{Value, json};

/// A question that can go through any door.
pub(crate) struct Ask {
    pub(crate) method: &'static str,
    /// Without prefix, as in `/chat/completions`.
    pub(crate) path: String,
    /// As contracts name it: `/models/{model}`.
    pub(crate) route: &'static str,
    pub(crate) body: Option<Value>,
    pub(crate) headers: Vec<(&'static str, String)>,
    /// Whether both doors are asked the same and the answers are compared.
    pub(crate) paired: bool,
}

impl Ask {
    /// A chat call.
    pub(crate) fn chat(body: Value) -> Self {
        Self::new("POST", "/chat/completions", "/chat/completions", Some(body))
    }

    /// An embedding call. keyward's cache is left out, so that the upstream is asked.
    pub(crate) fn embeddings(body: Value) -> Self {
        Self::new("POST", "/embeddings", "/embeddings", Some(body))
            .header("cache-control", "no-store")
    }

    /// The models.
    pub(crate) fn models() -> Self {
        Self::new("GET", "/models", "/models", None)
    }

    /// One model.
    pub(crate) fn model(id: &str) -> Self {
        Self::new("GET", &format!("/models/{id}"), "/models/{model}", None)
    }

    /// What a call cost, by keyward.
    pub(crate) fn call(request_id: &str) -> Self {
        Self::new(
            "GET",
            &format!("/keyward/calls/{request_id}"),
            "/keyward/calls/{id}",
            None,
        )
        .alone()
    }

    fn new(method: &'static str, path: &str, route: &'static str, body: Option<Value>) -> Self {
        Self {
            method,
            path: path.to_owned(),
            route,
            body,
            headers: Vec::new(),
            paired: true,
        }
    }

    /// Adds a header; one of the same name goes.
    pub(crate) fn header(mut self, name: &'static str, value: &str) -> Self {
        self.headers.retain(|(known, _)| *known != name);
        self.headers.push((name, value.to_owned()));
        self
    }

    /// Takes the answer out of the comparison between the doors: keyward answers this one itself.
    pub(crate) fn alone(mut self) -> Self {
        self.paired = false;
        self
    }

    /// The most tokens that the call can take: a token has at least one byte, and a chat's template adds a few.
    pub(crate) fn tokens_max(&self) -> (u64, u64) {
        let Some(body) = &self.body else {
            return (0, 0);
        };
        let input = body.to_string().len() as u64;
        let output = body["max_completion_tokens"].as_u64().unwrap_or(0);
        (input, output * body["n"].as_u64().unwrap_or(1))
    }
}

/// The body of a chat with one question.
pub(crate) fn question(model: &str, output_tokens_max: u64, text: &str) -> Value {
    json!({"model": model, "max_completion_tokens": output_tokens_max, "messages": [{"role": "user", "content": text}]})
}

/// The body with more members.
pub(crate) fn with(mut body: Value, members: &Value) -> Value {
    for (name, value) in members.as_object().into_iter().flatten() {
        body[name.as_str()] = value.clone();
    }
    body
}
