//! A store of its own for each test, and the only place that looks into secrets.
//!
//! Invariants: times are milliseconds after one fixed instant.
//! Does not know: what is tested.

use std::time::Duration;

use ::secrecy::{ExposeSecret, SecretString};
use access::{Denied, Keyring, Minted, NewKey};
use jiff::Timestamp;
use storage::{OpenOptions, Role, Store};
use tempfile::TempDir;

pub(crate) struct World {
    pub(crate) directory: TempDir,
    pub(crate) keyring: Keyring,
    pub(crate) store: Store,
}

impl World {
    pub(crate) async fn new() -> World {
        let directory = tempfile::tempdir().unwrap();
        let store = open(&directory, Role::Server).await;
        let keyring = Keyring::open(store.clone()).await.unwrap();
        World {
            directory,
            keyring,
            store,
        }
    }

    /// The keyring of another process on the same database.
    pub(crate) async fn other_process(&self) -> Keyring {
        Keyring::open(open(&self.directory, Role::Command).await)
            .await
            .unwrap()
    }

    pub(crate) async fn create(&self) -> Minted {
        self.keyring.create(new_key("a"), at(0)).await.unwrap()
    }
}

async fn open(directory: &TempDir, role: Role) -> Store {
    let path = directory.path().join("keys.db");
    Store::open(OpenOptions {
        path,
        role,
        gather: Duration::from_millis(2),
    })
    .await
    .unwrap()
}

pub(crate) fn new_key(name: &str) -> NewKey {
    NewKey {
        name: name.to_owned(),
        project: "search".to_owned(),
        ..NewKey::default()
    }
}

pub(crate) fn at(ms: i64) -> Timestamp {
    Timestamp::from_millisecond(1_700_000_000_000 + ms).unwrap()
}

pub(crate) fn text(secret: &SecretString) -> &str {
    secret.expose_secret()
}

/// Verifies a text, and compares the outcome by the key's id.
#[track_caller]
pub(crate) fn check(
    keyring: &Keyring,
    presented: &str,
    now: Timestamp,
    expected: Result<&str, Denied>,
) {
    let found = keyring.verify(presented, now).map(|key| key.id.clone());
    assert_eq!(found, expected.map(str::to_owned));
}
