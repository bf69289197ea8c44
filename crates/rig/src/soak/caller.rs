//! A caller: asks, waits, loses patience, leaves in the middle, tries again as an SDK does.
//!
//! Invariants: everything that was sent is in the journal, with what came back.
//! Does not know: what is right; the comparison does.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::Request;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use serde_json::Value;

use super::dice::Dice;
use super::http_client::HttpClient;
use super::plan::Plan;
use super::roster::{Address, Roster};
use super::wish::Wish;

/// Bytes of an error's body that are read.
const ERROR_BYTES_MAX: usize = 64 * 1024;
/// Between two requests of one caller.
const THINK_MS: u64 = 120;
const BACKOFF_MS: u64 = 200;
/// While no server can be called.
const LOOK_PAUSE: Duration = Duration::from_millis(20);
/// Refusals of a budget that are kept to be looked at.
const REFUSALS_MAX: usize = 20;

/// What was sent, and what came back.
#[derive(Clone, Debug)]
pub(crate) struct Sent {
    pub(crate) user: String,
    pub(crate) life: usize,
    pub(crate) ended_ms: u64,
    /// 0 where no head came.
    pub(crate) status: u16,
    /// keyward's id, as 32 hexadecimal digits.
    pub(crate) request_id: Option<String>,
    /// The answer came to its proper end.
    pub(crate) whole: bool,
    /// `error.code`, or the reason why there is no answer.
    pub(crate) word: String,
    should_retry: bool,
}

#[cfg(test)]
impl Sent {
    /// An answer that was read to its end, from the first server.
    pub(crate) fn for_test(user: &str, id: &str, ended_ms: u64) -> Self {
        Self {
            user: user.to_owned(),
            life: 0,
            ended_ms,
            status: 200,
            request_id: Some(id.to_owned()),
            whole: true,
            word: String::new(),
            should_retry: false,
        }
    }
}

/// All that was sent.
#[derive(Debug, Default)]
pub(crate) struct Journal {
    pub(crate) sent: Vec<Sent>,
    /// Some refusals by a budget, whole.
    pub(crate) refusals: Vec<Value>,
}

impl Journal {
    pub(crate) fn append(&mut self, mut other: Self) {
        self.sent.append(&mut other.sent);
        self.refusals.append(&mut other.refusals);
        self.refusals.truncate(REFUSALS_MAX);
    }

    /// How often each status and code came.
    pub(crate) fn tally(&self) -> BTreeMap<(u16, &str), u64> {
        let mut tally = BTreeMap::new();
        for sent in &self.sent {
            *tally.entry((sent.status, sent.word.as_str())).or_default() += 1;
        }
        tally
    }
}

pub(crate) struct Caller {
    number: u32,
    plan: Arc<Plan>,
    roster: Arc<Roster>,
    client: HttpClient,
    dice: Dice,
    journal: Journal,
}

impl Caller {
    pub(crate) fn new(
        number: u32,
        plan: &Arc<Plan>,
        roster: &Arc<Roster>,
        client: HttpClient,
        dice: Dice,
    ) -> Self {
        Self {
            number,
            plan: Arc::clone(plan),
            roster: Arc::clone(roster),
            client,
            dice,
            journal: Journal::default(),
        }
    }

    /// Calls until the roster is closed.
    pub(crate) async fn run(mut self) -> Journal {
        let mut number = 0;
        while !self.roster.is_closed() {
            number += 1;
            let wish = Wish::draw(&mut self.dice, self.number, number, self.plan.keys.len());
            for _ in 0..=wish.retries {
                if !self.ask(&wish).await || self.roster.is_closed() {
                    break;
                }
                tokio::time::sleep(self.dice.pause(BACKOFF_MS)).await;
            }
            tokio::time::sleep(self.dice.pause(THINK_MS)).await;
        }
        self.journal
    }

    /// Sends once; whether an SDK would try again.
    async fn ask(&mut self, wish: &Wish) -> bool {
        let pick = self.dice.index(1 << 16);
        let Some(address) = self.roster.address(pick) else {
            tokio::time::sleep(LOOK_PAUSE).await;
            return false;
        };
        let mut sent = Sent {
            user: wish.user.clone(),
            life: address.life,
            ended_ms: 0,
            status: 0,
            request_id: None,
            whole: false,
            word: String::new(),
            should_retry: false,
        };
        let exchange = self.exchange(wish, &address, &mut sent);
        let ended = tokio::time::timeout(wish.patience, exchange).await;
        let refusal = match ended {
            Ok(Ok(refusal)) => refusal,
            Ok(Err(word)) => {
                sent.word = word.to_owned();
                sent.should_retry = sent.status == 0;
                None
            }
            Err(_) => {
                sent.word = "lost patience".to_owned();
                None
            }
        };
        sent.ended_ms = self.roster.now_ms();
        if let Some(refusal) = refusal
            && self.journal.refusals.len() < REFUSALS_MAX
        {
            self.journal.refusals.push(refusal);
        }
        let retry = sent.should_retry;
        self.journal.sent.push(sent);
        retry
    }

    /// Errors: why there is no whole answer.
    async fn exchange(
        &self,
        wish: &Wish,
        address: &Address,
        sent: &mut Sent,
    ) -> Result<Option<Value>, &'static str> {
        let secret = self.plan.keys.get(wish.key).map_or("", |key| &key.secret);
        let request = Request::post(format!("{}{}", address.base_url, wish.path))
            .header(AUTHORIZATION, format!("Bearer {secret}"))
            .header(CONTENT_TYPE, "application/json")
            .body(Full::from(wish.body.clone()))
            .map_err(|_| "no request")?;
        let answer = self.client.request(request).await;
        let answer = answer.map_err(|_| "no answer")?;
        let header = |name: &str| answer.headers().get(name)?.to_str().ok();
        sent.status = answer.status().as_u16();
        let id = header("x-request-id").and_then(|id| id.strip_prefix("req_"));
        sent.request_id = id.map(str::to_owned);
        let forbidden = header("x-should-retry") == Some("false");
        sent.should_retry = !forbidden && matches!(sent.status, 408 | 409 | 429 | 500..);
        if sent.status >= 400 {
            let body = error(answer.into_body()).await?;
            sent.whole = true;
            let code = &body["error"]["code"];
            sent.word = code.as_str().unwrap_or("no code").to_owned();
            return Ok((sent.word == "budget_exceeded").then_some(body));
        }
        read(answer.into_body(), wish.leaves_after).await?;
        sent.whole = true;
        Ok(None)
    }
}

/// Reads a body to its end, or until the caller leaves.
async fn read(mut body: Incoming, leaves_after: Option<u64>) -> Result<(), &'static str> {
    let mut pieces = 0;
    while let Some(frame) = body.frame().await {
        frame.map_err(|_| "broken off")?;
        pieces += 1;
        if leaves_after == Some(pieces) {
            return Err("left");
        }
    }
    Ok(())
}

async fn error(mut body: Incoming) -> Result<Value, &'static str> {
    let mut bytes = Vec::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| "broken off")?;
        let data: &Bytes = frame.data_ref().ok_or("trailers")?;
        bytes.extend_from_slice(data);
        if bytes.len() > ERROR_BYTES_MAX {
            return Err("an error too long");
        }
    }
    Ok(serde_json::from_slice(&bytes).unwrap_or(Value::Null))
}
