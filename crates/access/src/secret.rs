//! The text of a secret: made, told from a mistyped one, turned into the digest that is stored.
//!
//! Invariants: 256 random bits in each minted secret; the digest is all that leaves this file, but for the secret itself
//! on the day it is made. This is the only file of the crate that looks into a [`SecretString`].
//! Does not know: whose the secret is.
//! Source: CRC-32 of ISO-HDLC, as in RFC 1952, section 8.

use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use crate::base32;
use crate::strength::estimate_bits;

/// Longest secret that is looked at, in bytes.
pub const SECRET_BYTES_MAX: usize = 512;

/// Begins every minted secret, and no other.
const PREFIX: &str = "kw-";
const ID_CHARACTERS: usize = 12;
/// 256 bits in characters of five.
const RANDOM_CHARACTERS: usize = 52;
/// 32 bits in characters of five.
const CHECK_CHARACTERS: usize = 7;
/// `kw-`, the id, `-`, the random part; the check goes over these.
const CHECKED_BYTES: usize = PREFIX.len() + ID_CHARACTERS + 1 + RANDOM_CHARACTERS;
const MINTED_BYTES: usize = CHECKED_BYTES + CHECK_CHARACTERS;

/// Keeps digests of this use apart from digests of any other.
const DIGEST_DOMAIN: &[u8] = b"keyward virtual key 1\0";

/// What is stored of a secret.
pub(crate) type SecretDigest = [u8; 32];

/// Makes the twelve characters that name a key: 60 random bits.
pub(crate) fn make_id_characters() -> Result<String, getrandom::Error> {
    let mut random = [0_u8; 8];
    getrandom::fill(&mut random)?;
    let mut text = String::with_capacity(ID_CHARACTERS);
    base32::push(&mut text, &random, ID_CHARACTERS);
    Ok(text)
}

/// Makes the secret of a key.
pub(crate) fn mint(id_characters: &str) -> Result<SecretString, getrandom::Error> {
    let mut random = Zeroizing::new([0_u8; 32]);
    getrandom::fill(random.as_mut_slice())?;
    // Filled to the last byte of its capacity, so that no copy of it is left behind on the way.
    let mut text = String::with_capacity(MINTED_BYTES);
    text.push_str(PREFIX);
    text.push_str(id_characters);
    text.push('-');
    base32::push(&mut text, random.as_slice(), RANDOM_CHARACTERS);
    let check = crc32(text.as_bytes());
    base32::push(&mut text, &check.to_be_bytes(), CHECK_CHARACTERS);
    Ok(SecretString::from(text))
}

/// Whether a text can be the secret of a key at all. A text that begins like a minted secret must be whole: one
/// mistyped character is always found by its check.
pub(crate) fn is_well_formed(text: &str) -> bool {
    if !text.starts_with(PREFIX) {
        return !text.is_empty() && text.len() <= SECRET_BYTES_MAX && is_visible(text);
    }
    let Some((checked, check)) = text.as_bytes().split_at_checked(CHECKED_BYTES) else {
        return false;
    };
    let (id, rest) = checked[PREFIX.len()..].split_at(ID_CHARACTERS);
    let mut expected = String::with_capacity(CHECK_CHARACTERS);
    base32::push(
        &mut expected,
        &crc32(checked).to_be_bytes(),
        CHECK_CHARACTERS,
    );
    check == expected.as_bytes()
        && rest[0] == b'-'
        && id
            .iter()
            .chain(&rest[1..])
            .all(|byte| base32::is_character(*byte))
}

/// Visible ASCII is what goes through an `Authorization` header unharmed.
fn is_visible(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_graphic())
}

/// The digest of a text that a caller presented; one SHA-256, no allocation.
pub(crate) fn digest(text: &str) -> SecretDigest {
    let mut hash = Sha256::new();
    hash.update(DIGEST_DOMAIN);
    hash.update(text.as_bytes());
    hash.finalize().into()
}

/// The digest of a secret that is to be stored.
pub(crate) fn digest_of(secret: &SecretString) -> SecretDigest {
    digest(secret.expose_secret())
}

/// What is wrong with the form of a secret to be imported, if anything.
pub(crate) fn flaw_of_import(secret: &SecretString) -> Option<&'static str> {
    let text = secret.expose_secret();
    if text.is_empty() {
        Some("is empty")
    } else if text.len() > SECRET_BYTES_MAX {
        Some("is longer than 512 bytes")
    } else if !is_visible(text) {
        Some("holds a space, a line end or a character outside of ASCII")
    } else if !is_well_formed(text) {
        Some("begins with `kw-` like a minted key, and is not whole")
    } else {
        None
    }
}

/// How many bits a secret to be imported is worth at least.
pub(crate) fn bits_of(secret: &SecretString) -> u32 {
    estimate_bits(secret.expose_secret())
}

/// Bit by bit: it runs over 68 bytes, and only for keys that are not known.
fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |sum, byte| {
        (0..8).fold(sum ^ u32::from(*byte), |sum, _| {
            sum >> 1 ^ (0xedb8_8320 & (sum & 1).wrapping_neg())
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn check_value_of_the_catalogue() {
        assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
    }

    #[test]
    fn minted_secret_has_the_stated_form() {
        let secret = mint("abcdefghijkl").unwrap();
        let text = secret.expose_secret();
        assert_eq!(text.len(), 75);
        assert!(text.starts_with("kw-abcdefghijkl-"));
        assert!(is_well_formed(text));
        assert_eq!(bits_of(&secret).min(256), 256);
    }

    #[test]
    fn half_a_minted_secret_is_malformed() {
        let secret = mint("abcdefghijkl").unwrap();
        let text = secret.expose_secret();
        for length in PREFIX.len()..text.len() {
            assert!(!is_well_formed(&text[..length]), "{length} characters");
        }
        assert!(!is_well_formed(&format!("{text}a")));
    }

    #[test]
    fn digest_is_bound_to_its_use() {
        let plain: SecretDigest = Sha256::digest(b"text").into();
        assert_ne!(digest("text"), plain);
    }
}
