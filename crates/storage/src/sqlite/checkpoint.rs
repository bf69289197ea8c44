//! Folds the write-ahead log into the database on a connection and thread of its own, so that no commit waits for it.
//!
//! Invariants: at most one run per `CHECKPOINT_PAUSE`, none while nothing is written.
//! Does not know: what is written. A fold that fails is tried at the next commit and only logged: nothing is lost by it.
//! Source: SQLite, "Write-Ahead Logging", section 3.1, and `sqlite3_wal_checkpoint_v2`.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use rusqlite::Connection;

use crate::sqlite::connection::open_writer;
use crate::sqlite::failure::Failure;

/// The least time between two runs.
const CHECKPOINT_PAUSE: Duration = Duration::from_millis(200);
/// Pages in the log (4 KiB each) from which the writer itself starts it anew. Under load without a gap a passive fold
/// never meets an idle moment, and the log would grow for ever.
const LOG_PAGES_MAX: i64 = 16_384;

/// The writer's side of the thread.
#[derive(Debug)]
pub(crate) struct Checkpointer {
    nudge: SyncSender<()>,
    flags: Arc<Flags>,
    thread: JoinHandle<()>,
}

#[derive(Debug, Default)]
struct Flags {
    overgrown: AtomicBool,
    stopping: AtomicBool,
}

impl Checkpointer {
    pub(crate) fn start(path: &Path) -> Result<Checkpointer, Failure> {
        let (nudge, nudges) = sync_channel(1);
        let flags = Arc::new(Flags::default());
        let shared = Arc::clone(&flags);
        let connection = open_writer(path)?;
        let thread = std::thread::Builder::new()
            .name("keyward-checkpoint".to_owned())
            .spawn(move || run(&connection, &nudges, &shared))?;
        Ok(Checkpointer {
            nudge,
            flags,
            thread,
        })
    }

    /// Says that something was committed. `true`: the log is long, and the writer should call [`restart_log`].
    pub(crate) fn committed(&self) -> bool {
        // Full means that a run is due anyway.
        let _ = self.nudge.try_send(());
        self.flags.overgrown.swap(false, Ordering::AcqRel)
    }

    /// Ends the thread and waits for it.
    pub(crate) fn stop(self) {
        let Checkpointer {
            nudge,
            flags,
            thread,
        } = self;
        flags.stopping.store(true, Ordering::Release);
        drop(nudge);
        thread.thread().unpark();
        // A panic over there was printed over there, and has nothing to add here.
        let _ = thread.join();
    }
}

fn run(connection: &Connection, nudges: &Receiver<()>, flags: &Flags) {
    while nudges.recv().is_ok() && !flags.stopping.load(Ordering::Acquire) {
        std::thread::park_timeout(CHECKPOINT_PAUSE);
        if flags.stopping.load(Ordering::Acquire) {
            return;
        }
        match fold(connection, "PRAGMA wal_checkpoint(PASSIVE)") {
            Ok(log_pages) if log_pages > LOG_PAGES_MAX => {
                flags.overgrown.store(true, Ordering::Release)
            }
            Ok(_) => {}
            Err(error) => tracing::warn!(%error, "failed to fold the write-ahead log"),
        }
    }
}

/// Folds the log and starts it anew from an empty file. Waits for readers, but not for ever.
pub(crate) fn restart_log(connection: &Connection) {
    if let Err(error) = fold(connection, "PRAGMA wal_checkpoint(TRUNCATE)") {
        tracing::debug!(%error, "failed to start the write-ahead log anew");
    }
}

/// Runs one fold; returns the pages that are in the log.
fn fold(connection: &Connection, pragma: &str) -> Result<i64, rusqlite::Error> {
    connection.query_row(pragma, [], |row| row.get(1))
}
