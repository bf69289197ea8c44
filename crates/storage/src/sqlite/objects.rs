//! Owners of what was made at the upstream, in SQL.
//!
//! Invariants: an id that has an owner keeps it.
//! Does not know: who may do what; what the kinds mean.

use rusqlite::{Connection, OptionalExtension, Row};

use crate::error::StoreError;
use crate::limits::check_objects;
use crate::rows::ObjectRow;
use crate::sqlite::SqliteStore;
use crate::sqlite::desk::Desk;
use crate::sqlite::disk::DiskStep;
use crate::sqlite::failure::Failure;

impl SqliteStore {
    pub(crate) async fn keep_objects(&self, rows: Vec<ObjectRow>) -> Result<(), StoreError> {
        const OPERATION: &str = "keep the owners of objects";
        check_objects(&rows).map_err(|kind| StoreError::new(OPERATION, kind))?;
        self.edit(OPERATION, move |desk| keep(desk, &rows)).await
    }

    pub(crate) async fn object(&self, id: String) -> Result<Option<ObjectRow>, StoreError> {
        let read = move |connection: &_| find(connection, &id);
        let readers = &self.shared.readers;
        readers.read("find the owner of an object", read).await
    }

    pub(crate) async fn forget_object(&self, id: String) -> Result<bool, StoreError> {
        self.edit("forget an object", move |desk| forget(desk, &id))
            .await
    }
}

fn keep(desk: Desk<'_>, rows: &[ObjectRow]) -> Result<(), Failure> {
    let mut statement = desk.connection.prepare_cached(
        "INSERT INTO object_owner (object_id, kind, key_id, project, made_at_ms) VALUES (?, ?, ?, ?, ?)
        ON CONFLICT (object_id) DO NOTHING",
    )?;
    for row in rows {
        desk.step(DiskStep::Object)?;
        statement.execute((
            &row.id,
            &row.kind,
            &row.key_id,
            &row.project,
            row.made_at_ms,
        ))?;
    }
    Ok(())
}

fn find(connection: &Connection, id: &str) -> Result<Option<ObjectRow>, Failure> {
    let mut statement = connection.prepare_cached(
        "SELECT object_id, kind, key_id, project, made_at_ms FROM object_owner WHERE object_id = ?",
    )?;
    Ok(statement.query_row([id], read_object).optional()?)
}

fn forget(desk: Desk<'_>, id: &str) -> Result<bool, Failure> {
    desk.step(DiskStep::Object)?;
    let mut statement = desk
        .connection
        .prepare_cached("DELETE FROM object_owner WHERE object_id = ?")?;
    Ok(statement.execute([id])? > 0)
}

fn read_object(row: &Row<'_>) -> Result<ObjectRow, rusqlite::Error> {
    Ok(ObjectRow {
        id: row.get(0)?,
        kind: row.get(1)?,
        key_id: row.get(2)?,
        project: row.get(3)?,
        made_at_ms: row.get(4)?,
    })
}
