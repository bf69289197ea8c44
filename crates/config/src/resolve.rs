//! From what was written to what it means: paths made absolute, the upstream chosen, rules between fields.
//!
//! Invariants: every rule is checked even where an earlier one failed; whatever is missing from the result is a problem.
//! Does not know: how values were read. The upstream's rules are in `upstream.rs`, those of production in `production.rs`.

use std::path::PathBuf;

use secrecy::SecretString;

use crate::error::Problems;
use crate::fields::SECRET_KEY_PLACEHOLDER;
use crate::layers::Merged;
use crate::raw::{RawServer, RawSettings};
use crate::settings::{
    Breaker, Cache, Database, Environment, LedgerSettings, Limits, Log, Prices, Server, Settings,
    StreamSettings, Timeouts, Upstream,
};
use crate::sources::Sources;

/// The parts that need more than a copy.
pub(crate) struct Resolved {
    pub(crate) database: Database,
    pub(crate) data_dir: PathBuf,
    pub(crate) upstream: Upstream,
}

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
    let path = match database_path(&raw.database_url) {
        Ok(path) => sources.working_dir.join(path),
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

const DATABASE_REMEDY: &str = "write sqlite:///data/keyward.db (three slashes: relative) or sqlite:////var/lib/keyward/keyward.db (four: absolute)";

fn database_path(url: &str) -> Result<&str, (&'static str, &'static str)> {
    let (scheme, rest) = url
        .split_once("://")
        .ok_or(("is no database URL", DATABASE_REMEDY))?;
    let dialect = scheme
        .split('+')
        .next()
        .unwrap_or_default()
        .to_ascii_lowercase();
    if matches!(dialect.as_str(), "postgresql" | "postgres") {
        return Err((
            "asks for PostgreSQL, and PostgreSQL is not supported yet by this version",
            "use sqlite:///…, such as sqlite:///data/keyward.db",
        ));
    }
    if scheme != "sqlite" {
        return Err(("names a database that is not supported", DATABASE_REMEDY));
    }
    let path = rest
        .strip_prefix('/')
        .ok_or(("has a host name or too few slashes", DATABASE_REMEDY))?;
    if path.contains(['?', '#']) {
        return Err((
            "has a query or a fragment, which are not supported",
            DATABASE_REMEDY,
        ));
    }
    if path.ends_with('/') || path.is_empty() || path.contains(":memory:") {
        return Err(("names no file", DATABASE_REMEDY));
    }
    Ok(path)
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
        ledger: LedgerSettings {
            gather: raw.ledger.gather.0,
            on_write_failure: raw.ledger.on_write_failure,
        },
        prices: Prices {
            unknown: raw.prices.unknown,
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_slashes_are_relative_and_four_absolute() {
        assert_eq!(
            database_path("sqlite:///data/keyward.db"),
            Ok("data/keyward.db")
        );
        assert_eq!(
            database_path("sqlite:////var/lib/keyward.db"),
            Ok("/var/lib/keyward.db")
        );
    }

    #[test]
    fn other_databases_are_refused_by_name() {
        for url in [
            "postgresql://u:p@host/db",
            "postgres://host/db",
            "postgresql+asyncpg://host/db",
            "PostgreSQL://host/db",
        ] {
            assert!(
                database_path(url)
                    .unwrap_err()
                    .0
                    .contains("PostgreSQL is not supported yet by this version"),
                "{url}"
            );
        }
        for url in [
            "",
            "data/keyward.db",
            "sqlite:data.db",
            "sqlite://host/data.db",
            "sqlite:///",
            "sqlite:///data/",
            "sqlite:///:memory:",
            "sqlite:///a.db?mode=ro",
            "mysql://host/db",
        ] {
            assert!(database_path(url).is_err(), "{url}");
        }
    }
}
