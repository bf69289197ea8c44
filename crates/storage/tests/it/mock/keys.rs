//! Virtual keys: written, read, revoked, seen by other processes.
//!
//! Invariants: every edit raises the epoch, nothing else does.
//! Does not know: secrets.

use storage::{KeyRevocation, KeyRow, StoreErrorKind};

use crate::world::{World, entry, key};

#[tokio::test]
async fn keys_come_back_as_they_went_in() {
    let world = World::new();
    let store = world.server().await;
    let bare = KeyRow {
        models: Vec::new(),
        tags: Vec::new(),
        requests_per_minute: None,
        expires_at_ms: Some(9),
        origin: "weak".to_owned(),
        ..key(2)
    };
    store.insert_key(bare.clone()).await.unwrap();
    store.insert_key(key(1)).await.unwrap();
    assert_eq!(store.keys().await.unwrap(), [key(1), bare]);
}

#[tokio::test]
async fn taken_id_and_taken_digest_are_conflicts() {
    let world = World::new();
    let store = world.server().await;
    store.insert_key(key(1)).await.unwrap();
    let epoch = store.epoch().await.unwrap();
    for (row, what) in [
        (
            KeyRow {
                digest: [9; 32],
                ..key(1)
            },
            "key id",
        ),
        (
            KeyRow {
                id: "key_9".to_owned(),
                ..key(1)
            },
            "key digest",
        ),
    ] {
        let error = store.insert_key(row).await.unwrap_err();
        assert_eq!(error.kind, StoreErrorKind::Conflict { what });
        assert!(!error.is_passing());
    }
    assert_eq!(store.keys().await.unwrap(), [key(1)]);
    assert_eq!(
        store.epoch().await.unwrap(),
        epoch,
        "a refused edit is no edit"
    );
}

#[tokio::test]
async fn first_revocation_stands() {
    let world = World::new();
    let store = world.server().await;
    store.insert_key(key(1)).await.unwrap();
    assert_eq!(
        store.revoke_key("key_1", 50).await.unwrap(),
        KeyRevocation::Revoked
    );
    let again = store.revoke_key("key_1", 60).await.unwrap();
    assert_eq!(again, KeyRevocation::AlreadyRevoked { at_ms: 50 });
    assert_eq!(
        store.revoke_key("key_2", 60).await.unwrap(),
        KeyRevocation::NotFound
    );
    assert_eq!(
        store.keys().await.unwrap(),
        [KeyRow {
            revoked_at_ms: Some(50),
            ..key(1)
        }]
    );
}

#[tokio::test]
async fn epoch_moves_with_edits_and_only_with_them() {
    let world = World::new();
    let store = world.server().await;
    let mut epochs = vec![store.epoch().await.unwrap()];
    store.insert_key(key(1)).await.unwrap();
    epochs.push(store.epoch().await.unwrap());
    store.revoke_key("key_1", 50).await.unwrap();
    epochs.push(store.epoch().await.unwrap());
    assert!(
        epochs.is_sorted_by(|before, after| before < after),
        "{epochs:?}"
    );
    store.revoke_key("key_1", 60).await.unwrap();
    store.revoke_key("nobody", 60).await.unwrap();
    store.append_entries(vec![entry(1)]).await.unwrap();
    assert_eq!(store.epoch().await.unwrap(), epochs[2]);
}

#[tokio::test]
async fn edit_by_a_command_is_seen_by_the_server() {
    let world = World::new();
    let server = world.server().await;
    let command = world.command().await;
    let before = server.epoch().await.unwrap();
    command.insert_key(key(1)).await.unwrap();
    assert!(server.epoch().await.unwrap() > before);
    assert_eq!(server.keys().await.unwrap(), [key(1)]);
    command.close().await.unwrap();
    assert_eq!(
        server.revoke_key("key_1", 5).await.unwrap(),
        KeyRevocation::Revoked
    );
}

#[tokio::test]
async fn rows_out_of_bounds_are_refused_by_field() {
    let world = World::new();
    let store = world.server().await;
    for (row, field) in [
        (
            KeyRow {
                origin: "found".to_owned(),
                ..key(1)
            },
            "origin",
        ),
        (
            KeyRow {
                requests_per_minute: Some(0),
                ..key(1)
            },
            "requests_per_minute",
        ),
        (
            KeyRow {
                name: "n".repeat(storage::TEXT_BYTES_MAX + 1),
                ..key(1)
            },
            "name",
        ),
        (
            KeyRow {
                tags: vec![String::new(); storage::LIST_MAX + 1],
                ..key(1)
            },
            "tags",
        ),
    ] {
        let error = store.insert_key(row).await.unwrap_err();
        assert!(
            matches!(error.kind, StoreErrorKind::Invalid { field: found, .. } if found == field),
            "{error}"
        );
    }
    assert_eq!(store.keys().await.unwrap(), []);
}
