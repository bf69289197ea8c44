//! Where answers come from: the upstream itself, the upstream through a recorder, or a cassette.
//!
//! Invariants: whatever it is, the suite sees a base URL and a key; a cassette never sees a real key.
//! Does not know: what is asked.

use anyhow::bail;

use crate::options::{OPENAI_BASE_URL, Options, is_loopback};

/// An upstream that is ready.
pub(crate) struct Source {
    pub(crate) base_url: String,
    pub(crate) key: String,
    /// On this machine, where no price is real unless it was given.
    pub(crate) nobody_bills: bool,
    /// The upstream's name, where a cassette tells it.
    pub(crate) name: Option<String>,
    /// The day of the cassette that answers.
    pub(crate) recorded: Option<String>,
}

impl Source {
    /// Makes the upstream of the options ready. A cassette brings its own models.
    pub(crate) async fn open(options: &mut Options, key: Option<String>) -> anyhow::Result<Self> {
        let base_url = options
            .base_url
            .clone()
            .unwrap_or_else(|| OPENAI_BASE_URL.to_owned());
        let key = match key {
            Some(key) => key,
            // A server on loopback gets a made-up key.
            None if is_loopback(&base_url) => made_up(),
            None => bail!("a real API wants a key; type: OPENAI_API_KEY=… cargo xtask test-live"),
        };
        Ok(Self {
            nobody_bills: is_loopback(&base_url),
            base_url,
            key,
            name: None,
            recorded: None,
        })
    }

    /// Ends what was started.
    pub(crate) async fn close(self, _options: &Options, _upstream: &str) -> anyhow::Result<()> {
        Ok(())
    }
}

fn made_up() -> String {
    ["sk", "-", "live-suite-loopback-", "1111111111111111"].concat()
}
