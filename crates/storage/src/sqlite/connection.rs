//! Connections to the file: one that writes, one that folds the log, some that only read.
//!
//! Invariants: a commit is on disk when it returns (`synchronous=FULL`); the writer never folds the log by itself.
//! Does not know: tables.
//! Source: SQLite, "Write-Ahead Logging" and "Pragma statements".

use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};

use crate::sqlite::failure::Failure;

/// How long a statement waits for another process. Our own transactions stay under 50 ms.
pub(crate) const BUSY_WAIT_MAX: Duration = Duration::from_secs(5);
/// Statements kept prepared on a connection.
const STATEMENTS_MAX: usize = 32;

/// No `SQLITE_OPEN_URI`: a path is a path, also one that begins with `file:`.
const SHARED_FLAGS: OpenFlags = OpenFlags::SQLITE_OPEN_NO_MUTEX;

/// A connection that may write.
pub(crate) fn open_writer(path: &Path) -> Result<Connection, Failure> {
    let connection =
        Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE | SHARED_FLAGS)?;
    set_up(&connection)?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    connection.pragma_update(None, "wal_autocheckpoint", 0)?;
    Ok(connection)
}

/// A connection that only reads.
pub(crate) fn open_reader(path: &Path) -> Result<Connection, Failure> {
    let connection =
        Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY | SHARED_FLAGS)?;
    set_up(&connection)?;
    Ok(connection)
}

fn set_up(connection: &Connection) -> Result<(), Failure> {
    connection.busy_timeout(BUSY_WAIT_MAX)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS_MAX);
    connection.pragma_update(None, "trusted_schema", false)?;
    Ok(())
}

/// Switches the file to the write-ahead log; a no-op if it has one.
pub(crate) fn use_write_ahead_log(connection: &Connection) -> Result<(), Failure> {
    connection.pragma_update(None, "journal_mode", "WAL")?;
    Ok(())
}
