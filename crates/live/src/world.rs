//! Both doors, and the book of all that went through them.
//!
//! Invariants: every exchange is noted, also one that failed; no answer of keyward holds the upstream's key unseen.
//! Does not know: what the answers mean.

use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::Context;
use contracts::{Exchange, Payload};

use crate::answer::Answer;
use crate::ask::Ask;
use crate::check::{Door, Model, Stop, ensure, fail};
use crate::clock::now;
use crate::key::Secret;
use crate::keyward::{Keyward, Start};
use crate::options::Limits;
use crate::spend::{Spend, Tariff};

/// Longest wait for one answer.
const CALL_MAX: Duration = Duration::from_secs(180);

/// Longest answer; the largest that a check asks for has some hundred kilobytes.
const ANSWER_BYTES_MAX: usize = 64 * 1024 * 1024;

/// What the checks need to know.
pub(crate) struct Setup {
    pub(crate) keyward: PathBuf,
    pub(crate) base_url: String,
    pub(crate) secret: Secret,
    pub(crate) upstream: String,
    pub(crate) tariff: Tariff,
    pub(crate) samples: u64,
    pub(crate) limits: Limits,
    pub(crate) dimensions: Option<usize>,
    pub(crate) reasoning_effort: Option<String>,
    /// What a child gets of the environment, as the place of certificates.
    pub(crate) environment: Vec<(String, String)>,
}

/// Where to ask, and with which bearer.
pub(crate) struct Entrance {
    pub(crate) base_url: String,
    pub(crate) bearer: String,
}

/// One exchange, noted.
pub(crate) struct Noted {
    pub(crate) door: Door,
    /// Both doors were asked the same.
    pub(crate) paired: bool,
    pub(crate) exchange: Exchange,
    /// The ledger's name of the call, where keyward's main instance was asked.
    pub(crate) call: Option<Call>,
}

/// A call that keyward's main instance answered.
#[derive(Clone)]
pub(crate) struct Call {
    pub(crate) request_id: String,
    pub(crate) model: Model,
    pub(crate) usage: Option<serde_json::Value>,
    pub(crate) cached: bool,
}

/// The doors and the book.
pub(crate) struct World {
    pub(crate) setup: Setup,
    pub(crate) keyward: Keyward,
    client: reqwest::Client,
    book: Mutex<Book>,
}

/// What was written down.
#[derive(Default)]
pub(crate) struct Book {
    pub(crate) check: &'static str,
    pub(crate) noted: Vec<Noted>,
    pub(crate) spend: Spend,
    /// Checks in whose answers through keyward the upstream's key stood.
    pub(crate) leaks: Vec<&'static str>,
    /// Logs of instances that have ended.
    pub(crate) logs: Vec<String>,
    /// Keys of other instances, virtual ones and made-up ones for the upstream.
    pub(crate) keys: Vec<String>,
}

impl World {
    /// Starts keyward before the upstream.
    pub(crate) fn open(setup: Setup) -> anyhow::Result<Self> {
        let keyward = start(&setup, setup.secret.for_environment(), &[])?;
        let client = reqwest::Client::builder()
            .no_proxy()
            .timeout(CALL_MAX)
            .redirect(reqwest::redirect::Policy::none());
        Ok(Self {
            client: client.build().context("make an HTTP client")?,
            keyward,
            setup,
            book: Mutex::default(),
        })
    }

    /// Another instance, with settings of its own and maybe another key for the upstream.
    pub(crate) fn another(
        &self,
        upstream_key: Option<&str>,
        settings: &[(&str, &str)],
    ) -> Result<Keyward, Stop> {
        let key = upstream_key.unwrap_or_else(|| self.setup.secret.for_environment());
        let keyward =
            start(&self.setup, key, settings).map_err(|error| fail(format!("{error:#}")))?;
        let made_up = upstream_key.map(str::to_owned);
        let mut book = self.book();
        book.keys.extend(made_up);
        book.keys.push(keyward.key.clone());
        Ok(keyward)
    }

    /// The book.
    pub(crate) fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The way in at a door.
    pub(crate) fn entrance(&self, door: Door) -> Entrance {
        match door {
            Door::Direct => Entrance {
                base_url: self.setup.base_url.clone(),
                bearer: self.setup.secret.bearer(),
            },
            Door::Keyward => entrance(&self.keyward),
        }
    }

    /// Asks at a door, whole.
    pub(crate) async fn call(&self, door: Door, ask: Ask) -> Result<Answer, Stop> {
        let answer = self.send(&self.entrance(door), &ask).await;
        self.note(door, &ask, answer.as_ref().ok(), true);
        answer
    }

    /// Asks another instance of keyward, or the upstream as somebody else; never compared.
    pub(crate) async fn call_at(
        &self,
        door: Door,
        entrance: &Entrance,
        ask: Ask,
    ) -> Result<Answer, Stop> {
        let ask = ask.alone();
        let answer = self.send(entrance, &ask).await;
        self.note(door, &ask, answer.as_ref().ok(), false);
        answer
    }

    async fn send(&self, entrance: &Entrance, ask: &Ask) -> Result<Answer, Stop> {
        let broken = |error: reqwest::Error| {
            fail(format!(
                "no whole answer: {:#}",
                anyhow::Error::new(error.without_url())
            ))
        };
        let method = ask.method.parse().map_err(|_| fail("the method is none"))?;
        let url = format!("{}{}", entrance.base_url.trim_end_matches('/'), ask.path);
        let mut request = self
            .client
            .request(method, url)
            .header("authorization", &entrance.bearer);
        for (name, value) in &ask.headers {
            request = request.header(*name, value);
        }
        if let Some(body) = &ask.body {
            request = request
                .header("content-type", "application/json")
                .body(body.to_string());
        }
        let start = now();
        let mut response = request.send().await.map_err(broken)?;
        let status = response.status().as_u16();
        let headers = response.headers().iter();
        let headers = headers.map(|(name, value)| {
            (
                name.as_str().to_owned(),
                String::from_utf8_lossy(value.as_bytes()).into_owned(),
            )
        });
        let headers = headers.collect();
        let (mut body, mut first) = (Vec::new(), None);
        while let Some(piece) = response.chunk().await.map_err(broken)? {
            first.get_or_insert_with(|| start.elapsed());
            ensure(body.len() + piece.len() <= ANSWER_BYTES_MAX, || {
                format!("the answer is longer than {ANSWER_BYTES_MAX} bytes")
            })?;
            body.extend_from_slice(&piece);
        }
        let took = start.elapsed();
        let answer = Answer {
            status,
            headers,
            body,
            first: first.unwrap_or(took),
            took,
        };
        // The suite has changed since the recording; no upstream said this.
        let unknown = status == 501 && answer.json()["error"]["code"] == "not_in_cassette";
        ensure(!unknown, || answer.evidence())?;
        Ok(answer)
    }

    fn note(&self, door: Door, ask: &Ask, answer: Option<&Answer>, main: bool) {
        let model = if ask.route == "/embeddings" {
            Model::Embed
        } else {
            Model::Chat
        };
        let mut book = self.book();
        book.spend.add(self.cost(ask, answer, model));
        let Some(answer) = answer else { return };
        let check = book.check;
        if door == Door::Keyward && self.leaks(answer) {
            book.leaks.push(check);
        }
        let request_id = answer.header("x-request-id").to_owned();
        let of_ledger =
            main && door == Door::Keyward && ask.body.is_some() && !request_id.is_empty();
        let call = of_ledger.then(|| Call {
            request_id,
            model,
            usage: answer.usage(),
            cached: is_hit(answer),
        });
        let exchange = Exchange {
            method: ask.method.to_owned(),
            route: ask.route.to_owned(),
            status: answer.status,
            headers: answer.headers.clone(),
            request: ask.body.clone(),
            answer: Payload::read(answer.header("content-type"), &answer.body),
        };
        book.noted.push(Noted {
            door,
            paired: ask.paired,
            exchange,
            call,
        });
    }

    /// By usage where it was told; nothing where nothing ran; else the bound.
    fn cost(&self, ask: &Ask, answer: Option<&Answer>, model: Model) -> Spend {
        let price = self.setup.tariff.price(model);
        let free = |answer: &Answer| {
            is_hit(answer) || (400..500).contains(&answer.status) || never_ran(answer)
        };
        let amount = match answer {
            _ if ask.body.is_none() => return Spend::default(),
            Some(answer) if free(answer) => return Spend::default(),
            Some(answer) if answer.status == 200 => answer.usage().map(|usage| price.cost(&usage)),
            _ => None,
        };
        let (input, output) = ask.tokens_max();
        self.setup
            .tariff
            .spend(model, amount.unwrap_or_else(|| price.bound(input, output)))
    }

    fn leaks(&self, answer: &Answer) -> bool {
        let secret = &self.setup.secret;
        secret.stands_in(&String::from_utf8_lossy(&answer.body))
            || answer
                .headers
                .iter()
                .any(|(_, value)| secret.stands_in(value))
    }
}

/// The way in of an instance.
pub(crate) fn entrance(keyward: &Keyward) -> Entrance {
    Entrance {
        base_url: keyward.base_url.clone(),
        bearer: format!("Bearer {}", keyward.key),
    }
}

/// keyward's own refusals after which it is sure that nothing ran.
fn never_ran(answer: &Answer) -> bool {
    let code = &answer.json()["error"]["code"];
    let codes = [
        "upstream_credentials_rejected",
        "upstream_unreachable",
        "circuit_open",
    ];
    codes.iter().any(|known| code == known)
}

fn is_hit(answer: &Answer) -> bool {
    answer.header("x-keyward-cache") == "hit"
}

fn start(setup: &Setup, upstream_key: &str, settings: &[(&str, &str)]) -> anyhow::Result<Keyward> {
    let mut environment = setup.environment.clone();
    let fixed = [
        ("OPENAI_API_KEY", upstream_key),
        ("OPENAI_BASE_URL", &setup.base_url),
        ("KEYWARD_UPSTREAM__NAME", &setup.upstream),
        ("KEYWARD_LIMITS__REQUESTS_PER_MINUTE", "100000"),
    ];
    for (name, value) in fixed.iter().chain(settings) {
        environment.push(((*name).to_owned(), (*value).to_owned()));
    }
    let prices = [
        setup.tariff.chat.row("chat"),
        setup.tariff.embed.row("embedding"),
        UNKNOWN_MODEL_ROW.to_owned(),
    ]
    .concat();
    Keyward::start(Start {
        program: &setup.keyward,
        environment,
        prices: &prices,
    })
}

/// A model that keyward can price and no upstream has.
pub(crate) const UNKNOWN_MODEL: &str = "keyward-no-such-model";
const UNKNOWN_MODEL_ROW: &str = "[[price]]\nmodel = \"keyward-no-such-model\"\nkind = \"chat\"\neffective_from = 2026-01-01\n\
     input_tokens_max = 8192\noutput_tokens_max = 8192\n[price.usd_per_million_tokens]\ninput = \"1.5\"\noutput = \"6\"\n\n";
