//! A working directory with files, variables and options, and the two ways in which loading can end.
//!
//! Invariants: nothing outside the directory is read or written.
//! Does not know: what is tested.

use std::path::{Path, PathBuf};

use config::{Loaded, SecretKeyPolicy, Settings, SettingsErrors, Sources, load};
use tempfile::TempDir;

pub(crate) struct World {
    directory: TempDir,
    sources: Sources,
    policy: SecretKeyPolicy,
}

impl World {
    pub(crate) fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let working_dir = directory.path().to_path_buf();
        let sources = Sources {
            config_dir: None,
            environment: Vec::new(),
            working_dir,
            cli: Vec::new(),
        };
        Self {
            directory,
            sources,
            policy: SecretKeyPolicy::DoNotMake,
        }
    }

    /// A world in which production starts.
    pub(crate) fn production() -> Self {
        Self::new()
            .variable("ENVIRONMENT", "production")
            .variable("SECRET_KEY", &strong_secret())
            .variable("OPENAI_API_KEY", &api_key())
    }

    pub(crate) fn variable(mut self, name: &str, value: &str) -> Self {
        self.sources
            .environment
            .retain(|(before, _)| before != name);
        self.sources
            .environment
            .push((name.to_owned(), value.to_owned()));
        self
    }

    pub(crate) fn without(mut self, name: &str) -> Self {
        self.sources
            .environment
            .retain(|(before, _)| before != name);
        self
    }

    pub(crate) fn option(mut self, field: &str, value: &str) -> Self {
        self.sources.cli.push((field.to_owned(), value.to_owned()));
        self
    }

    pub(crate) fn file(self, path: &str, content: impl AsRef<[u8]>) -> Self {
        let path = self.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
        self
    }

    pub(crate) fn config_dir(mut self, path: impl Into<PathBuf>) -> Self {
        self.sources.config_dir = Some(path.into());
        self
    }

    pub(crate) fn making_keys(mut self) -> Self {
        self.policy = SecretKeyPolicy::MakeIfAbsent;
        self
    }

    pub(crate) fn path(&self) -> &Path {
        self.directory.path()
    }

    pub(crate) fn sources(&self) -> &Sources {
        &self.sources
    }

    pub(crate) fn load(&self) -> Result<Loaded, SettingsErrors> {
        load(&self.sources, self.policy)
    }

    #[track_caller]
    pub(crate) fn settings(&self) -> Settings {
        self.load().unwrap().settings
    }

    /// Value and source of one setting, as a person sees them.
    #[track_caller]
    pub(crate) fn shown(&self, field: &str) -> (String, String) {
        let shown = self.load().unwrap().shown;
        let one = shown
            .into_iter()
            .find(|shown| shown.field == field)
            .unwrap();
        (one.value, one.source)
    }

    /// Field and source of each problem.
    #[track_caller]
    pub(crate) fn problems(&self) -> Vec<(String, String)> {
        let errors = self.load().map(|_| ()).unwrap_err();
        errors
            .problems()
            .iter()
            .map(|problem| (problem.field.clone(), problem.source.clone()))
            .collect()
    }

    /// The one line of the one problem.
    #[track_caller]
    pub(crate) fn problem(&self) -> String {
        let errors = self.load().map(|_| ()).unwrap_err();
        assert_eq!(errors.problems().len(), 1, "{errors}");
        errors.problems()[0].to_string()
    }
}

/// A made-up upstream key, put together here so that no file holds one.
pub(crate) fn api_key() -> String {
    ["sk", "-proj-", &"Ab3dE".repeat(8)].concat()
}

/// A made-up virtual key.
pub(crate) fn virtual_key() -> String {
    ["kw", "-abcdefghijkl-", &"q2w3e".repeat(10)].concat()
}

/// Digits of a fixed fraction: varied enough for production.
pub(crate) fn strong_secret() -> String {
    [
        "c3a8f1d40b9e7265",
        "91e0d7b3f5428ac6",
        "2f7c094ba1e8d653",
        "70b5e9d2863f1ca4",
    ]
    .concat()
}
