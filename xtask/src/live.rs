//! `cargo xtask test-live`: the live suite, through the built binary, on the upstream that the environment names.
//!
//! Invariants: the key goes by the environment alone, and is looked for in all that was written; exit codes are the suite's.
//! Does not know: what the suite asks.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, bail};

use crate::marks::{self, Marks};
use crate::step::{could_not_run, run as run_command, variable};
use crate::tier;
use crate::tree::{cargo, root, target};

/// Where the report goes.
const FOLDER: &str = "live";
/// What the suite writes there.
const WRITTEN: [&str; 3] = ["report.md", REPORT, "keyward.log"];
const REPORT: &str = "report.json";
/// Where the report of the run before goes.
const PREVIOUS: &str = "previous.json";
/// Variables that stand for flags, for whoever prefers them.
const FLAGS_BY_VARIABLE: [(&str, &str); 3] = [
    ("OPENAI_BASE_URL", "--base-url"),
    ("KEYWARD_LIVE_CHAT_MODEL", "--chat-model"),
    ("KEYWARD_LIVE_EMBED_MODEL", "--embed-model"),
];

/// Builds what is needed and runs the suite with `words`.
pub(crate) fn run(words: &[&str]) -> anyhow::Result<()> {
    let release = words.contains(&"--release");
    let words: Vec<&str> = words
        .iter()
        .copied()
        .filter(|word| *word != "--release")
        .collect();
    let flags = flags(&words, variable);
    let key = key(variable("OPENAI_API_KEY"), &flags)?;
    let folder = if release { "release" } else { "debug" };
    build("live", "live-suite", release)?;
    if !only_compares(&words) {
        build("app", "keyward", release)?;
    }
    let reports = target().join(FOLDER);
    let flags = if only_compares(&words) {
        flags
    } else {
        let flags = flags.into_iter().map(|word| kept(&reports, word)).collect();
        forget(&reports)?;
        flags
    };
    let mut command = Command::new(target().join(folder).join("live-suite"));
    command.current_dir(root()).args(&flags);
    command
        .arg("--keyward")
        .arg(target().join(folder).join("keyward"));
    command.arg("--contracts").arg(root().join("contracts"));
    command.arg("--report-dir").arg(&reports);
    command.env_remove("OPENAI_API_KEY");
    let marks = key
        .as_deref()
        .map_or_else(Marks::none, |key| Marks::of(&[key]));
    if let Some(key) = &key {
        command.env("OPENAI_API_KEY", key);
    }
    let watched = tier::watch(&mut command, &marks)?;
    let recorded = after(&flags, "--record").map(|path| root().join(path));
    let written = WRITTEN
        .iter()
        .map(|name| reports.join(name))
        .chain(recorded);
    for path in written.filter(|path| path.exists()) {
        marks.search(&path).context("search what the suite wrote")?;
    }
    match watched.status.code() {
        Some(0) => Ok(()),
        Some(2) => Err(could_not_run(
            "the live suite could not run; it says why above",
        )),
        _ => bail!("the live suite ended with {}", watched.status),
    }
}

/// The words, and a flag for each variable that is set and whose flag is not there.
fn flags(words: &[&str], variable: impl Fn(&str) -> Option<String>) -> Vec<String> {
    let mut flags: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
    // A cassette knows its upstream and its models.
    let replays = words.contains(&"--replay");
    for (name, flag) in FLAGS_BY_VARIABLE {
        if let Some(value) = variable(name).filter(|_| !replays && !words.contains(&flag)) {
            flags.extend([flag.to_owned(), value]);
        }
    }
    flags
}

/// The key that the suite gets. Where no real one is needed it is made up, so that none can get there by chance.
fn key(given: Option<String>, flags: &[String]) -> anyhow::Result<Option<String>> {
    let replays = after(flags, "--replay").is_some();
    let on_loopback = after(flags, "--base-url").is_some_and(is_loopback);
    match given {
        Some(key) if !replays => Ok(Some(key)),
        _ if replays || on_loopback => {
            Ok(Some(["sk", "-", "loopback-", &marks::fresh()?].concat()))
        }
        // The suite says what to type.
        _ => Ok(None),
    }
}

/// The word behind a flag.
fn after<'a>(flags: &'a [String], flag: &str) -> Option<&'a str> {
    let at = flags.iter().position(|word| word == flag)?;
    flags.get(at + 1).map(String::as_str)
}

/// Whether the words only compare two reports.
fn only_compares(words: &[&str]) -> bool {
    let at = words.iter().position(|word| *word == "--compare");
    at.and_then(|at| words.get(at + 2))
        .is_some_and(|word| !word.starts_with("--"))
}

/// The path of the last run's report, once [`forget`] has put it aside; any other word as it is.
fn kept(reports: &Path, word: String) -> String {
    let last = reports.join(REPORT);
    let is_last =
        last.exists() && root().join(&word).canonicalize().ok() == last.canonicalize().ok();
    if is_last {
        reports.join(PREVIOUS).to_string_lossy().into_owned()
    } else {
        word
    }
}

/// Takes the last run's files away, so that a run which breaks off leaves no report of another. What programs read is
/// put aside, so that it can be compared with.
fn forget(reports: &Path) -> anyhow::Result<()> {
    let last = reports.join(REPORT);
    if last.exists() {
        std::fs::rename(&last, reports.join(PREVIOUS))
            .with_context(|| format!("put {} aside", last.display()))?;
    }
    let paths: Vec<PathBuf> = WRITTEN.iter().map(|name| reports.join(name)).collect();
    for path in paths.iter().filter(|path| path.exists()) {
        std::fs::remove_file(path).with_context(|| format!("remove {}", path.display()))?;
    }
    Ok(())
}

/// Builds one binary.
pub(crate) fn build(package: &str, binary: &str, release: bool) -> anyhow::Result<()> {
    let mut command = cargo();
    command.args([
        "build", "--locked", "--quiet", "-p", package, "--bin", binary,
    ]);
    if release {
        command.arg("--release");
    }
    run_command(&mut command)
}

/// Whether the host of an address is this machine.
fn is_loopback(base_url: &str) -> bool {
    let rest = base_url
        .split_once("://")
        .map_or(base_url, |(_, rest)| rest);
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    if authority.contains('@') {
        return false;
    }
    let host = match authority.strip_prefix('[') {
        Some(bracketed) => bracketed.split(']').next(),
        None => authority.split(':').next(),
    };
    let address = host.unwrap_or_default().parse::<std::net::IpAddr>();
    host == Some("localhost") || address.is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::{after, flags, forget, is_loopback, kept, key, only_compares};

    #[test]
    fn the_last_report_can_be_compared_with_though_a_run_takes_it_away() {
        let name = format!("xtask-live-{}", std::process::id());
        let reports = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&reports).unwrap();
        let last = reports.join("report.json");
        std::fs::write(&last, "last").unwrap();
        let word = kept(&reports, last.to_string_lossy().into_owned());
        assert_eq!(kept(&reports, "--accept".to_owned()), "--accept");
        forget(&reports).unwrap();
        let read = std::fs::read_to_string(&word).unwrap();
        assert_eq!((read.as_str(), last.exists()), ("last", false));
        // A run that left no report takes nothing away.
        forget(&reports).unwrap();
        assert!(std::path::Path::new(&word).exists());
        std::fs::remove_dir_all(&reports).unwrap();
    }

    #[test]
    fn loopback_is_told_from_what_only_looks_like_it() {
        for address in [
            "http://127.0.0.1:8080/v1",
            "http://localhost/v1",
            "http://[::1]:9/v1",
            "http://127.9.9.9",
        ] {
            assert!(is_loopback(address), "{address}");
        }
        for address in [
            "https://api.example.com/v1",
            "http://127.0.0.1.example.com",
            "http://127.0.0.1@example.com/",
            "http://localhost.example.com",
            "",
        ] {
            assert!(!is_loopback(address), "{address}");
        }
    }

    #[test]
    fn variables_stand_for_flags_unless_these_are_there() {
        let set = |name: &str| Some(format!("by {name}"));
        let read = flags(&["--chat-model", "m"], set);
        assert_eq!(after(&read, "--chat-model"), Some("m"));
        assert_eq!(after(&read, "--base-url"), Some("by OPENAI_BASE_URL"));
        assert_eq!(flags(&["--replay", "f"], set), ["--replay", "f"]);
    }

    #[test]
    fn a_real_key_goes_to_a_real_upstream_only() {
        let words = |line: &str| -> Vec<String> { line.split(' ').map(str::to_owned).collect() };
        let given = |line: &str| key(Some("given".to_owned()), &words(line)).unwrap();
        assert_eq!(given("--accept").as_deref(), Some("given"));
        assert_ne!(given("--replay f").as_deref(), Some("given"));
        let none = |line: &str| key(None, &words(line)).unwrap();
        assert_eq!(none("--base-url https://api.example.com/v1"), None);
        assert!(none("--base-url http://127.0.0.1:1/v1").unwrap().len() > 20);
    }

    #[test]
    fn two_reports_are_compared_without_a_build() {
        assert!(only_compares(&["--compare", "a.json", "b.json"]));
        assert!(!only_compares(&["--compare", "a.json", "--accept"]));
        assert!(!only_compares(&["--compare", "a.json"]));
    }
}
