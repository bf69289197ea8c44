//! Who made what at the upstream. Its objects are shared by all who use the one key behind keyward, so each id is kept with its owner.
//!
//! Invariants: an id without an owner here is nobody's, and is answered as if it did not exist; an owner is never replaced.
//! Does not know: HTTP, which routes name ids.

use jiff::Timestamp;
use storage::{ObjectRow, Store};

use crate::error::AccessError;
use crate::key::VirtualKey;

/// The longest id, in bytes.
pub const OBJECT_ID_BYTES_MAX: usize = 256;

/// Who may use an object beside the key that made it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sharing {
    /// All keys of that key's project.
    Project,
    /// Nobody.
    Key,
}

/// What was made at the upstream, with its owners.
#[derive(Clone, Debug)]
pub struct Objects {
    store: Store,
    sharing: Sharing,
}

impl Objects {
    /// The objects of a store.
    #[must_use]
    pub fn new(store: Store, sharing: Sharing) -> Objects {
        Objects { store, sharing }
    }

    /// Keeps `key` as the owner of these ids; on disk before it returns. An id that has an owner keeps it, and what is no id is not
    /// kept.
    ///
    /// Errors: the store's.
    pub async fn keep(
        &self,
        kind: &str,
        ids: &[impl AsRef<str> + Sync],
        key: &VirtualKey,
        now: Timestamp,
    ) -> Result<(), AccessError> {
        let rows: Vec<ObjectRow> = ids
            .iter()
            .map(AsRef::as_ref)
            .filter(|id| is_object_id(id))
            .take(storage::OBJECTS_MAX)
            .map(|id| ObjectRow {
                id: id.to_owned(),
                kind: kind.to_owned(),
                key_id: key.id.clone(),
                project: key.project.clone(),
                made_at_ms: now.as_millisecond(),
            })
            .collect();
        if rows.is_empty() {
            return Ok(());
        }
        let kept = self.store.keep_objects(rows).await;
        kept.map_err(|error| AccessError::of_store("keep the owner of an object", error))
    }

    /// Whether a key may use an object. Not for what is nobody's, or what is no id.
    ///
    /// Errors: the store's.
    pub async fn may_use(&self, key: &VirtualKey, id: &str) -> Result<bool, AccessError> {
        if !is_object_id(id) {
            return Ok(false);
        }
        let found = self.store.object(id.to_owned()).await;
        let found =
            found.map_err(|error| AccessError::of_store("find the owner of an object", error))?;
        Ok(found.is_some_and(|row| match self.sharing {
            Sharing::Project => row.project == key.project,
            Sharing::Key => row.key_id == key.id,
        }))
    }

    /// Forgets an object that was deleted.
    ///
    /// Errors: the store's.
    pub async fn forget(&self, id: &str) -> Result<(), AccessError> {
        let forgotten = self.store.forget_object(id.to_owned()).await;
        forgotten
            .map(drop)
            .map_err(|error| AccessError::of_store("forget an object", error))
    }
}

/// Whether a text can be the id of an object: it then has no meaning in a path or a header.
#[must_use]
pub fn is_object_id(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= OBJECT_ID_BYTES_MAX
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.' | b':'))
        && !text.bytes().all(|byte| byte == b'.')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_plain_and_short() {
        for (id, good) in [
            ("resp_68af", true),
            ("file-Ab.1:2", true),
            ("", false),
            (".", false),
            ("..", false),
            ("a/b", false),
            ("a b", false),
            ("ä", false),
        ] {
            assert_eq!(is_object_id(id), good, "{id}");
        }
        assert!(is_object_id(&"a".repeat(256)) && !is_object_id(&"a".repeat(257)));
    }
}
