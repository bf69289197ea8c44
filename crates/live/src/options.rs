//! What the suite is told on its command line; the key comes from the environment alone.
//!
//! Invariants: a flag that is unknown, twice or without its value is refused with what to type.
//! Does not know: what the values are used for.

use std::path::PathBuf;

use anyhow::{Context, bail, ensure};

use crate::money::Usd;
use crate::prices::Price;

/// Cheap models of the day.
pub(crate) const CHAT_MODEL: &str = "gpt-6-luna";
pub(crate) const EMBED_MODEL: &str = "text-embedding-3-small";
/// The upstream without `--base-url`.
pub(crate) const OPENAI_BASE_URL: &str = "https://api.openai.com/v1";
/// Longest name of an upstream, as keyward's settings have it.
pub(crate) const NAME_LETTERS_MAX: usize = 32;
/// What a run may cost, USD.
const MAX_SPEND: &str = "0.05";
/// Share of skipped checks, in percent, from which a run shows too little to pass.
const SKIPPED_PERCENT_MAX: u32 = 30;
/// Calls of each kind that latency is measured with, and at most `SAMPLES_MAX`.
const SAMPLES: u64 = 5;
const SAMPLES_MAX: u64 = 200;
/// Longest p95 of an embedding and of a generation, in milliseconds.
const EMBEDDING_P95_MS_MAX: u64 = 3_000;
const GENERATION_P95_MS_MAX: u64 = 5_000;
/// From this ratio on a figure counts as moved.
const MOVED_RATIO: f64 = 1.5;

/// Which run, and what it is judged by.
pub struct Options {
    /// The binary under test.
    pub keyward: PathBuf,
    /// The folder of the contracts.
    pub contracts: PathBuf,
    /// Where the report goes.
    pub report_dir: PathBuf,
    /// The upstream, if it is not OpenAI.
    pub base_url: Option<String>,
    /// Its name, if it does not tell one itself.
    pub upstream: Option<String>,
    /// The model that generates.
    pub chat_model: String,
    /// The model that embeds.
    pub embed_model: String,
    /// Prices of models that the list lacks.
    pub(crate) prices: Vec<Price>,
    /// Length of the embeddings, if it is to be held.
    pub dimensions: Option<usize>,
    /// Sent as `reasoning_effort` with every chat, if given.
    pub reasoning_effort: Option<String>,
    /// What the run may cost.
    pub max_spend: Usd,
    /// Calls of each kind that latency is measured with.
    pub samples: u64,
    /// Writes what is new into the contracts or the drifts.
    pub accept: bool,
    /// Where to put a cassette of this run.
    pub record: Option<PathBuf>,
    /// The cassette to run against.
    pub replay: Option<PathBuf>,
    /// Plays the cassette without its waits.
    pub fast: bool,
    /// An older `report.json` to compare with.
    pub compare: Option<PathBuf>,
    /// A newer one: then nothing runs, the two are compared.
    pub compare_with: Option<PathBuf>,
    /// What the run is judged by.
    pub limits: Limits,
}

/// What a run is judged by.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Longest p95 of an embedding, milliseconds.
    pub embedding_p95_ms: u64,
    /// Longest p95 of a generation, milliseconds.
    pub generation_p95_ms: u64,
    /// Largest share of skipped checks, percent.
    pub skipped_percent: u32,
    /// From this ratio on a figure counts as moved.
    pub moved_ratio: f64,
}

impl Options {
    /// Reads the words of the command line.
    ///
    /// Errors: what is wrong, and what is known.
    pub fn read(words: &[String]) -> anyhow::Result<Self> {
        let mut options = Self::default();
        let mut seen: Vec<&str> = Vec::new();
        let mut words = words.iter().map(String::as_str).peekable();
        while let Some(flag) = words.next() {
            ensure!(
                !seen.contains(&flag) || flag == "--price",
                "`{flag}` stands twice"
            );
            seen.push(flag);
            match flag {
                "--accept" => options.accept = true,
                "--fast" => options.fast = true,
                _ => {
                    let value = words.next_if(|word| !word.starts_with("--"));
                    let value = value.with_context(|| {
                        format!("`{flag}` is unknown or has no value; type: cargo xtask help")
                    })?;
                    options.set(flag, value)?;
                    if flag == "--compare" {
                        options.compare_with = words
                            .next_if(|word| !word.starts_with("--"))
                            .map(PathBuf::from);
                    }
                }
            }
        }
        ensure!(
            options.record.is_none() || options.replay.is_none(),
            "a replayed run can't be recorded"
        );
        Ok(options)
    }

    fn set(&mut self, flag: &str, value: &str) -> anyhow::Result<()> {
        let path = || Some(PathBuf::from(value));
        let text = || Some(value.to_owned());
        let number = || {
            value
                .parse::<u64>()
                .ok()
                .filter(|number| *number > 0)
                .with_context(|| format!("`{flag} {value}`: a whole number from 1"))
        };
        match flag {
            "--keyward" => self.keyward = PathBuf::from(value),
            "--contracts" => self.contracts = PathBuf::from(value),
            "--report-dir" => self.report_dir = PathBuf::from(value),
            "--base-url" => {
                let url = reqwest::Url::parse(value).ok();
                let is_web = url.is_some_and(|url| matches!(url.scheme(), "http" | "https"));
                ensure!(
                    is_web,
                    "`{flag} {value}`: a URL, as in http://127.0.0.1:8000/v1"
                );
                self.base_url = text();
            }
            "--upstream" => {
                // It names a file and is one of keyward's settings.
                let fits =
                    |letter: u8| letter.is_ascii_lowercase() || b"0123456789-".contains(&letter);
                ensure!(
                    value.len() <= NAME_LETTERS_MAX && value.bytes().all(fits),
                    "`{flag} {value}`: at most {NAME_LETTERS_MAX} of a-z, 0-9 and -"
                );
                self.upstream = text();
            }
            "--chat-model" => value.clone_into(&mut self.chat_model),
            "--embed-model" => value.clone_into(&mut self.embed_model),
            "--price" => self.prices.push(Price::given(value)?),
            "--dimensions" => self.dimensions = Some(usize::try_from(number()?)?),
            "--reasoning-effort" => self.reasoning_effort = text(),
            "--max-spend" => self.max_spend = value.parse()?,
            "--samples" => {
                self.samples = number()?;
                ensure!(
                    self.samples <= SAMPLES_MAX,
                    "`--samples {value}`: at most {SAMPLES_MAX}"
                );
            }
            "--record" => self.record = path(),
            "--replay" => self.replay = path(),
            "--compare" => self.compare = path(),
            "--embedding-p95-ms" => self.limits.embedding_p95_ms = number()?,
            "--generation-p95-ms" => self.limits.generation_p95_ms = number()?,
            "--skipped-percent-max" => {
                let percent = value.parse().ok().filter(|percent| *percent <= 100);
                self.limits.skipped_percent =
                    percent.context("`--skipped-percent-max` is a whole number from 0 to 100")?;
            }
            "--moved-ratio" => {
                let ratio = value.parse().ok().filter(|ratio: &f64| *ratio > 1.0);
                self.limits.moved_ratio =
                    ratio.context("`--moved-ratio` is a number above 1, as in 1.5")?;
            }
            _ => bail!("`{flag}` is unknown; type: cargo xtask help"),
        }
        Ok(())
    }
}

impl Default for Options {
    fn default() -> Self {
        Self {
            keyward: PathBuf::from("keyward"),
            contracts: PathBuf::from("contracts"),
            report_dir: PathBuf::from("target/live"),
            base_url: None,
            upstream: None,
            chat_model: CHAT_MODEL.to_owned(),
            embed_model: EMBED_MODEL.to_owned(),
            prices: Vec::new(),
            dimensions: None,
            reasoning_effort: None,
            max_spend: MAX_SPEND.parse().unwrap_or_default(),
            samples: SAMPLES,
            accept: false,
            record: None,
            replay: None,
            fast: false,
            compare: None,
            compare_with: None,
            limits: Limits {
                embedding_p95_ms: EMBEDDING_P95_MS_MAX,
                generation_p95_ms: GENERATION_P95_MS_MAX,
                skipped_percent: SKIPPED_PERCENT_MAX,
                moved_ratio: MOVED_RATIO,
            },
        }
    }
}

/// Whether the host of an address is this machine.
pub(crate) fn is_loopback(base_url: &str) -> bool {
    let Ok(url) = reqwest::Url::parse(base_url) else {
        return false;
    };
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    let address = host.parse::<std::net::IpAddr>();
    url.username().is_empty()
        && (host == "localhost" || address.is_ok_and(|address| address.is_loopback()))
}

#[cfg(test)]
mod tests {
    use super::{Options, is_loopback};
    use std::path::Path;

    fn read(line: &str) -> anyhow::Result<Options> {
        let words: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        Options::read(&words)
    }

    #[test]
    fn a_line_is_read() {
        let options = read(
            "--max-spend 0.2 --accept --price a=1/2 --price b=3/4 --samples 9 --compare old.json",
        )
        .unwrap();
        assert_eq!(
            (
                options.max_spend.to_string().as_str(),
                options.accept,
                options.samples
            ),
            ("0.2", true, 9)
        );
        assert_eq!((options.prices.len(), options.compare_with), (2, None));
        let both = read("--compare old.json new.json").unwrap();
        assert_eq!(both.compare_with.as_deref(), Some(Path::new("new.json")));
        assert_eq!(
            read("--skipped-percent-max 0")
                .unwrap()
                .limits
                .skipped_percent,
            0
        );
        assert_eq!(read("").unwrap().max_spend.to_string(), "0.05");
    }

    #[test]
    fn what_is_wrong_is_refused() {
        for line in [
            "--api-key x",
            "--max-spend",
            "--max-spend 1e3",
            "--samples 0",
            "--samples 201",
            "--skipped-percent-max 101",
            "--record --accept",
            "--compare --fast",
            "--moved-ratio 1",
            "--record a --replay b",
            "--base-url http://a --base-url http://b",
            "--base-url 127.0.0.1:8000/v1",
            "--upstream ../keyward",
            "--upstream OpenAI",
        ] {
            assert!(read(line).is_err(), "{line}");
        }
    }

    #[test]
    fn loopback_is_told_from_what_only_looks_like_it() {
        for address in [
            "http://127.0.0.1:8080/v1",
            "http://localhost/v1",
            "http://[::1]:9/v1",
        ] {
            assert!(is_loopback(address), "{address}");
        }
        for address in [
            "https://api.example.com/v1",
            "http://127.0.0.1.example.com",
            "http://127.0.0.1@example.com/",
            "",
        ] {
            assert!(!is_loopback(address), "{address}");
        }
    }
}
