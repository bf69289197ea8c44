//! The scrubber: what it keeps out, and the pass over a text.
//!
//! Invariants: what is returned is a text in which the same pass finds nothing; if that can't be had, nothing of the
//! text is returned; a text in which nothing is found is borrowed.
//! Does not know: who writes the text.

use std::borrow::Cow;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use secrecy::{ExposeSecret, SecretString};

use crate::detect::Detectors;
use crate::finding::{Certainty, Finding, redact};
use crate::forms::{Form, LAST_RESORT, SECRET_CHARACTERS_MIN, Unfit, forms};
use crate::index::Index;
use crate::live::{LiveSecret, LiveSecrets, LiveSnapshot};
use crate::view::{ESCAPINGS, View};

/// How many secrets are kept out for life.
pub const KEPT_SECRETS_MAX: usize = 256;

/// How often escapes are taken away: a JSON line in a JSON line.
const VIEW_DEPTH_MAX: usize = 2;

/// How often a redacted text is gone through again, because a marker and its neighbours made a secret.
const ROUNDS_MAX: usize = 4;

/// Longest label, in characters.
const LABEL_CHARACTERS_MAX: usize = 32;

/// Keeps secrets out of lines before they are written. A clone is another handle on the same scrubber.
#[derive(Clone)]
pub struct Scrubber {
    inner: Arc<Inner>,
}

struct Inner {
    kept: RwLock<Kept>,
    live: Arc<LiveSecrets>,
    detectors: Detectors,
}

#[derive(Default)]
struct Kept {
    secrets: Vec<Vec<Form>>,
    index: Arc<Index>,
}

/// Why a secret is not kept out. Its shape may still be found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotKept {
    /// It would blank out ordinary words.
    #[error("search for a secret of less than {SECRET_CHARACTERS_MIN} characters")]
    TooShort,
    /// It stands in the marker that would replace it.
    #[error("search for a secret that is a part of the word for redacted text")]
    StandsInMarker,
    /// [`KEPT_SECRETS_MAX`] others are kept.
    #[error("search for more than {KEPT_SECRETS_MAX} secrets")]
    TooMany,
}

impl Scrubber {
    /// Knows the shapes of secrets and no secret yet.
    pub fn new() -> Self {
        let inner = Inner {
            kept: RwLock::default(),
            live: Arc::default(),
            detectors: Detectors::new(),
        };
        Self {
            inner: Arc::new(inner),
        }
    }

    /// Keeps a secret out for life; it is replaced by `[redacted:label]`. The same secret again changes nothing.
    ///
    /// Cost: its forms are made and all kept secrets indexed again, some microseconds.
    ///
    /// Errors: [`NotKept`], also for a secret that is too short to be told from ordinary text.
    pub fn keep_out(&self, label: &str, secret: &SecretString) -> Result<(), NotKept> {
        let label: Arc<str> = clean_label(label).into();
        let made = forms(secret.expose_secret(), &label).map_err(|unfit| match unfit {
            Unfit::TooShort => NotKept::TooShort,
            Unfit::StandsInMarker => NotKept::StandsInMarker,
        })?;
        let mut kept = self
            .inner
            .kept
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        let raw = |forms: &Vec<Form>| forms.first().map(|form| form.bytes.clone());
        if kept.secrets.iter().any(|known| raw(known) == raw(&made)) {
            return Ok(());
        }
        if kept.secrets.len() >= KEPT_SECRETS_MAX {
            return Err(NotKept::TooMany);
        }
        kept.secrets.push(made);
        kept.index = Arc::new(Index::new(kept.secrets.concat()));
        Ok(())
    }

    /// Keeps a secret out until the value returned is dropped; it is replaced by `[redacted:caller_key]`.
    ///
    /// For the hot path: a hash and a short lock, forms are made when a line is scrubbed. Beyond
    /// [`LIVE_SECRETS_MAX`](crate::LIVE_SECRETS_MAX) different ones, and for secrets shorter than 8 characters, nothing
    /// is kept out; shapes are still found.
    pub fn keep_out_while(&self, secret: impl Into<Arc<str>>) -> LiveSecret {
        self.inner.live.add(secret.into())
    }

    /// The text with a marker in place of every secret. Give it whole lines: a secret cut in two is not seen.
    pub fn scrub<'t>(&self, text: &'t str) -> Cow<'t, str> {
        match self.scrub_line(text.as_bytes()) {
            Cow::Borrowed(_) => Cow::Borrowed(text),
            Cow::Owned(scrubbed) => Cow::Owned(text_of(scrubbed)),
        }
    }

    /// The same for bytes, as writers have them; they need not be UTF-8.
    pub fn scrub_line<'t>(&self, line: &'t [u8]) -> Cow<'t, [u8]> {
        let kept = Arc::clone(
            &self
                .inner
                .kept
                .read()
                .unwrap_or_else(PoisonError::into_inner)
                .index,
        );
        let live = self.inner.live.snapshot();
        let pass = Pass {
            kept: &kept,
            live: &live,
            detectors: &self.inner.detectors,
        };
        let mut scrubbed = Cow::Borrowed(line);
        for _ in 0..ROUNDS_MAX {
            let findings = pass.find(&scrubbed);
            if findings.is_empty() {
                return scrubbed;
            }
            scrubbed = Cow::Owned(redact(&scrubbed, findings));
        }
        if pass.find(&scrubbed).is_empty() {
            scrubbed
        } else {
            Cow::Owned(LAST_RESORT.into())
        }
    }
}

impl Default for Scrubber {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Scrubber {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Scrubber").finish_non_exhaustive()
    }
}

/// A label that can't be mistaken for the rest of a marker.
fn clean_label(label: &str) -> String {
    let clean = |letter: char| {
        if letter.is_ascii_alphanumeric() || "_-. ".contains(letter) {
            letter
        } else {
            '_'
        }
    };
    label
        .chars()
        .take(LABEL_CHARACTERS_MAX)
        .map(clean)
        .collect()
}

/// Only whole characters are cut, so this is UTF-8 if the text was.
fn text_of(scrubbed: Vec<u8>) -> String {
    String::from_utf8(scrubbed)
        .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
}

/// Everything that one call of `scrub` looks for, fixed for all its rounds.
struct Pass<'p> {
    kept: &'p Index,
    live: &'p LiveSnapshot,
    detectors: &'p Detectors,
}

impl<'p> Pass<'p> {
    fn find(&self, text: &[u8]) -> Vec<Finding<'p>> {
        let mut findings = Vec::new();
        self.find_in(text, None, VIEW_DEPTH_MAX, &mut findings);
        findings
    }

    /// Goes through a text, or a view of it, and through the views of that.
    fn find_in(
        &self,
        text: &[u8],
        view: Option<&View>,
        depth: usize,
        findings: &mut Vec<Finding<'p>>,
    ) {
        let mut tell = |range, label, certainty| {
            let range = view.map_or_else(
                || std::ops::Range::clone(&range),
                |view| view.origin(&range),
            );
            findings.push(Finding {
                range,
                label,
                certainty,
            });
        };
        self.kept
            .find(text, |range, label| tell(range, label, Certainty::Kept));
        for live in self.live.indexes() {
            live.find(text, |range, label| tell(range, label, Certainty::Live));
        }
        self.detectors
            .find(text, |range, label| tell(range, label, Certainty::Shape));
        if depth == 0 {
            return;
        }
        for escaping in ESCAPINGS {
            if let Some(inner) = View::new(text, view, escaping) {
                self.find_in(&inner.bytes, Some(&inner), depth - 1, findings);
            }
        }
    }
}

#[cfg(test)]
mod tests;
