//! Where answers come from: the upstream itself, the upstream through a recorder, or a cassette.
//!
//! Invariants: whatever it is, the suite sees a base URL and a key; a cassette is never asked with a real key.
//! Does not know: what is asked.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, bail};
use openai_sim::{Cassette, Recorder, Sim, SimOptions, Timing};

use crate::options::{OPENAI_BASE_URL, Options, is_loopback};
use crate::spend::Billed;

/// An upstream that is ready.
pub(crate) struct Source {
    pub(crate) base_url: String,
    pub(crate) key: String,
    /// Which prices somebody bills.
    pub(crate) billed: Billed,
    /// The upstream's name, where a cassette tells it.
    pub(crate) name: Option<String>,
    /// The day of the cassette that answers.
    pub(crate) recorded: Option<String>,
    between: Between,
}

/// What stands between the suite and the upstream.
enum Between {
    Nothing,
    Recorder(Recorder),
    /// Plays as long as it is here.
    Player {
        _sim: Sim,
    },
}

impl Source {
    /// Makes the upstream of the options ready. A cassette brings its own models.
    pub(crate) async fn open(options: &mut Options, key: Option<String>) -> anyhow::Result<Self> {
        if let Some(path) = options.replay.clone() {
            return Self::replay(&path, options).await;
        }
        let upstream = options.base_url.as_deref().unwrap_or(OPENAI_BASE_URL);
        let on_loopback = is_loopback(upstream);
        let key = match key {
            Some(key) => key,
            None if on_loopback => made_up(),
            None => bail!("a real API wants a key; type: OPENAI_API_KEY=… cargo xtask test-live"),
        };
        let mut source = Self {
            base_url: upstream.to_owned(),
            key,
            billed: if on_loopback {
                Billed::ButTest
            } else {
                Billed::All
            },
            name: None,
            recorded: None,
            between: Between::Nothing,
        };
        if let Some(path) = &options.record {
            // Before anything is spent on what could not be kept.
            let file = std::fs::OpenOptions::new()
                .append(true)
                .create(true)
                .open(path);
            file.with_context(|| format!("write the cassette {}", path.display()))?;
            let recorder = Recorder::start(upstream)
                .await
                .context("start the recorder")?;
            source.base_url = recorder.base_url();
            source.between = Between::Recorder(recorder);
        }
        Ok(source)
    }

    async fn replay(path: &Path, options: &mut Options) -> anyhow::Result<Self> {
        let read = || format!("read the cassette {}", path.display());
        let text = std::fs::read_to_string(path).with_context(read)?;
        let cassette = Cassette::read(&text).with_context(read)?;
        options.chat_model.clone_from(&cassette.chat_model);
        options.embed_model.clone_from(&cassette.embed_model);
        let (name, recorded) = (cassette.upstream.clone(), cassette.recorded.clone());
        let sim = Sim::start(SimOptions {
            cassette: Some(Arc::new(cassette)),
            replay_speed: if options.fast {
                Timing::Fast
            } else {
                Timing::AsRecorded
            },
            ..SimOptions::default()
        });
        let sim = sim.await.context("play the cassette")?;
        Ok(Self {
            base_url: sim.base_url(),
            key: made_up(),
            billed: Billed::Nothing,
            name: Some(name),
            recorded: Some(recorded),
            between: Between::Player { _sim: sim },
        })
    }

    /// Ends what was started, and keeps what was recorded.
    pub(crate) async fn close(
        self,
        options: &Options,
        upstream: &str,
        day: &str,
    ) -> anyhow::Result<()> {
        let (Between::Recorder(recorder), Some(path)) = (self.between, &options.record) else {
            return Ok(());
        };
        let mut cassette = recorder.finish().await;
        upstream.clone_into(&mut cassette.upstream);
        day.clone_into(&mut cassette.recorded);
        cassette.scrub(&[&self.key]);
        std::fs::write(path, cassette.write()).with_context(|| format!("write {}", path.display()))
    }
}

/// For an upstream that asks for none; long enough to be looked for.
fn made_up() -> String {
    ["sk", "-", "live-suite-loopback-", "1111111111111111"].concat()
}
