//! What a check is, and how it can end.
//!
//! Invariants: a check ends in exactly one of passed, failed, skipped or not run; only a passed one has figures.
//! Does not know: what is checked.

use std::fmt;
use std::future::Future;
use std::pin::Pin;

use crate::world::World;

/// Through which door a question goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Door {
    /// To the upstream.
    Direct,
    /// To keyward, which asks the upstream.
    Keyward,
}

impl Door {
    /// As the report has it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Direct => "direct",
            Self::Keyward => "keyward",
        }
    }
}

/// Which model a call asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Model {
    Chat,
    Embed,
}

/// The most that calls of one kind take: each so many tokens in and out.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Calls {
    pub(crate) count: Count,
    pub(crate) model: Model,
    pub(crate) input: u64,
    pub(crate) output: u64,
}

/// How many calls.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Count {
    Fixed(u64),
    /// As many as latency is measured with.
    Samples,
}

/// So many calls of the chat model.
pub(crate) const fn chat(count: u64, input: u64, output: u64) -> Calls {
    Calls {
        count: Count::Fixed(count),
        model: Model::Chat,
        input,
        output,
    }
}

/// So many calls of the embedding model.
pub(crate) const fn embed(count: u64, input: u64) -> Calls {
    Calls {
        count: Count::Fixed(count),
        model: Model::Embed,
        input,
        output: 0,
    }
}

/// The future of a check.
pub(crate) type Running<'a> = Pin<Box<dyn Future<Output = Checked> + 'a>>;

/// One row of the suite.
pub(crate) struct Check {
    /// As in `generation.stream.usage`: what stands before the first dot is its section.
    pub(crate) id: &'static str,
    /// What it shows, for people.
    pub(crate) shows: &'static str,
    /// The doors it goes through, one after the other.
    pub(crate) doors: &'static [Door],
    /// What it may take at each door.
    pub(crate) calls: &'static [Calls],
    /// Does it.
    pub(crate) run: for<'a> fn(&'a World, Door) -> Running<'a>,
}

/// Both doors.
pub(crate) const BOTH: &[Door] = &[Door::Direct, Door::Keyward];
/// What only keyward does.
pub(crate) const ONLY_KEYWARD: &[Door] = &[Door::Keyward];

/// Figures of a check that passed: name with its unit last, value.
pub(crate) type Figures = Vec<(&'static str, f64)>;

/// How a check went.
pub(crate) type Checked = Result<Figures, Stop>;

/// Why a check did not pass.
#[derive(Debug)]
pub(crate) enum Stop {
    /// What was seen is wrong.
    Fail(String),
    /// The upstream does not do or not enforce this; why.
    Skip(String),
}

/// An outcome as the report has it.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// As it should be, with figures.
    Pass(Vec<(&'static str, f64)>),
    /// Wrong; why, and what was seen.
    Fail(String),
    /// Not enforced by this upstream; why.
    Skip(String),
    /// The spend would have passed its maximum.
    NotRun,
}

impl Outcome {
    /// PASS, FAIL, SKIP or NOT RUN.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Pass(_) => "PASS",
            Self::Fail(_) => "FAIL",
            Self::Skip(_) => "SKIP",
            Self::NotRun => "NOT RUN",
        }
    }
}

impl From<Checked> for Outcome {
    fn from(checked: Checked) -> Self {
        match checked {
            Ok(figures) => Self::Pass(figures),
            Err(Stop::Fail(why)) => Self::Fail(why),
            Err(Stop::Skip(why)) => Self::Skip(why),
        }
    }
}

/// One row of the report.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// The check's id.
    pub id: &'static str,
    /// What it shows.
    pub shows: &'static str,
    /// The door.
    pub door: Door,
    /// How it ended.
    pub outcome: Outcome,
}

/// Fails with `why` where `holds` does not.
pub(crate) fn ensure(holds: bool, why: impl FnOnce() -> String) -> Result<(), Stop> {
    if holds {
        Ok(())
    } else {
        Err(Stop::Fail(why()))
    }
}

/// Skips with `why` where `holds` does not.
pub(crate) fn given(holds: bool, why: impl Into<String>) -> Result<(), Stop> {
    if holds {
        Ok(())
    } else {
        Err(Stop::Skip(why.into()))
    }
}

/// A failure.
pub(crate) fn fail(why: impl fmt::Display) -> Stop {
    Stop::Fail(why.to_string())
}
