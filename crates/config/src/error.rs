//! What is wrong with the settings, all of it at once.
//!
//! Invariants: no value stands in an error, only the field, where it was set, what is wrong and what would be right; one
//! problem is one line; an unknown name is shown only if it looks like a name.
//! Does not know: what the fields mean.

use std::fmt;

use crate::key_shape;

/// Names longer than this are not shown: a pasted key may stand where a name belongs.
const NAME_BYTES_MAX: usize = 64;

/// One thing that is wrong with the settings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SettingsError {
    /// The field (`server.listen`), or the file if no field can be named.
    pub field: String,
    /// Where it was set: `config/default.toml:12`, `environment OPENAI_BASE_URL`, `.env:3`, `command line`.
    pub source: String,
    /// What is wrong, as a fragment that reads after the field.
    pub problem: String,
    /// What would be right.
    pub remedy: String,
}

impl fmt::Display for SettingsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} ({}) {}; {}",
            self.field, self.source, self.problem, self.remedy
        )
    }
}

/// Everything that is wrong with the settings; never empty.
///
/// Shape: the display has one line of its own, which reads after "failed to", then one indented line for each problem.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SettingsErrors {
    problems: Vec<SettingsError>,
}

impl std::error::Error for SettingsErrors {}

impl SettingsErrors {
    /// Every problem, in the order of the sources and then of the rules.
    pub fn problems(&self) -> &[SettingsError] {
        &self.problems
    }
}

impl fmt::Display for SettingsErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "read the settings: {} to mend", self.problems.len())?;
        for problem in &self.problems {
            write!(f, "\n  {problem}")?;
        }
        Ok(())
    }
}

/// Collects problems while the settings are read.
#[derive(Debug, Default)]
pub(crate) struct Problems {
    found: Vec<SettingsError>,
}

impl Problems {
    /// Adds one, unless the same stands there already: one wrong file may be seen by more than one check.
    pub(crate) fn add(
        &mut self,
        field: &str,
        source: &str,
        problem: impl Into<String>,
        remedy: impl Into<String>,
    ) {
        let error = SettingsError {
            field: field.to_owned(),
            source: source.to_owned(),
            problem: problem.into(),
            remedy: remedy.into(),
        };
        if !self.found.contains(&error) {
            self.found.push(error);
        }
    }

    /// What was found so far.
    #[cfg(test)]
    pub(crate) fn found(&self) -> &[SettingsError] {
        &self.found
    }

    /// Whether anything is wrong so far.
    pub(crate) fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    /// The error. Were there none, that would be a fault of this crate, and it is told as one.
    pub(crate) fn into_errors(mut self) -> SettingsErrors {
        if self.found.is_empty() {
            self.add(
                "settings",
                "all sources",
                "could not be resolved",
                "report this: it is a fault of keyward",
            );
        }
        SettingsErrors {
            problems: self.found,
        }
    }
}

/// A name that somebody wrote, if it can be shown: a secret may have been pasted where a name belongs.
pub(crate) fn shown_name(name: &str) -> &str {
    let plain = name
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.'));
    if plain
        && !name.is_empty()
        && name.len() <= NAME_BYTES_MAX
        && key_shape::find(name).is_none()
        && !key_shape::looks_random(name)
    {
        name
    } else {
        "[a name that is not shown]"
    }
}
