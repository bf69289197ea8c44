//! Loads the settings: reads every source, checks every rule, and only then makes what is missing.
//!
//! Invariants: all problems are reported at once; nothing is written if there is one.
//! Does not know: single settings.

use secrecy::SecretString;

use crate::directory::Directory;
use crate::error::{Problems, SettingsErrors};
use crate::layers::Merged;
use crate::raw::RawSettings;
use crate::resolve::{self, Resolved};
use crate::settings::{Environment, Settings};
use crate::shown::{self, Shown};
use crate::sources::{SecretKeyPolicy, Sources};
use crate::{production, secret_key, upstream, webhook};

/// The prices that are part of the program.
const BUILT_IN_PRICES: &str = include_str!("../../../config/prices.toml");
/// Price files of the settings directory, in the order in which they count.
const PRICE_FILES: [&str; 2] = ["prices.toml", "prices.local.toml"];

/// What loading gives.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// The settings, checked.
    pub settings: Settings,
    /// Each setting as a person may see it.
    pub shown: Vec<Shown>,
    /// Name and text of each price file, later ones override: built-in, `prices.toml`, `prices.local.toml`. Not parsed here.
    pub price_sources: Vec<(String, String)>,
}

/// Reads and checks all settings.
///
/// Shape: later sources win by field: built-in, settings directory, `.env` (development only), environment, command line.
/// Errors: every problem of every source and every rule, in one [`SettingsErrors`]; no value stands in it.
pub fn load(sources: &Sources, policy: SecretKeyPolicy) -> Result<Loaded, SettingsErrors> {
    let mut problems = Problems::default();
    let directory = Directory::read(sources, &mut problems);
    let environment = chosen_environment(sources);
    let merged = Merged::read(sources, &directory, environment, &mut problems);
    let raw = merged.raw(&mut problems);
    let resolved = raw
        .as_ref()
        .and_then(|raw| check(raw, environment, &merged, sources, &mut problems));
    let (Some(raw), Some(resolved), Some(environment), true) =
        (raw, resolved, environment, problems.is_empty())
    else {
        return Err(problems.into_errors());
    };
    let secret_key = match &raw.secret_key {
        Some(secret) => Some(SecretString::from(secret.as_str())),
        None => secret_key::obtain(&resolved.data_dir, policy, &mut problems),
    };
    let Some(secret_key) = secret_key else {
        return Err(problems.into_errors());
    };
    let settings = resolve::settings(raw, environment, secret_key, resolved);
    let shown = shown::all(&settings, &merged);
    Ok(Loaded {
        settings,
        shown,
        price_sources: price_sources(&directory),
    })
}

fn check(
    raw: &RawSettings,
    environment: Option<Environment>,
    merged: &Merged,
    sources: &Sources,
    problems: &mut Problems,
) -> Option<Resolved> {
    let paths = resolve::paths(raw, merged, sources, problems);
    let upstream = upstream::resolve(&raw.upstream, environment, merged, problems);
    resolve::secret_key(raw, merged, problems);
    resolve::listeners(&raw.server, merged, problems);
    webhook::check(&raw.alerts, merged, problems);
    if environment == Some(Environment::Production) {
        production::check(
            raw,
            merged,
            paths.as_ref().map(|(_, data_dir)| data_dir.as_path()),
            problems,
        );
    }
    let (database, data_dir) = paths?;
    Some(Resolved {
        database,
        data_dir,
        upstream: upstream?,
    })
}

/// The environment is needed before the layers, for it decides which are read. `None` if it is written wrongly, which
/// reading the layers reports. `.env` may only ask for development, so it has no say.
fn chosen_environment(sources: &Sources) -> Option<Environment> {
    let option = sources
        .cli
        .iter()
        .rev()
        .find(|(name, _)| name == "environment");
    let variable = || {
        sources
            .environment
            .iter()
            .rev()
            .find(|(name, value)| name == "ENVIRONMENT" && !value.is_empty())
    };
    match option.or_else(variable) {
        None => Some(Environment::Development),
        Some((_, text)) => [Environment::Development, Environment::Production]
            .into_iter()
            .find(|environment| environment.name() == text),
    }
}

fn price_sources(directory: &Directory) -> Vec<(String, String)> {
    let built_in = (
        "built-in prices.toml".to_owned(),
        BUILT_IN_PRICES.to_owned(),
    );
    let files = PRICE_FILES
        .iter()
        .filter_map(|name| directory.file(name))
        .map(|file| (file.shown.to_owned(), file.text.to_owned()));
    std::iter::once(built_in).chain(files).collect()
}
