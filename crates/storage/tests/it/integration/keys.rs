//! Virtual keys on PostgreSQL.
//!
//! Invariants: every edit raises the epoch and is told to the other servers, nothing else does.
//! Does not know: secrets.

use storage::{KeyRevocation, KeyRow, StoreErrorKind};

use crate::integration::station::Station;
use crate::world::{entry, key};

#[tokio::test]
#[ignore = "starts a PostgreSQL server"]
async fn keys_come_back_as_they_went_in_and_conflicts_are_told() {
    let station = Station::new();
    let store = station.server().await;
    let bare = KeyRow {
        models: Vec::new(),
        tags: vec!["nul\0in it".to_owned(), "\"\\".to_owned()],
        name: "\0".to_owned(),
        requests_per_minute: None,
        expires_at_ms: Some(9),
        origin: "weak".to_owned(),
        ..key(2)
    };
    store.insert_key(bare.clone()).await.unwrap();
    store.insert_key(key(1)).await.unwrap();
    assert_eq!(store.keys().await.unwrap(), [key(1), bare.clone()]);
    let epoch = store.epoch().await.unwrap();
    let other_digest = KeyRow {
        digest: [9; 32],
        ..key(1)
    };
    let other_id = KeyRow {
        id: "key_9".to_owned(),
        ..key(1)
    };
    for (row, what) in [(other_digest, "key id"), (other_id, "key digest")] {
        let error = store.insert_key(row).await.unwrap_err();
        assert_eq!(error.kind, StoreErrorKind::Conflict { what });
        assert!(!error.is_passing());
    }
    assert_eq!(store.keys().await.unwrap(), [key(1), bare]);
    assert_eq!(store.epoch().await.unwrap(), epoch);
}

#[tokio::test]
#[ignore = "starts a PostgreSQL server"]
async fn an_edit_by_one_is_seen_by_all_and_the_first_revocation_stands() {
    let station = Station::new();
    let (server, command) = (station.server().await, station.command().await);
    // The first notice: that it listens now.
    server.notified().await;
    let before = server.epoch().await.unwrap();
    command.insert_key(key(1)).await.unwrap();
    server.notified().await;
    let after = server.epoch().await.unwrap();
    assert!(after > before);
    assert_eq!(server.keys().await.unwrap(), [key(1)]);
    let revoked = server.revoke_key("key_1", 50).await.unwrap();
    assert_eq!(revoked, KeyRevocation::Revoked);
    let again = command.revoke_key("key_1", 60).await.unwrap();
    assert_eq!(again, KeyRevocation::AlreadyRevoked { at_ms: 50 });
    let nobody = command.revoke_key("key_2", 60).await.unwrap();
    assert_eq!(nobody, KeyRevocation::NotFound);
    let epoch = server.epoch().await.unwrap();
    server.append_entries(vec![entry(1)]).await.unwrap();
    assert_eq!(command.epoch().await.unwrap(), epoch);
    assert!(epoch > after);
}
