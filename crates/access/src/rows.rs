//! A virtual key to a row of the store and back.
//!
//! Invariants: what comes back equals what went in, times to the millisecond.
//! Does not know: the secret, only its digest.

use jiff::Timestamp;
use storage::KeyRow;

use crate::key::{NewKey, Origin, VirtualKey};
use crate::secret::SecretDigest;

pub(crate) fn row_of_key(
    id_characters: &str,
    digest: SecretDigest,
    new: NewKey,
    origin: Origin,
    now: Timestamp,
) -> KeyRow {
    KeyRow {
        id: format!("key_{id_characters}"),
        digest,
        name: new.name,
        project: new.project,
        models: new.models,
        endpoints: new.endpoints,
        tags: new.tags,
        origin: origin.as_str().to_owned(),
        requests_per_minute: new.requests_per_minute.map(i64::from),
        created_at_ms: now.as_millisecond(),
        expires_at_ms: new.expires_at.map(Timestamp::as_millisecond),
        revoked_at_ms: None,
    }
}

/// `None` if a column holds what this crate never writes.
pub(crate) fn key_of_row(row: &KeyRow) -> Option<VirtualKey> {
    let time = |at_ms: Option<i64>| at_ms.map(Timestamp::from_millisecond).transpose().ok();
    Some(VirtualKey {
        id: row.id.clone(),
        name: row.name.clone(),
        project: row.project.clone(),
        models: row.models.clone(),
        endpoints: row.endpoints.clone(),
        tags: row.tags.clone(),
        origin: Origin::parse(&row.origin)?,
        requests_per_minute: row
            .requests_per_minute
            .map(u32::try_from)
            .transpose()
            .ok()?,
        created_at: Timestamp::from_millisecond(row.created_at_ms).ok()?,
        expires_at: time(row.expires_at_ms)?,
        revoked_at: time(row.revoked_at_ms)?,
    })
}
