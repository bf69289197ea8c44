//! Sends an alert to the webhook: one signed POST.
//!
//! Invariants: the address stands in no log line and no error, for it may be a secret; nothing is followed and nothing is repeated here,
//! so who calls decides about a next try.
//! Does not know: budgets, when an alert is due, where alerts wait.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use config::{Alerts, WebhookForm};
use hmac::{Hmac, KeyInit, Mac};
use http::header::{CONTENT_TYPE, HeaderValue};
use http::{Method, Request, Uri};
use jiff::Timestamp;
use openai_client::Transport;
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;
use sha2::Sha256;

/// Carries `t=<unix seconds>,v1=<hex>`: HMAC-SHA-256 over the seconds, a point and the body.
const SIGNATURE: &str = "x-keyward-signature";
/// Names the alert; the same at every try, so that a receiver can drop a second one.
const DELIVERY: &str = "x-keyward-delivery";
/// How long the receiver may take to answer.
pub(crate) const ANSWER_MAX: Duration = Duration::from_secs(10);

/// What is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Alert {
    /// The same for every try and every server: budget, window, share.
    pub(crate) id: String,
    /// As in `key:key_abc`.
    pub(crate) scope: String,
    /// `day`, `month` or `total`.
    pub(crate) window: String,
    /// First day of the window; empty for `total`.
    pub(crate) window_start: String,
    /// The share that was reached.
    pub(crate) percent: u8,
    /// Exact decimal USD.
    pub(crate) limit_usd: String,
    /// Exact decimal USD.
    pub(crate) settled_usd: String,
}

/// Why an alert was not taken.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Undelivered {
    #[error("the webhook could not be reached: {0}")]
    Unreached(openai_client::TransportError),
    #[error("the webhook did not answer within {} s", ANSWER_MAX.as_secs())]
    Late,
    #[error("the webhook answered with status {0}")]
    Refused(u16),
}

/// A place where alerts are sent.
pub(crate) struct Webhook {
    uri: Uri,
    secret: Option<SecretString>,
    form: WebhookForm,
    transport: Arc<dyn Transport>,
}

impl Webhook {
    /// The webhook of the settings, if there is one.
    ///
    /// Errors: its address is none; no part of it is told.
    pub(crate) fn new(
        alerts: &Alerts,
        transport: Arc<dyn Transport>,
    ) -> anyhow::Result<Option<Self>> {
        let Some(url) = &alerts.webhook_url else {
            return Ok(None);
        };
        let uri = url.expose_secret().parse().map_err(|_| {
            anyhow::anyhow!(
                "alerts.webhook_url is no address that can be sent to; write https://host/path"
            )
        })?;
        Ok(Some(Self {
            uri,
            secret: alerts.webhook_secret.clone(),
            form: alerts.webhook_form,
            transport,
        }))
    }

    /// Sends one alert; whoever answers with 2xx has taken it.
    pub(crate) async fn deliver(&self, alert: &Alert, now: Timestamp) -> Result<(), Undelivered> {
        let sending = self.transport.send(self.request(alert, now));
        let answer = tokio::time::timeout(ANSWER_MAX, sending)
            .await
            .map_err(|_| Undelivered::Late)?
            .map_err(Undelivered::Unreached)?;
        match answer.status() {
            status if status.is_success() => Ok(()),
            status => Err(Undelivered::Refused(status.as_u16())),
        }
    }

    fn request(&self, alert: &Alert, now: Timestamp) -> Request<Bytes> {
        let body = self.body(alert, now);
        let signature = self.secret.as_ref().map(|secret| sign(secret, &body, now));
        let mut request = Request::new(Bytes::from(body));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = self.uri.clone();
        let headers = request.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        if let Ok(id) = HeaderValue::from_str(&alert.id) {
            headers.insert(DELIVERY, id);
        }
        if let Some(Ok(signature)) = signature.map(|signature| HeaderValue::from_str(&signature)) {
            headers.insert(SIGNATURE, signature);
        }
        request
    }

    fn body(&self, alert: &Alert, now: Timestamp) -> String {
        let Alert {
            id,
            scope,
            window,
            window_start,
            percent,
            limit_usd,
            settled_usd,
        } = alert;
        match self.form {
            WebhookForm::Slack => {
                let text = format!(
                    "keyward: {percent} % of the {window} budget of {scope} is used: {settled_usd} of {limit_usd} USD"
                );
                json!({ "text": text }).to_string()
            }
            WebhookForm::Json => json!({
                "event": "budget.alert",
                "id": id,
                "at": now.to_string(),
                "scope": scope,
                "window": window,
                "window_start": window_start,
                "percent": percent,
                "limit_usd": limit_usd,
                "settled_usd": settled_usd,
            })
            .to_string(),
        }
    }
}

/// The signature header's value.
fn sign(secret: &SecretString, body: &str, now: Timestamp) -> String {
    let seconds = now.as_second();
    let mut text = format!("t={seconds},v1=");
    // A key of any length is taken.
    if let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret.expose_secret().as_bytes()) {
        mac.update(format!("{seconds}.{body}").as_bytes());
        for byte in mac.finalize().into_bytes() {
            // Writing into a `String` cannot fail.
            let _ = write!(text, "{byte:02x}");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use bytes::Bytes;
    use config::{Alerts, WebhookForm};
    use http::{Request, Response};
    use openai_client::{Transport, TransportBody, TransportFuture};
    use secrecy::SecretString;
    use serde_json::{Value, json};

    use super::{Alert, Undelivered, Webhook};

    /// Answers with one status and keeps what it was sent.
    struct Receiver {
        status: u16,
        seen: Mutex<Vec<Request<Bytes>>>,
    }

    impl Transport for Receiver {
        fn send(&self, request: Request<Bytes>) -> TransportFuture {
            self.seen.lock().unwrap().push(request);
            let body: TransportBody = Box::pin(futures_util::stream::empty());
            let mut answer = Response::new(body);
            *answer.status_mut() = self.status.try_into().unwrap();
            Box::pin(std::future::ready(Ok(answer)))
        }
    }

    fn alert() -> Alert {
        Alert {
            id: "3-20779-80".to_owned(),
            scope: "key:key_a".to_owned(),
            window: "day".to_owned(),
            window_start: "2026-11-22".to_owned(),
            percent: 80,
            limit_usd: "5".to_owned(),
            settled_usd: "4.000000000001".to_owned(),
        }
    }

    async fn deliver(status: u16, form: WebhookForm) -> (Result<(), Undelivered>, Request<Bytes>) {
        let receiver = Arc::new(Receiver {
            status,
            seen: Mutex::default(),
        });
        let alerts = Alerts {
            percents: vec![80],
            webhook_url: Some(SecretString::from("https://hooks.example.com/s3cret-path")),
            webhook_secret: Some(SecretString::from("a secret of the receiver")),
            webhook_form: form,
        };
        let transport: Arc<dyn Transport> = Arc::<Receiver>::clone(&receiver);
        let webhook = Webhook::new(&alerts, transport).unwrap().unwrap();
        let now = "2026-11-22T12:00:00Z".parse().unwrap();
        let told = webhook.deliver(&alert(), now).await;
        let request = receiver.seen.lock().unwrap().pop().unwrap();
        (told, request)
    }

    #[tokio::test]
    async fn an_alert_is_signed_named_and_exact() {
        let (told, request) = deliver(204, WebhookForm::Json).await;
        assert!(told.is_ok(), "{told:?}");
        assert_eq!(request.headers()["x-keyward-delivery"], "3-20779-80");
        let body: Value = serde_json::from_slice(request.body()).unwrap();
        assert_eq!(
            (&body["settled_usd"], &body["percent"]),
            (&json!("4.000000000001"), &json!(80))
        );
        // The digest is another program's, over the same body.
        let signature = request.headers()["x-keyward-signature"].to_str().unwrap();
        assert_eq!(
            signature,
            "t=1795348800,v1=523720625909212ce0e261e90decfcce1d4acbf13a26c21da1ee2892ab7ef017"
        );
    }

    #[tokio::test]
    async fn slack_gets_one_line_of_text() {
        let (told, request) = deliver(200, WebhookForm::Slack).await;
        assert!(told.is_ok(), "{told:?}");
        let body: Value = serde_json::from_slice(request.body()).unwrap();
        assert_eq!(
            body,
            json!({"text": "keyward: 80 % of the day budget of key:key_a is used: 4.000000000001 of 5 USD"})
        );
    }

    #[tokio::test]
    async fn a_refusal_is_told_without_the_address() {
        let (told, _) = deliver(500, WebhookForm::Json).await;
        let told = told.unwrap_err().to_string();
        assert_eq!(told, "the webhook answered with status 500");
    }
}
