//! Where the database is and how it is reached: a URL with a password, TLS, and the settings of every connection.
//!
//! Invariants: no message and no debug form holds the password; a certificate is always checked where TLS is used.
//! Does not know: what is asked over the connection.
//! Source: libpq's connection URIs; PostgreSQL, "Client Connection Defaults".

use std::sync::Arc;
use std::time::Duration;

use rustls::ClientConfig;
use rustls_platform_verifier::BuilderVerifierExt;
use secrecy::{ExposeSecret, SecretString};
use tokio_postgres::Config;
use tokio_postgres::config::TargetSessionAttrs;
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::error::StoreErrorKind;
use crate::postgres::failure::Failure;

/// The schema that holds our tables, so that other programs may use the same database.
pub(super) const SCHEMA: &str = "keyward";
/// How long a connection may take to come about.
pub(super) const CONNECT_MAX: Duration = Duration::from_secs(2);
/// How long a statement waits for rows that another server holds.
const LOCK_MAX: Duration = Duration::from_secs(2);
/// How long the server keeps a transaction whose owner went away without a word: others may wait for its rows, and must be
/// let through before they give up.
const FORGOTTEN_MAX: Duration = Duration::from_secs(1);
/// How long bytes may be on their way before a connection counts as dead.
const UNHEARD_MAX: Duration = Duration::from_secs(5);

/// A database server. A clone is cheap enough for a start.
#[derive(Clone)]
pub(super) struct Address {
    config: Config,
    pub(super) tls: MakeRustlsConnect,
}

impl Address {
    /// Reads the URL. Blocks shortly to read the certificates of this machine.
    pub(super) fn read(url: &SecretString) -> Result<Address, Failure> {
        // The parser's own message may quote the URL.
        let config: Config = url.expose_secret().parse().map_err(|_| {
            StoreErrorKind::Unavailable(
                "DATABASE_URL can't be read; write postgresql://user:password@host:5432/database"
                    .to_owned(),
            )
        })?;
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let tls = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .and_then(BuilderVerifierExt::with_platform_verifier)
            .map_err(|error| StoreErrorKind::Unavailable(format!("TLS: {error}")))?
            .with_no_client_auth();
        Ok(Address {
            config,
            tls: MakeRustlsConnect::new(tls),
        })
    }

    /// The way to a connection whose statements may take so long.
    pub(super) fn config(&self, statement_max: Duration) -> Config {
        let mut config = self.config.clone();
        if config.get_application_name().is_none() {
            config.application_name("keyward");
        }
        config
            .options(options(statement_max))
            .connect_timeout(CONNECT_MAX)
            .tcp_user_timeout(UNHEARD_MAX)
            .keepalives_idle(UNHEARD_MAX)
            // Not the copy that a failover has left behind.
            .target_session_attrs(TargetSessionAttrs::ReadWrite);
        config
    }
}

/// What holds on every connection, whatever the server's defaults are.
fn options(statement_max: Duration) -> String {
    let settings = [
        ("search_path", SCHEMA.to_owned()),
        ("statement_timeout", milliseconds(statement_max)),
        ("lock_timeout", milliseconds(LOCK_MAX)),
        (
            "idle_in_transaction_session_timeout",
            milliseconds(FORGOTTEN_MAX),
        ),
        // An answer means: on disk.
        ("synchronous_commit", "on".to_owned()),
        (
            "default_transaction_isolation",
            r"read\ committed".to_owned(),
        ),
        ("default_transaction_read_only", "off".to_owned()),
        ("timezone", "UTC".to_owned()),
    ];
    settings
        .map(|(name, value)| format!("-c {name}={value}"))
        .join(" ")
}

fn milliseconds(time: Duration) -> String {
    time.as_millis().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_message_quotes_the_url() {
        let password = "hunter-two";
        for url in [
            format!("postgresql://user:{password}@host:notaport/db"),
            format!("postgresql://user:{password}@host/db?unknown={password}"),
            format!("user={password} pass"),
        ] {
            let Err(failure) = Address::read(&url.clone().into()) else {
                panic!("read {url}")
            };
            let error = failure.during("open the database");
            let told = format!("{error} {error:?}");
            assert!(!told.contains(password), "{told}");
            assert!(told.contains("postgresql://user:password@host"), "{told}");
        }
    }

    #[test]
    fn no_debug_form_holds_the_password() {
        let password = "hunter-two";
        let url = format!("postgresql://user:{password}@host/db").into();
        let address = Address::read(&url).unwrap_or_else(|_| panic!("not read"));
        let config = address.config(Duration::from_secs(1));
        assert!(!format!("{config:?}").contains(password));
    }
}
