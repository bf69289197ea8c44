//! Virtual keys and the epoch in SQL.
//!
//! Invariants: every edit of keys raises the epoch in the same transaction, and servers are told when it is committed.
//! Does not know: secrets; how a digest is made.

use tokio_postgres::Row;

use crate::postgres::failure::Failure;
use crate::postgres::notices::TELL_EPOCH;
use crate::postgres::pool::{Client, Lent};
use crate::postgres::text::{from_list, from_text, to_list, to_text};
use crate::rows::{KeyRevocation, KeyRow};

pub(super) async fn insert_key(client: Lent, row: &KeyRow) -> Result<(), Failure> {
    let sql = "INSERT INTO virtual_key (id, digest, name, project, models, endpoints, tags, origin, requests_per_minute,
                created_at_ms, expires_at_ms, revoked_at_ms)
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)";
    client
        .execute(
            sql,
            &[
                &to_text(&row.id),
                &row.digest.as_slice(),
                &to_text(&row.name),
                &to_text(&row.project),
                &to_list(&row.models),
                &to_list(&row.endpoints),
                &to_list(&row.tags),
                &row.origin,
                &row.requests_per_minute,
                &row.created_at_ms,
                &row.expires_at_ms,
                &row.revoked_at_ms,
            ],
        )
        .await?;
    raise_epoch(&client).await.map(drop)
}

pub(super) async fn revoke_key(
    client: Lent,
    id: &str,
    at_ms: i64,
) -> Result<KeyRevocation, Failure> {
    let id = to_text(id);
    let row = client
        .query_opt(
            "SELECT revoked_at_ms FROM virtual_key WHERE id = $1 FOR UPDATE",
            &[&id],
        )
        .await?;
    match row.map(|row| row.get(0)) {
        None => return Ok(KeyRevocation::NotFound),
        Some(Some(at_ms)) => return Ok(KeyRevocation::AlreadyRevoked { at_ms }),
        Some(None) => {}
    }
    client
        .execute(
            "UPDATE virtual_key SET revoked_at_ms = $1 WHERE id = $2",
            &[&at_ms, &id],
        )
        .await?;
    raise_epoch(&client).await?;
    Ok(KeyRevocation::Revoked)
}

/// Counts an edit, and tells it to all servers with the commit; gives the new epoch.
pub(super) async fn raise_epoch(client: &Client) -> Result<i64, Failure> {
    let row = client
        .query_one("UPDATE epoch SET edits = edits + 1 RETURNING edits", &[])
        .await?;
    client.query_one(TELL_EPOCH, &[]).await?;
    Ok(row.get(0))
}

pub(super) async fn epoch(client: Lent) -> Result<i64, Failure> {
    epoch_of(&client).await
}

/// The epoch within a transaction.
pub(super) async fn epoch_of(client: &Client) -> Result<i64, Failure> {
    let sql = "SELECT edits FROM epoch";
    Ok(client.query_one(sql, &[]).await?.get(0))
}

pub(super) async fn keys(client: Lent) -> Result<Vec<KeyRow>, Failure> {
    let rows = client
        .query(
            "SELECT id, digest, name, project, models, endpoints, tags, origin, requests_per_minute, created_at_ms,
                expires_at_ms, revoked_at_ms FROM virtual_key ORDER BY created_at_ms, id",
            &[],
        )
        .await?;
    rows.iter().map(read_key).collect()
}

fn read_key(row: &Row) -> Result<KeyRow, Failure> {
    let digest: &[u8] = row.try_get(1)?;
    Ok(KeyRow {
        id: from_text(row.try_get(0)?),
        digest: digest
            .try_into()
            .map_err(|_| Failure::internal("a digest has another length"))?,
        name: from_text(row.try_get(2)?),
        project: from_text(row.try_get(3)?),
        models: from_list(row.try_get(4)?)?,
        endpoints: from_list(row.try_get(5)?)?,
        tags: from_list(row.try_get(6)?)?,
        origin: row.try_get(7)?,
        requests_per_minute: row.try_get(8)?,
        created_at_ms: row.try_get(9)?,
        expires_at_ms: row.try_get(10)?,
        revoked_at_ms: row.try_get(11)?,
    })
}
