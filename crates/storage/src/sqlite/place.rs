//! Where the database lies: directories and files with their modes, the lock file, the kind of file system.
//!
//! Invariants: what is made here is readable by its owner only; one process at a time holds the lock.
//! Does not know: what is in the database.

use std::fs::{DirBuilder, File, OpenOptions, Permissions, TryLockError};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::error::StoreErrorKind;
use crate::sqlite::failure::Failure;
use crate::sqlite::mounts::{file_system_of, is_network};

/// How often a lock is tried for: a command may hold it for the moment of a migration.
const LOCK_TRIES_MAX: u32 = 20;
/// The pause between two of them.
const LOCK_PAUSE: Duration = Duration::from_millis(25);

/// A database file that exists, by a path without symbolic links.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    pub(crate) database: PathBuf,
    lock: PathBuf,
}

/// Held as long as it lives; the kernel takes it back from a process that dies.
#[derive(Debug)]
pub(crate) struct Lock {
    _file: File,
}

impl Place {
    /// Makes what is missing of the path and looks at what lies there.
    pub(crate) fn prepare(path: &Path) -> Result<Place, Failure> {
        let path = std::path::absolute(path)?;
        refuse_network(&path)?;
        if let Some(directory) = path.parent() {
            DirBuilder::new()
                .recursive(true)
                .mode(0o700)
                .create(directory)?;
        }
        let file = open_private(&path)?;
        let found = file.metadata()?;
        if !found.is_file() {
            return Err(StoreErrorKind::Damaged("it is not a file".to_owned()).into());
        }
        if found.permissions().mode() & 0o077 != 0 {
            file.set_permissions(Permissions::from_mode(0o600))?;
        }
        let database = path.canonicalize()?;
        let mut lock = database.clone().into_os_string();
        lock.push(".lock");
        Ok(Place {
            database,
            lock: PathBuf::from(lock),
        })
    }

    /// Takes the lock if nobody holds it.
    pub(crate) fn try_lock(&self) -> Result<Option<Lock>, Failure> {
        let file = open_private(&self.lock)?;
        match file.try_lock() {
            Ok(()) => Ok(Some(Lock { _file: file })),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(error.into()),
        }
    }

    /// Takes the lock, or says that another server has it.
    pub(crate) fn lock(&self) -> Result<Lock, Failure> {
        for _ in 0..LOCK_TRIES_MAX {
            if let Some(lock) = self.try_lock()? {
                return Ok(lock);
            }
            pause();
        }
        Err(StoreErrorKind::Held {
            path: self.lock.clone(),
        }
        .into())
    }

    /// Takes the lock unless `done` becomes true before; `None` if neither happened in time.
    pub(crate) fn lock_unless<T>(
        &self,
        mut done: impl FnMut() -> Result<Option<T>, Failure>,
    ) -> Result<Option<Result<T, Lock>>, Failure> {
        for _ in 0..LOCK_TRIES_MAX {
            if let Some(value) = done()? {
                return Ok(Some(Ok(value)));
            }
            if let Some(lock) = self.try_lock()? {
                return Ok(Some(Err(lock)));
            }
            pause();
        }
        Ok(None)
    }
}

/// Runs on a thread for blocking work, never on the runtime's own.
fn pause() {
    std::thread::park_timeout(LOCK_PAUSE);
}

fn open_private(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(path)
}

fn refuse_network(path: &Path) -> Result<(), Failure> {
    // Not Linux, or no /proc: nothing can be told, and nothing is refused.
    let Ok(mountinfo) = std::fs::read_to_string("/proc/self/mountinfo") else {
        return Ok(());
    };
    let real = nearest_existing(path);
    match file_system_of(&mountinfo, &real) {
        Some(file_system) if is_network(&file_system) => Err(StoreErrorKind::NetworkFileSystem {
            path: path.to_owned(),
            file_system,
        }
        .into()),
        _ => Ok(()),
    }
}

/// The path, or the nearest directory above it that exists, without symbolic links.
fn nearest_existing(path: &Path) -> PathBuf {
    path.ancestors()
        .find_map(|path| path.canonicalize().ok())
        .unwrap_or_else(|| PathBuf::from("/"))
}
