//! How a store finds its database: made, migrated, refused.
//!
//! Invariants: no message holds a password.
//! Does not know: SQLite.

use rig::{POSTGRES_GUARDED_USER, POSTGRES_PASSWORD, POSTGRES_USER};
use storage::{Role, Store, StoreErrorKind};

use crate::integration::station::{Station, options};
use crate::world::key;

#[track_caller]
fn check_schema(opened: Result<Store, storage::StoreError>, part: &str) {
    let error = opened.expect_err("it is refused");
    assert!(matches!(error.kind, StoreErrorKind::Schema(_)), "{error}");
    assert!(error.to_string().contains(part), "{error}");
}

#[tokio::test]
#[ignore = "starts a PostgreSQL server"]
async fn two_that_start_at_once_migrate_once() {
    let station = Station::new();
    let (first, second, third) =
        tokio::join!(station.server(), station.server(), station.command());
    first.insert_key(key(1)).await.unwrap();
    assert_eq!(second.keys().await.unwrap(), [key(1)]);
    assert_eq!(third.keys().await.unwrap(), [key(1)]);
    let applied = station.peek("SELECT count(*) = max(version) FROM schema_migration");
    assert_eq!(applied, "t");
}

#[tokio::test]
#[ignore = "starts a PostgreSQL server"]
async fn databases_of_others_and_of_newer_programs_are_refused() {
    let station = Station::new();
    let url = station.postgres.url();
    station
        .postgres
        .psql("CREATE SCHEMA keyward; CREATE TABLE keyward.theirs (n INT)")
        .unwrap();
    check_schema(
        Store::connect(options(&url, Role::Server)).await,
        "another program",
    );
    station.peek("DROP TABLE theirs");
    station.server().await.close().await.unwrap();
    station.peek("UPDATE schema_migration SET text = text || 'edited' WHERE version = 1");
    check_schema(
        Store::connect(options(&url, Role::Server)).await,
        "another text",
    );
    station.peek(
        "INSERT INTO schema_migration SELECT 1000 + n, '', '' FROM generate_series(1, 100) AS n",
    );
    check_schema(
        Store::connect(options(&url, Role::Server)).await,
        "newer program",
    );
}

#[tokio::test]
#[ignore = "starts a PostgreSQL server"]
async fn a_password_is_used_and_never_told() {
    let station = Station::new();
    let escaped: String = POSTGRES_PASSWORD
        .bytes()
        .map(|byte| format!("%{byte:02x}"))
        .collect();
    let url = |password: &str| {
        let address = station.postgres.address();
        format!(
            "postgresql://{POSTGRES_GUARDED_USER}:{password}@{address}/{POSTGRES_USER}?sslmode=disable"
        )
    };
    let store = Store::connect(options(&url(&escaped), Role::Server))
        .await
        .unwrap();
    store.insert_key(key(1)).await.unwrap();
    assert!(!format!("{store:?}").contains("sesame"));
    let wrong = format!("{escaped}-wrong-word");
    let error = Store::connect(options(&url(&wrong), Role::Server))
        .await
        .unwrap_err();
    let told = format!("{error} {error:?}");
    assert!(
        matches!(error.kind, StoreErrorKind::Unavailable(_)),
        "{told}"
    );
    assert!(told.contains("password authentication failed"), "{told}");
    assert!(
        !told.contains("sesame") && !told.contains("wrong-word"),
        "{told}"
    );
}

#[tokio::test]
#[ignore = "starts a PostgreSQL server"]
async fn tls_that_is_required_and_not_there_is_an_error() {
    let station = Station::new();
    let url = station.postgres.url().replace("disable", "require");
    let error = Store::connect(options(&url, Role::Server))
        .await
        .unwrap_err();
    assert!(error.to_string().to_lowercase().contains("tls"), "{error}");
}

#[tokio::test]
#[ignore = "starts a PostgreSQL server"]
async fn nobody_there_is_told_in_time() {
    let station = Station::new();
    let url = station.postgres.url();
    drop(station);
    let error = Store::connect(options(&url, Role::Server))
        .await
        .unwrap_err();
    assert!(
        matches!(error.kind, StoreErrorKind::Unavailable(_)),
        "{error}"
    );
    assert!(error.is_passing());
}
