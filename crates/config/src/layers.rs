//! The order of the sources, and what they come to: built-in, files, `.env`, environment, command line.
//!
//! Invariants: a later layer wins field by field; each merged value still knows its layer; `.env` is read in development
//! only; a wrong value in any layer is a problem, also where a later layer overrides it.
//! Does not know: rules between fields.

use figment::Figment;
use figment::value::Value;

use crate::directory::{Directory, read_bounded};
use crate::env_file::{self, ENV_FILE_BYTES_MAX};
use crate::error::Problems;
use crate::fields::CONFIG_DIR_VARIABLE;
use crate::layer::{Layer, Trust, Variable};
use crate::raw::RawSettings;
use crate::settings::Environment;
use crate::sources::Sources;
use crate::toml_file::TomlFile;

/// What the names of built-in layers begin with.
const BUILT_IN_NAME: &str = "built-in";
/// The defaults, part of the program.
const BUILT_IN: &str = include_str!("../../../config/default.toml");
const BUILT_IN_DEVELOPMENT: &str = include_str!("../../../config/development.toml");
const BUILT_IN_PRODUCTION: &str = include_str!("../../../config/production.toml");

/// All sources as one.
pub(crate) struct Merged {
    figment: Figment,
    layers: Vec<Layer>,
}

/// Where a setting was set, and whose word that is.
#[derive(Clone, Copy)]
pub(crate) struct Origin<'m> {
    /// As errors and `config show` name it.
    pub(crate) place: &'m str,
    /// Whose word it is.
    pub(crate) trust: Trust,
}

impl Merged {
    /// Reads all layers. Without an environment (it was written wrongly) only what does not depend on it is read.
    pub(crate) fn read(
        sources: &Sources,
        directory: &Directory,
        environment: Option<Environment>,
        problems: &mut Problems,
    ) -> Self {
        let mut layers = built_in(environment, problems);
        for name in ["default", environment.map_or("default", Environment::name)] {
            // The second is the first again where there is no environment: layers are told apart by name, so skip it.
            if let Some(file) = directory.file(&format!("{name}.toml"))
                && !layers.iter().any(|layer| layer.name == file.shown)
            {
                let mut layer = Layer::new(file.shown, directory.trust);
                file.settings(&mut layer, problems);
                layers.push(layer);
            }
        }
        if environment == Some(Environment::Development) {
            layers.push(env_file(sources, problems));
        }
        layers.push(environment_variables(sources, problems));
        let mut options = Layer::new("command line", Trust::Operator);
        options.set_options(&sources.cli, problems);
        layers.push(options);
        let figment = layers
            .iter()
            .fold(Figment::new(), |figment, layer| figment.merge(layer));
        Self { figment, layers }
    }

    /// The merged values as plain structs.
    pub(crate) fn raw(&self, problems: &mut Problems) -> Option<RawSettings> {
        match self.figment.extract() {
            Ok(raw) => Some(raw),
            Err(errors) => {
                // Layers are clean, so this is a disagreement inside the crate. The message may quote values: only the path is told.
                for error in errors {
                    problems.add(
                        &error.path.join("."),
                        "all sources",
                        "does not fit its place",
                        "report this: it is a fault of keyward",
                    );
                }
                None
            }
        }
    }

    /// The value that won.
    pub(crate) fn value(&self, field: &str) -> Option<Value> {
        self.figment.find_value(field).ok()
    }

    /// Where the value that won was set; `None` if nobody set one.
    pub(crate) fn origin(&self, field: &str) -> Option<Origin<'_>> {
        let metadata = self.figment.find_metadata(field)?;
        let layer = self
            .layers
            .iter()
            .find(|layer| layer.name == metadata.name)?;
        // The lines of a built-in file are nothing that a person could open.
        let built_in = layer.name.starts_with(BUILT_IN_NAME);
        let place = if built_in {
            &layer.name
        } else {
            layer.place(field)?
        };
        Some(Origin {
            place,
            trust: layer.trust,
        })
    }

    /// Where it was set, for messages.
    pub(crate) fn place(&self, field: &str) -> &str {
        self.origin(field).map_or("not set", |origin| origin.place)
    }
}

fn built_in(environment: Option<Environment>, problems: &mut Problems) -> Vec<Layer> {
    let mut texts = vec![(BUILT_IN_NAME, BUILT_IN)];
    match environment {
        Some(Environment::Development) => {
            texts.push(("built-in development", BUILT_IN_DEVELOPMENT))
        }
        Some(Environment::Production) => texts.push(("built-in production", BUILT_IN_PRODUCTION)),
        None => {}
    }
    let read = |(shown, text)| {
        let mut layer = Layer::new(shown, Trust::Operator);
        TomlFile { shown, text }.settings(&mut layer, problems);
        layer
    };
    texts.into_iter().map(read).collect()
}

/// What a field is before anybody sets it, for the reference page.
pub(crate) fn built_in_value(field: &str) -> Option<Value> {
    let layers = built_in(None, &mut Problems::default());
    layers
        .iter()
        .fold(Figment::new(), |figment, layer| figment.merge(layer))
        .find_value(field)
        .ok()
}

fn env_file(sources: &Sources, problems: &mut Problems) -> Layer {
    let mut layer = Layer::new(".env", Trust::Directory);
    let path = sources.working_dir.join(".env");
    // A missing file, or a directory of that name as some tools make it, is no settings file.
    if !path.is_file() {
        return layer;
    }
    let text = match read_bounded(&path, ENV_FILE_BYTES_MAX) {
        Ok(text) => text,
        Err(problem) => {
            problems.add(
                ".env",
                ".env",
                problem,
                "make it a readable text file, or move it away",
            );
            return layer;
        }
    };
    let mut entries = env_file::parse(&text, problems);
    entries.retain(|entry| {
        let place = format!(".env:{}", entry.line);
        match entry.name.as_str() {
            "ENVIRONMENT" if entry.value == Environment::Production.name() => {
                problems.add(
                    "environment",
                    &place,
                    "asks for production, where .env is not read",
                    "set ENVIRONMENT in the environment of the process",
                );
                false
            }
            CONFIG_DIR_VARIABLE => {
                problems.add(
                    CONFIG_DIR_VARIABLE,
                    &place,
                    "can't be set by a file",
                    "use --config-dir, or set it in the environment of the process",
                );
                false
            }
            _ => true,
        }
    });
    let variables = entries.iter().map(|entry| Variable {
        name: &entry.name,
        value: &entry.value,
        place: format!(".env:{}", entry.line),
    });
    layer.set_variables(variables, problems);
    layer
}

fn environment_variables(sources: &Sources, problems: &mut Problems) -> Layer {
    let mut layer = Layer::new("environment", Trust::Operator);
    let ours = sources
        .environment
        .iter()
        .filter(|(name, _)| name != CONFIG_DIR_VARIABLE);
    let variables = ours.map(|(name, value)| Variable {
        name,
        value,
        place: format!("environment {}", crate::error::shown_name(name)),
    });
    layer.set_variables(variables, problems);
    layer
}
