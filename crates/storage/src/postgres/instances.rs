//! Running servers: their births, heartbeats and ends, and what others want of them.
//!
//! Invariants: an instance that has expired by the database's time is dead for good; its row stays until its leases are
//! written off; nobody writes off what is being granted to.
//! Does not know: what an instance does with its leases.

use crate::budget_rows::{Beat, InstanceRow, Recall, Return};
use crate::error::StoreErrorKind;
use crate::postgres::desk::Desk;
use crate::postgres::failure::Failure;
use crate::postgres::keys;
use crate::postgres::lease_rows::{key_of, sums_of};
use crate::postgres::ledger::id16;
use crate::postgres::pool::Lent;
use crate::store::Wall;

/// How long a recall is told; who still starves asks again.
const RECALL_LIVES_MS: i64 = 10_000;
/// Recalls told in one heartbeat.
const RECALLS_MAX: i64 = 1_000;

pub(super) async fn open(
    client: Lent,
    wall: Option<&Wall>,
    instance: [u8; 16],
    lives_for_ms: i64,
) -> Result<Beat, Failure> {
    let desk = Desk {
        client: &client,
        wall,
    };
    let now_ms = desk.now().await?;
    let epoch = keys::epoch_of(&client).await?;
    let sql =
        "INSERT INTO instance AS kept (instance, seen_epoch, expires_at_ms) VALUES ($1, $2, $3)
        ON CONFLICT (instance) DO UPDATE
            SET seen_epoch = excluded.seen_epoch, expires_at_ms = excluded.expires_at_ms
            WHERE kept.expires_at_ms > $4";
    let expires_at_ms = now_ms.saturating_add(lives_for_ms);
    let born = desk
        .client
        .execute(
            sql,
            &[&instance.as_slice(), &epoch, &expires_at_ms, &now_ms],
        )
        .await?;
    if born == 0 {
        return Err(StoreErrorKind::Fenced.into());
    }
    beat(desk, instance, now_ms, true).await
}

pub(super) async fn heartbeat(
    client: Lent,
    wall: Option<&Wall>,
    instance: [u8; 16],
    seen_epoch: i64,
    lives_for_ms: i64,
) -> Result<Beat, Failure> {
    let desk = Desk {
        client: &client,
        wall,
    };
    let now_ms = desk.now().await?;
    let sql = "UPDATE instance SET seen_epoch = $2, expires_at_ms = $3
        WHERE instance = $1 AND expires_at_ms > $4";
    let expires_at_ms = now_ms.saturating_add(lives_for_ms);
    let alive = desk
        .client
        .execute(
            sql,
            &[&instance.as_slice(), &seen_epoch, &expires_at_ms, &now_ms],
        )
        .await?;
    beat(desk, instance, now_ms, alive == 1).await
}

/// Whether an instance was born and has not expired. If so, nobody writes it off until the transaction ends.
pub(super) async fn hold_alive(
    desk: Desk<'_>,
    instance: &[u8; 16],
    now_ms: i64,
) -> Result<bool, Failure> {
    // The weakest lock that keeps a writer-off away: heartbeats pass.
    let sql = "SELECT 1 FROM instance WHERE instance = $1 AND expires_at_ms > $2 FOR KEY SHARE";
    let found = desk
        .client
        .query_opt(sql, &[&instance.as_slice(), &now_ms])
        .await?;
    Ok(found.is_some())
}

async fn beat(
    desk: Desk<'_>,
    instance: [u8; 16],
    now_ms: i64,
    alive: bool,
) -> Result<Beat, Failure> {
    let since_ms = now_ms.saturating_sub(RECALL_LIVES_MS);
    let stale = "DELETE FROM recall WHERE (budget_id, window_start, instance) IN
        (SELECT budget_id, window_start, instance FROM recall WHERE at_ms <= $1 FOR UPDATE SKIP LOCKED)";
    desk.client.execute(stale, &[&since_ms]).await?;
    let sql = "SELECT recall.budget_id, recall.window_start,
            least(sum(recall.wanted_pico_usd), 9223372036854775807)::BIGINT
        FROM recall JOIN lease USING (budget_id, window_start)
        WHERE lease.instance = $1 AND lease.open AND lease.remaining_pico_usd > 0 AND recall.instance <> $1
        GROUP BY recall.budget_id, recall.window_start ORDER BY 1, 2 LIMIT $2";
    let rows = desk
        .client
        .query(sql, &[&instance.as_slice(), &RECALLS_MAX])
        .await?;
    let mut recalls = Vec::with_capacity(rows.len());
    for row in rows {
        recalls.push(Recall {
            budget_id: row.try_get(0)?,
            window_start: row.try_get(1)?,
            wanted_pico_usd: row.try_get(2)?,
        });
    }
    Ok(Beat {
        now_ms,
        epoch: keys::epoch_of(desk.client).await?,
        alive,
        recalls,
    })
}

/// Gives back what is not needed.
pub(super) async fn give_back(
    client: Lent,
    instance: [u8; 16],
    returns: &[Return],
) -> Result<(), Failure> {
    let desk = Desk {
        client: &client,
        wall: None,
    };
    let ids: Vec<i64> = returns.iter().map(|given| given.lease_id).collect();
    let leases = desk.leases(&ids).await?;
    let own = leases.iter().filter(|lease| lease.instance == instance);
    let mut windows = desk.lock_windows(own.map(key_of)).await?;
    // Again, now that nobody else changes them.
    let mut written = Vec::new();
    for lease in desk.leases(&ids).await? {
        let Some(window) = windows.get_mut(&key_of(&lease)) else {
            continue;
        };
        if !lease.open || lease.instance != instance {
            continue;
        }
        let mut sums = sums_of(&lease);
        for given in returns
            .iter()
            .filter(|given| given.lease_id == lease.lease_id)
        {
            window.give_back(&mut sums, given.given_back_pico_usd);
        }
        written.push((lease.lease_id, sums));
    }
    desk.write_windows(&windows).await?;
    desk.write_leases(&written, false).await
}

pub(super) async fn instances(
    client: Lent,
    wall: Option<&Wall>,
) -> Result<Vec<InstanceRow>, Failure> {
    let desk = Desk {
        client: &client,
        wall,
    };
    let now_ms = desk.read_now().await?;
    let sql = "SELECT instance, seen_epoch, expires_at_ms FROM instance ORDER BY instance";
    let mut instances = Vec::new();
    for row in client.query(sql, &[]).await? {
        let expires_at_ms = row.try_get(2)?;
        instances.push(InstanceRow {
            instance: id16(row.try_get(0)?)?,
            seen_epoch: row.try_get(1)?,
            expires_at_ms,
            alive: expires_at_ms > now_ms,
        });
    }
    Ok(instances)
}
