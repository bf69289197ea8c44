//! A disk that fails when it is told to.
//!
//! Invariants: it does nothing else.
//! Does not know: what is written.

use std::sync::atomic::{AtomicBool, Ordering};

use storage::{Disk, DiskStep};

/// A disk that fails while it is told to.
#[derive(Debug, Default)]
pub(crate) struct FailingDisk(AtomicBool);

impl FailingDisk {
    pub(crate) fn fail(&self, fails: bool) {
        self.0.store(fails, Ordering::Release);
    }
}

impl Disk for FailingDisk {
    fn step(&self, _: DiskStep) -> std::io::Result<()> {
        let fails = self.0.load(Ordering::Acquire);
        if fails {
            Err(std::io::Error::other("the disk is made to fail"))
        } else {
            Ok(())
        }
    }
}
