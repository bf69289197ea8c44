//! SECRET_KEY: how random it must be, where development keeps it, and the keys that are derived from it.
//!
//! Invariants: the file is made whole or not at all, by one process of many, readable by its owner only; a derived key tells
//! nothing about the secret key or about another label's key; a fingerprint is 32 bits, enough to compare and no more.
//! Does not know: what derived keys are used for.
//! Source: RFC 5869 (HKDF); RFC 2104 (HMAC) inside it.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use hkdf::Hkdf;
use secrecy::{ExposeSecret, SecretString};
use sha2::Sha256;

use crate::directory::read_bounded;
use crate::error::Problems;
use crate::sources::SecretKeyPolicy;

/// The shortest secret key that production takes.
pub(crate) const SECRET_KEY_CHARACTERS_MIN: usize = 50;
/// Of fifty random hexadecimal digits fewer are distinct about four times in a billion keys.
const DISTINCT_MIN: usize = 10;
/// Longer runs of one character, or of characters that count up or down (`abcdefgh`, `87654321`), are no chance.
const RUN_MAX: usize = 7;
/// A block of this many characters that comes twice is no chance either.
const BLOCK_CHARACTERS: usize = 8;
/// What placeholders and keys of tutorials are made of.
const WORDS: [&str; 6] = [
    "replace",
    "change",
    "example",
    "insecure",
    "password",
    "placeholder",
];

/// Random bytes of a key that keyward makes; the file has them in hexadecimal.
const MADE_BYTES: usize = 32;
const FILE_NAME: &str = "secret_key";
const FILE_BYTES_MAX: u64 = 1024;

/// Derives a key for one use from the secret key: HKDF-SHA256 without salt, `label` as info.
///
/// Shape: the same secret and label always give the same 32 bytes; another label gives unrelated ones. One label a use.
pub fn derive(secret_key: &SecretString, label: &str) -> [u8; 32] {
    expand(
        secret_key.expose_secret(),
        &["keyward derived key v1: ", label],
    )
}

/// Eight hexadecimal digits by which two secrets are compared without being seen.
pub(crate) fn fingerprint(secret: &str) -> String {
    let bytes = expand(secret, &["keyward fingerprint v1"]);
    bytes[..4]
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// See [`fingerprint`].
pub(crate) fn fingerprint_of(secret: &SecretString) -> String {
    fingerprint(secret.expose_secret())
}

fn expand(secret: &str, info: &[&str]) -> [u8; 32] {
    let mut key = [0; 32];
    #[expect(
        clippy::expect_used,
        reason = "HKDF-SHA256 gives up to 8160 bytes, and zeros must never pass for a key"
    )]
    Hkdf::<Sha256>::new(None, secret.as_bytes())
        .expand_multi_info(
            &info.iter().map(|part| part.as_bytes()).collect::<Vec<_>>(),
            &mut key,
        )
        .expect("32 bytes fit");
    key
}

/// What makes a secret key too weak for production, if anything does.
pub(crate) fn weakness(secret: &str) -> Option<String> {
    let characters: Vec<char> = secret.chars().collect();
    let lower = secret.to_ascii_lowercase();
    if characters.len() < SECRET_KEY_CHARACTERS_MIN {
        return Some(format!(
            "is shorter than {SECRET_KEY_CHARACTERS_MIN} characters"
        ));
    }
    if WORDS.iter().any(|word| lower.contains(word)) {
        return Some("is a placeholder or made of words, not random".to_owned());
    }
    let distinct: std::collections::BTreeSet<char> = characters.iter().copied().collect();
    let runs = [0, 1, -1]
        .into_iter()
        .any(|step| longest_run(&characters, step) > RUN_MAX);
    if distinct.len() < DISTINCT_MIN || runs || has_block_twice(&characters) {
        return Some("is not random: too few different characters, or runs and repeats".to_owned());
    }
    None
}

/// The longest stretch in which each character is `step` after the one before it.
fn longest_run(characters: &[char], step: i64) -> usize {
    let follows =
        |pair: &[char]| i64::from(u32::from(pair[1])) - i64::from(u32::from(pair[0])) == step;
    let (mut run, mut longest) = (1, 1);
    for pair in characters.windows(2) {
        run = if follows(pair) { run + 1 } else { 1 };
        longest = longest.max(run);
    }
    longest
}

fn has_block_twice(characters: &[char]) -> bool {
    let mut blocks = std::collections::BTreeSet::new();
    characters
        .windows(BLOCK_CHARACTERS)
        .any(|block| !blocks.insert(block))
}

/// The file of the development key.
pub(crate) fn file(data_dir: &Path) -> PathBuf {
    data_dir.join(FILE_NAME)
}

/// The development key of a data directory, if there is one.
pub(crate) fn read(data_dir: &Path) -> Result<Option<String>, String> {
    let path = file(data_dir);
    let metadata = match std::fs::symlink_metadata(&path) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(format!("can't be read: {}", error.kind())),
    };
    if !metadata.is_file() {
        return Err("is no ordinary file".to_owned());
    }
    if metadata.permissions().mode() & 0o077 != 0 {
        return Err("can be read by other users".to_owned());
    }
    let text = read_bounded(&path, FILE_BYTES_MAX)?;
    let key = text.trim_end();
    let whole = key.len() == 2 * MADE_BYTES && key.bytes().all(|byte| byte.is_ascii_hexdigit());
    if whole {
        Ok(Some(key.to_owned()))
    } else {
        Err("does not hold a key that keyward made".to_owned())
    }
}

/// The development key: read, or made if the policy says so.
pub(crate) fn obtain(
    data_dir: &Path,
    policy: SecretKeyPolicy,
    problems: &mut Problems,
) -> Option<SecretString> {
    const REMEDY: &str =
        "give it to you alone (mode 600), or remove it to have a new one made, or set SECRET_KEY";
    let place = file(data_dir).display().to_string();
    let key = match (read(data_dir), policy) {
        (Ok(Some(key)), _) => Ok(key),
        (Ok(None), SecretKeyPolicy::DoNotMake) => random_key().map_err(|error| unmade(&error)),
        (Ok(None), SecretKeyPolicy::MakeIfAbsent) => make(data_dir)
            .map_err(|error| unmade(&error))
            .and_then(|()| {
                // Read back: another process may have been first, and then its key is the one.
                read(data_dir)?.ok_or_else(|| "vanished after it was made".to_owned())
            }),
        (Err(wrong), _) => Err(wrong),
    };
    match key {
        Ok(key) => Some(SecretString::from(key)),
        Err(wrong) => {
            problems.add("secret_key", &place, wrong, REMEDY);
            None
        }
    }
}

fn unmade(error: &io::Error) -> String {
    format!("can't be made: {}", error.kind())
}

fn random_key() -> io::Result<String> {
    let mut bytes = [0; MADE_BYTES];
    getrandom::fill(&mut bytes).map_err(io::Error::other)?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// Writes a new key beside its place and links it there: a link never replaces a file and never shows half of one, which
/// writing in place would do to a process that starts at the same moment.
fn make(data_dir: &Path) -> io::Result<()> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(data_dir)?;
    let key = random_key()?;
    let mut suffix = [0; 8];
    getrandom::fill(&mut suffix).map_err(io::Error::other)?;
    let draft = data_dir.join(format!(".{FILE_NAME}.{:016x}", u64::from_be_bytes(suffix)));
    let linked =
        write_draft(&draft, &key).and_then(|()| std::fs::hard_link(&draft, file(data_dir)));
    let removed = std::fs::remove_file(&draft);
    match linked {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(error),
        Ok(()) => removed.and_then(|()| File::open(data_dir)?.sync_all()),
    }
}

fn write_draft(path: &Path, key: &str) -> io::Result<()> {
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?;
    writeln!(file, "{key}")?;
    file.sync_all()
}
