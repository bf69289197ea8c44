//! The development secret key: made once, kept close, the same for all who ask.
//!
//! Invariants: no test depends on which process is first.
//! Does not know: what keys are derived for.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use config::{SecretKeyPolicy, derive, load};
use secrecy::SecretString;

use crate::world::World;

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

fn key(world: &World) -> [u8; 32] {
    derive(&world.settings().secret_key, "test")
}

#[test]
fn it_is_made_once_and_for_its_owner_only() {
    let world = World::new().making_keys();
    let first = key(&world);
    assert_eq!(mode(&world.path().join("data")), 0o700);
    assert_eq!(mode(&world.path().join("data/secret_key")), 0o600);
    assert_eq!(first, key(&world));
    let (value, source) = world.shown("secret_key");
    assert!(
        value.starts_with("[set, fingerprint ")
            && value.len() == "[set, fingerprint 1a2b3c4d]".len(),
        "{value}"
    );
    assert_eq!(
        source,
        world.path().join("data/secret_key").display().to_string()
    );
    let names: Vec<_> = std::fs::read_dir(world.path().join("data"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    assert_eq!(names, ["secret_key"], "a draft was left");
}

#[test]
fn two_directories_have_two_keys() {
    assert_ne!(
        key(&World::new().making_keys()),
        key(&World::new().making_keys())
    );
}

#[test]
fn looking_at_settings_makes_nothing() {
    let world = World::new();
    assert_eq!(
        world.shown("secret_key"),
        ("[not set]".to_owned(), "not set".to_owned())
    );
    assert!(!world.path().join("data").exists());
}

#[test]
fn nothing_is_made_while_anything_is_wrong() {
    let world = World::new().making_keys().variable("DEBUG", "perhaps");
    assert_eq!(world.problems().len(), 1);
    assert!(!world.path().join("data").exists());
}

#[test]
fn a_key_that_is_set_needs_no_file() {
    let world = World::new()
        .making_keys()
        .variable("SECRET_KEY", "a key for tests");
    world.settings();
    assert!(!world.path().join("data").exists());
}

#[test]
fn all_who_start_at_once_get_the_same_key() {
    let world = World::new();
    let start = std::sync::Barrier::new(8);
    let keys: Vec<[u8; 32]> = std::thread::scope(|scope| {
        let one = || {
            start.wait();
            derive(
                &load(world.sources(), SecretKeyPolicy::MakeIfAbsent)
                    .unwrap()
                    .settings
                    .secret_key,
                "test",
            )
        };
        let threads: Vec<_> = (0..8).map(|_| scope.spawn(one)).collect();
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .collect()
    });
    assert!(keys.windows(2).all(|pair| pair[0] == pair[1]));
}

#[test]
fn a_file_that_is_open_damaged_or_no_file_is_refused() {
    let check = |world: World, told: &str| {
        let problem = world.making_keys().problem();
        assert!(
            problem.starts_with("secret_key (") && problem.contains(told),
            "{problem}"
        );
    };
    let made = || {
        let world = World::new().making_keys();
        world.settings();
        let file = world.path().join("data/secret_key");
        (world, file)
    };
    let (world, file) = made();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o640)).unwrap();
    check(world, "can be read by other users");
    let (world, file) = made();
    std::fs::write(&file, "half a k").unwrap();
    check(world, "does not hold a key that keyward made");
    let (world, file) = made();
    std::fs::remove_file(&file).unwrap();
    std::os::unix::fs::symlink("/etc/hostname", &file).unwrap();
    check(world, "is no ordinary file");
    check(World::new().file("data", "not a directory"), "can't be");
}

#[test]
fn labels_and_secrets_part_derived_keys() {
    let secret = SecretString::from("a key for tests");
    assert_eq!(derive(&secret, "cache"), derive(&secret, "cache"));
    assert_ne!(derive(&secret, "cache"), derive(&secret, "cache "));
    assert_ne!(
        derive(&secret, "cache"),
        derive(&SecretString::from("another"), "cache")
    );
}

/// Whatever was derived before an upgrade must be the same after it. The bytes come from RFC 5869 written out in Python.
#[test]
fn derived_keys_stay_what_they_are() {
    let hexadecimal: String = derive(&SecretString::from("a key for tests"), "cache")
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let expected = [
        "13cc434dac3ba17e7c022e12a62c1706",
        "996fb5513fb0bf483a733528edc2f5a8",
    ];
    assert_eq!(hexadecimal, expected.concat());
}
