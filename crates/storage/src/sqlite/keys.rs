//! Virtual keys and the epoch in SQL.
//!
//! Invariants: every edit of keys raises the epoch in the same transaction.
//! Does not know: secrets; how a digest is made.

use rusqlite::{Connection, OptionalExtension, Row, TransactionBehavior};

use crate::rows::{KeyRevocation, KeyRow};
use crate::sqlite::disk::{Disk, DiskStep};
use crate::sqlite::failure::Failure;
use crate::sqlite::lists::{parse_list, write_list};

pub(crate) fn insert_key(
    connection: &mut Connection,
    disk: &dyn Disk,
    row: &KeyRow,
) -> Result<(), Failure> {
    disk.step(DiskStep::Begin)?;
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    disk.step(DiskStep::Key)?;
    transaction.execute(
        "INSERT INTO virtual_key (id, digest, name, project, models, endpoints, tags, origin, requests_per_minute,
            created_at_ms, expires_at_ms, revoked_at_ms) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        rusqlite::params![
            row.id,
            row.digest,
            row.name,
            row.project,
            write_list(&row.models),
            write_list(&row.endpoints),
            write_list(&row.tags),
            row.origin,
            row.requests_per_minute,
            row.created_at_ms,
            row.expires_at_ms,
            row.revoked_at_ms,
        ],
    )?;
    raise_epoch(&transaction)?;
    disk.step(DiskStep::Commit)?;
    transaction.commit()?;
    Ok(disk.step(DiskStep::Committed)?)
}

pub(crate) fn revoke_key(
    connection: &mut Connection,
    disk: &dyn Disk,
    id: &str,
    at_ms: i64,
) -> Result<KeyRevocation, Failure> {
    disk.step(DiskStep::Begin)?;
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let revoked_at_ms: Option<Option<i64>> = transaction
        .query_row(
            "SELECT revoked_at_ms FROM virtual_key WHERE id = ?",
            [id],
            |row| row.get(0),
        )
        .optional()?;
    match revoked_at_ms {
        None => return Ok(KeyRevocation::NotFound),
        Some(Some(at_ms)) => return Ok(KeyRevocation::AlreadyRevoked { at_ms }),
        Some(None) => {}
    }
    disk.step(DiskStep::Key)?;
    transaction.execute(
        "UPDATE virtual_key SET revoked_at_ms = ? WHERE id = ?",
        (at_ms, id),
    )?;
    raise_epoch(&transaction)?;
    disk.step(DiskStep::Commit)?;
    transaction.commit()?;
    disk.step(DiskStep::Committed)?;
    Ok(KeyRevocation::Revoked)
}

pub(crate) fn raise_epoch(connection: &Connection) -> Result<(), Failure> {
    connection.execute("UPDATE epoch SET edits = edits + 1", [])?;
    Ok(())
}

pub(crate) fn epoch(connection: &Connection) -> Result<i64, Failure> {
    Ok(connection
        .prepare_cached("SELECT edits FROM epoch")?
        .query_row([], |row| row.get(0))?)
}

pub(crate) fn keys(connection: &Connection) -> Result<Vec<KeyRow>, Failure> {
    let mut statement = connection.prepare_cached(
        "SELECT id, digest, name, project, models, endpoints, tags, origin, requests_per_minute, created_at_ms,
            expires_at_ms, revoked_at_ms FROM virtual_key ORDER BY created_at_ms, id",
    )?;
    let rows = statement.query_map([], read_key)?;
    Ok(rows.collect::<Result<Vec<KeyRow>, rusqlite::Error>>()?)
}

fn read_key(row: &Row<'_>) -> Result<KeyRow, rusqlite::Error> {
    Ok(KeyRow {
        id: row.get(0)?,
        digest: row.get(1)?,
        name: row.get(2)?,
        project: row.get(3)?,
        models: parse_list(row, 4)?,
        endpoints: parse_list(row, 5)?,
        tags: parse_list(row, 6)?,
        origin: row.get(7)?,
        requests_per_minute: row.get(8)?,
        created_at_ms: row.get(9)?,
        expires_at_ms: row.get(10)?,
        revoked_at_ms: row.get(11)?,
    })
}
