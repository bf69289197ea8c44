//! The PostgreSQL server of the rig, in all its states.
//!
//! Invariants: every server is ended by the test that started it.
//! Does not know: keyward.

use std::time::Duration;

use rig::Postgres;
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;

/// Long enough that something that answers has answered.
const SILENCE: Duration = Duration::from_millis(300);

#[test]
#[ignore = "starts a PostgreSQL server"]
fn what_was_written_outlives_a_crash_and_a_restart() {
    let mut postgres = Postgres::start().unwrap();
    postgres.psql("CREATE TABLE kept (number INT)").unwrap();
    postgres.psql("INSERT INTO kept VALUES (1), (2)").unwrap();
    let address = postgres.address();
    postgres.crash().unwrap();
    assert!(postgres.psql("SELECT 1").is_err());
    postgres.restart().unwrap();
    postgres.restart().unwrap();
    assert_eq!(postgres.address(), address);
    assert_eq!(postgres.psql("SELECT sum(number) FROM kept").unwrap(), "3");
    assert_eq!(postgres.psql("SHOW fsync").unwrap(), "on");
    assert!(postgres.url().contains(&address.to_string()));
}

#[tokio::test]
#[ignore = "starts a PostgreSQL server"]
async fn a_frozen_server_is_silent_until_it_goes_on() {
    let postgres = Postgres::start().unwrap();
    postgres.pause().unwrap();
    // The kernel takes the connection; nobody answers.
    let mut connection = TcpStream::connect(postgres.address()).await.unwrap();
    tokio::io::AsyncWriteExt::write_all(&mut connection, &[0, 0, 0, 8, 4, 210, 22, 47])
        .await
        .unwrap();
    let mut byte = [0; 1];
    let silence = tokio::time::timeout(SILENCE, connection.read(&mut byte)).await;
    assert!(silence.is_err());
    postgres.resume().unwrap();
    // "No", says a server without TLS.
    assert_eq!(connection.read(&mut byte).await.unwrap(), 1);
    assert_eq!(byte, *b"N");
}

#[test]
#[ignore = "starts a PostgreSQL server"]
fn nothing_is_left_after_a_drop() {
    let postgres = Postgres::start().unwrap();
    postgres.pause().unwrap();
    let address = postgres.address();
    drop(postgres);
    assert!(std::net::TcpStream::connect(address).is_err());
}
