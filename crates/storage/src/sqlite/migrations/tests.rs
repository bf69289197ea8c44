//! Databases of this program, of a newer one, of another one, and half-migrated ones.
//!
//! Invariants: files of their own.
//! Does not know: what the tables are for, but for sums that a migration made of what was there.

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

    fn open(&self, role: Role, migrations: &[Migration]) -> Result<Option<Lock>, StoreErrorKind> {
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
