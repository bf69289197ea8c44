//! Where a secret may turn up: nowhere.
//!
//! Invariants: neither files nor messages hold one, raw or encoded.
//! Does not know: logs of other crates.

use std::fs;

use ::secrecy::SecretString;
use access::ImportStrength;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::world::{World, at, new_key, text};

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The secret and its encoded forms, cut so that they are the same wherever in a text they stand.
fn forms(secret: &str) -> Vec<String> {
    let mut forms = vec![
        secret.to_owned(),
        hex(secret.as_bytes()),
        hex(secret.as_bytes()).to_uppercase(),
    ];
    for shift in 0..3 {
        let text = STANDARD.encode(&secret.as_bytes()[shift..]);
        forms.push(text[..text.len() - 4].to_owned());
    }
    // The random part alone would be enough.
    forms.push(secret[secret.len() / 2..].to_owned());
    forms
}

fn contains(haystack: &[u8], needle: &str) -> bool {
    haystack
        .windows(needle.len())
        .any(|window| window == needle.as_bytes())
}

#[tokio::test]
async fn files_hold_no_secret() {
    let world = World::new().await;
    let minted = world.create().await;
    let imported = ["9f86d081884c7d65", "9a2feaa0c55ad015"].concat();
    let secret = SecretString::from(imported.as_str());
    let strong = ImportStrength::Strong;
    world
        .keyring
        .import(new_key("imported"), secret, strong, at(0))
        .await
        .unwrap();
    let mut files = 0;
    for closed in [false, true] {
        if closed {
            world.store.close().await.unwrap();
        }
        for file in fs::read_dir(world.directory.path()).unwrap() {
            let bytes = fs::read(file.unwrap().path()).unwrap();
            files += usize::from(contains(&bytes, &minted.key.id));
            for form in forms(text(&minted.secret)).iter().chain(&forms(&imported)) {
                assert!(!contains(&bytes, form), "a form of a secret was written");
            }
        }
    }
    assert!(
        files >= 2,
        "the key itself was found before and after closing"
    );
}

#[tokio::test]
async fn debug_output_holds_no_secret() {
    let world = World::new().await;
    let minted = world.create().await;
    let output = format!("{minted:?} {:?}", world.keyring);
    assert!(output.contains(&minted.key.id));
    for form in forms(text(&minted.secret)) {
        assert!(!contains(output.as_bytes(), &form));
    }
}
