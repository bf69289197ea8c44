//! Brings the tables up to date, forwards only, and refuses databases it does not know.
//!
//! Invariants: one migrates at a time, whoever starts; one migration, one transaction; what was applied is kept word for
//! word and compared at every start.
//! Does not know: what the tables are for.

use crate::error::StoreErrorKind;
use crate::postgres::address::SCHEMA;
use crate::postgres::failure::Failure;
use crate::postgres::pool::{Client, Lent, Pool};
use crate::store::Role;

/// One step forwards. The first has version 1, each next one more.
#[derive(Clone, Copy, Debug)]
pub(super) struct Migration {
    name: &'static str,
    text: &'static str,
}

/// All steps that this program knows. Append only: a step that was released is never edited.
pub(super) const MIGRATIONS: &[Migration] = &[
    Migration {
        name: "0001_first",
        text: include_str!("../../migrations_postgres/0001_first.sql"),
    },
    Migration {
        name: "0002_budgets",
        text: include_str!("../../migrations_postgres/0002_budgets.sql"),
    },
    Migration {
        name: "0003_objects",
        text: include_str!("../../migrations_postgres/0003_objects.sql"),
    },
];

/// "kwrd": whoever migrates holds this lock.
const LOCK: i64 = 0x6b77_7264;

/// Checks and migrates as the role allows.
///
/// Errors: `Schema`.
pub(super) async fn bring_up_to_date(
    pool: &Pool,
    role: Role,
    migrations: &[Migration],
) -> Result<(), Failure> {
    pool.read(refuse_server).await?;
    if is_current(pool, migrations).await? {
        return Ok(());
    }
    if role == Role::Command && pool.read(is_in_use).await? {
        return Err(StoreErrorKind::Schema(
            "the database is older than this program, and running servers use it; start a server of this version \
             first, or use the program they were started from"
                .to_owned(),
        )
        .into());
    }
    for (migration, number) in migrations.iter().zip(1..) {
        let applied = pool
            .write(|client| apply(client, *migration, number, migrations))
            .await?;
        if applied {
            tracing::info!(version = number, name = migration.name, "database migrated");
        }
    }
    Ok(())
}

/// Refuses a server on which the promises of this crate do not hold.
async fn refuse_server(client: Lent) -> Result<(), Failure> {
    let row = client
        .query_one(
            "SELECT current_setting('server_encoding'), current_setting('fsync'),
                current_setting('full_page_writes'), current_setting('server_version_num')::BIGINT",
            &[],
        )
        .await?;
    let (encoding, fsync, full_page_writes): (String, String, String) =
        (row.get(0), row.get(1), row.get(2));
    if encoding != "UTF8" {
        let text = format!("the database holds texts as {encoding}; make one with ENCODING 'UTF8'");
        return Err(StoreErrorKind::Schema(text).into());
    }
    let version: i64 = row.get(3);
    if version < 140_000 {
        let text = "the server is older than PostgreSQL 14; use a newer one".to_owned();
        return Err(StoreErrorKind::Schema(text).into());
    }
    if fsync != "on" || full_page_writes != "on" {
        tracing::warn!(%fsync, %full_page_writes, "the database server may lose what it acknowledged when its power fails");
    }
    Ok(())
}

async fn is_current(pool: &Pool, migrations: &[Migration]) -> Result<bool, Failure> {
    pool.read(|client| count_applied(client, migrations))
        .await
        .map(|applied| applied == migrations.len())
}

async fn count_applied(client: Lent, migrations: &[Migration]) -> Result<usize, Failure> {
    compare(&client, migrations).await
}

/// Applies a migration unless somebody did; whether it did.
async fn apply(
    client: Lent,
    migration: Migration,
    number: i64,
    migrations: &[Migration],
) -> Result<bool, Failure> {
    // Others wait here, and find it done. They may wait for longer than for a row.
    client.batch_execute("SET LOCAL lock_timeout = 0").await?;
    client
        .query_one("SELECT pg_advisory_xact_lock($1)", &[&LOCK])
        .await?;
    if i64::try_from(compare(&client, migrations).await?).unwrap_or(i64::MAX) >= number {
        return Ok(false);
    }
    if number == 1 {
        make_schema(&client).await?;
    }
    client.batch_execute(migration.text).await?;
    client
        .execute(
            "INSERT INTO schema_migration (version, name, text) VALUES ($1, $2, $3)",
            &[&number, &migration.name, &migration.text],
        )
        .await?;
    Ok(true)
}

async fn make_schema(client: &Client) -> Result<(), Failure> {
    // Somebody who may not make one may use one that was made for him.
    let exists: bool = client
        .query_one("SELECT to_regnamespace($1) IS NOT NULL", &[&SCHEMA])
        .await?
        .get(0);
    if exists {
        return Ok(());
    }
    client
        .batch_execute(&format!("CREATE SCHEMA {SCHEMA}"))
        .await
        .map_err(|_| {
            let text = format!(
                "this user may not make the schema `{SCHEMA}`; type as its owner: CREATE SCHEMA {SCHEMA} AUTHORIZATION \
                 the_user_of_DATABASE_URL"
            );
            StoreErrorKind::Schema(text).into()
        })
}

/// How many migrations are applied, just as this program has them.
///
/// Errors: `Schema` for a database of a newer program, of another program, or with an edited migration.
async fn compare(client: &Client, migrations: &[Migration]) -> Result<usize, Failure> {
    let tables: i64 = client
        .query_one(
            "SELECT count(*) FROM pg_catalog.pg_tables WHERE schemaname = $1",
            &[&SCHEMA],
        )
        .await?
        .get(0);
    if tables == 0 {
        return Ok(0);
    }
    let ours: bool = client
        .query_one("SELECT to_regclass('schema_migration') IS NOT NULL", &[])
        .await?
        .get(0);
    if !ours {
        let text = format!(
            "the schema `{SCHEMA}` holds another program's tables; choose another database in DATABASE_URL"
        );
        return Err(StoreErrorKind::Schema(text).into());
    }
    let applied = client
        .query(
            "SELECT version, text FROM schema_migration ORDER BY version",
            &[],
        )
        .await?;
    if applied.len() > migrations.len() {
        let text = format!(
            "the database has version {} and this program knows up to {}; use the newer program that migrated it, or \
             restore a backup from before",
            applied.len(),
            migrations.len()
        );
        return Err(StoreErrorKind::Schema(text).into());
    }
    for ((row, migration), number) in applied.iter().zip(migrations).zip(1..) {
        let (version, text): (i64, &str) = (row.get(0), row.get(1));
        // By lines: a checkout may have changed the line ends.
        if version != number || !migration.text.lines().eq(text.lines()) {
            let text = format!(
                "migration {number} was applied with another text than this program has; use the program that migrated \
                 the database"
            );
            return Err(StoreErrorKind::Schema(text).into());
        }
    }
    Ok(applied.len())
}

/// Whether servers run on it.
async fn is_in_use(client: Lent) -> Result<bool, Failure> {
    let has_instances: bool = client
        .query_one("SELECT to_regclass('instance') IS NOT NULL", &[])
        .await?
        .get(0);
    if !has_instances {
        return Ok(false);
    }
    let sql = "SELECT EXISTS (SELECT FROM instance
        WHERE expires_at_ms > (extract(epoch FROM clock_timestamp()) * 1000)::BIGINT)";
    Ok(client.query_one(sql, &[]).await?.get(0))
}
