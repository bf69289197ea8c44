//! Secrets that were made elsewhere.
//!
//! Invariants: weak ones only where they are allowed by name.
//! Does not know: what makes a text weak; that is tested beside the estimate.

use ::secrecy::SecretString;
use access::{AccessError, AccessErrorKind, Denied, ImportStrength, Origin, VirtualKey};

use crate::world::{World, at, check, new_key, text};

/// 128 bits in hexadecimal digits, put together so that no scanner takes it for a key.
fn strong() -> String {
    ["9f86d081884c7d65", "9a2feaa0c55ad015"].concat()
}

async fn import(
    world: &World,
    secret: &str,
    strength: ImportStrength,
) -> Result<VirtualKey, AccessError> {
    world
        .keyring
        .import(
            new_key("imported"),
            SecretString::from(secret),
            strength,
            at(0),
        )
        .await
}

#[tokio::test]
async fn strong_secret_of_any_form_is_taken() {
    let world = World::new().await;
    for secret in [strong(), format!("app_{}!", strong())] {
        let key = import(&world, &secret, ImportStrength::Strong)
            .await
            .unwrap();
        assert_eq!(key.origin, Origin::Imported);
        check(&world.keyring, &secret, at(1), Ok(&key.id));
    }
    check(&world.keyring, &strong()[1..], at(1), Err(Denied::Unknown));
}

#[tokio::test]
async fn weak_secret_is_taken_only_where_allowed() {
    let world = World::new().await;
    let error = import(&world, "letmein", ImportStrength::Strong)
        .await
        .unwrap_err();
    assert!(
        matches!(error.kind, AccessErrorKind::WeakSecret { bits: 0..128 }),
        "{error}"
    );
    assert!(!error.to_string().contains("letmein"), "{error}");
    check(&world.keyring, "letmein", at(1), Err(Denied::Unknown));
    let key = import(&world, "letmein", ImportStrength::WeakAllowed)
        .await
        .unwrap();
    assert_eq!(key.origin, Origin::Weak);
    check(&world.keyring, "letmein", at(1), Ok(&key.id));
    let other = import(&world, &strong(), ImportStrength::WeakAllowed)
        .await
        .unwrap();
    assert_eq!(
        other.origin,
        Origin::Imported,
        "what is strong is called so"
    );
}

#[tokio::test]
async fn secret_belongs_to_one_key() {
    let world = World::new().await;
    import(&world, &strong(), ImportStrength::Strong)
        .await
        .unwrap();
    let error = import(&world, &strong(), ImportStrength::Strong)
        .await
        .unwrap_err();
    assert_eq!(error.kind, AccessErrorKind::SecretTaken);
    assert_eq!(world.keyring.list().len(), 1);
}

#[tokio::test]
async fn minted_secret_moves_to_another_database() {
    let minted = World::new().await.create().await;
    let world = World::new().await;
    let key = import(&world, text(&minted.secret), ImportStrength::Strong)
        .await
        .unwrap();
    check(&world.keyring, text(&minted.secret), at(1), Ok(&key.id));
}

#[tokio::test]
async fn unusable_forms_are_refused() {
    let world = World::new().await;
    let minted = world.create().await;
    let cut = &text(&minted.secret)[..70];
    let long = strong().repeat(17);
    let spaced = format!("{} {}", strong(), strong());
    for secret in [
        "",
        cut,
        long.as_str(),
        spaced.as_str(),
        "schlüssel",
        "kw-mine",
    ] {
        let error = import(&world, secret, ImportStrength::WeakAllowed)
            .await
            .unwrap_err();
        assert!(
            matches!(
                error.kind,
                AccessErrorKind::Field {
                    field: "secret",
                    ..
                }
            ),
            "{error}"
        );
    }
}
