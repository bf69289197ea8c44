//! The Python SDK in a virtual environment.
//!
//! Invariants: every package, also the indirect ones, has the version in `requirements.txt`.
//! Does not know: npm.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context;

use super::{hold, is_prepared, stamp};
use crate::step::{could_not_run, read, run};

/// Makes the environment and returns its interpreter.
pub(crate) fn prepare(source: &Path, folder: &Path) -> anyhow::Result<PathBuf> {
    let requirements = source.join("requirements.txt");
    let pins = std::fs::read_to_string(&requirements)
        .with_context(|| format!("read {}", requirements.display()))?;
    let pinned = pinned(&pins, "openai").context("`openai==` in requirements.txt")?;
    let python = folder.join("bin/python");
    if !is_prepared(folder, &pins) {
        install(&requirements, folder)?;
        stamp(folder, &pins)?;
    }
    let version =
        read(Command::new(&python).args(["-c", "import openai; print(openai.__version__)"]))?;
    hold("python package openai", &version, pinned)?;
    Ok(python)
}

fn install(requirements: &Path, folder: &Path) -> anyhow::Result<()> {
    if folder.exists() {
        std::fs::remove_dir_all(folder).with_context(|| format!("empty {}", folder.display()))?;
    }
    let has_venv = read(Command::new("python3").args(["-c", "import venv, ensurepip"]));
    if let Err(error) = has_venv {
        return Err(could_not_run(format!(
            "python3 has no venv ({error}); type: apt-get install -y python3 python3-venv"
        )));
    }
    run(Command::new("python3").args(["-m", "venv"]).arg(folder))?;
    run(Command::new(folder.join("bin/python"))
        .args([
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
            "--requirement",
        ])
        .arg(requirements))
}

/// The version to which a package is pinned.
fn pinned<'t>(pins: &'t str, package: &str) -> Option<&'t str> {
    pins.lines()
        .find_map(|line| line.strip_prefix(package)?.strip_prefix("=="))
        .map(str::trim)
}

#[cfg(test)]
mod tests {
    use super::pinned;

    #[test]
    fn a_pin_is_read_by_its_whole_name() {
        assert_eq!(
            pinned("# openai==1\nopenai-extra==2\nopenai==3.54.0\n", "openai"),
            Some("3.54.0")
        );
        assert_eq!(pinned("openai>=3\n", "openai"), None);
    }
}
