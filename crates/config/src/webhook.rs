//! Where alerts are sent: https, or a server on this machine.
//!
//! Invariants: no message holds the address, which may be a secret itself.
//! Does not know: what is sent.

use url::Url;

use crate::error::Problems;
use crate::layers::Merged;
use crate::raw::RawAlerts;
use crate::upstream::is_loopback;

const URL: &str = "alerts.webhook_url";
const SECRET: &str = "alerts.webhook_secret";
/// A signature under less than this can be guessed.
const SECRET_BYTES_MIN: usize = 16;

/// Checks address and secret.
pub(crate) fn check(raw: &RawAlerts, merged: &Merged, problems: &mut Problems) {
    if let Some(problem) = raw.webhook_url.as_deref().and_then(wrong_url) {
        let remedy =
            "set it to https://…, or to http://127.0.0.1:port/… for a server on this machine";
        problems.add(URL, merged.place(URL), problem, remedy);
    }
    let secret = raw.webhook_secret.as_deref();
    if secret.is_some_and(|secret| secret.len() < SECRET_BYTES_MIN) {
        let remedy = "set it to the output of: openssl rand -hex 32";
        problems.add(
            SECRET,
            merged.place(SECRET),
            "is shorter than 16 characters",
            remedy,
        );
    }
}

fn wrong_url(text: &str) -> Option<&'static str> {
    let Ok(url) = Url::parse(text) else {
        return Some("is no URL");
    };
    let Some(host) = url.host() else {
        return Some("names no host");
    };
    match url.scheme() {
        _ if !url.username().is_empty() || url.password().is_some() => {
            Some("holds a user name or password")
        }
        "https" => None,
        "http" if is_loopback(&host) => None,
        "http" => Some("is http to another machine"),
        _ => Some("is neither https nor http"),
    }
}

#[cfg(test)]
mod tests {
    use super::wrong_url;

    #[test]
    fn alerts_go_by_https_or_stay_on_this_machine() {
        for url in [
            "https://hooks.example.com/T0/B0",
            "http://127.0.0.1:9/x",
            "http://[::1]/x",
        ] {
            assert_eq!(wrong_url(url), None, "{url}");
        }
        for url in [
            "",
            "hooks",
            "ftp://h/x",
            "http://hooks.example.com/",
            "https://u:p@h/",
            "file:///x",
        ] {
            assert!(wrong_url(url).is_some(), "{url}");
        }
    }
}
