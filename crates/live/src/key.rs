//! The upstream's key: sent, handed to keyward's environment, looked for in all that keyward says; never shown.
//!
//! Invariants: has no `Debug` and no `Display`.
//! Does not know: what it unlocks.

use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;

/// Shortest secret that can be looked for without chance hits.
const SECRET_BYTES_MIN: usize = 16;

/// A secret and the forms in which it could leak.
pub(crate) struct Secret {
    text: String,
    forms: Vec<String>,
}

impl Secret {
    /// Keeps a secret.
    pub(crate) fn new(text: String) -> Self {
        let forms = if text.len() < SECRET_BYTES_MIN {
            Vec::new()
        } else {
            forms(&text)
        };
        Self { text, forms }
    }

    /// The value of the header `authorization`.
    pub(crate) fn bearer(&self) -> String {
        format!("Bearer {}", self.text)
    }

    /// For the environment of a child.
    pub(crate) fn for_environment(&self) -> &str {
        &self.text
    }

    /// Whether it is long enough to be looked for.
    pub(crate) fn can_be_found(&self) -> bool {
        !self.forms.is_empty()
    }

    /// Whether it stands in a text, raw, reversed, in hex or in base64 of any alignment.
    pub(crate) fn stands_in(&self, text: &str) -> bool {
        self.forms.iter().any(|form| text.contains(form.as_str()))
    }

    /// The text without it.
    pub(crate) fn scrub(&self, text: &str) -> String {
        self.forms.iter().fold(text.to_owned(), |text, form| {
            text.replace(form.as_str(), "[key]")
        })
    }
}

fn forms(text: &str) -> Vec<String> {
    let hex: String = text.bytes().map(|byte| format!("{byte:02x}")).collect();
    let mut forms = vec![
        text.to_owned(),
        text.chars().rev().collect(),
        hex.to_uppercase(),
        hex,
    ];
    for skip in 0..3 {
        // Letters that depend on bytes before or behind the secret are cut off.
        let encoded = STANDARD_NO_PAD.encode([&vec![0; skip], text.as_bytes()].concat());
        let start = (skip * 8).div_ceil(6);
        let end = (skip + text.len()) * 8 / 6;
        let inside = encoded.get(start..end).unwrap_or_default().to_owned();
        forms.push(inside.replace('+', "-").replace('/', "_"));
        forms.push(inside);
    }
    forms
}

#[cfg(test)]
mod tests {
    use super::Secret;
    use base64::Engine;
    use base64::engine::general_purpose::{STANDARD, URL_SAFE};

    #[test]
    fn a_secret_is_found_in_every_form_and_goes() {
        let text = ["made-up~", "of a test?", "\u{ff}"].concat();
        let secret = Secret::new(text.clone());
        for before in ["", "a", "ab"] {
            let whole = format!("{before}{text}!");
            for told in [
                whole.clone(),
                STANDARD.encode(&whole),
                URL_SAFE.encode(&whole),
            ] {
                assert!(secret.stands_in(&told), "{told}");
                assert!(!secret.stands_in(&secret.scrub(&told)));
            }
        }
        assert!(secret.stands_in(&text.chars().rev().collect::<String>()));
        assert!(!secret.stands_in("made-up~of a test"));
    }

    #[test]
    fn a_short_one_is_not_looked_for() {
        let short = Secret::new("test".to_owned());
        assert!(!short.stands_in("a test") && !short.can_be_found());
        assert!(Secret::new("a".repeat(16)).can_be_found());
    }
}
