//! The directory of the settings files: which one it is, what lies in it, and how far it is trusted.
//!
//! Invariants: every TOML file in it was looked at for secrets; no more and no larger files are read than the bounds say.
//! Does not know: what the files mean.

use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};

use crate::error::Problems;
use crate::fields::CONFIG_DIR_VARIABLE;
use crate::layer::Trust;
use crate::sources::Sources;
use crate::toml_file::TomlFile;

/// The largest TOML file that is read.
const FILE_BYTES_MAX: u64 = 1024 * 1024;
/// TOML files in the directory, those of other programs included.
const FILES_MAX: usize = 64;

/// The settings files that were found.
pub(crate) struct Directory {
    /// Whose word they are.
    pub(crate) trust: Trust,
    files: Vec<Found>,
}

struct Found {
    name: String,
    shown: String,
    text: String,
}

impl Directory {
    /// Finds the directory and reads every TOML file in it. None at all is no problem, unless one was named.
    pub(crate) fn read(sources: &Sources, problems: &mut Problems) -> Self {
        let (path, shown, trust) = match named(sources) {
            // A relative name leads to whatever lies where one stands; an absolute one is what the operator means.
            Some(path) if path.is_absolute() => (path.clone(), path, Trust::Operator),
            Some(path) => (sources.working_dir.join(&path), path, Trust::Directory),
            None => (
                sources.working_dir.join("config"),
                PathBuf::from("config"),
                Trust::Directory,
            ),
        };
        let mut directory = Self {
            trust,
            files: Vec::new(),
        };
        match names(&path) {
            Ok(names) => directory.read_files(&path, &shown, names, problems),
            Err(error) if error.kind() == ErrorKind::NotFound && named(sources).is_none() => {}
            Err(error) => {
                let problem = format!("can't be read: {}", error.kind());
                problems.add(
                    "--config-dir",
                    &shown.display().to_string(),
                    problem,
                    "name a directory that exists, or leave it out",
                );
            }
        }
        directory
    }

    fn read_files(
        &mut self,
        path: &Path,
        shown: &Path,
        names: Vec<String>,
        problems: &mut Problems,
    ) {
        if names.len() > FILES_MAX {
            let problem = format!("holds more than {FILES_MAX} TOML files");
            problems.add(
                "--config-dir",
                &shown.display().to_string(),
                problem,
                "keep the settings in a directory of their own",
            );
            return;
        }
        for name in names {
            let shown = shown.join(&name).display().to_string();
            match read_bounded(&path.join(&name), FILE_BYTES_MAX) {
                Ok(text) => {
                    TomlFile {
                        shown: &shown,
                        text: &text,
                    }
                    .find_secrets(problems);
                    self.files.push(Found { name, shown, text });
                }
                Err(problem) => problems.add(
                    &shown,
                    &shown,
                    problem,
                    "make it a readable text file, or move it away",
                ),
            }
        }
    }

    /// A file of the directory by its name.
    pub(crate) fn file(&self, name: &str) -> Option<TomlFile<'_>> {
        let found = self.files.iter().find(|file| file.name == name)?;
        Some(TomlFile {
            shown: &found.shown,
            text: &found.text,
        })
    }
}

fn named(sources: &Sources) -> Option<PathBuf> {
    let variable = || {
        sources
            .environment
            .iter()
            .find(|(name, value)| name == CONFIG_DIR_VARIABLE && !value.is_empty())
    };
    sources
        .config_dir
        .clone()
        .or_else(|| variable().map(|(_, value)| PathBuf::from(value)))
}

/// The TOML files of a directory, sorted. Links are followed: mounted settings are links.
fn names(path: &Path) -> std::io::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in std::fs::read_dir(path)? {
        let entry = entry?;
        let is_file = std::fs::metadata(entry.path()).is_ok_and(|metadata| metadata.is_file());
        if let (true, Some(name)) = (is_file, entry.file_name().to_str())
            && name.ends_with(".toml")
        {
            names.push(name.to_owned());
        }
    }
    names.sort();
    Ok(names)
}

/// Reads a text file up to a bound; the error is a fragment that reads after the file's name.
pub(crate) fn read_bounded(path: &Path, bytes_max: u64) -> Result<String, String> {
    let file = File::open(path).map_err(|error| format!("can't be read: {}", error.kind()))?;
    let mut bytes = Vec::new();
    file.take(bytes_max + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| format!("can't be read: {}", error.kind()))?;
    if bytes.len() as u64 > bytes_max {
        return Err(format!("is larger than {bytes_max} bytes"));
    }
    String::from_utf8(bytes).map_err(|error| {
        let line = error.as_bytes()[..error.utf8_error().valid_up_to()]
            .iter()
            .filter(|byte| **byte == b'\n')
            .count()
            + 1;
        format!("is not UTF-8 on line {line}")
    })
}
