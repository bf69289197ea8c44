//! The store's operations on owners of objects.
//!
//! Invariants: an id that has an owner keeps it until it is forgotten; a repeat of any operation is safe.
//! Does not know: SQL; who may do what.

use crate::error::StoreError;
use crate::rows::ObjectRow;
use crate::store::Store;

impl Store {
    /// Keeps whose key made which objects; on disk before the answer. One that has an owner keeps it.
    ///
    /// Errors: `Invalid` for more than [`OBJECTS_MAX`](crate::OBJECTS_MAX) rows, or text without end.
    pub async fn keep_objects(&self, rows: Vec<ObjectRow>) -> Result<(), StoreError> {
        match self {
            Store::Sqlite(store) => store.keep_objects(rows).await,
            Store::Postgres(store) => store.keep_objects(rows).await,
        }
    }

    /// An object and its owner; `None` for one that was never kept.
    pub async fn object(&self, id: String) -> Result<Option<ObjectRow>, StoreError> {
        match self {
            Store::Sqlite(store) => store.object(id).await,
            Store::Postgres(store) => store.object(id).await,
        }
    }

    /// Forgets an object. `false`: it was not known.
    pub async fn forget_object(&self, id: String) -> Result<bool, StoreError> {
        match self {
            Store::Sqlite(store) => store.forget_object(id).await,
            Store::Postgres(store) => store.forget_object(id).await,
        }
    }
}
