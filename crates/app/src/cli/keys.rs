//! `keyward keys create | list | revoke | import`.
//!
//! Invariants: a secret is shown once, by `create`, on standard output, and never again; `import` takes one from standard input only, so
//! that it stands in no shell history and no list of processes.
//! Does not know: how keys are stored.

use std::io::{IsTerminal, Read};
use std::process::ExitCode;

use access::{ImportStrength, Keyring, NewKey};
use anyhow::{Context, bail};
use clap::{Args, Subcommand};
use config::Environment;
use jiff::{SignedDuration, Timestamp};
use privacy::Scrubber;
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;

use crate::cli::key_list;
use crate::clocks;
use crate::table::{Format, Rows, say};
use crate::wiring::World;

/// The longest secret that `import` reads, in bytes.
const IMPORT_BYTES_MAX: u64 = 4096;
const HOURS_PER_DAY: i64 = 24;

/// What to do with keys.
#[derive(Debug, Subcommand)]
pub(crate) enum Keys {
    /// Make a key and show it once
    Create(Create),
    /// List keys, without their secrets
    List(List),
    /// Refuse a key from now on
    Revoke(Revoke),
    /// Take over a key that was made elsewhere; its secret is read from standard input
    Import(Import),
}

/// What a new key may do.
#[derive(Args, Debug)]
pub(crate) struct Rights {
    /// A name for people
    #[arg(long)]
    name: String,
    /// The project that its use is counted for
    #[arg(long, default_value = "default")]
    project: String,
    /// A model it may use, `*` at the end stands for anything; may be repeated [default: all]
    #[arg(long = "model", value_name = "MODEL", value_delimiter = ',')]
    models: Vec<String>,
    /// An endpoint it may call (chat.completions, embeddings, models); may be repeated [default: all]
    #[arg(long = "endpoint", value_name = "ENDPOINT", value_delimiter = ',')]
    endpoints: Vec<String>,
    /// A tag that its use is marked with; may be repeated
    #[arg(long = "tag", value_name = "TAG", value_delimiter = ',')]
    tags: Vec<String>,
    /// The most requests a minute [default: limits.requests_per_minute]
    #[arg(long, value_name = "N")]
    requests_per_minute: Option<u32>,
    /// When it ends, such as 2027-01-31T00:00:00Z
    #[arg(long, value_name = "TIME", conflicts_with = "expires_in_days")]
    expires_at: Option<Timestamp>,
    /// In how many days it ends
    #[arg(long, value_name = "DAYS", value_parser = clap::value_parser!(u16).range(1..))]
    expires_in_days: Option<u16>,
}

/// Options of `create`.
#[derive(Args, Debug)]
pub(crate) struct Create {
    #[command(flatten)]
    rights: Rights,
    /// How to write it
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// Options of `list`.
#[derive(Args, Debug)]
pub(crate) struct List {
    /// How to write it
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: Format,
}

/// Options of `revoke`.
#[derive(Args, Debug)]
pub(crate) struct Revoke {
    /// The key's id, as `keyward keys list` shows it
    id: String,
}

/// Options of `import`.
#[derive(Args, Debug)]
pub(crate) struct Import {
    #[command(flatten)]
    rights: Rights,
    /// Take a secret of less than 128 bits (in development only)
    #[arg(long)]
    weak: bool,
    /// How to write it
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// Does it.
pub(crate) async fn run(keys: Keys, world: &World) -> anyhow::Result<ExitCode> {
    let store = world.open_store(storage::Role::Command).await?;
    let keyring = Keyring::open(store.clone()).await?;
    let done = match keys {
        Keys::Create(create) => make(create, &keyring, world).await,
        Keys::List(list) => key_list::show(&list, &keyring),
        Keys::Revoke(revoke) => end(&revoke, &keyring).await,
        Keys::Import(import) => take_over(import, &keyring, world).await,
    };
    store.close().await.context("close the database")?;
    done.map(|()| ExitCode::SUCCESS)
}

impl Rights {
    fn new_key(self, now: Timestamp, scrubber: &Scrubber) -> anyhow::Result<NewKey> {
        // Names, projects and tags are shown and stored, so a secret put there by mistake is refused.
        let shown = [("--name", &self.name), ("--project", &self.project)];
        let tags = self.tags.iter().map(|tag| ("--tag", tag));
        for (option, text) in shown.into_iter().chain(tags) {
            if scrubber.scrub(text) != *text {
                bail!("use {option}: it looks like a secret; give it a name that may be shown");
            }
        }
        let expires_at = match self.expires_in_days {
            Some(days) => Some(
                now.checked_add(SignedDuration::from_hours(HOURS_PER_DAY * i64::from(days)))
                    .context("read --expires-in-days")?,
            ),
            None => self.expires_at,
        };
        let Self {
            name,
            project,
            models,
            endpoints,
            tags,
            requests_per_minute,
            ..
        } = self;
        Ok(NewKey {
            name,
            project,
            models,
            endpoints,
            tags,
            requests_per_minute,
            expires_at,
        })
    }
}

async fn make(create: Create, keyring: &Keyring, world: &World) -> anyhow::Result<()> {
    let now = clocks::now();
    let minted = keyring
        .create(create.rights.new_key(now, &world.scrubber)?, now)
        .await?;
    let (key, secret) = (&minted.key, minted.secret.expose_secret());
    match create.format {
        Format::Json => say(
            &json!({"id": key.id, "key": secret, "name": key.name, "project": key.project})
                .to_string(),
        ),
        Format::Csv => say(&Rows {
            columns: &["id", "key", "name", "project"],
            rows: vec![vec![
                key.id.clone(),
                secret.to_owned(),
                key.name.clone(),
                key.project.clone(),
            ]],
        }
        .csv()?),
        Format::Table => say(&format!(
            "id       {}\nname     {}\nproject  {}\nkey      {secret}\n\nThe key is shown this once; only its digest is kept.\n",
            key.id, key.name, key.project
        )),
    }
}

async fn end(revoke: &Revoke, keyring: &Keyring) -> anyhow::Result<()> {
    let key = keyring.revoke(&revoke.id, clocks::now()).await?;
    say(&format!(
        "Revoked {} ({}). A running server refuses it within a moment.\n",
        key.id, key.name
    ))
}

async fn take_over(import: Import, keyring: &Keyring, world: &World) -> anyhow::Result<()> {
    if import.weak && world.settings.environment != Environment::Development {
        bail!("import the key: --weak is for development only; use a secret of at least 128 bits");
    }
    let secret = read_secret()?;
    // A weak secret may be too short to be looked for; it is in no message either.
    let _ = world.scrubber.keep_out("imported key", &secret);
    let now = clocks::now();
    let strength = if import.weak {
        ImportStrength::WeakAllowed
    } else {
        ImportStrength::Strong
    };
    let key = keyring
        .import(
            import.rights.new_key(now, &world.scrubber)?,
            secret,
            strength,
            now,
        )
        .await?;
    match import.format {
        Format::Json => say(&key_list::as_json(&key, now).to_string()),
        Format::Csv => say(&Rows {
            columns: &["id", "name", "project"],
            rows: vec![vec![key.id, key.name, key.project]],
        }
        .csv()?),
        Format::Table => say(&format!(
            "Imported {} ({}). Only a digest of its secret is kept.\n",
            key.id, key.name
        )),
    }
}

fn read_secret() -> anyhow::Result<SecretString> {
    let mut input = std::io::stdin().lock();
    if input.is_terminal() {
        bail!(
            "import the key: its secret is read from standard input; try `keyward keys import --name NAME < FILE`"
        );
    }
    let mut text = String::new();
    input
        .by_ref()
        .take(IMPORT_BYTES_MAX + 1)
        .read_to_string(&mut text)
        .context("read the secret from standard input: it is no text")?;
    if text.len() as u64 > IMPORT_BYTES_MAX {
        bail!("import the key: the secret is longer than {IMPORT_BYTES_MAX} bytes");
    }
    Ok(SecretString::from(text.trim().to_owned()))
}
