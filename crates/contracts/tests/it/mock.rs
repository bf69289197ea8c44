//! The mock tier: what the simulator answers is held to the contracts and laws.
//!
//! Invariants: an honest answer differs in nothing; with a lie in `OPENAI_SIM_LIE` at least one of these tests fails.
//! Does not know: the wording of answers.

use std::path::PathBuf;
use std::sync::LazyLock;

use contracts::{Contracts, Exchange, Finding, Payload, laws};
use openai_sim::{Sim, SimOptions};
use serde_json::Value;

mod calls;
mod chat;
mod completions;
mod embeddings;
mod errors;
mod files;
mod lies;
mod media;
mod models;
mod responses;
mod stored;
mod streams;

/// The folder of the contract files.
fn folder() -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "..", "..", "contracts"]
        .iter()
        .collect()
}

/// The stems and texts of all contract files.
fn texts() -> Vec<(String, String)> {
    let files = std::fs::read_dir(folder()).unwrap();
    let paths = files.map(|file| file.unwrap().path());
    paths
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "toml")
        })
        .map(|path| {
            let stem = path.file_stem().unwrap().to_str().unwrap().to_owned();
            (stem, std::fs::read_to_string(&path).unwrap())
        })
        .collect()
}

/// Read once for all tests: there are many files.
fn contracts() -> &'static Contracts {
    static CONTRACTS: LazyLock<Contracts> =
        LazyLock::new(|| Contracts::read(texts()).unwrap_or_else(|error| panic!("{error}")));
    &CONTRACTS
}

/// One client for all tests, since making one takes longer than most calls. It keeps no connections, because each test
/// has a runtime of its own.
fn client() -> &'static reqwest::Client {
    static CLIENT: LazyLock<reqwest::Client> = LazyLock::new(|| {
        let client = reqwest::Client::builder().pool_max_idle_per_host(0);
        client.build().unwrap()
    });
    &CLIENT
}

async fn start() -> Sim {
    Sim::start(SimOptions::default()).await.unwrap()
}

/// A call as it goes out.
#[derive(Clone, Debug)]
struct Call {
    method: &'static str,
    /// With names in it, as in `/models/gpt-4o`.
    path: String,
    /// With their places, as in `/models/{model}`.
    route: &'static str,
    request: Option<Value>,
    /// Instead of a request in JSON: names, files' names, and what they say.
    form: Vec<(&'static str, Option<&'static str>, Vec<u8>)>,
}

impl Call {
    fn post(route: &'static str, request: Value) -> Self {
        Self {
            method: "POST",
            path: route.to_owned(),
            route,
            request: Some(request),
            form: Vec::new(),
        }
    }

    fn get(route: &'static str, path: &str) -> Self {
        Self {
            method: "GET",
            path: path.to_owned(),
            route,
            request: None,
            form: Vec::new(),
        }
    }

    fn delete(route: &'static str, path: &str) -> Self {
        Self {
            method: "DELETE",
            ..Self::get(route, path)
        }
    }

    /// A form of fields and one file.
    fn form(
        route: &'static str,
        fields: &[(&'static str, &str)],
        file: (&'static str, &[u8]),
    ) -> Self {
        let fields = fields
            .iter()
            .map(|(name, value)| (*name, None, value.as_bytes().to_vec()));
        let file = (file.0, Some("a.bin"), file.1.to_vec());
        Self {
            method: "POST",
            form: fields.chain([file]).collect(),
            ..Self::get(route, route)
        }
    }

    /// On a path with names in it.
    fn at(self, path: &str) -> Self {
        Self {
            path: path.to_owned(),
            ..self
        }
    }
}

/// Calls the simulator and keeps what has a shape.
async fn observe(sim: &Sim, client: &reqwest::Client, call: Call) -> Exchange {
    let url = sim.base_url() + &call.path;
    let method = reqwest::Method::from_bytes(call.method.as_bytes()).unwrap();
    let request = client.request(method, url);
    let request = match &call.request {
        Some(body) => request
            .header("content-type", "application/json")
            .body(body.to_string()),
        None if call.form.is_empty() => request,
        None => request
            .header("content-type", "multipart/form-data; boundary=edge")
            .body(multipart(&call)),
    };
    let answer = request.send().await.unwrap();
    let status = answer.status().as_u16();
    let headers: Vec<(String, String)> = answer
        .headers()
        .iter()
        .map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()))
        .collect();
    let content_type = headers.iter().find(|(name, _)| name == "content-type");
    let content_type = content_type.map_or(String::new(), |(_, value)| value.clone());
    let body = answer.bytes().await.unwrap();
    Exchange {
        method: call.method.to_owned(),
        route: call.route.to_owned(),
        status,
        headers,
        request: call.request,
        answer: Payload::read(&content_type, &body),
    }
}

fn multipart(call: &Call) -> Vec<u8> {
    let mut body = Vec::new();
    for (name, filename, bytes) in &call.form {
        let file = filename.map_or(String::new(), |name| format!("; filename=\"{name}\""));
        let head =
            format!("--edge\r\nContent-Disposition: form-data; name=\"{name}\"{file}\r\n\r\n");
        body.extend(head.bytes());
        body.extend(bytes);
        body.extend(b"\r\n");
    }
    body.extend(b"--edge--\r\n");
    body
}

async fn observe_all(sim: &Sim, calls: Vec<Call>) -> Vec<Exchange> {
    let mut exchanges = Vec::new();
    for call in calls {
        exchanges.push(observe(sim, client(), call).await);
    }
    exchanges
}

/// What differs between exchanges and contracts, and the laws that they break.
fn findings(contracts: &Contracts, exchanges: &[Exchange]) -> Vec<Finding> {
    let mut findings = contracts.check(exchanges);
    findings.extend(exchanges.iter().flat_map(laws));
    findings
}

/// Every exchange has the status, and differs in nothing. What is new fails too: a stand-in invents no fields.
fn expect_true(exchanges: &[Exchange], status: u16) {
    let statuses: Vec<u16> = exchanges.iter().map(|exchange| exchange.status).collect();
    assert_eq!(statuses, vec![status; exchanges.len()]);
    let found: Vec<String> = findings(contracts(), exchanges)
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(found, [""; 0]);
}

/// The JSON of an answer, or of each of its events.
fn json(exchange: &Exchange) -> Vec<&Value> {
    match &exchange.answer {
        Payload::Json(value) => vec![value],
        Payload::Events(events) => events.iter().filter_map(contracts::Event::json).collect(),
        other => panic!("{other:?}"),
    }
}
