//! The mock tier: a client on loopback against the simulator.
//!
//! Invariants: no sleeps; waiting is bounded by the test runner and by `Sim::idle`.
//! Does not know: the simulator's insides.

mod batches;
mod bill;
mod cassettes;
mod cassettes_of_responses;
mod chat;
mod completions;
mod control;
mod embeddings;
mod files;
mod lies;
mod media;
mod recordings;
mod refusals;
mod responses;
mod scripts;
mod stream;

use std::sync::LazyLock;

use openai_sim::{Sim, SimOptions};
use reqwest::header::HeaderMap;
use serde_json::{Value, json};

/// An answer that was read whole.
struct Answer {
    status: u16,
    headers: HeaderMap,
    text: String,
}

impl Answer {
    fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {}", self.text))
    }

    fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().unwrap())
    }

    /// The data of the events of a stream.
    fn events(&self) -> Vec<&str> {
        self.text
            .lines()
            .filter_map(|line| line.strip_prefix("data: "))
            .collect()
    }

    fn chunks(&self) -> Vec<Value> {
        self.events()
            .iter()
            .filter(|data| **data != "[DONE]")
            .map(|data| serde_json::from_str(data).unwrap())
            .collect()
    }
}

async fn start() -> Sim {
    Sim::start(SimOptions::default()).await.unwrap()
}

async fn read(response: reqwest::Response) -> Answer {
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    Answer {
        status,
        headers,
        text: response.text().await.unwrap(),
    }
}

/// One client for all tests, since making one takes longer than most calls. It keeps no connections, because each test
/// has a runtime of its own.
fn client() -> &'static reqwest::Client {
    static CLIENT: LazyLock<reqwest::Client> = LazyLock::new(|| {
        reqwest::Client::builder()
            .pool_max_idle_per_host(0)
            .build()
            .unwrap()
    });
    &CLIENT
}

async fn try_post(
    sim: &Sim,
    path: &str,
    body: &Value,
) -> Result<reqwest::Response, reqwest::Error> {
    client()
        .post(sim.base_url() + path)
        .body(body.to_string())
        .send()
        .await
}

async fn post(sim: &Sim, path: &str, body: &Value) -> Answer {
    read(try_post(sim, path, body).await.unwrap()).await
}

async fn get(sim: &Sim, path: &str) -> Answer {
    read(client().get(sim.base_url() + path).send().await.unwrap()).await
}

/// A chat request with one question.
fn question(text: &str) -> Value {
    json!({"model": "gpt-4o-mini", "messages": [{"role": "user", "content": text}]})
}

/// The request with more fields, or others.
fn with(mut request: Value, fields: Value) -> Value {
    if let (Value::Object(request), Value::Object(fields)) = (&mut request, fields) {
        request.extend(fields);
    }
    request
}

fn embedding(input: impl Into<Value>) -> Value {
    json!({"model": "text-embedding-ada-002", "input": input.into()})
}

/// A form of fields and files: a name, a file's name if it is one, what it says.
async fn post_form(sim: &Sim, path: &str, parts: &[(&str, Option<&str>, &[u8])]) -> Answer {
    let mut body = Vec::new();
    for (name, filename, bytes) in parts {
        let file = filename.map_or(String::new(), |name| format!("; filename=\"{name}\""));
        let head =
            format!("--edge\r\nContent-Disposition: form-data; name=\"{name}\"{file}\r\n\r\n");
        body.extend(head.bytes());
        body.extend(*bytes);
        body.extend(b"\r\n");
    }
    body.extend(b"--edge--\r\n");
    let request = client()
        .post(sim.base_url() + path)
        .header("content-type", "multipart/form-data; boundary=edge")
        .body(body);
    read(request.send().await.unwrap()).await
}

async fn delete(sim: &Sim, path: &str) -> Answer {
    let request = client().delete(sim.base_url() + path);
    read(request.send().await.unwrap()).await
}
