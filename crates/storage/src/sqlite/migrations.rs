//! Brings the tables up to date, forwards only, and refuses databases it does not know.
//!
//! Invariants: one migration, one transaction; what was applied is kept word for word and compared at every start.
//! Does not know: what the tables are for.

use rusqlite::{Connection, TransactionBehavior};

use crate::error::StoreErrorKind;
use crate::sqlite::connection::use_write_ahead_log;
use crate::sqlite::disk::{Disk, DiskStep};
use crate::sqlite::failure::Failure;
use crate::sqlite::place::{Lock, Place};
use crate::store::Role;

/// One step forwards. The first has version 1, each next one more.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Migration {
    pub(crate) name: &'static str,
    pub(crate) text: &'static str,
}

/// All steps that this program knows. Append only: a step that was released is never edited.
pub(crate) const MIGRATIONS: &[Migration] = &[
    Migration {
        name: "0001_first",
        text: include_str!("../../migrations/0001_first.sql"),
    },
    Migration {
        name: "0002_budgets",
        text: include_str!("../../migrations/0002_budgets.sql"),
    },
    Migration {
        name: "0003_objects",
        text: include_str!("../../migrations/0003_objects.sql"),
    },
];

/// "kwrd": marks the file as ours, so that another program's database is never altered.
const APPLICATION_ID: i64 = 0x6b77_7264;

/// Checks and migrates as the role allows. A server keeps the lock it gets back.
pub(crate) fn bring_up_to_date(
    connection: &mut Connection,
    place: &Place,
    role: Role,
    disk: &dyn Disk,
    migrations: &[Migration],
) -> Result<Option<Lock>, Failure> {
    match role {
        Role::Server => {
            let lock = place.lock()?;
            migrate(connection, disk, migrations)?;
            Ok(Some(lock))
        }
        Role::Command => {
            let is_current = || Ok(is_current(connection, migrations)?.then_some(()));
            match place.lock_unless(is_current)? {
                Some(Ok(())) => Ok(None),
                Some(Err(lock)) => {
                    migrate(connection, disk, migrations)?;
                    drop(lock);
                    Ok(None)
                }
                None => Err(StoreErrorKind::Schema(
                    "the database is older than this program, and a running server holds it; stop the server, or use \
                     the program it was started from"
                        .to_owned(),
                )
                .into()),
            }
        }
    }
}

/// Applies what is missing. The caller holds the lock.
fn migrate(
    connection: &mut Connection,
    disk: &dyn Disk,
    migrations: &[Migration],
) -> Result<(), Failure> {
    // Before anything is changed: a foreign or newer database stays as it is.
    is_current(connection, migrations)?;
    use_write_ahead_log(connection)?;
    for (index, migration) in migrations.iter().enumerate() {
        let number = version_number(index);
        disk.step(DiskStep::Begin)?;
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        if version(&transaction)? >= number {
            continue;
        }
        disk.step(DiskStep::Migrate)?;
        transaction.execute_batch(migration.text)?;
        transaction.execute(
            "INSERT INTO schema_migration (version, name, text) VALUES (?, ?, ?)",
            (number, migration.name, migration.text),
        )?;
        transaction.pragma_update(None, "user_version", number)?;
        disk.step(DiskStep::Commit)?;
        transaction.commit()?;
        tracing::info!(version = number, name = migration.name, "database migrated");
    }
    Ok(())
}

/// Whether all migrations are applied, just as this program has them.
///
/// Errors: `Schema` for a database of a newer program, of another program, or with an edited migration.
fn is_current(connection: &Connection, migrations: &[Migration]) -> Result<bool, Failure> {
    // In one look: between two, another process may have made its tables.
    let (version, tables): (i64, i64) = connection.query_row(
        "SELECT user_version, (SELECT count(*) FROM sqlite_schema) FROM pragma_user_version",
        [],
        |row| Ok((row.get(0)?, row.get(1)?)),
    )?;
    let known = version_number(migrations.len()) - 1;
    if version == 0 {
        return if tables == 0 {
            Ok(false)
        } else {
            refuse_foreign()
        };
    }
    let application: i64 = connection.query_row("PRAGMA application_id", [], |row| row.get(0))?;
    if application != APPLICATION_ID {
        return refuse_foreign();
    }
    if version > known {
        return Err(StoreErrorKind::Schema(format!(
            "the database has version {version} and this program knows up to {known}; use the newer program that \
             migrated it, or restore a backup from before"
        ))
        .into());
    }
    refuse_edited(connection, migrations)?;
    Ok(version == known)
}

fn refuse_foreign() -> Result<bool, Failure> {
    let text = "the file holds another program's tables; choose another file in DATABASE_URL";
    Err(StoreErrorKind::Schema(text.to_owned()).into())
}

fn refuse_edited(connection: &Connection, migrations: &[Migration]) -> Result<(), Failure> {
    let mut statement =
        connection.prepare("SELECT version, text FROM schema_migration ORDER BY version")?;
    let applied = statement
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<Result<Vec<(i64, String)>, rusqlite::Error>>()?;
    for (index, (version, text)) in applied.iter().enumerate() {
        // By lines: a checkout may have changed the line ends.
        let same = migrations
            .get(index)
            .is_some_and(|known| known.text.lines().eq(text.lines()));
        if !same || *version != version_number(index) {
            return Err(StoreErrorKind::Schema(format!(
                "migration {version} was applied with another text than this program has; use the program that \
                 migrated the database"
            ))
            .into());
        }
    }
    Ok(())
}

fn version(connection: &Connection) -> Result<i64, Failure> {
    Ok(connection.query_row("PRAGMA user_version", [], |row| row.get(0))?)
}

/// The version that the migration at this place in the list leads to.
fn version_number(index: usize) -> i64 {
    i64::try_from(index).unwrap_or(i64::MAX - 1) + 1
}

#[cfg(test)]
mod tests;
