//! Read-only connections, lent to threads for blocking work.
//!
//! Invariants: at most `READERS_MAX` at a time; the runtime's own threads never touch the file.
//! Does not know: what is read.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::Connection;
use tokio::sync::Semaphore;

use crate::error::{StoreError, StoreErrorKind};
use crate::sqlite::connection::open_reader;
use crate::sqlite::failure::Failure;

/// Connections that read at the same time.
const READERS_MAX: usize = 2;

#[derive(Debug)]
pub(crate) struct Readers {
    path: PathBuf,
    places: Arc<Semaphore>,
    idle: Arc<Mutex<Vec<Connection>>>,
}

impl Readers {
    pub(crate) fn new(path: PathBuf) -> Readers {
        let places = Arc::new(Semaphore::new(READERS_MAX));
        Readers {
            path,
            places,
            idle: Arc::new(Mutex::new(Vec::new())),
        }
    }

    /// Runs a read on a thread for blocking work.
    pub(crate) async fn read<T: Send + 'static>(
        &self,
        operation: &'static str,
        read: impl FnOnce(&Connection) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, StoreError> {
        let closed = || StoreError::new(operation, StoreErrorKind::Closed);
        let place = Arc::clone(&self.places)
            .acquire_owned()
            .await
            .map_err(|_| closed())?;
        let (path, idle, places) = (
            self.path.clone(),
            Arc::clone(&self.idle),
            Arc::clone(&self.places),
        );
        let work = move || {
            // Held here and not by the caller, who may go away while the thread still reads.
            let _place = place;
            let connection = match take(&idle) {
                Some(connection) => connection,
                None => open_reader(&path)?,
            };
            let result = read(&connection);
            // After an error a fresh connection is cheaper than a doubt about the old one.
            if result.is_ok() && !places.is_closed() {
                idle.lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .push(connection);
            }
            result
        };
        match tokio::task::spawn_blocking(work).await {
            Ok(result) => result.map_err(|failure| failure.during(operation)),
            Err(_) => Err(closed()),
        }
    }

    /// The same for a read of several statements that must see one moment.
    pub(crate) async fn read_moment<T: Send + 'static>(
        &self,
        operation: &'static str,
        read: impl FnOnce(&Connection) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, StoreError> {
        let read = |connection: &Connection| {
            // Ends with a rollback, for there is nothing to keep.
            let moment = connection.unchecked_transaction()?;
            read(&moment)
        };
        self.read(operation, read).await
    }

    /// Refuses further reads and closes what is idle.
    pub(crate) fn close(&self) {
        self.places.close();
        self.idle
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clear();
    }
}

fn take(idle: &Mutex<Vec<Connection>>) -> Option<Connection> {
    idle.lock().unwrap_or_else(PoisonError::into_inner).pop()
}
