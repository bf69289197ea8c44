//! What production does not forgive.
//!
//! Invariants: every violation is reported, not only the first; nothing here changes a setting.
//! Does not know: development.

use std::net::SocketAddr;
use std::path::Path;

use crate::database_url;
use crate::error::Problems;
use crate::fields::SECRET_KEY_PLACEHOLDER;
use crate::layers::Merged;
use crate::raw::{RawServer, RawSettings};
use crate::secret_key;
use crate::settings::UnknownPrice;

const NOT_FROM_ENV_FILE: &str = "in the environment of the process (production does not read .env)";

/// Checks all rules.
pub(crate) fn check(
    raw: &RawSettings,
    merged: &Merged,
    data_dir: Option<&Path>,
    problems: &mut Problems,
) {
    if raw.debug {
        problems.add(
            "debug",
            merged.place("debug"),
            "is on in production",
            "set DEBUG=false",
        );
    }
    if database_url::is_open_to_the_network(&raw.database_url) {
        let problem = "names another machine, and the connection may go without TLS";
        problems.add(
            "database_url",
            merged.place("database_url"),
            problem,
            "add ?sslmode=require",
        );
    }
    check_secret_key(raw.secret_key.as_deref(), merged, data_dir, problems);
    if raw.upstream.api_key.is_none() {
        let remedy = format!("set OPENAI_API_KEY {NOT_FROM_ENV_FILE}");
        problems.add(
            "upstream.api_key",
            "not set",
            "is missing, and production has no simulator",
            remedy,
        );
    }
    if raw.prices.unknown == UnknownPrice::Zero {
        let problem =
            "is zero in production: calls of models without a price would cost nothing on paper";
        problems.add(
            "prices.unknown",
            merged.place("prices.unknown"),
            problem,
            "set it to refuse, and add the prices to prices.local.toml",
        );
    }
    check_listener(
        "server.listen",
        raw.server.listen,
        &raw.server,
        merged,
        problems,
    );
    check_listener(
        "server.admin_listen",
        raw.server.admin_listen,
        &raw.server,
        merged,
        problems,
    );
}

fn check_secret_key(
    secret: Option<&str>,
    merged: &Merged,
    data_dir: Option<&Path>,
    problems: &mut Problems,
) {
    let remedy =
        format!("set SECRET_KEY {NOT_FROM_ENV_FILE} to the output of: openssl rand -hex 32");
    let Some(secret) = secret else {
        problems.add("secret_key", "not set", "is missing", remedy);
        return;
    };
    let place = merged.place("secret_key");
    // The placeholder is refused everywhere, by its own name.
    if let Some(weakness) =
        secret_key::weakness(secret).filter(|_| secret != SECRET_KEY_PLACEHOLDER)
    {
        problems.add("secret_key", place, weakness, &remedy);
    }
    // A development key that can't be read can't be compared, and in production nothing else depends on it.
    let development = data_dir.and_then(|data_dir| secret_key::read(data_dir).ok().flatten());
    if development.is_some_and(|development| development == secret) {
        problems.add(
            "secret_key",
            place,
            "is the development key of the data directory",
            remedy,
        );
    }
}

fn check_listener(
    field: &str,
    address: SocketAddr,
    server: &RawServer,
    merged: &Merged,
    problems: &mut Problems,
) {
    if address.ip().to_canonical().is_loopback() {
        return;
    }
    if !server.behind_tls_proxy {
        let remedy = "listen on 127.0.0.1, or put a proxy that ends TLS in front and set server.behind_tls_proxy = true";
        problems.add(
            field,
            merged.place(field),
            "is open to other machines without TLS",
            remedy,
        );
    } else if server.trusted_proxies.is_empty() {
        let place = merged.place("server.trusted_proxies");
        problems.add(
            "server.trusted_proxies",
            place,
            "is empty, though a proxy is in front",
            "list the addresses of the proxies: [\"10.0.0.0/8\"]",
        );
    }
}
