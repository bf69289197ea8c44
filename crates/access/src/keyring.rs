//! All keys in memory, over the store that keeps them.
//!
//! Invariants: a lookup sees one whole state of all keys; a state is never replaced by an older one; after `revoke` or
//! `refresh` returned, a revoked key never verifies.
//! Does not know: HTTP, limits, budgets; when to refresh.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use jiff::Timestamp;
use secrecy::SecretString;
use storage::{KeyRevocation, KeyRow, Store, StoreErrorKind};
use subtle::ConstantTimeEq;

use crate::denied::Denied;
use crate::error::{AccessError, AccessErrorKind, SECRET_BITS_MIN};
use crate::fields;
use crate::key::{NewKey, Origin, VirtualKey};
use crate::rows::{key_of_row, row_of_key};
use crate::secret::{self, SECRET_BYTES_MAX, SecretDigest};

/// A key that was just made. The secret is shown once and kept nowhere.
#[derive(Debug)]
pub struct Minted {
    /// The key.
    pub key: VirtualKey,
    /// `kw-…`; the store has only its digest.
    pub secret: SecretString,
}

/// How strong an imported secret must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ImportStrength {
    /// At least 128 bits, as far as the text tells.
    Strong,
    /// Anything; for development.
    WeakAllowed,
}

/// All keys, ready to verify.
#[derive(Debug)]
pub struct Keyring {
    store: Store,
    snapshot: RwLock<Arc<Snapshot>>,
}

/// One state of all keys.
#[derive(Debug)]
struct Snapshot {
    epoch: i64,
    /// Hashed with a random seed, as the standard map is.
    by_digest: HashMap<SecretDigest, Arc<VirtualKey>>,
    oldest_first: Vec<Arc<VirtualKey>>,
}

impl Keyring {
    /// Loads all keys.
    pub async fn open(store: Store) -> Result<Keyring, AccessError> {
        let snapshot = load(&store, "load keys").await?;
        Ok(Keyring {
            store,
            snapshot: RwLock::new(Arc::new(snapshot)),
        })
    }

    /// Finds the key that a secret belongs to.
    ///
    /// Shape: one SHA-256, one lookup, one comparison in constant time; no disk, no allocation for a good key. The form
    /// of the text is looked at only if no key is found, to tell a mistyped key from an unknown one.
    /// Errors: `Malformed`, `Unknown`, `Revoked`, `Expired`.
    pub fn verify(&self, presented: &str, now: Timestamp) -> Result<Arc<VirtualKey>, Denied> {
        if presented.len() > SECRET_BYTES_MAX {
            return Err(Denied::Malformed);
        }
        let digest = secret::digest(presented);
        match self.snapshot().find(&digest) {
            Some(key) => key.check_live(now).map(|()| key),
            None if secret::is_well_formed(presented) => Err(Denied::Unknown),
            None => Err(Denied::Malformed),
        }
    }

    /// Loads all keys again if any was edited, by this process or another. Cheap if none was: one small read.
    ///
    /// Shape: `true` if it loaded. To be called every 200 ms or so.
    pub async fn refresh(&self) -> Result<bool, AccessError> {
        const OPERATION: &str = "refresh keys";
        let epoch = self.store.epoch().await;
        let epoch = epoch.map_err(|error| AccessError::of_store(OPERATION, error))?;
        if epoch == self.snapshot().epoch {
            return Ok(false);
        }
        let fresh = Arc::new(load(&self.store, OPERATION).await?);
        let mut snapshot = self
            .snapshot
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        // Two loads may have crossed; the newer one stays.
        if fresh.epoch > snapshot.epoch {
            *snapshot = fresh;
        }
        Ok(true)
    }

    /// Makes a key with a new secret.
    ///
    /// Errors: `Field`, `Randomness`, `Store`.
    pub async fn create(&self, new: NewKey, now: Timestamp) -> Result<Minted, AccessError> {
        const OPERATION: &str = "create key";
        fields::check(&new, now).map_err(|kind| AccessError::new(OPERATION, kind))?;
        let no_randomness = |_| AccessError::new(OPERATION, AccessErrorKind::Randomness);
        let id = secret::make_id_characters().map_err(no_randomness)?;
        let secret = secret::mint(&id).map_err(no_randomness)?;
        let row = row_of_key(&id, secret::digest_of(&secret), new, Origin::Minted, now);
        let key = self.insert(OPERATION, row).await?;
        Ok(Minted { key, secret })
    }

    /// Takes in a secret that was made elsewhere, in whatever form.
    ///
    /// Errors: `Field` (also for the secret's form), `WeakSecret`, `SecretTaken`, `Randomness`, `Store`.
    pub async fn import(
        &self,
        new: NewKey,
        secret: SecretString,
        strength: ImportStrength,
        now: Timestamp,
    ) -> Result<VirtualKey, AccessError> {
        const OPERATION: &str = "import key";
        let fail = |kind| AccessError::new(OPERATION, kind);
        fields::check(&new, now).map_err(fail)?;
        if let Some(flaw) = secret::flaw_of_import(&secret) {
            return Err(fail(AccessErrorKind::Field {
                field: "secret",
                reason: flaw.to_owned(),
            }));
        }
        let bits = secret::bits_of(&secret);
        let origin = if bits >= SECRET_BITS_MIN {
            Origin::Imported
        } else {
            Origin::Weak
        };
        if origin == Origin::Weak && strength == ImportStrength::Strong {
            return Err(fail(AccessErrorKind::WeakSecret { bits }));
        }
        let id = secret::make_id_characters().map_err(|_| fail(AccessErrorKind::Randomness))?;
        self.insert(
            OPERATION,
            row_of_key(&id, secret::digest_of(&secret), new, origin, now),
        )
        .await
    }

    /// Revokes a key, for good. A key that was revoked before keeps its first date.
    ///
    /// Errors: `NotFound`, `Store`; after an error it is safe to revoke again.
    pub async fn revoke(&self, id: &str, now: Timestamp) -> Result<VirtualKey, AccessError> {
        const OPERATION: &str = "revoke key";
        let revoked = self.store.revoke_key(id, now.as_millisecond()).await;
        let revoked = revoked.map_err(|error| AccessError::of_store(OPERATION, error))?;
        if revoked == KeyRevocation::NotFound {
            return Err(AccessError::new(OPERATION, AccessErrorKind::NotFound));
        }
        self.refresh().await?;
        let snapshot = self.snapshot();
        let key = snapshot.oldest_first.iter().find(|key| key.id == id);
        let key = key.ok_or_else(|| AccessError::new(OPERATION, AccessErrorKind::NotFound))?;
        Ok(VirtualKey::clone(key))
    }

    /// All keys, revoked and expired ones too, oldest first.
    #[must_use]
    pub fn list(&self) -> Vec<Arc<VirtualKey>> {
        self.snapshot().oldest_first.clone()
    }

    async fn insert(
        &self,
        operation: &'static str,
        row: KeyRow,
    ) -> Result<VirtualKey, AccessError> {
        let key = key_of_row(&row).ok_or_else(|| {
            AccessError::new(operation, AccessErrorKind::Damaged { id: row.id.clone() })
        })?;
        match self.store.insert_key(row).await {
            Ok(()) => {}
            Err(error) if error.kind == (StoreErrorKind::Conflict { what: "key digest" }) => {
                return Err(AccessError::new(operation, AccessErrorKind::SecretTaken));
            }
            Err(error) => return Err(AccessError::of_store(operation, error)),
        }
        // The key is on disk, and its secret must not be lost to a failed read; the next refresh will see it.
        let _ = self.refresh().await;
        Ok(key)
    }

    fn snapshot(&self) -> Arc<Snapshot> {
        Arc::clone(&self.snapshot.read().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Snapshot {
    fn find(&self, digest: &SecretDigest) -> Option<Arc<VirtualKey>> {
        let (stored, key) = self.by_digest.get_key_value(digest)?;
        bool::from(stored.ct_eq(digest)).then(|| Arc::clone(key))
    }
}

/// Reads the epoch before the keys: they may be newer than it, and are then read once more, but never older.
async fn load(store: &Store, operation: &'static str) -> Result<Snapshot, AccessError> {
    let of_store = |error| AccessError::of_store(operation, error);
    let epoch = store.epoch().await.map_err(of_store)?;
    let rows = store.keys().await.map_err(of_store)?;
    let mut by_digest = HashMap::with_capacity(rows.len());
    let mut oldest_first = Vec::with_capacity(rows.len());
    for row in rows {
        let Some(key) = key_of_row(&row) else {
            return Err(AccessError::new(
                operation,
                AccessErrorKind::Damaged { id: row.id },
            ));
        };
        let key = Arc::new(key);
        by_digest.insert(row.digest, Arc::clone(&key));
        oldest_first.push(key);
    }
    Ok(Snapshot {
        epoch,
        by_digest,
        oldest_first,
    })
}
