//! What was observed against the contracts, and what keyward changed.
//!
//! Invariants: OpenAI is held to the contracts, another upstream to the contracts less the drifts that were accepted for it.
//! Does not know: checks.

use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};
use contracts::{
    Contracts, Drift, Drifts, Exchange, Finding, Grade, Learned, Place, between, laws,
};

use crate::check::{Door, Outcome, Row};
use crate::unseen::{Unseen, unseen};
use crate::world::Noted;

/// The upstream that the contracts describe.
pub(crate) const OPENAI: &str = "openai";

/// The contracts, the accepted drifts, and where they lie.
pub(crate) struct Known {
    folder: PathBuf,
    upstream: String,
    contracts: Contracts,
    drifts: Drifts,
}

/// What was found.
pub struct Found {
    /// Differs from the contracts and was accepted.
    pub accepted: Vec<Finding>,
    /// Differs, and this run accepted it.
    pub accepted_now: Vec<Finding>,
    /// Differs and was not accepted.
    pub new: Vec<Finding>,
    /// Was accepted and is not seen any more.
    pub gone: Vec<Drift>,
    /// Optional fields that never came.
    pub unseen: Vec<Unseen>,
    /// What keyward changed beyond its design.
    pub changed: Vec<Finding>,
}

impl Found {
    /// The same with what this run has accepted, so that the report tells it though it is no difference any more.
    pub(crate) fn accepting(mut self, accepted_now: Vec<Finding>) -> Self {
        self.accepted
            .retain(|finding| !accepted_now.contains(finding));
        Self {
            accepted_now,
            ..self
        }
    }
}

impl Known {
    /// Reads the folder.
    pub(crate) fn read(folder: &Path, upstream: &str) -> anyhow::Result<Self> {
        let mut files = Vec::new();
        for entry in std::fs::read_dir(folder)
            .with_context(|| format!("read the contracts in {}", folder.display()))?
        {
            let path = entry?.path();
            if path
                .extension()
                .is_some_and(|extension| extension == "toml")
            {
                let stem = path
                    .file_stem()
                    .unwrap_or_default()
                    .to_string_lossy()
                    .into_owned();
                files.push((stem, std::fs::read_to_string(&path)?));
            }
        }
        ensure!(
            !files.is_empty(),
            "there is no contract in {}",
            folder.display()
        );
        let mut known = Self {
            folder: folder.to_owned(),
            upstream: upstream.to_owned(),
            contracts: Contracts::read(files)?,
            drifts: Drifts::default(),
        };
        match std::fs::read_to_string(known.drifts_path()) {
            Ok(text) => known.drifts = Drifts::read(&text)?,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {} // nothing was accepted yet
            Err(error) => return Err(error).context("read the accepted drifts"),
        }
        Ok(known)
    }

    /// Holds a run's exchanges against what is known.
    pub(crate) fn judge(&self, noted: &[Noted]) -> Found {
        let direct = of_door(noted, Door::Direct, false);
        let findings = self.findings(&direct);
        let split = if self.upstream == OPENAI {
            Drifts::default().split(findings)
        } else {
            self.drifts.split(findings)
        };
        let paired = [Door::Direct, Door::Keyward].map(|door| of_door(noted, door, true));
        let mut changed = between(&paired[0], &paired[1], self.contracts.ours());
        changed.extend(self.broken_through(&paired[0], &paired[1]));
        Found {
            accepted: split.accepted,
            accepted_now: Vec::new(),
            new: split.new,
            gone: split.gone,
            unseen: unseen(&self.contracts, &direct),
            changed,
        }
    }

    /// Writes what was observed: into the contracts for OpenAI, into the drifts for another upstream. The files written.
    pub(crate) fn accept(
        &mut self,
        noted: &[Noted],
        when: &str,
        model: &str,
    ) -> anyhow::Result<Vec<PathBuf>> {
        let learned = Learned {
            when: when.to_owned(),
            model: Some(model.to_owned()),
            upstream: self.upstream.clone(),
        };
        let direct = of_door(noted, Door::Direct, false);
        if self.upstream == OPENAI {
            let mut written = Vec::new();
            for (name, text) in self.contracts.accept(&direct, &learned) {
                let path = self.folder.join(name);
                std::fs::write(&path, text).with_context(|| format!("write {}", path.display()))?;
                written.push(path);
            }
            return Ok(written);
        }
        let findings = self.findings(&direct);
        let before = self.drifts.clone();
        self.drifts.accept(&findings, &learned);
        if self.drifts == before {
            return Ok(Vec::new());
        }
        let path = self.drifts_path();
        std::fs::create_dir_all(path.parent().unwrap_or(&self.folder))?;
        std::fs::write(&path, self.drifts.write())
            .with_context(|| format!("write {}", path.display()))?;
        Ok(vec![path])
    }

    /// What differs from the contracts, by shape or by law; each once.
    fn findings(&self, direct: &[Exchange]) -> Vec<Finding> {
        let mut findings = self.contracts.check(direct);
        for finding in direct.iter().flat_map(laws) {
            if !findings.contains(&finding) {
                findings.push(finding);
            }
        }
        findings
    }

    /// Orders and laws that hold directly and not through keyward.
    fn broken_through(&self, direct: &[Exchange], through: &[Exchange]) -> Vec<Finding> {
        let direct = self.findings(direct);
        let told = |finding: &Finding| {
            let by_place = (&finding.contract, finding.place, &finding.difference.path);
            (direct.iter()).any(|one| by_place == (&one.contract, one.place, &one.difference.path))
        };
        let mut through = self.findings(through);
        through
            .retain(|finding| matches!(finding.place, Place::Order | Place::Law) && !told(finding));
        through
    }

    fn drifts_path(&self) -> PathBuf {
        self.folder
            .join("drifts")
            .join(format!("{}.toml", self.upstream))
    }

    /// The rows of the report that the observation gives.
    pub(crate) fn rows(&self, found: &Found) -> [Row; 2] {
        let openai = self.upstream == OPENAI;
        let breaking = |findings: &[Finding]| {
            findings
                .iter()
                .filter(|finding| finding.difference.grade == Grade::Breaking)
                .count()
        };
        let wrong = if openai {
            breaking(&found.new)
        } else {
            found.new.len()
        };
        let contracts = if wrong == 0 {
            let mut figures = vec![
                ("accepted", found.accepted.len() as f64),
                ("new", found.new.len() as f64),
                ("gone", found.gone.len() as f64),
            ];
            if !found.accepted_now.is_empty() {
                figures.push(("accepted_now", found.accepted_now.len() as f64));
                figures.push(("of_them_breaking", breaking(&found.accepted_now) as f64));
            }
            Outcome::Pass(figures)
        } else {
            let what = if openai {
                "breaking differences"
            } else {
                "differences that nobody accepted"
            };
            Outcome::Fail(format!(
                "{wrong} {what}, named below; look at them, then type: cargo xtask test-live --accept"
            ))
        };
        let passed = found.changed.is_empty();
        let changed = if passed {
            Outcome::Pass(Vec::new())
        } else {
            Outcome::Fail(format!("{} changes, named below", found.changed.len()))
        };
        [
            Row {
                id: "contracts.upstream",
                shows: "answers have the shapes of the contracts, or differ as was accepted",
                door: Door::Direct,
                outcome: contracts,
            },
            Row {
                id: "contracts.keyward",
                shows: "keyward changes nothing in them but what it says",
                door: Door::Keyward,
                outcome: changed,
            },
        ]
    }
}

fn of_door(noted: &[Noted], door: Door, paired: bool) -> Vec<Exchange> {
    let fitting = noted
        .iter()
        .filter(|noted| noted.door == door && (noted.paired || !paired));
    fitting.map(|noted| noted.exchange.clone()).collect()
}

#[cfg(test)]
mod tests;
