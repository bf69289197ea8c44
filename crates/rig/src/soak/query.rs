//! Reads the tables behind the program's back: SQLite by its file, PostgreSQL by `psql`.
//!
//! Invariants: reads only; a row is its columns as text, null as empty text.
//! Does not know: what the tables mean.

use std::io;
use std::sync::Arc;

use rusqlite::types::ValueRef;
use rusqlite::{Connection, OpenFlags};

use super::server::{Database, Place};

/// Between columns in what `psql` prints.
const SEPARATOR: char = '|';

impl Place {
    /// The rows that a query gives. No column may hold a `|` or a new line.
    ///
    /// Errors: what the database says.
    pub(crate) async fn query(&self, sql: &str) -> io::Result<Vec<Vec<String>>> {
        let sql = sql.to_owned();
        let asked = match &self.database {
            Database::Sqlite => {
                let file = self.sqlite_file();
                tokio::task::spawn_blocking(move || {
                    sqlite(&file, &sql).map_err(|error| io::Error::other(format!("{error}: {sql}")))
                })
                .await
            }
            Database::Postgres(postgres) => {
                let postgres = Arc::clone(postgres);
                tokio::task::spawn_blocking(move || {
                    let text = postgres.psql(&sql)?;
                    let row = |line: &str| line.split(SEPARATOR).map(str::to_owned).collect();
                    Ok(text
                        .lines()
                        .filter(|line| !line.is_empty())
                        .map(row)
                        .collect())
                })
                .await
            }
        };
        asked.map_err(io::Error::other)?
    }

    /// How bytes are written as hexadecimal digits in this database's SQL.
    pub(crate) fn hexadecimal(&self, column: &str) -> String {
        match &self.database {
            Database::Sqlite => format!("lower(hex({column}))"),
            Database::Postgres(_) => format!("encode({column}, 'hex')"),
        }
    }

    /// How many instances hold open leases.
    pub(crate) async fn holders(&self) -> io::Result<u64> {
        // An open lease is 1 on one database, and may be true on the other.
        let rows = self
            .query("SELECT count(DISTINCT instance) FROM lease WHERE CAST(open AS INTEGER) = 1")
            .await?;
        let count = rows.first().and_then(|row| row.first()?.parse().ok());
        count.ok_or_else(|| io::Error::other("a count that is no number"))
    }
}

fn sqlite(file: &std::path::Path, sql: &str) -> rusqlite::Result<Vec<Vec<String>>> {
    let connection = Connection::open_with_flags(file, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    connection.busy_timeout(std::time::Duration::from_secs(10))?;
    let mut statement = connection.prepare(sql)?;
    let columns = statement.column_count();
    let mut rows = statement.query([])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        let columns = (0..columns).map(|column| row.get_ref(column).map(text));
        found.push(columns.collect::<rusqlite::Result<_>>()?);
    }
    Ok(found)
}

fn text(value: ValueRef<'_>) -> String {
    match value {
        ValueRef::Null => String::new(),
        ValueRef::Integer(number) => number.to_string(),
        ValueRef::Real(number) => number.to_string(),
        ValueRef::Text(bytes) | ValueRef::Blob(bytes) => {
            String::from_utf8_lossy(bytes).into_owned()
        }
    }
}
