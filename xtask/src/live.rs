//! `cargo xtask test-live`: a few calls through the built binary to the upstream that the environment names.
//!
//! Invariants: without a key, and without an upstream on loopback, exit code 2; never a silent pass. The key is looked for in all output.
//! Does not know: what the tests ask.

use anyhow::Context;

use crate::console::say;
use crate::integration::{captured, tier_command};
use crate::marks::{self, Marks};
use crate::step::{Log, could_not_run, variable};
use crate::tier::{self, Counts};

/// Cheap models of the day.
const CHAT_MODEL: &str = "gpt-6-luna";
const EMBED_MODEL: &str = "text-embedding-3-small";

/// Runs the tier.
pub(crate) fn run() -> anyhow::Result<()> {
    let upstream = Upstream::choose(variable("OPENAI_API_KEY"), variable("OPENAI_BASE_URL"))?;
    let mut log = Log::default();
    let outcome = log.step("live tests", || tests(&upstream));
    log.print();
    outcome.map(|_| ())
}

/// Which upstream is asked, and with which key.
struct Upstream {
    key: String,
    base_url: Option<String>,
}

impl Upstream {
    /// A server on loopback needs no key, and gets a made-up one so that no real key is sent to it by chance of being set empty.
    fn choose(key: Option<String>, base_url: Option<String>) -> anyhow::Result<Self> {
        let on_loopback = base_url.as_deref().is_some_and(is_loopback);
        match key {
            Some(key) => Ok(Self { key, base_url }),
            None if on_loopback => Ok(Self {
                key: ["sk", "-", "loopback-", &marks::fresh()?].concat(),
                base_url,
            }),
            None => Err(could_not_run(
                "the live tier asks a real API and OPENAI_API_KEY is not set; type: OPENAI_API_KEY=… cargo xtask test-live, \
                 or name a server on loopback by OPENAI_BASE_URL",
            )),
        }
    }
}

fn tests(upstream: &Upstream) -> anyhow::Result<Counts> {
    let chat_model = variable("KEYWARD_LIVE_CHAT_MODEL").unwrap_or_else(|| CHAT_MODEL.to_owned());
    let embed_model =
        variable("KEYWARD_LIVE_EMBED_MODEL").unwrap_or_else(|| EMBED_MODEL.to_owned());
    let shown = upstream
        .base_url
        .as_deref()
        .unwrap_or("the default upstream");
    say(&format!(
        "models {chat_model} and {embed_model}, at {shown}; a few dozen short calls"
    ));
    let marks = Marks::of(&[&upstream.key]);
    let mut command = tier_command("live");
    command.env("OPENAI_API_KEY", &upstream.key);
    if let Some(base_url) = &upstream.base_url {
        command.env("OPENAI_BASE_URL", base_url);
    }
    command.env("KEYWARD_LIVE_CHAT_MODEL", chat_model);
    command.env("KEYWARD_LIVE_EMBED_MODEL", embed_model);
    let counts = tier::run(&mut command, &marks)?;
    marks
        .search(&captured("live"))
        .context("search what the tests wrote")?;
    Ok(counts)
}

/// Whether the host of an address is this machine.
fn is_loopback(base_url: &str) -> bool {
    let rest = base_url
        .split_once("://")
        .map_or(base_url, |(_, rest)| rest);
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    if authority.contains('@') {
        return false;
    }
    let host = match authority.strip_prefix('[') {
        Some(bracketed) => bracketed.split(']').next(),
        None => authority.split(':').next(),
    };
    let address = host.unwrap_or_default().parse::<std::net::IpAddr>();
    host == Some("localhost") || address.is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::{Upstream, is_loopback};
    use crate::step::CouldNotRun;

    #[test]
    fn loopback_is_told_from_what_only_looks_like_it() {
        for address in [
            "http://127.0.0.1:8080/v1",
            "http://localhost/v1",
            "http://[::1]:9/v1",
            "http://127.9.9.9",
        ] {
            assert!(is_loopback(address), "{address}");
        }
        for address in [
            "https://api.example.com/v1",
            "http://127.0.0.1.example.com",
            "http://127.0.0.1@example.com/",
            "http://localhost.example.com",
            "",
        ] {
            assert!(!is_loopback(address), "{address}");
        }
    }

    #[test]
    fn without_a_key_only_loopback_runs() {
        let none = |base_url: Option<&str>| Upstream::choose(None, base_url.map(str::to_owned));
        for base_url in [None, Some("https://api.example.com/v1")] {
            let error = none(base_url)
                .err()
                .map(|error| error.downcast_ref::<CouldNotRun>().is_some());
            assert_eq!(error, Some(true), "{base_url:?}");
        }
        assert!(none(Some("http://127.0.0.1:1/v1")).unwrap().key.len() > 20);
    }

    #[test]
    fn a_given_key_is_used_as_it_is() {
        let upstream = Upstream::choose(Some("given".to_owned()), None).unwrap();
        assert_eq!((upstream.key.as_str(), upstream.base_url), ("given", None));
    }
}
