//! What `DATABASE_URL` may say: a file for SQLite, a server for PostgreSQL.
//!
//! Invariants: no message and no shown form holds the password.
//! Does not know: databases; the driver reads what is left of a PostgreSQL URL.
//! Source: SQLAlchemy's database URLs for SQLite; libpq's connection URIs for PostgreSQL.

use url::Url;

/// What the URL names.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Named<'u> {
    /// A file, relative to the working directory or absolute.
    Sqlite(&'u str),
    /// A server, by the whole URL.
    Postgres,
}

/// What is wrong, and the remedy.
type Wrong = (&'static str, &'static str);

const SQLITE_REMEDY: &str = "write sqlite:///data/keyward.db (three slashes: relative) or sqlite:////var/lib/keyward/keyward.db (four: absolute), or postgresql://user@host/database";
const POSTGRES_REMEDY: &str = "write postgresql://user:password@host:5432/database";
/// The parameters that are passed on.
const PARAMETERS: [&str; 2] = ["sslmode", "application_name"];

/// Reads the URL.
pub(crate) fn read(url: &str) -> Result<Named<'_>, Wrong> {
    let (scheme, rest) = url
        .split_once("://")
        .ok_or(("is no database URL", SQLITE_REMEDY))?;
    match scheme.to_ascii_lowercase().as_str() {
        "postgresql" | "postgres" => postgres(url).map(|()| Named::Postgres),
        other if other.starts_with("postgresql+") || other.starts_with("postgres+") => {
            Err(("names a driver of another program", POSTGRES_REMEDY))
        }
        "sqlite" => sqlite(rest).map(Named::Sqlite),
        _ => Err(("names a database that is not supported", SQLITE_REMEDY)),
    }
}

fn sqlite(rest: &str) -> Result<&str, Wrong> {
    let path = rest
        .strip_prefix('/')
        .ok_or(("has a host name or too few slashes", SQLITE_REMEDY))?;
    if path.contains(['?', '#']) {
        return Err((
            "has a query or a fragment, which are not supported",
            SQLITE_REMEDY,
        ));
    }
    if path.ends_with('/') || path.is_empty() || path.contains(":memory:") {
        return Err(("names no file", SQLITE_REMEDY));
    }
    Ok(path)
}

fn postgres(url: &str) -> Result<(), Wrong> {
    let url = Url::parse(url).map_err(|_| ("is no database URL", POSTGRES_REMEDY))?;
    if url.host_str().is_none_or(str::is_empty) {
        return Err(("names no host", POSTGRES_REMEDY));
    }
    if url.username().is_empty() {
        return Err(("names no user", POSTGRES_REMEDY));
    }
    let database = url.path().trim_start_matches('/');
    if database.is_empty() || database.contains('/') {
        return Err(("names no database", POSTGRES_REMEDY));
    }
    if url.fragment().is_some() {
        return Err((
            "has a fragment; a `#` in a password is written %23",
            POSTGRES_REMEDY,
        ));
    }
    for (name, value) in url.query_pairs() {
        if !PARAMETERS.contains(&&*name) {
            return Err((
                "has a parameter that is not supported",
                "leave only sslmode and application_name",
            ));
        }
        if name == "sslmode" && !["disable", "prefer", "require"].contains(&&*value) {
            return Err((
                "has an sslmode that is not supported",
                "write sslmode=require (the certificate is always checked), prefer or disable",
            ));
        }
    }
    Ok(())
}

/// Whether the connection of a PostgreSQL URL leaves this machine without TLS being required.
pub(crate) fn is_open_to_the_network(url: &str) -> bool {
    let Ok(url) = Url::parse(url) else {
        return false;
    };
    let parameter = |wanted: &str| {
        url.query_pairs()
            .find(|(name, _)| name == wanted)
            .map(|(_, value)| value.into_owned())
    };
    let is_local = match url.host_str() {
        None | Some("") => true,
        Some("localhost") => true,
        Some(host) => host
            .trim_matches(['[', ']'])
            .parse::<std::net::IpAddr>()
            .is_ok_and(|address| address.to_canonical().is_loopback()),
    };
    !is_local && parameter("sslmode").as_deref() != Some("require")
}

/// Whether a password stands in the URL.
pub(crate) fn has_password(url: &str) -> bool {
    shown(url) != url
}

/// The URL as a person may see it: a password is replaced. By the text alone, so that a URL that can't be read hides it too.
pub(crate) fn shown(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else {
        return url.to_owned();
    };
    // Everything up to the last `@`: a password may hold one, and a slash.
    let Some((user, host)) = rest.rsplit_once('@') else {
        return url.to_owned();
    };
    match user.split_once(':') {
        Some((name, _)) => format!("{scheme}://{name}:[set]@{host}"),
        None => url.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_slashes_are_relative_and_four_absolute() {
        assert_eq!(
            read("sqlite:///data/keyward.db"),
            Ok(Named::Sqlite("data/keyward.db"))
        );
        assert_eq!(
            read("sqlite:////var/lib/keyward.db"),
            Ok(Named::Sqlite("/var/lib/keyward.db"))
        );
    }

    #[test]
    fn servers_are_named_by_user_host_and_database() {
        for url in [
            "postgresql://u:p@host/db",
            "postgres://u@127.0.0.1:5433/db?sslmode=disable",
            "PostgreSQL://u@host/db",
            "postgresql://u@[::1]/db",
        ] {
            assert_eq!(read(url), Ok(Named::Postgres), "{url}");
        }
        for (url, wrong) in [
            ("postgresql://host/db", "names no user"),
            ("postgresql://u@host", "names no database"),
            ("postgresql://u@host/a/b", "names no database"),
            ("postgresql://u@/db", "is no database URL"),
            ("postgresql://u@h/db?host=/run", "has a parameter"),
            ("postgresql://u:p#q@host/db", "is no database URL"),
            ("postgresql://u@host/db#x", "has a fragment"),
            ("postgresql://u@host/db?options=-c", "has a parameter"),
            ("postgresql://u@host/db?sslmode=allow", "has an sslmode"),
            (
                "postgresql+asyncpg://u@host/db",
                "names a driver of another program",
            ),
        ] {
            let told = read(url).unwrap_err().0;
            assert!(told.starts_with(wrong), "{url}: {told}");
        }
    }

    #[test]
    fn other_databases_are_refused() {
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
            assert!(read(url).is_err(), "{url}");
        }
    }

    #[test]
    fn a_password_is_never_shown() {
        for (url, expected) in [
            ("postgresql://u:p@h/d", "postgresql://u:[set]@h/d"),
            ("postgresql://u:p@ss/w:rd@h/d", "postgresql://u:[set]@h/d"),
            ("postgresql://u@h/d", "postgresql://u@h/d"),
            ("sqlite:///data/a.db", "sqlite:///data/a.db"),
        ] {
            assert_eq!(shown(url), expected);
            assert_eq!(has_password(url), url != expected);
        }
    }

    #[test]
    fn only_a_distant_server_without_tls_is_open() {
        for (url, expected) in [
            ("postgresql://u@db.example.com/d", true),
            ("postgresql://u@db.example.com/d?sslmode=prefer", true),
            ("postgresql://u@db.example.com/d?sslmode=require", false),
            ("postgresql://u@127.0.0.1/d", false),
            ("postgresql://u@[::1]/d", false),
            ("postgresql://u@localhost/d", false),
        ] {
            assert_eq!(is_open_to_the_network(url), expected, "{url}");
        }
    }
}
