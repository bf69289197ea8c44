//! The part of the server that watches over money: escrow's own tasks, what it has to say, and alerts on their way out.
//!
//! Invariants: nothing here holds up a call; an alert waits in the database until the webhook took it, until it was tried
//! [`TRIES_MAX`] times, or until it is [`TOLD_WITHIN_MS`] old; no server takes one that another is still trying to send.
//! Does not know: requests.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use config::Settings;
use cost_accounting::{Budgets, Escrow, EscrowEvent, EscrowSettings, PicoUsd};
use gateway::Clock;
use jiff::civil::Date;
use jiff::{Span, Timestamp};
use openai_client::{HyperTransport, TransportOptions};
use storage::{AlertRow, Store};
use tokio::task::JoinHandle;

use crate::clocks;
use crate::webhook::{Alert, Undelivered, Webhook};
use crate::wiring::{CouldNotRun, chain, random};

/// How often alerts that wait are looked for.
const ALERTS_EVERY: Duration = Duration::from_secs(2);
/// Alerts taken at a time: so few that all of them are through, however slow the webhook is, before another server takes them.
const ALERTS_MAX: i64 = 4;
/// How long an alert that was taken is left to who took it; the next try comes after that.
const CLAIM_MS: i64 = 60_000;
/// Tries until an alert is given up.
const TRIES_MAX: i64 = 10;
/// An alert that is older is not sent: a webhook that is set up later is not told of what is long over.
const TOLD_WITHIN_MS: i64 = 86_400_000;

/// Opens escrow as the settings say, and sees to the budget that a new database begins with.
pub(crate) async fn open(
    settings: &Settings,
    store: &Store,
    clock: &Clock,
) -> anyhow::Result<Escrow> {
    let from = &settings.budgets;
    begin(from.daily_usd.as_deref(), store).await?;
    let of_settings = EscrowSettings {
        lives_for: from.lease_life,
        wait_max: from.wait,
        end_users_per_key_day_max: from.end_users_per_key_day_max.into(),
        alert_percents: settings.alerts.percents.clone(),
        ..EscrowSettings::default()
    };
    Escrow::open(store.clone(), of_settings, Arc::clone(clock), random()?)
        .await
        .map_err(|error| CouldNotRun(format!("open the budgets: {}", chain(&error))).into())
}

/// A database that never had a budget begins with one for everything.
async fn begin(daily_usd: Option<&str>, store: &Store) -> anyhow::Result<()> {
    let Some(text) = daily_usd else {
        return Ok(());
    };
    let limit = cost_accounting::read_limit(text)
        .map_err(|error| CouldNotRun(format!("budgets.daily_usd: {error}")))?;
    if Budgets::new(store.clone())
        .begin_with(limit)
        .await
        .context("set the budget that a new database begins with")?
    {
        tracing::info!(limit_usd = %limit, "a daily budget for everything was set; change it with `keyward budget set`");
    }
    Ok(())
}

/// The tasks beside the calls.
pub(crate) struct Tasks {
    escrow: JoinHandle<()>,
    events: JoinHandle<()>,
    alerts: Option<JoinHandle<()>>,
}

impl Tasks {
    /// Starts them.
    pub(crate) fn start(
        settings: &Settings,
        store: &Store,
        escrow: &Escrow,
    ) -> anyhow::Result<Self> {
        let transport = HyperTransport::new(TransportOptions::default())
            .context("set up the HTTP client of the webhook")?;
        let webhook = Webhook::new(&settings.alerts, Arc::new(transport))?;
        let (driven, heard) = (escrow.clone(), escrow.clone());
        let alerts = webhook.map(|webhook| tokio::spawn(deliver(webhook, store.clone())));
        Ok(Self {
            escrow: tokio::spawn(async move { driven.run().await }),
            events: tokio::spawn(async move {
                loop {
                    tell(heard.next_event().await);
                }
            }),
            alerts,
        })
    }

    /// Gives all money back and ends the tasks. To be called when every call was entered.
    pub(crate) async fn stop(self, escrow: &Escrow) {
        match escrow.close().await {
            Ok(cost_accounting::Closed::Clean) => {}
            Ok(cost_accounting::Closed::Open { holds }) => tracing::warn!(
                holds,
                "calls were still under way; the next start charges what is held for them"
            ),
            Err(error) => {
                tracing::warn!(error = %chain(&error), "failed to give unused budget money back; the next start charges it")
            }
        }
        self.events.abort();
        if let Some(alerts) = self.alerts {
            alerts.abort();
        }
        let _ = self.escrow.await;
    }
}

/// What happened with money, for the log. None of it may hold more than names and sums.
fn tell(event: EscrowEvent) {
    match event {
        EscrowEvent::Threshold {
            scope,
            window,
            percent,
            settled,
            limit,
            ..
        } => {
            tracing::warn!(%scope, %window, percent, settled_usd = %settled, limit_usd = %limit, "a budget is used up to this share");
        }
        EscrowEvent::Overrun { held, cost } => {
            tracing::error!(held_usd = %held, cost_usd = %cost, "a call cost more than it was bounded by; its budgets may be exceeded by the difference");
        }
        EscrowEvent::WrittenOff {
            budget_id, amount, ..
        } => {
            tracing::warn!(budget_id, amount_usd = %amount, "a server ended without settling its calls; what it held was charged");
        }
        EscrowEvent::Fenced { holds } => {
            tracing::warn!(
                holds,
                "the database took this server for dead; it goes on under a new name"
            );
        }
        EscrowEvent::NeverSettled { amount } => {
            tracing::error!(amount_usd = %amount, "a call ended without being settled; its money stays held");
        }
        EscrowEvent::Failed { message } => {
            tracing::warn!(%message, "failed to reach the budgets; calls that need them are refused");
        }
        other => tracing::warn!(event = ?other, "something happened with budgets"),
    }
}

/// Sends what waits, until it is aborted.
async fn deliver(webhook: Webhook, store: Store) {
    loop {
        tokio::time::sleep(ALERTS_EVERY).await;
        let Ok(waiting) = store.alerts_waiting(ALERTS_MAX, CLAIM_MS).await else {
            continue;
        };
        for row in waiting {
            let is_done = match tell_webhook(&webhook, &row, clocks::now()).await {
                Ok(()) => true,
                Err(error) if row.tries >= TRIES_MAX => {
                    tracing::error!(%error, percent = row.percent, "an alert was given up");
                    true
                }
                Err(error) => {
                    tracing::warn!(%error, percent = row.percent, "an alert was not taken; it is sent again");
                    false
                }
            };
            if is_done && let Err(error) = store.alert_delivered(row.alert_id).await {
                tracing::warn!(error = %chain(&error), "failed to note that an alert was delivered; it may be sent again");
            }
        }
    }
}

/// Sends an alert, unless it is too old.
async fn tell_webhook(
    webhook: &Webhook,
    row: &AlertRow,
    now: Timestamp,
) -> Result<(), Undelivered> {
    if now.as_millisecond().saturating_sub(row.at_ms) > TOLD_WITHIN_MS {
        return Ok(());
    }
    webhook.deliver(&alert(row), now).await
}

fn alert(row: &AlertRow) -> Alert {
    let usd = |pico: i64| PicoUsd::from_pico(i128::from(pico)).to_string();
    let scope = match row.scope_value.as_str() {
        "" => row.scope_kind.clone(),
        value => format!("{}:{value}", row.scope_kind),
    };
    let first_day = Date::constant(1970, 1, 1)
        .checked_add(Span::new().days(row.window_start))
        .map_or_else(|_| String::new(), |day| day.to_string());
    Alert {
        id: format!(
            "{}-{}-{}-{}",
            row.budget_id, row.window_start, row.percent, row.alert_id
        ),
        scope,
        window_start: if row.window == "total" {
            String::new()
        } else {
            first_day
        },
        window: row.window.clone(),
        percent: u8::try_from(row.percent).unwrap_or(u8::MAX),
        limit_usd: usd(row.limit_pico_usd),
        settled_usd: usd(row.settled_pico_usd),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use config::{Alerts, WebhookForm};
    use http::Request;
    use openai_client::{
        Transport, TransportError, TransportErrorKind, TransportFuture, TransportOptions,
    };
    use secrecy::SecretString;
    use storage::AlertRow;

    use super::{ALERTS_MAX, CLAIM_MS, TOLD_WITHIN_MS, Webhook, tell_webhook};
    use crate::webhook::ANSWER_MAX;

    /// Reaches nobody.
    struct Nobody;

    impl Transport for Nobody {
        fn send(&self, _: Request<bytes::Bytes>) -> TransportFuture {
            let error = TransportError::new(TransportErrorKind::Connect);
            Box::pin(std::future::ready(Err(error)))
        }
    }

    #[test]
    fn no_other_server_takes_an_alert_while_a_slow_webhook_is_told_of_those_before() {
        let most = (ANSWER_MAX + TransportOptions::default().connect) * ALERTS_MAX as u32;
        assert!(most <= Duration::from_millis(CLAIM_MS as u64), "{most:?}");
    }

    #[tokio::test]
    async fn a_webhook_that_is_set_up_later_is_not_told_of_what_is_long_over() {
        let alerts = Alerts {
            percents: vec![80],
            webhook_url: Some(SecretString::from("https://hooks.example.com/path")),
            webhook_secret: None,
            webhook_form: WebhookForm::Json,
        };
        let webhook = Webhook::new(&alerts, Arc::new(Nobody)).unwrap().unwrap();
        let row = AlertRow {
            alert_id: 1,
            budget_id: 1,
            scope_kind: "global".to_owned(),
            scope_value: String::new(),
            window: "day".to_owned(),
            window_start: 20_779,
            percent: 80,
            limit_pico_usd: 10,
            settled_pico_usd: 8,
            leased_pico_usd: 0,
            at_ms: 1_795_305_600_000,
            tries: 1,
        };
        for (age, is_sent) in [
            (0, true),
            (TOLD_WITHIN_MS, true),
            (TOLD_WITHIN_MS + 1, false),
        ] {
            let now = jiff::Timestamp::from_millisecond(row.at_ms + age).unwrap();
            let told = tell_webhook(&webhook, &row, now).await;
            assert_eq!(told.is_err(), is_sent, "{age}");
        }
    }
}
