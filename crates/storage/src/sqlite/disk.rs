//! The seam at which faults enter: asked before each step that touches the disk.
//!
//! Invariants: the default says yes to everything; a refusal is handled as if SQLite had reported the same.
//! Does not know: what is written.

use std::io;

/// A step of the writer that may fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DiskStep {
    /// A transaction begins.
    Begin,
    /// A migration is applied.
    Migrate,
    /// A ledger entry is inserted.
    Entry,
    /// A row of the daily sums is written.
    Sum,
    /// A virtual key is written.
    Key,
    /// The latest time is written.
    Clock,
    /// A budget is written.
    Budget,
    /// The sums of a budget's window are written.
    Window,
    /// A lease is written.
    Lease,
    /// A running server is written.
    Instance,
    /// A wish for what others hold is written.
    Recall,
    /// An alert is written.
    Alert,
    /// The owner of an object is written.
    Object,
    /// A transaction is about to be committed.
    Commit,
    /// A transaction is on disk, and the answer may still get lost.
    Committed,
}

/// Stands before the disk. Hand another one to [`crate::Store::open_on`] to make the nth step fail.
pub trait Disk: Send + Sync + 'static {
    /// Says whether the step may be done.
    ///
    /// Errors: anything; the step is then not done and its transaction is rolled back (after `Committed`: it stands).
    fn step(&self, step: DiskStep) -> io::Result<()>;
}

/// The disk as it is.
#[derive(Clone, Copy, Debug, Default)]
pub struct RealDisk;

impl Disk for RealDisk {
    fn step(&self, _step: DiskStep) -> io::Result<()> {
        Ok(())
    }
}
