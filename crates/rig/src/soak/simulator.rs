//! The simulator in its own process, by its control port: scripts and the bill.
//!
//! Invariants: prices are this file's own, read from OpenAI's price list, not from keyward's.
//! Does not know: what the servers do.
//! Source: OpenAI's price list of November 2026.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use http::Method;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

use super::http_client::{self, HttpClient};
use crate::clock::now;

/// The models that are called, with their price in pico-USD for a token in and out.
pub(crate) const PRICES: [(&str, i128, i128); 4] = [
    (CHAT_MODELS[0], 150_000, 600_000),
    (CHAT_MODELS[1], 500_000, 1_500_000),
    (CHAT_MODELS[2], 400_000, 1_600_000),
    (EMBEDDING_MODEL, 20_000, 0),
];
pub(crate) const CHAT_MODELS: [&str; 3] = ["gpt-4o-mini", "gpt-3.5-turbo", "gpt-4.1-mini"];
pub(crate) const EMBEDDING_MODEL: &str = "text-embedding-3-small";

/// Output tokens that are generated, and billed, after a client has left.
const CANCEL_LAG_TOKENS: &str = "12";
const LOOK_PAUSE: Duration = Duration::from_millis(300);

/// A simulator in a process of its own, so that its books outlive whatever is killed. Ended when this is dropped.
#[derive(Debug)]
pub struct SimulatorProcess {
    /// The data port, as in `http://127.0.0.1:4010/v1`.
    pub simulator_url: String,
    /// The control port.
    pub control_url: String,
    _child: Child,
}

impl SimulatorProcess {
    /// Starts the program `openai-sim`.
    ///
    /// Errors: it can't be started, or does not say where it listens.
    pub async fn start(program: &Path) -> io::Result<Self> {
        let mut child = Command::new(program)
            .args(["--control", "--cancel-lag-tokens", CANCEL_LAG_TOKENS])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        let mut line = String::new();
        if let Some(out) = child.stdout.take() {
            BufReader::new(out).read_line(&mut line).await?;
        }
        let told: Value = serde_json::from_str(&line).map_err(io::Error::other)?;
        let text = |name: &str| told[name].as_str().unwrap_or_default().to_owned();
        Ok(Self {
            simulator_url: text("base_url"),
            control_url: text("control_url"),
            _child: child,
        })
    }
}

/// The simulator's control port.
#[derive(Clone)]
pub(crate) struct Simulator {
    client: HttpClient,
    control_url: String,
}

/// What the simulator charged, in pico-USD.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Bill {
    /// By end user and model.
    pub(crate) users: BTreeMap<String, BTreeMap<String, i128>>,
    /// Calls that were charged for.
    pub(crate) calls: u64,
}

impl Bill {
    pub(crate) fn total(&self) -> i128 {
        self.users.values().flat_map(BTreeMap::values).sum()
    }

    pub(crate) fn of_model(&self, model: &str) -> i128 {
        let of = |models: &BTreeMap<String, i128>| models.get(model).copied().unwrap_or_default();
        self.users.values().map(of).sum()
    }

    pub(crate) fn of_user(&self, user: &str) -> i128 {
        self.users
            .get(user)
            .map_or(0, |models| models.values().sum())
    }

    fn read(value: &Value) -> io::Result<Self> {
        let odd = || io::Error::other("the simulator's bill has another form");
        let mut bill = Self::default();
        for (user, models) in value["users"].as_object().ok_or_else(odd)? {
            let mut costs = BTreeMap::new();
            for (model, part) in models.as_object().ok_or_else(odd)? {
                let number = |name: &str| part[name].as_u64().ok_or_else(odd);
                let price = PRICES.iter().find(|(name, _, _)| name == model);
                let (_, input, output) = price.ok_or_else(odd)?;
                let cost = i128::from(number("input_tokens")?) * input
                    + i128::from(number("output_tokens")?) * output;
                costs.insert(model.clone(), cost);
                bill.calls += number("calls")?;
            }
            bill.users.insert(user.clone(), costs);
        }
        Ok(bill)
    }
}

impl Simulator {
    pub(crate) fn new(control_url: &str) -> io::Result<Self> {
        Ok(Self {
            client: http_client::client(),
            control_url: control_url.to_owned(),
        })
    }

    /// Begins anew: no scripts, an empty bill.
    pub(crate) async fn forget(&self) -> io::Result<()> {
        self.ask(Method::DELETE, "/__sim", None).await.map(drop)
    }

    pub(crate) async fn script(&self, scripts: Vec<Value>) -> io::Result<()> {
        self.ask(Method::POST, "/__sim/script", Some(json!(scripts)))
            .await
            .map(drop)
    }

    pub(crate) async fn scripts_waiting(&self) -> io::Result<u64> {
        let told = self.ask(Method::GET, "/__sim/script", None).await?;
        Ok(told["calls_waiting"].as_u64().unwrap_or_default())
    }

    /// The bill, once it no longer changes.
    ///
    /// Errors: it still changes after `wait_max`.
    pub(crate) async fn settled_bill(&self, wait_max: Duration) -> io::Result<Bill> {
        let end = now() + wait_max;
        let mut last = None;
        while now() < end {
            let bill = self.ask(Method::GET, "/__sim/bill/users", None).await?;
            if last.as_ref() == Some(&bill) {
                return Bill::read(&bill);
            }
            last = Some(bill);
            tokio::time::sleep(LOOK_PAUSE).await;
        }
        Err(io::Error::other("the simulator's bill still changes"))
    }

    async fn ask(&self, method: Method, path: &str, body: Option<Value>) -> io::Result<Value> {
        let url = format!("{}{path}", self.control_url);
        http_client::json(&self.client, method, &url, body.as_ref()).await
    }
}
