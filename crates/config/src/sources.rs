//! Where settings come from, as the program found it.
//!
//! Invariants: this crate reads no environment and no command line by itself; what is here never prints a value.
//! Does not know: which settings there are.

use std::fmt;
use std::path::PathBuf;

/// Everything outside the program that settings are read from.
#[derive(Clone)]
pub struct Sources {
    /// What `--config-dir` names. `None`: `KEYWARD_CONFIG_DIR`, or else `config` in the working directory if it is there.
    pub config_dir: Option<PathBuf>,
    /// The environment of the process, whole: names and values. Bytes that are no UTF-8 may stand as U+FFFD; in a
    /// variable of ours they are refused.
    pub environment: Vec<(String, String)>,
    /// The directory that relative paths start from and that `.env` is looked for in.
    pub working_dir: PathBuf,
    /// What the command line sets: dotted field (`server.listen`) and text.
    pub cli: Vec<(String, String)>,
}

// By hand, because the environment holds secrets.
impl fmt::Debug for Sources {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sources")
            .field("config_dir", &self.config_dir)
            .field(
                "environment",
                &format_args!("[{} variables]", self.environment.len()),
            )
            .field("working_dir", &self.working_dir)
            .field("cli", &format_args!("[{} fields]", self.cli.len()))
            .finish()
    }
}

/// Whether loading may write the development secret key into the data directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SecretKeyPolicy {
    /// Made once if there is none: for programs that use it.
    MakeIfAbsent,
    /// Nothing is written. If there is no key, the settings hold one for this load only, so nothing lasting may be
    /// derived from it: for commands that look at settings.
    DoNotMake,
}
