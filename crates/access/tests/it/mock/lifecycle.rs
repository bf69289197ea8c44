//! A key's life: created, seen by others, expired, revoked.
//!
//! Invariants: what one process edits, every other sees after its next refresh.
//! Does not know: imported secrets.

use access::{AccessErrorKind, Denied, Keyring, NewKey, Origin, VirtualKey};
use jiff::Timestamp;

use crate::world::{World, at, check, new_key, text};

#[tokio::test]
async fn created_key_is_what_was_asked_for() {
    let world = World::new().await;
    let expires_at = at(5_000)
        .checked_add(jiff::SignedDuration::from_nanos(999_999))
        .unwrap();
    let new = NewKey {
        models: vec!["gpt-4o*".to_owned()],
        endpoints: vec!["chat.completions".to_owned()],
        tags: vec!["team:a".to_owned()],
        requests_per_minute: Some(60),
        expires_at: Some(expires_at),
        ..new_key("search")
    };
    let minted = world.keyring.create(new, at(0)).await.unwrap();
    let expected = VirtualKey {
        id: minted.key.id.clone(),
        name: "search".to_owned(),
        project: "search".to_owned(),
        models: vec!["gpt-4o*".to_owned()],
        endpoints: vec!["chat.completions".to_owned()],
        tags: vec!["team:a".to_owned()],
        origin: Origin::Minted,
        requests_per_minute: Some(60),
        created_at: at(0),
        expires_at: Some(at(5_000)),
        revoked_at: None,
    };
    assert_eq!(minted.key, expected);
    assert_eq!(
        *world.keyring.verify(text(&minted.secret), at(1)).unwrap(),
        expected
    );
    let reopened = Keyring::open(world.store.clone()).await.unwrap();
    assert_eq!(
        *reopened.verify(text(&minted.secret), at(1)).unwrap(),
        expected
    );
    assert!(
        expected
            .id
            .strip_prefix("key_")
            .is_some_and(|id| id.len() == 12)
    );
    assert!(text(&minted.secret).starts_with(&format!("kw-{}-", &expected.id[4..])));
}

#[tokio::test]
async fn bad_fields_make_no_key() {
    let world = World::new().await;
    for (new, expected) in [
        (
            NewKey {
                expires_at: Some(at(0)),
                ..new_key("a")
            },
            "expires_at",
        ),
        (
            NewKey {
                name: String::new(),
                ..new_key("a")
            },
            "name",
        ),
        (
            NewKey {
                endpoints: vec!["chat".to_owned()],
                ..new_key("a")
            },
            "endpoints",
        ),
    ] {
        let error = world.keyring.create(new, at(0)).await.unwrap_err();
        let AccessErrorKind::Field { field, .. } = &error.kind else {
            panic!("{error}")
        };
        assert_eq!(*field, expected);
        assert!(
            error
                .to_string()
                .starts_with(&format!("create key: {expected} ")),
            "{error}"
        );
    }
    assert_eq!(world.keyring.list(), []);
}

#[tokio::test]
async fn expiry_is_exact() {
    let world = World::new().await;
    let new = NewKey {
        expires_at: Some(at(1_000)),
        ..new_key("a")
    };
    let minted = world.keyring.create(new, at(0)).await.unwrap();
    let secret = text(&minted.secret);
    let last = at(1_000)
        .checked_sub(jiff::SignedDuration::from_nanos(1))
        .unwrap();
    check(&world.keyring, secret, last, Ok(&minted.key.id));
    check(
        &world.keyring,
        secret,
        at(1_000),
        Err(Denied::Expired { at: at(1_000) }),
    );
    check(
        &world.keyring,
        secret,
        at(9_000),
        Err(Denied::Expired { at: at(1_000) }),
    );
}

#[tokio::test]
async fn revoked_key_never_verifies_again() {
    let world = World::new().await;
    let minted = world.create().await;
    let revoked = world.keyring.revoke(&minted.key.id, at(7)).await.unwrap();
    assert_eq!(
        revoked,
        VirtualKey {
            revoked_at: Some(at(7)),
            ..minted.key.clone()
        }
    );
    let denied = Denied::Revoked { at: at(7) };
    check(&world.keyring, text(&minted.secret), at(0), Err(denied));
    let again = world.keyring.revoke(&minted.key.id, at(8)).await.unwrap();
    assert_eq!(again.revoked_at, Some(at(7)), "the first date stands");
    let error = world.keyring.revoke("key_nobody", at(8)).await.unwrap_err();
    assert_eq!(error.kind, AccessErrorKind::NotFound);
}

#[tokio::test]
async fn other_process_sees_edits_after_its_refresh() {
    let world = World::new().await;
    let other = world.other_process().await;
    assert!(!other.refresh().await.unwrap(), "nothing was edited");
    let minted = world.create().await;
    let secret = text(&minted.secret);
    check(&other, secret, at(1), Err(Denied::Unknown));
    assert!(other.refresh().await.unwrap());
    check(&other, secret, at(1), Ok(&minted.key.id));
    assert!(!other.refresh().await.unwrap());

    other.revoke(&minted.key.id, at(2)).await.unwrap();
    check(&world.keyring, secret, at(3), Ok(&minted.key.id));
    assert!(world.keyring.refresh().await.unwrap());
    check(
        &world.keyring,
        secret,
        at(3),
        Err(Denied::Revoked { at: at(2) }),
    );
}

#[tokio::test]
async fn list_is_oldest_first_and_whole() {
    let world = World::new().await;
    for (name, created) in [("second", 2), ("first", 1), ("third", 3)] {
        world
            .keyring
            .create(new_key(name), at(created))
            .await
            .unwrap();
    }
    let third = world.keyring.list()[2].id.clone();
    world.keyring.revoke(&third, at(4)).await.unwrap();
    let names: Vec<String> = world
        .keyring
        .list()
        .iter()
        .map(|key| key.name.clone())
        .collect();
    assert_eq!(names, ["first", "second", "third"]);
}

#[tokio::test]
async fn failed_refresh_says_so_and_keeps_the_keys() {
    let world = World::new().await;
    let minted = world.create().await;
    world.store.close().await.unwrap();
    let error = world.keyring.refresh().await.unwrap_err();
    assert!(matches!(error.kind, AccessErrorKind::Store(_)), "{error}");
    assert!(world.keyring.create(new_key("b"), at(0)).await.is_err());
    check(
        &world.keyring,
        text(&minted.secret),
        at(1),
        Ok(&minted.key.id),
    );
}

#[tokio::test]
async fn key_without_expiry_lasts() {
    let world = World::new().await;
    let minted = world.create().await;
    check(
        &world.keyring,
        text(&minted.secret),
        Timestamp::MAX,
        Ok(&minted.key.id),
    );
}
