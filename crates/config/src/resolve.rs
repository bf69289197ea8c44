//! From what was written to what it means: paths made absolute, the upstream chosen, rules between fields.
//!
//! Invariants: every rule is checked even where an earlier one failed; whatever is missing from the result is a problem.
//! Does not know: how values were read. The upstream's rules are in `upstream.rs`, those of production in `production.rs`.

use std::path::PathBuf;

use secrecy::SecretString;

use crate::database_url::{self, Named};
use crate::error::Problems;
use crate::fields::SECRET_KEY_PLACEHOLDER;
use crate::layers::Merged;
use crate::raw::{RawBudgets, RawServer, RawSettings};
use crate::settings::{
    Alerts, Breaker, Budgets, Cache, Database, Environment, LedgerSettings, Limits, Log, Prices,
    Requests, Server, Settings, StreamSettings, Timeouts, Upstream,
};
use crate::sources::Sources;
use crate::usd;

/// The parts that need more than a copy.
pub(crate) struct Resolved {
    pub(crate) database: Database,
    pub(crate) data_dir: PathBuf,
    pub(crate) upstream: Upstream,
}

/// Where our own files go if the database is a server.
const DATA_DIR: &str = "data";

/// Finds out where the database and the data directory are.
pub(crate) fn paths(
    raw: &RawSettings,
    merged: &Merged,
    sources: &Sources,
    problems: &mut Problems,
) -> Option<(Database, PathBuf)> {
    let given = raw
        .data_dir
        .as_ref()
        .map(|path| sources.working_dir.join(path));
    let path = match database_url::read(&raw.database_url) {
        Ok(Named::Sqlite(path)) => sources.working_dir.join(path),
        Ok(Named::Postgres) => {
            may_name_the_server(merged, problems);
            let url = SecretString::from(raw.database_url.as_str());
            let data_dir = given.unwrap_or_else(|| sources.working_dir.join(DATA_DIR));
            return Some((Database::Postgres(url), data_dir));
        }
        Err((problem, remedy)) => {
            problems.add(
                "database_url",
                merged.place("database_url"),
                problem,
                remedy,
            );
            return None;
        }
    };
    let beside = || {
        path.parent()
            .map_or_else(|| sources.working_dir.clone(), PathBuf::from)
    };
    let data_dir = given.unwrap_or_else(beside);
    Some((Database::Sqlite(path), data_dir))
}

/// Refuses a server named by the directory for a key from the operator: whoever holds the database makes virtual keys, and spends.
fn may_name_the_server(merged: &Merged, problems: &mut Problems) {
    const DATABASE_URL: &str = "database_url";
    let (Some(url), Some(key)) = (
        merged.origin(DATABASE_URL),
        merged.origin("upstream.api_key"),
    ) else {
        return;
    };
    if url.trust < key.trust {
        let problem = format!(
            "would let a server that a file in the working directory names decide who may spend on the key of {}",
            key.place
        );
        problems.add(DATABASE_URL, url.place, problem, "set DATABASE_URL where the key is set, or name the directory with --config-dir and an absolute path");
    }
}

/// Refuses the placeholder, which everybody knows, in development too.
pub(crate) fn secret_key(raw: &RawSettings, merged: &Merged, problems: &mut Problems) {
    if raw.secret_key.as_deref() == Some(SECRET_KEY_PLACEHOLDER) {
        let remedy = "set it to the output of: openssl rand -hex 32 (in development, leave it out to have one made)";
        problems.add(
            "secret_key",
            merged.place("secret_key"),
            "is still the placeholder of .env.example",
            remedy,
        );
    }
}

/// Checks the listeners.
pub(crate) fn listeners(server: &RawServer, merged: &Merged, problems: &mut Problems) {
    if server.listen == server.admin_listen && server.listen.port() != 0 {
        let place = merged.place("server.admin_listen");
        problems.add(
            "server.admin_listen",
            place,
            "is the same address as server.listen",
            "give the two listeners different ports",
        );
    }
}

/// Puts the checked settings together.
pub(crate) fn settings(
    raw: RawSettings,
    environment: Environment,
    secret_key: SecretString,
    resolved: Resolved,
) -> Settings {
    let Resolved {
        database,
        data_dir,
        upstream,
    } = resolved;
    Settings {
        environment,
        debug: raw.debug,
        secret_key,
        database,
        data_dir,
        upstream,
        server: server(&raw.server),
        timeouts: Timeouts {
            connect: raw.timeouts.connect.0,
            first_byte: raw.timeouts.first_byte.0,
            idle: raw.timeouts.idle.0,
            total: raw.timeouts.total.0,
        },
        breaker: Breaker {
            consecutive_failures_max: raw.breaker.consecutive_failures_max,
            window: raw.breaker.window.0,
            failure_rate_percent: raw.breaker.failure_rate_percent,
            calls_min: raw.breaker.calls_min,
            open_for: raw.breaker.open_for.0,
            half_open_probes: raw.breaker.half_open_probes,
        },
        limits: Limits {
            requests_per_minute: raw.limits.requests_per_minute,
        },
        cache: Cache {
            embeddings: raw.cache.embeddings,
            embedding_bytes_max: raw.cache.embedding_bytes_max,
        },
        stream: StreamSettings {
            drain_tokens_max: raw.stream.drain_tokens_max,
            drain: raw.stream.drain.0,
        },
        requests: Requests {
            unknown_fields: raw.requests.unknown_fields,
            object_owner: raw.requests.object_owner,
        },
        budgets: budgets(&raw.budgets),
        alerts: Alerts {
            percents: percents(&raw.alerts.percents),
            webhook_url: raw.alerts.webhook_url.map(SecretString::from),
            webhook_secret: raw.alerts.webhook_secret.map(SecretString::from),
            webhook_form: raw.alerts.webhook_form,
        },
        ledger: LedgerSettings {
            gather: raw.ledger.gather.0,
            on_write_failure: raw.ledger.on_write_failure,
        },
        prices: Prices {
            unknown: raw.prices.unknown,
            regional_uplift: raw.prices.regional_uplift,
        },
        log: Log {
            format: raw.log.format,
            level: raw.log.level,
        },
    }
}

fn server(raw: &RawServer) -> Server {
    Server {
        listen: raw.listen,
        admin_listen: raw.admin_listen,
        behind_tls_proxy: raw.behind_tls_proxy,
        // Each passed its kind when its layer was read.
        trusted_proxies: raw
            .trusted_proxies
            .iter()
            .filter_map(|network| network.parse().ok())
            .collect(),
        connections_max: raw.connections_max,
        header_timeout: raw.header_timeout.0,
        body_timeout: raw.body_timeout.0,
        keep_alive_timeout: raw.keep_alive_timeout.0,
        body_bytes_max: raw.body_bytes_max,
        drain: raw.drain.0,
    }
}

fn budgets(raw: &RawBudgets) -> Budgets {
    Budgets {
        daily_usd: (raw.daily_usd != usd::NONE).then(|| raw.daily_usd.clone()),
        wait: raw.wait.0,
        output_tokens: raw.output_tokens,
        end_user: raw.end_user,
        end_users_per_key_day_max: raw.end_users_per_key_day_max,
        lease_life: raw.lease_life.0,
    }
}

/// In rising order, each once; the kind has checked their range.
fn percents(raw: &[u8]) -> Vec<u8> {
    let sorted: std::collections::BTreeSet<u8> = raw.iter().copied().collect();
    sorted.into_iter().collect()
}
