//! What a transaction works with: a connection, and the database's time.
//!
//! Invariants: time is the database server's, so that all our servers share one; it goes back by `KEPT_MS` at most, also
//! when another database server takes over.
//! Does not know: what is edited.

use crate::postgres::failure::Failure;
use crate::postgres::pool::Client;
use crate::store::Wall;

/// How far the time may run ahead of the one that is kept: a row that every grant wrote would be waited for by all.
const KEPT_MS: i64 = 1_000;

/// Held shared by whoever writes entries, and alone by whoever makes a budget: no entry may be missed by the first sum
/// of a new budget and by the charges, too.
const ENTRIES: i64 = 0x6b77_6c65;

/// Held by whoever locks windows. Nearly all of them lock the one of the books anyway; but for a row PostgreSQL keeps no
/// queue: whoever comes at the right moment goes first, and others may wait for seconds.
const WINDOWS: i64 = 0x6b77_7769;

/// The means of one transaction.
#[derive(Clone, Copy)]
pub(super) struct Desk<'t> {
    pub(super) client: &'t Client,
    /// Stands for the clock in tests.
    pub(super) wall: Option<&'t Wall>,
}

impl Desk<'_> {
    /// The time of now, kept if it is later than any before.
    pub(super) async fn now(&self) -> Result<i64, Failure> {
        let (latest_ms, now_ms) = self.times().await?;
        let kept_ms = if self.wall.is_some() { 0 } else { KEPT_MS };
        if now_ms > latest_ms.saturating_add(kept_ms) {
            // Who finds it locked leaves it to the other.
            let sql = "UPDATE clock SET latest_ms = $1
                WHERE only_row IN (SELECT only_row FROM clock FOR UPDATE SKIP LOCKED) AND latest_ms < $1";
            self.client.execute(sql, &[&now_ms]).await?;
        }
        Ok(now_ms)
    }

    /// The time of now for a reader, which keeps nothing.
    pub(super) async fn read_now(&self) -> Result<i64, Failure> {
        Ok(self.times().await?.1)
    }

    async fn times(&self) -> Result<(i64, i64), Failure> {
        let sql =
            "SELECT latest_ms, (extract(epoch FROM clock_timestamp()) * 1000)::BIGINT FROM clock";
        let row = self.client.query_one(sql, &[]).await?;
        let latest_ms: i64 = row.try_get(0)?;
        let now_ms = match self.wall {
            Some(wall) => wall(),
            None => row.try_get(1)?,
        };
        Ok((latest_ms, now_ms.max(latest_ms)))
    }

    /// From here to the end of the transaction no budget comes into being.
    pub(super) async fn hold_budgets(&self) -> Result<(), Failure> {
        let sql = "SELECT pg_advisory_xact_lock_shared($1)";
        self.client.query_one(sql, &[&ENTRIES]).await.map(drop)
    }

    /// Waits for its turn to lock windows.
    pub(super) async fn hold_windows(&self) -> Result<(), Failure> {
        let sql = "SELECT pg_advisory_xact_lock($1)";
        self.client.query_one(sql, &[&WINDOWS]).await.map(drop)
    }

    /// From here to the end of the transaction nobody else writes entries or makes budgets.
    pub(super) async fn hold_entries(&self) -> Result<(), Failure> {
        let sql = "SELECT pg_advisory_xact_lock($1)";
        self.client.query_one(sql, &[&ENTRIES]).await.map(drop)
    }
}
