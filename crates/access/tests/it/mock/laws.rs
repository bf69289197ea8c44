//! Laws of verifying, over random keys and random damage.
//!
//! Invariants: a minted secret verifies; nothing near it does.
//! Does not know: how the check is made.

use access::Denied;
use proptest::prelude::{ProptestConfig, any, proptest};
use proptest::sample::{Index, select};

use crate::world::{World, at, check, text};

/// A minted secret and its world: made once a law, for the sake of time; each has its own random bits.
struct Known {
    runtime: tokio::runtime::Runtime,
    world: World,
    secret: String,
    id: String,
}

impl Known {
    fn new() -> Known {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        let (world, minted) = runtime.block_on(async {
            let world = World::new().await;
            let minted = world.create().await;
            (world, minted)
        });
        Known {
            runtime,
            world,
            secret: text(&minted.secret).to_owned(),
            id: minted.key.id,
        }
    }

    #[track_caller]
    fn check_near(&self, presented: &str) {
        check(&self.world.keyring, &self.secret, at(1), Ok(&self.id));
        // What no longer begins like a minted key may be an imported one.
        let denied =
            if presented.starts_with("kw-") || !presented.is_ascii() || presented.is_empty() {
                Denied::Malformed
            } else {
                Denied::Unknown
            };
        check(&self.world.keyring, presented, at(1), Err(denied));
    }
}

fn visible() -> Vec<char> {
    (0x21..0x7f_u8).map(char::from).chain(['ä', '₂']).collect()
}

#[test]
fn one_changed_character_is_always_found() {
    let known = Known::new();
    proptest!(|(index in any::<Index>(), character in select(visible()))| {
        let mut characters: Vec<char> = known.secret.chars().collect();
        let place = index.index(characters.len());
        if characters[place] != character {
            characters[place] = character;
            known.check_near(&characters.iter().collect::<String>());
        }
    });
}

#[test]
fn lost_doubled_and_swapped_characters_are_found() {
    let known = Known::new();
    proptest!(|(index in any::<Index>(), damage in 0..3)| {
        let mut characters: Vec<char> = known.secret.chars().collect();
        let place = index.index(characters.len() - 1);
        match damage {
            0 => drop(characters.remove(place)),
            1 => characters.insert(place, characters[place]),
            _ => characters.swap(place, place + 1),
        }
        let presented: String = characters.into_iter().collect();
        if presented != known.secret {
            known.check_near(&presented);
        }
    });
}

#[test]
fn any_text_at_all_gets_an_answer() {
    let known = Known::new();
    proptest!(|(presented in ".{0,600}")| {
        let denied = known.world.keyring.verify(&presented, at(1)).unwrap_err();
        assert!(matches!(denied, Denied::Malformed | Denied::Unknown));
    });
}

#[test]
fn every_minted_secret_verifies_as_itself() {
    let known = Known::new();
    proptest!(ProptestConfig::with_cases(32), |(_seed in any::<u8>())| {
        let minted = known.runtime.block_on(known.world.create());
        check(&known.world.keyring, text(&minted.secret), at(1), Ok(&minted.key.id));
        check(&known.world.keyring, &known.secret, at(1), Ok(&known.id));
    });
    let keys = known.world.keyring.list();
    let ids: std::collections::BTreeSet<&str> = keys.iter().map(|key| key.id.as_str()).collect();
    assert_eq!(ids.len(), 33);
}
