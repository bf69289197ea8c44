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
    let version = version(connection)?;
    let known = version_number(migrations.len()) - 1;
    if version == 0 {
        let tables: i64 =
            connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
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
mod tests {
    use super::*;
    use crate::sqlite::connection::open_writer;
    use crate::sqlite::disk::RealDisk;

    const FIRST: Migration = MIGRATIONS[0];
    const SECOND: Migration = Migration {
        name: "0002_colour",
        text: "ALTER TABLE virtual_key ADD COLUMN colour TEXT;",
    };

    struct File {
        _directory: tempfile::TempDir,
        place: Place,
    }

    impl File {
        fn new() -> File {
            let directory = tempfile::tempdir().unwrap();
            let place = Place::prepare(&directory.path().join("keyward.db")).unwrap();
            File {
                _directory: directory,
                place,
            }
        }

        fn open(
            &self,
            role: Role,
            migrations: &[Migration],
        ) -> Result<Option<Lock>, StoreErrorKind> {
            let mut connection = open_writer(&self.place.database).unwrap();
            bring_up_to_date(&mut connection, &self.place, role, &RealDisk, migrations)
                .map_err(|failure| failure.kind)
        }

        fn version(&self) -> i64 {
            version(&open_writer(&self.place.database).unwrap()).unwrap()
        }
    }

    #[track_caller]
    fn check_refused(outcome: Result<Option<Lock>, StoreErrorKind>, part: &str) {
        match outcome {
            Err(StoreErrorKind::Schema(text)) => assert!(text.contains(part), "{text}"),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn missing_migrations_are_applied_in_order() {
        let file = File::new();
        drop(file.open(Role::Server, &[FIRST]).unwrap());
        assert_eq!(file.version(), 1);
        drop(file.open(Role::Server, &[FIRST, SECOND]).unwrap());
        assert_eq!(file.version(), 2);
        drop(file.open(Role::Server, &[FIRST, SECOND]).unwrap());
        assert_eq!(file.version(), 2);
    }

    /// Entries that were there before labels and unproven sums were kept apart.
    #[test]
    fn sums_that_are_new_count_the_entries_of_before() {
        let file = File::new();
        drop(file.open(Role::Server, &MIGRATIONS[..1]).unwrap());
        let connection = open_writer(&file.place.database).unwrap();
        let entry = |number: u8, adjusts: &str, state: &str, cost: i64, user: &str, tags: &str| {
            let adjustment = i64::from(adjusts != "NULL");
            connection
                .execute_batch(&format!(
                    "INSERT INTO ledger_entry VALUES (NULL, x'{number:032x}', 1, {adjustment}, {adjusts},
                        '{state}', 0, 7, NULL, 'k', 'p', 'e', 'm', NULL, 'u', NULL, NULL, 0, 0, 0, 0, 0, 0, NULL, {cost},
                        200, 'finished', 0, 0, 0, NULL, {user}, '{tags}')"
                ))
                .unwrap();
        };
        entry(
            1,
            "NULL",
            "reported",
            1_500_000_000,
            "'eve'",
            r#"["x","x"]"#,
        );
        entry(
            2,
            "NULL",
            "estimated",
            1_700_000_000,
            "'eve'",
            r#"["x","y"]"#,
        );
        entry(2, "2", "adjusted", -1_900_000_000, "'eve'", r#"["x","y"]"#);
        entry(3, "NULL", "unsettled", 900_000_000, "NULL", "[]");
        connection
            .execute_batch("INSERT INTO usage_daily VALUES (7, 'k', 'p', 'm', 'e', 3, 3, 0, 0, 0, 0, 0, 0, 2, 200000000)")
            .unwrap();
        drop(connection);
        drop(file.open(Role::Server, MIGRATIONS).unwrap());
        let connection = open_writer(&file.place.database).unwrap();
        let labels = connection
            .prepare("SELECT value, cost_milli_usd, cost_rest_pico_usd FROM label_daily WHERE day = 7 ORDER BY value")
            .unwrap()
            .query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
            .unwrap()
            .collect::<Result<Vec<(String, i64, i64)>, rusqlite::Error>>()
            .unwrap();
        let expected = [
            ("eve", 1, 300_000_000),
            ("x", 1, 300_000_000),
            ("y", -1, 800_000_000),
        ];
        assert_eq!(
            labels,
            expected.map(|(value, milli, rest)| (value.to_owned(), milli, rest))
        );
        let unproven = connection.query_row(
            "SELECT estimated_milli_usd, estimated_rest_pico_usd, unsettled_milli_usd, unsettled_rest_pico_usd
            FROM usage_daily",
            [],
            |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)),
        );
        assert_eq!(unproven, Ok((-1, 800_000_000, 0, 900_000_000)));
    }

    #[test]
    fn newer_database_is_refused() {
        let file = File::new();
        drop(file.open(Role::Server, &[FIRST, SECOND]).unwrap());
        check_refused(file.open(Role::Server, &[FIRST]), "knows up to 1");
        check_refused(file.open(Role::Command, &[FIRST]), "knows up to 1");
    }

    #[test]
    fn edited_migration_is_noticed() {
        let file = File::new();
        drop(file.open(Role::Server, &[FIRST, SECOND]).unwrap());
        let edited = Migration {
            text: "ALTER TABLE virtual_key ADD COLUMN color TEXT;",
            ..SECOND
        };
        check_refused(file.open(Role::Server, &[FIRST, edited]), "migration 2");
    }

    #[test]
    fn other_line_ends_are_no_edit() {
        let file = File::new();
        drop(file.open(Role::Server, &[FIRST]).unwrap());
        let text = FIRST.text.replace('\n', "\r\n").leak();
        assert!(
            file.open(Role::Server, &[Migration { text, ..FIRST }])
                .is_ok()
        );
    }

    #[test]
    fn foreign_database_is_left_alone() {
        for version in [0, 1] {
            let file = File::new();
            let foreign = Connection::open(&file.place.database).unwrap();
            foreign.execute_batch("CREATE TABLE theirs (a)").unwrap();
            foreign
                .pragma_update(None, "user_version", version)
                .unwrap();
            check_refused(file.open(Role::Server, &[FIRST]), "another program");
            check_refused(file.open(Role::Command, &[FIRST]), "another program");
            let journal: String = foreign
                .query_row("PRAGMA journal_mode", [], |row| row.get(0))
                .unwrap();
            assert_eq!(journal, "delete");
        }
    }

    #[test]
    fn broken_migration_leaves_the_version_before_it() {
        let file = File::new();
        let broken = Migration {
            text: "CREATE TABLE half (a); CREATE TABLE half (a);",
            ..SECOND
        };
        assert!(file.open(Role::Server, &[FIRST, broken]).is_err());
        assert_eq!(file.version(), 1);
        drop(file.open(Role::Server, &[FIRST, SECOND]).unwrap());
        assert_eq!(file.version(), 2);
    }

    #[test]
    fn command_migrates_only_while_no_server_runs() {
        let file = File::new();
        assert!(file.open(Role::Command, &[FIRST]).unwrap().is_none());
        let server = file.open(Role::Server, &[FIRST]).unwrap();
        assert!(
            file.open(Role::Command, &[FIRST]).unwrap().is_none(),
            "nothing to migrate"
        );
        check_refused(file.open(Role::Command, &[FIRST, SECOND]), "running server");
        drop(server);
        assert!(
            file.open(Role::Command, &[FIRST, SECOND])
                .unwrap()
                .is_none()
        );
        assert_eq!(file.version(), 2);
    }
}
