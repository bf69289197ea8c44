//! A gateway with everything around it: store, keys, prices, the simulator, a listening socket.
//!
//! Invariants: settings are resolved as in production, from an environment; time is real unless a test moves the clock.
//! Does not know: what is tested.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use access::{Keyring, NewKey};
use config::{Loaded, SecretKeyPolicy, Sources};
use cost_accounting::{
    Budgets, Entry, Escrow, EscrowSettings, Ledger, PriceBook, PriceSource, ReportQuery, ReportRow,
    UnknownPrice,
};
use gateway::{Gateway, Parts, Server};
use jiff::Timestamp;
use openai_client::{
    HyperTransport, ReqwestOptions, Timeouts, Upstream, UpstreamName, UpstreamOptions,
};
use openai_sim::{Sim, SimOptions};
use privacy::Scrubber;
use prometheus_client::registry::Registry;
use resilience::{BreakerSettings, CircuitBreaker, RequestLimiter};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};
use storage::{Disk, OpenOptions, Role, Store};
use tempfile::TempDir;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::disk::FailingDisk;

/// 2026-11-22T12:00:00Z, at which every world begins.
const NOON: i64 = 1_795_348_800;

pub(crate) struct World {
    pub(crate) sim: Sim,
    pub(crate) base_url: String,
    pub(crate) key: String,
    pub(crate) key_id: String,
    pub(crate) keyring: Arc<Keyring>,
    pub(crate) ledger: Ledger,
    pub(crate) escrow: Escrow,
    pub(crate) budgets: Budgets,
    pub(crate) registry: Registry,
    pub(crate) gateway: Gateway,
    pub(crate) upstream_key: String,
    /// The disk below the ledger; it can be made to fail.
    pub(crate) disk: Arc<FailingDisk>,
    client: reqwest::Client,
    clock_ahead: Arc<AtomicU64>,
    stop: watch::Sender<bool>,
    server: Mutex<Option<JoinHandle<()>>>,
    _directory: TempDir,
}

impl World {
    /// A world with the settings as they come.
    pub(crate) async fn new() -> Self {
        Self::with(&[]).await
    }

    /// A world with these variables in its environment.
    pub(crate) async fn with(environment: &[(&str, &str)]) -> Self {
        Self::before(environment, None).await
    }

    /// A world whose upstream is at another address than the simulator's.
    pub(crate) async fn before(environment: &[(&str, &str)], base_url: Option<&str>) -> Self {
        let upstream_key = ["sk", "-", "upstream-Zq7Xv3Kp9Lm2Rt5W"].concat();
        let options = SimOptions {
            api_key: Some(upstream_key.clone()),
            ..SimOptions::default()
        };
        let sim = Sim::start(options).await.unwrap();
        let upstream_url = base_url.map_or_else(|| sim.base_url(), str::to_owned);
        let directory = tempfile::tempdir().unwrap();
        let sources = sources(
            directory.path().into(),
            environment,
            &upstream_url,
            &upstream_key,
        );
        let loaded = config::load(&sources, SecretKeyPolicy::MakeIfAbsent).unwrap();
        let clock_ahead = Arc::new(AtomicU64::new(0));
        let path = directory.path().join("keyward.db");
        let disk = Arc::new(FailingDisk::default());
        let store = open(&loaded, path, &disk).await;
        let budgets = Budgets::new(store.clone());
        let parts = parts(loaded, store, &upstream_url, &upstream_key, &clock_ahead).await;
        let (keyring, ledger) = (Arc::clone(&parts.keyring), parts.ledger.clone());
        let escrow = parts.escrow.clone();
        let minted = keyring.create(first_key(), noon()).await.unwrap();
        let mut registry = Registry::default();
        let gateway = Gateway::new(parts, &mut registry);
        let address = "127.0.0.1:0".parse().unwrap();
        let server = Server::bind(address, gateway.limits(), gateway.clone())
            .await
            .unwrap();
        let base_url = format!("http://{}/v1", server.local_address().unwrap());
        let stop = watch::Sender::new(false);
        let mut stopped = stop.subscribe();
        let server = tokio::spawn(server.run(async move {
            stopped.wait_for(|stop| *stop).await.unwrap();
        }));
        Self {
            sim,
            base_url,
            key: minted.secret.expose_secret().to_owned(),
            key_id: minted.key.id,
            keyring,
            ledger,
            escrow,
            budgets,
            registry,
            gateway,
            upstream_key,
            disk,
            client: client(),
            clock_ahead,
            stop,
            server: Mutex::new(Some(server)),
            _directory: directory,
        }
    }

    /// Moves the gateway's clock ahead.
    pub(crate) fn pass(&self, time: Duration) {
        self.clock_ahead
            .fetch_add(u64::try_from(time.as_millis()).unwrap(), Ordering::Relaxed);
    }

    /// Now, by the gateway's wall clock, to the second.
    pub(crate) fn noon(&self) -> Timestamp {
        noon()
    }

    /// A further key.
    pub(crate) async fn key_with(&self, new: NewKey) -> String {
        self.keyring
            .create(new, self.noon())
            .await
            .unwrap()
            .secret
            .expose_secret()
            .to_owned()
    }

    /// Asks the server to stop.
    pub(crate) fn ask_to_stop(&self) {
        self.stop.send_replace(true);
    }

    /// Waits until the server has stopped.
    pub(crate) async fn stopped(&self) {
        let server = self.server.lock().unwrap().take().unwrap();
        tokio::time::timeout(Duration::from_secs(30), server)
            .await
            .expect("the server stops")
            .unwrap();
    }

    /// The address of the server without a scheme.
    pub(crate) fn authority(&self) -> &str {
        self.base_url
            .trim_start_matches("http://")
            .trim_end_matches("/v1")
    }

    /// POSTs `body` under the world's key.
    pub(crate) async fn post(&self, path: &str, body: &Value) -> Answer {
        self.post_as(&self.key, path, body).await
    }

    /// POSTs `body` under another key.
    pub(crate) async fn post_as(&self, key: &str, path: &str, body: &Value) -> Answer {
        Answer::of(
            self.request("POST", path)
                .header("authorization", format!("Bearer {key}"))
                .header("content-type", "application/json")
                .body(body.to_string()),
        )
        .await
    }

    /// GETs under the world's key.
    pub(crate) async fn get(&self, path: &str) -> Answer {
        Answer::of(
            self.request("GET", path)
                .header("authorization", format!("Bearer {}", self.key)),
        )
        .await
    }

    /// A chat stream under the world's key, its head here and its body to be read.
    pub(crate) async fn stream(&self) -> reqwest::Response {
        let request = self.request("POST", "/chat/completions");
        let request = request.header("authorization", format!("Bearer {}", self.key));
        let request = request.header("content-type", "application/json");
        request
            .body(chat(&json!({"stream": true})).to_string())
            .send()
            .await
            .unwrap()
    }

    /// Sends a chat request by hand and reads nothing of its answer; little of that fits into the socket, which is given back.
    pub(crate) async fn send_unread(&self, body: &Value) -> TcpStream {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(4096).unwrap();
        let mut socket = socket
            .connect(self.authority().parse().unwrap())
            .await
            .unwrap();
        let (key, body) = (&self.key, body.to_string());
        let length = body.len();
        let head = format!(
            "POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {key}\r\n\
             content-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
        );
        socket.write_all(head.as_bytes()).await.unwrap();
        socket
    }

    /// A request to be completed.
    pub(crate) fn request(&self, method: &str, path: &str) -> reqwest::RequestBuilder {
        self.client
            .request(method.parse().unwrap(), format!("{}{path}", self.base_url))
    }

    /// The entries of a call, on disk.
    pub(crate) async fn entries(&self, answer: &Answer) -> Vec<Entry> {
        let id = answer
            .header("x-request-id")
            .trim_start_matches("req_")
            .parse()
            .unwrap();
        self.ledger.find(id).await.unwrap()
    }

    /// Waits until `requests` calls are in the ledger and gives the total.
    pub(crate) async fn total_after(&self, requests: u64) -> ReportRow {
        for _ in 0..200 {
            self.ledger.find(uuid::Uuid::nil()).await.unwrap();
            let total = self
                .ledger
                .report(ReportQuery::default())
                .await
                .unwrap()
                .total;
            if total.requests >= requests {
                assert_eq!(total.requests, requests, "no call is entered twice");
                return total;
            }
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
        panic!("{requests} calls were not entered within five seconds");
    }

    /// The metrics as text.
    pub(crate) fn metrics(&self) -> String {
        self.gateway.refresh_gauges();
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &self.registry).unwrap();
        text
    }
}

fn noon() -> Timestamp {
    Timestamp::from_second(NOON).unwrap()
}

fn first_key() -> NewKey {
    NewKey {
        name: "test".to_owned(),
        project: "tests".to_owned(),
        tags: vec!["mock".to_owned()],
        ..NewKey::default()
    }
}

async fn open(loaded: &Loaded, path: PathBuf, disk: &Arc<FailingDisk>) -> Store {
    let gather = loaded.settings.ledger.gather;
    let options = OpenOptions {
        path,
        role: Role::Server,
        gather,
    };
    let disk: Arc<dyn Disk> = Arc::clone(disk) as _;
    Store::open_on(options, disk).await.unwrap()
}

/// What the gateway is made of, over a store of its own and a clock that can be moved ahead.
async fn parts(
    loaded: Loaded,
    store: Store,
    base_url: &str,
    key: &str,
    ahead: &Arc<AtomicU64>,
) -> Parts {
    let settings = Arc::new(loaded.settings);
    let source = |(name, text)| PriceSource { name, text };
    let prices: Vec<_> = loaded.price_sources.into_iter().map(source).collect();
    let scrubber = Scrubber::new();
    scrubber
        .keep_out("OPENAI_API_KEY", &SecretString::from(key.to_owned()))
        .unwrap();
    let (start, ahead) = (instant_now(), Arc::clone(ahead));
    let clock: gateway::Clock =
        Arc::new(move || start.elapsed() + Duration::from_millis(ahead.load(Ordering::Relaxed)));
    let time = Arc::clone(&clock);
    Parts {
        keyring: Arc::new(Keyring::open(store.clone()).await.unwrap()),
        objects: access::Objects::new(store.clone(), access::Sharing::Project),
        escrow: escrow(&settings, store.clone()).await,
        ledger: Ledger::new(store),
        prices: Arc::new(PriceBook::parse(&prices, UnknownPrice::Refuse).unwrap()),
        upstream: upstream(&settings, base_url, key),
        upstream_name: "openai".to_owned(),
        simulated: false,
        takes_tier: true,
        breaker: Arc::new(CircuitBreaker::new(breaker(&settings), Arc::clone(&clock))),
        limiter: Arc::new(RequestLimiter::new(Arc::clone(&clock))),
        scrubber,
        clock,
        wall: Arc::new(move || noon() + time()),
        cache_secret: [7; 32],
        id_seed: [9; 16],
        settings,
    }
}

/// Money for calls. Its clock is not the one that a test moves: it must know whether this process is alive.
async fn escrow(settings: &config::Settings, store: Store) -> Escrow {
    let start = instant_now();
    let of_settings = EscrowSettings {
        wait_max: settings.budgets.wait,
        end_users_per_key_day_max: settings.budgets.end_users_per_key_day_max.into(),
        ..EscrowSettings::default()
    };
    let escrow = Escrow::open(
        store,
        of_settings,
        Arc::new(move || start.elapsed()),
        [5; 16],
    )
    .await
    .unwrap();
    let driven = escrow.clone();
    drop(tokio::spawn(async move { driven.run().await }));
    escrow
}

#[expect(
    clippy::disallowed_methods,
    reason = "the clock of a world is real but can be moved ahead"
)]
fn instant_now() -> Instant {
    Instant::now()
}

fn sources(directory: PathBuf, environment: &[(&str, &str)], base_url: &str, key: &str) -> Sources {
    let mut variables = vec![
        ("OPENAI_BASE_URL".to_owned(), base_url.to_owned()),
        ("OPENAI_API_KEY".to_owned(), key.to_owned()),
    ];
    variables.extend(
        environment
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned())),
    );
    Sources {
        config_dir: None,
        environment: variables,
        working_dir: directory,
        cli: Vec::new(),
    }
}

fn upstream(settings: &config::Settings, base_url: &str, key: &str) -> Upstream {
    let from = &settings.timeouts;
    let timeouts = Timeouts {
        first_byte: from.first_byte,
        idle: from.idle,
        total: from.total,
    };
    let options = UpstreamOptions {
        name: UpstreamName::from("openai"),
        base_url: base_url.to_owned(),
        key: Some(SecretString::from(key.to_owned())),
        timeouts,
    };
    let transport = HyperTransport::new(ReqwestOptions {
        connect: from.connect,
        ..ReqwestOptions::default()
    })
    .unwrap();
    Upstream::new(options, Arc::new(transport)).unwrap()
}

fn breaker(settings: &config::Settings) -> BreakerSettings {
    let from = &settings.breaker;
    BreakerSettings {
        consecutive_failures_max: from.consecutive_failures_max,
        window: from.window,
        failure_rate_percent: from.failure_rate_percent,
        calls_min: from.calls_min,
        open_for: from.open_for,
        half_open_probes: from.half_open_probes,
    }
}

/// A client without proxies. Nothing here speaks TLS, and reading the system's roots takes time.
pub(crate) fn client() -> reqwest::Client {
    reqwest::Client::builder()
        .no_proxy()
        .tls_danger_accept_invalid_certs(true)
        .build()
        .unwrap()
}

/// An answer, whole.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: reqwest::header::HeaderMap,
    pub(crate) body: String,
    /// True where the body came to its proper end.
    pub(crate) ended: bool,
}

impl Answer {
    /// Sends a request and collects what comes, also of a body that breaks off.
    pub(crate) async fn of(request: reqwest::RequestBuilder) -> Self {
        let mut response = tokio::time::timeout(Duration::from_secs(20), request.send())
            .await
            .expect("an answer comes")
            .unwrap();
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let mut body = Vec::new();
        let ended = loop {
            match tokio::time::timeout(Duration::from_secs(20), response.chunk())
                .await
                .expect("the body comes to an end")
            {
                Ok(Some(chunk)) => body.extend_from_slice(&chunk),
                Ok(None) => break true,
                Err(_) => break false,
            }
        };
        Self {
            status,
            headers,
            body: String::from_utf8(body).unwrap(),
            ended,
        }
    }

    /// A header's text; empty where there is none.
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().unwrap())
    }

    /// The body as JSON.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.body))
    }

    /// The code of an error body.
    pub(crate) fn code(&self) -> String {
        self.json()["error"]["code"]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    }

    /// The data of the events of a stream.
    pub(crate) fn events(&self) -> Vec<String> {
        self.body
            .lines()
            .filter_map(|line| line.strip_prefix("data:"))
            .map(|data| data.trim().to_owned())
            .collect()
    }
}

/// A chat request for `gpt-4o-mini`, with `extra` members.
pub(crate) fn chat(extra: &Value) -> Value {
    let mut body = json!({"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "What is a lighthouse for?"}]});
    for (name, value) in extra.as_object().unwrap() {
        body[name] = value.clone();
    }
    body
}
