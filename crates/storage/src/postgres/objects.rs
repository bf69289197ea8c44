//! Owners of what was made at the upstream, in SQL.
//!
//! Invariants: an id that has an owner keeps it.
//! Does not know: who may do what; what the kinds mean.

use crate::error::StoreError;
use crate::limits::check_objects;
use crate::postgres::PostgresStore;
use crate::postgres::failure::Failure;
use crate::postgres::pool::Lent;
use crate::postgres::text::{from_text, to_text};
use crate::rows::ObjectRow;

impl PostgresStore {
    pub(crate) async fn keep_objects(&self, rows: Vec<ObjectRow>) -> Result<(), StoreError> {
        const OPERATION: &str = "keep the owners of objects";
        check_objects(&rows).map_err(|kind| StoreError::new(OPERATION, kind))?;
        let outcome = self.shared.calls.write(|client| keep(client, &rows)).await;
        outcome.map_err(|failure| failure.during(OPERATION))
    }

    pub(crate) async fn object(&self, id: String) -> Result<Option<ObjectRow>, StoreError> {
        let outcome = self.shared.calls.read(|client| find(client, &id)).await;
        outcome.map_err(|failure| failure.during("find the owner of an object"))
    }

    pub(crate) async fn forget_object(&self, id: String) -> Result<bool, StoreError> {
        let outcome = self.shared.calls.write(|client| forget(client, &id)).await;
        outcome.map_err(|failure| failure.during("forget an object"))
    }
}

async fn keep(client: Lent, rows: &[ObjectRow]) -> Result<(), Failure> {
    let sql = "INSERT INTO object_owner (object_id, kind, key_id, project, made_at_ms) VALUES ($1, $2, $3, $4, $5)
        ON CONFLICT (object_id) DO NOTHING";
    for row in rows {
        client
            .execute(
                sql,
                &[
                    &to_text(&row.id),
                    &to_text(&row.kind),
                    &to_text(&row.key_id),
                    &to_text(&row.project),
                    &row.made_at_ms,
                ],
            )
            .await?;
    }
    Ok(())
}

async fn find(client: Lent, id: &str) -> Result<Option<ObjectRow>, Failure> {
    let sql = "SELECT object_id, kind, key_id, project, made_at_ms FROM object_owner WHERE object_id = $1";
    let row = client.query_opt(sql, &[&to_text(id)]).await?;
    row.map(|row| {
        Ok(ObjectRow {
            id: from_text(row.try_get(0)?),
            kind: from_text(row.try_get(1)?),
            key_id: from_text(row.try_get(2)?),
            project: from_text(row.try_get(3)?),
            made_at_ms: row.try_get(4)?,
        })
    })
    .transpose()
}

async fn forget(client: Lent, id: &str) -> Result<bool, Failure> {
    let sql = "DELETE FROM object_owner WHERE object_id = $1";
    Ok(client.execute(sql, &[&to_text(id)]).await? > 0)
}
