//! Who may open the same file: one server, any number of commands.
//!
//! Invariants: files are readable by their owner only.
//! Does not know: network file systems, which a test can't mount.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use storage::{OpenOptions, Role, Store, StoreErrorKind, UsageBy, UsageQuery};

use crate::world::{World, entry, key, request_id};

#[tokio::test]
async fn second_server_is_refused_until_the_first_is_gone() {
    let world = World::new();
    let first = world.server().await;
    let error = Store::open(world.options(Role::Server)).await.unwrap_err();
    assert!(matches!(error.kind, StoreErrorKind::Held { .. }), "{error}");
    assert!(error.to_string().contains("stop it"), "{error}");
    first.close().await.unwrap();
    world.server().await.close().await.unwrap();
}

#[tokio::test]
async fn other_name_of_the_same_file_is_the_same_file() {
    let world = World::new();
    let _first = world.server().await;
    let link = world.directory.path().join("link.db");
    std::os::unix::fs::symlink(world.path(), &link).unwrap();
    let error = Store::open(OpenOptions {
        path: link,
        ..world.options(Role::Server)
    })
    .await
    .unwrap_err();
    assert!(matches!(error.kind, StoreErrorKind::Held { .. }), "{error}");
}

#[tokio::test]
async fn command_makes_the_database_and_leaves_it_to_the_server() {
    let world = World::new();
    let command = world.command().await;
    command.insert_key(key(1)).await.unwrap();
    // Still open: a command holds no lock.
    let server = world.server().await;
    assert_eq!(server.keys().await.unwrap(), [key(1)]);
    command.insert_key(key(2)).await.unwrap();
    server.append_entries(vec![entry(1)]).await.unwrap();
    assert_eq!(
        command
            .entries_of_request(request_id(1))
            .await
            .unwrap()
            .len(),
        1
    );
    command.close().await.unwrap();
    server.close().await.unwrap();
}

#[tokio::test]
async fn commands_may_make_the_database_at_the_same_time() {
    let world = World::new();
    let (first, second) = tokio::join!(world.command(), world.command());
    first.insert_key(key(1)).await.unwrap();
    second.insert_key(key(2)).await.unwrap();
    assert_eq!(first.keys().await.unwrap().len(), 2);
}

#[tokio::test]
async fn server_and_command_write_at_the_same_time() {
    let world = World::new();
    let server = world.server().await;
    let command = world.command().await;
    for number in 0..200 {
        drop(server.enqueue_entry(entry(number)).await.unwrap());
        drop(command.enqueue_entry(entry(1_000 + number)).await.unwrap());
    }
    let (first, second) = tokio::join!(server.flush(), command.flush());
    first.unwrap();
    second.unwrap();
    let usage = server
        .usage(UsageQuery::all(UsageBy::Project))
        .await
        .unwrap();
    assert_eq!(usage[0].requests, 400);
}

#[tokio::test]
async fn files_are_readable_by_their_owner_only() {
    let world = World::new();
    let store = world.server().await;
    store.insert_key(key(1)).await.unwrap();
    let directory = world.directory.path().join("data");
    assert_eq!(mode(&directory), 0o700);
    let mut files = 0;
    for file in fs::read_dir(&directory).unwrap() {
        assert_eq!(mode(&file.unwrap().path()), 0o600);
        files += 1;
    }
    assert!(files >= 4, "database, log, index of the log, lock: {files}");
}

#[tokio::test]
async fn file_that_was_open_to_others_is_closed_to_them() {
    let world = World::new();
    world.server().await.close().await.unwrap();
    fs::set_permissions(world.path(), fs::Permissions::from_mode(0o644)).unwrap();
    let _store = world.server().await;
    assert_eq!(mode(&world.path()), 0o600);
}

#[tokio::test]
async fn what_is_no_database_is_refused() {
    let world = World::new();
    fs::create_dir_all(world.path().parent().unwrap()).unwrap();
    fs::write(
        world.path(),
        "a letter, not a database; long enough to be looked at".repeat(100),
    )
    .unwrap();
    let error = Store::open(world.options(Role::Server)).await.unwrap_err();
    assert!(matches!(error.kind, StoreErrorKind::Damaged(_)), "{error}");
    let path = world.directory.path().to_owned();
    let error = Store::open(OpenOptions {
        path,
        ..world.options(Role::Server)
    })
    .await
    .unwrap_err();
    assert!(matches!(error.kind, StoreErrorKind::Disk(_)), "{error}");
}

fn mode(path: &std::path::Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}
