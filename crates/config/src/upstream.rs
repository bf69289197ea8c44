//! Which upstream is called, and whether the one who named it may point the key there.
//!
//! Invariants: a key only goes to a URL whose source is trusted at least as much as the key's; off this machine only https;
//! an admin key goes nowhere; no URL carries a user name, password, query or fragment.
//! Does not know: HTTP.

use std::net::IpAddr;

use secrecy::SecretString;
use url::{Host, Url};

use crate::error::Problems;
use crate::fields::API_KEY_PLACEHOLDER;
use crate::layers::Merged;
use crate::raw::RawUpstream;
use crate::settings::{Environment, Upstream};

const BASE_URL: &str = "upstream.base_url";
const API_KEY: &str = "upstream.api_key";
/// Where the key goes if nobody says otherwise; anybody may name this one.
const OPENAI_BASE_URL: &str = "https://api.openai.com/v1";
const URL_REMEDY: &str =
    "write https://host/prefix, or http://127.0.0.1:port/prefix for a server on this machine";

/// Checks URL and key together.
pub(crate) fn resolve(
    raw: &RawUpstream,
    environment: Option<Environment>,
    merged: &Merged,
    problems: &mut Problems,
) -> Option<Upstream> {
    let base_url = match base_url(&raw.base_url) {
        Ok(url) => Some(url),
        Err((problem, remedy)) => {
            problems.add(BASE_URL, merged.place(BASE_URL), problem, remedy);
            None
        }
    };
    let elsewhere = base_url
        .as_ref()
        .is_none_or(|url| url.as_str() != OPENAI_BASE_URL);
    let Some(api_key) = &raw.api_key else {
        // Production reports the missing key itself.
        if elsewhere && environment == Some(Environment::Development) {
            let remedy = "set OPENAI_API_KEY (any word, if that server asks for none), or leave OPENAI_BASE_URL out to use the simulator";
            problems.add(
                API_KEY,
                "not set",
                "is missing, though OPENAI_BASE_URL names a server",
                remedy,
            );
        }
        return Some(Upstream::Simulator);
    };
    if let Some((problem, remedy)) = wrong_key(api_key) {
        problems.add(API_KEY, merged.place(API_KEY), problem, remedy);
    }
    if elsewhere {
        may_point_the_key(merged, problems);
    }
    Some(Upstream::OpenAi {
        base_url: base_url?,
        api_key: SecretString::from(api_key.as_str()),
        name: raw.name.clone(),
    })
}

/// Refuses a URL from the directory for a key from the operator: a cloned repository must not lead the key away.
fn may_point_the_key(merged: &Merged, problems: &mut Problems) {
    let (Some(url), Some(key)) = (merged.origin(BASE_URL), merged.origin(API_KEY)) else {
        return;
    };
    if url.trust < key.trust {
        let problem = format!(
            "would send the key of {} where a file in the working directory says, and a directory is not trusted that far",
            key.place
        );
        problems.add(BASE_URL, url.place, problem, "set OPENAI_BASE_URL where the key is set, or name the directory with --config-dir and an absolute path");
    }
}

fn wrong_key(key: &str) -> Option<(&'static str, &'static str)> {
    const REMEDY: &str = "set a project key from the settings of your OpenAI project";
    if key == API_KEY_PLACEHOLDER {
        return Some(("is still the placeholder of .env.example", REMEDY));
    }
    if key.starts_with("sk-admin-") {
        return Some((
            "is an admin key, which can change the whole organisation and is never needed to call models",
            REMEDY,
        ));
    }
    // It becomes a header; a space or a line break in it is a slip of copy and paste.
    (!key.bytes().all(|byte| byte.is_ascii_graphic()))
        .then_some(("holds a space or a character that is not ASCII", REMEDY))
}

/// Reads and checks a base URL; the result has no slash at the end of its path, unless the path is the root.
fn base_url(text: &str) -> Result<Url, (&'static str, &'static str)> {
    let mut url = Url::parse(text).map_err(|_| ("is no URL", URL_REMEDY))?;
    let Some(host) = url.host() else {
        return Err(("names no host", URL_REMEDY));
    };
    match url.scheme() {
        "https" => {}
        "http" if is_loopback(&host) => {}
        "http" => {
            return Err((
                "is http to another machine, which would show the key on the way",
                URL_REMEDY,
            ));
        }
        _ => return Err(("is neither https nor http", URL_REMEDY)),
    }
    // The parser forgives what the eye misses: `https:///v1` names the host v1, an empty user name still has its @, and
    // backslashes count as slashes.
    let rest = text.split_once("://").map_or("", |(_, rest)| rest);
    let authority = rest.split(['/', '?', '#', '\\']).next().unwrap_or_default();
    if authority.is_empty() {
        return Err(("names no host", URL_REMEDY));
    }
    if authority.contains('@') || text.contains('\\') {
        return Err((
            "holds a user name or password, or a backslash",
            "write it without; the key is sent by itself",
        ));
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(("has a query or a fragment", "write it without ? and #"));
    }
    let path = url.path().trim_end_matches('/').to_owned();
    url.set_path(&path);
    Ok(url)
}

pub(crate) fn is_loopback(host: &Host<&str>) -> bool {
    match host {
        Host::Domain(name) => name.eq_ignore_ascii_case("localhost"),
        Host::Ipv4(address) => address.is_loopback(),
        Host::Ipv6(address) => IpAddr::V6(*address).to_canonical().is_loopback(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_is_kept_and_the_last_slash_is_not() {
        for (text, url) in [
            ("https://api.openai.com/v1", "https://api.openai.com/v1"),
            ("https://api.openai.com/v1/", "https://api.openai.com/v1"),
            (
                "https://proxy.example/openai/eu/v1//",
                "https://proxy.example/openai/eu/v1",
            ),
            ("https://proxy.example", "https://proxy.example/"),
            ("http://127.0.0.1:18082/v1", "http://127.0.0.1:18082/v1"),
            ("http://localhost:1/", "http://localhost:1/"),
            ("http://[::1]:8000/v1", "http://[::1]:8000/v1"),
        ] {
            assert_eq!(base_url(text).unwrap().as_str(), url);
        }
    }

    #[test]
    fn what_could_lead_the_key_astray_is_refused() {
        for text in [
            "api.openai.com/v1",
            "ftp://api.openai.com",
            "http://api.openai.com/v1",
            "http://10.0.0.7/v1",
            "http://localhost.example/v1",
            "http://127.0.0.1.example/v1",
            "https://user@api.openai.com/v1",
            "https://user:word@api.openai.com/v1",
            "https://@api.openai.com/v1",
            "http://127.0.0.1@evil.example/",
            "https://api.openai.com\\@evil.example/",
            "https://api.openai.com/v1?key=1",
            "https://api.openai.com/v1#x",
            "https:///v1",
            "https:api.openai.com",
            "file:///etc/passwd",
            "http://0.0.0.0:1/v1",
        ] {
            assert!(base_url(text).is_err(), "{text}");
        }
    }
}
