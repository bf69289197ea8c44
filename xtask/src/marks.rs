//! Marked secrets: made for one run, given to the tests as keys, and looked for in everything they write.
//!
//! Invariants: a mark is found raw, reversed, in hex of both cases, and in base64 of all three alignments; it is never shown.
//! Does not know: what the marks unlock.

use std::path::Path;

use anyhow::Context;

/// Shortest mark that can be looked for without chance hits.
const MARK_BYTES_MIN: usize = 16;

const BASE64: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// The forms of all marks of a run.
pub(crate) struct Marks {
    forms: Vec<String>,
}

impl Marks {
    /// Looks for nothing.
    pub(crate) fn none() -> Self {
        Self { forms: Vec::new() }
    }

    /// Looks for these secrets. One shorter than 16 bytes is left out, since it would be found by chance.
    pub(crate) fn of(secrets: &[&str]) -> Self {
        let long = secrets
            .iter()
            .filter(|secret| secret.len() >= MARK_BYTES_MIN);
        Self {
            forms: long.flat_map(|secret| forms(secret)).collect(),
        }
    }

    /// Whether any mark stands in the text, raw or encoded.
    pub(crate) fn stand_in(&self, text: &str) -> bool {
        self.forms.iter().any(|form| text.contains(form.as_str()))
    }

    /// Searches a file as a whole.
    ///
    /// Errors: the file cannot be read, or a mark stands in it.
    pub(crate) fn search(&self, path: &Path) -> anyhow::Result<()> {
        let bytes = std::fs::read(path).with_context(|| format!("read {}", path.display()))?;
        anyhow::ensure!(
            !self.stand_in(&String::from_utf8_lossy(&bytes)),
            "a marked secret stands in {}",
            path.display()
        );
        Ok(())
    }
}

/// A mark that no other run has: 36 characters, of which 32 are from the system's random source.
pub(crate) fn fresh() -> anyhow::Result<String> {
    let mut bytes = [0_u8; 16];
    let mut source =
        std::fs::File::open("/dev/urandom").context("open the system's random source")?;
    std::io::Read::read_exact(&mut source, &mut bytes)?;
    Ok(format!("mark{}", hex(&bytes)))
}

fn forms(secret: &str) -> Vec<String> {
    let lower = hex(secret.as_bytes());
    let mut forms = vec![
        secret.to_owned(),
        secret.chars().rev().collect(),
        lower.to_uppercase(),
        lower,
    ];
    for skip in 0..3 {
        let encoded = base64_inside(secret.as_bytes(), skip);
        forms.push(encoded.replace('+', "-").replace('/', "_"));
        forms.push(encoded);
    }
    forms
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The characters of base64 that depend on nothing but `bytes`, when `skip` unknown bytes stand before them in their group.
fn base64_inside(bytes: &[u8], skip: usize) -> String {
    let mut padded = vec![0_u8; skip];
    padded.extend_from_slice(bytes);
    let bits = padded.len() * 8;
    let first = (skip * 8).div_ceil(6);
    let sextet = |at: usize| -> char {
        let value = (at * 6..at * 6 + 6).fold(0_usize, |value, bit| {
            let byte = padded.get(bit / 8).copied().unwrap_or_default();
            value << 1 | usize::from(byte >> (7 - bit % 8) & 1)
        });
        char::from(BASE64.get(value).copied().unwrap_or_default())
    };
    (first..bits / 6).map(sextet).collect()
}

#[cfg(test)]
mod tests {
    use super::{Marks, base64_inside, fresh};

    const MARK: &str = "mark0123456789abcdef";

    #[test]
    fn every_form_is_found_and_nothing_else() {
        let marks = Marks::of(&[MARK]);
        let check = |text: &str| assert!(marks.stand_in(text), "{text}");
        check(MARK);
        check(&MARK.chars().rev().collect::<String>());
        check("6d61726b30313233343536373839616263646566");
        check("6D61726B30313233343536373839616263646566");
        check("bWFyazAxMjM0NTY3ODlhYmNkZWY=");
        check("eG1hcmswMTIzNDU2Nzg5YWJjZGVm"); // one byte before
        check("eHhtYXJrMDEyMzQ1Njc4OWFiY2RlZg=="); // two bytes before
        assert!(!marks.stand_in("mark0123456789abcde, cut"));
        assert!(!Marks::none().stand_in(MARK));
    }

    #[test]
    fn a_short_mark_is_not_looked_for() {
        assert!(!Marks::of(&["test"]).stand_in("a test"));
    }

    #[test]
    fn base64_agrees_with_known_answers() {
        assert_eq!(base64_inside(b"foobar", 0), "Zm9vYmFy");
        assert_eq!(base64_inside(b"fooba", 0), "Zm9vYm");
    }

    #[test]
    fn two_runs_have_two_marks() {
        let (one, two) = (fresh().unwrap(), fresh().unwrap());
        assert_ne!(one, two);
        assert_eq!(one.len(), 36);
    }
}
