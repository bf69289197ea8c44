//! Disks that refuse: once at a counted step, or as long as they are told to.
//!
//! Invariants: counted, never random.
//! Does not know: what the steps do.

use std::io;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use storage::{Disk, DiskStep};

/// Refuses the nth step, counted from zero, and no other.
pub(crate) struct FailNth {
    nth: usize,
    steps: AtomicUsize,
}

impl FailNth {
    pub(crate) fn new(nth: usize) -> FailNth {
        FailNth {
            nth,
            steps: AtomicUsize::new(0),
        }
    }

    pub(crate) fn fired(&self) -> bool {
        self.steps.load(Ordering::SeqCst) > self.nth
    }
}

impl Disk for FailNth {
    fn step(&self, step: DiskStep) -> io::Result<()> {
        if self.steps.fetch_add(1, Ordering::SeqCst) == self.nth {
            return Err(io::Error::other(format!("made to fail at {step:?}")));
        }
        Ok(())
    }
}

/// Refuses commits while it is broken, and counts those it lets through.
#[derive(Default)]
pub(crate) struct Breakable {
    pub(crate) broken: AtomicBool,
    pub(crate) commits: AtomicUsize,
}

impl Disk for Breakable {
    fn step(&self, step: DiskStep) -> io::Result<()> {
        if step != DiskStep::Commit {
            return Ok(());
        }
        if self.broken.load(Ordering::SeqCst) {
            return Err(io::Error::other("broken"));
        }
        self.commits.fetch_add(1, Ordering::SeqCst);
        Ok(())
    }
}
