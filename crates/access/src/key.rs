//! A virtual key as callers see it, and what it may do.
//!
//! Invariants: the secret is never part of it; an empty list allows everything.
//! Does not know: digests, the store's columns.

use jiff::Timestamp;

use crate::denied::Denied;

/// The endpoints that a key can be limited to.
pub const ENDPOINTS: [&str; 16] = [
    "audio.speech",
    "audio.transcriptions",
    "audio.translations",
    "batches",
    "chat.completions",
    "completions",
    "conversations",
    "embeddings",
    "files",
    "images.edits",
    "images.generations",
    "models",
    "moderations",
    "responses",
    "uploads",
    "vector_stores",
];

/// A virtual key. It never holds the secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VirtualKey {
    /// `key_` and twelve characters of base32. Not secret.
    pub id: String,
    /// What people call it.
    pub name: String,
    /// The project that its use is booked under.
    pub project: String,
    /// Models it may use, each a name or a beginning followed by `*`; empty: all.
    pub models: Vec<String>,
    /// Endpoints it may call, of [`ENDPOINTS`]; empty: all.
    pub endpoints: Vec<String>,
    /// Free labels.
    pub tags: Vec<String>,
    /// Where its secret comes from.
    pub origin: Origin,
    /// Requests a minute, if limited.
    pub requests_per_minute: Option<u32>,
    /// Made at, to the millisecond.
    pub created_at: Timestamp,
    /// The first instant at which it is refused.
    pub expires_at: Option<Timestamp>,
    /// When it was revoked.
    pub revoked_at: Option<Timestamp>,
}

/// Where a secret comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Made here, of 256 random bits.
    Minted,
    /// Made elsewhere, strong as far as its text tells.
    Imported,
    /// Made elsewhere, and let in although it is weak.
    Weak,
}

impl Origin {
    /// As it is stored and shown.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Origin::Minted => "minted",
            Origin::Imported => "imported",
            Origin::Weak => "weak",
        }
    }

    pub(crate) fn parse(text: &str) -> Option<Origin> {
        [Origin::Minted, Origin::Imported, Origin::Weak]
            .into_iter()
            .find(|origin| origin.as_str() == text)
    }
}

/// What a new key shall be. Checked when it is created: see [`crate::AccessErrorKind::Field`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NewKey {
    /// What people call it: 1 to 100 characters.
    pub name: String,
    /// The project: 1 to 64 letters, digits and `._:/-`.
    pub project: String,
    /// At most 64 models; a `*` may stand at the end of each; empty: all.
    pub models: Vec<String>,
    /// Endpoints of [`ENDPOINTS`]; empty: all.
    pub endpoints: Vec<String>,
    /// At most 32 labels of 1 to 64 letters, digits and `._:/=-`.
    pub tags: Vec<String>,
    /// Requests a minute, if limited; not zero.
    pub requests_per_minute: Option<u32>,
    /// The first instant at which it is refused; kept to the millisecond.
    pub expires_at: Option<Timestamp>,
}

impl VirtualKey {
    /// Whether the key may call an endpoint.
    ///
    /// Errors: [`Denied::EndpointNotAllowed`].
    pub fn may_call(&self, endpoint: &str) -> Result<(), Denied> {
        if self.endpoints.is_empty() || self.endpoints.iter().any(|allowed| allowed == endpoint) {
            return Ok(());
        }
        Err(Denied::EndpointNotAllowed {
            endpoint: endpoint.to_owned(),
            allowed: self.endpoints.clone(),
        })
    }

    /// Whether the key may use a model.
    ///
    /// Shape: names are compared byte by byte; `gpt-4o*` allows every name that begins with `gpt-4o`.
    /// Errors: [`Denied::ModelNotAllowed`].
    pub fn may_use(&self, model: &str) -> Result<(), Denied> {
        if self.models.is_empty() || self.models.iter().any(|pattern| matches(pattern, model)) {
            return Ok(());
        }
        Err(Denied::ModelNotAllowed {
            model: model.to_owned(),
            allowed: self.models.clone(),
        })
    }

    /// Whether the key is good at this instant. Revoked goes before expired.
    ///
    /// Errors: [`Denied::Revoked`], [`Denied::Expired`].
    pub fn check_live(&self, now: Timestamp) -> Result<(), Denied> {
        if let Some(at) = self.revoked_at {
            return Err(Denied::Revoked { at });
        }
        match self.expires_at {
            Some(at) if now >= at => Err(Denied::Expired { at }),
            _ => Ok(()),
        }
    }
}

fn matches(pattern: &str, model: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(beginning) => model.starts_with(beginning),
        None => pattern == model,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(models: &[&str], endpoints: &[&str]) -> VirtualKey {
        let owned = |list: &[&str]| list.iter().map(|text| (*text).to_owned()).collect();
        VirtualKey {
            id: "key_a".to_owned(),
            name: "a".to_owned(),
            project: "p".to_owned(),
            models: owned(models),
            endpoints: owned(endpoints),
            tags: Vec::new(),
            origin: Origin::Minted,
            requests_per_minute: None,
            created_at: Timestamp::UNIX_EPOCH,
            expires_at: None,
            revoked_at: None,
        }
    }

    #[track_caller]
    fn check_model(models: &[&str], model: &str, allowed: bool) {
        assert_eq!(
            key(models, &[]).may_use(model).is_ok(),
            allowed,
            "{models:?} {model}"
        );
    }

    #[test]
    fn models_are_names_or_beginnings() {
        check_model(&[], "anything", true);
        check_model(&["gpt-4o"], "gpt-4o", true);
        check_model(&["gpt-4o"], "gpt-4o-mini", false);
        check_model(&["gpt-4o*"], "gpt-4o-mini", true);
        check_model(&["gpt-4o*"], "gpt-4", false);
        check_model(&["gpt-4o*"], "GPT-4o", false);
        check_model(&["o3", "text-*"], "text-embedding-3-small", true);
        check_model(&["*"], "anything", true);
        check_model(&["o3"], "", false);
    }

    #[test]
    fn denial_names_what_is_allowed() {
        let denied = key(&["o3"], &["embeddings"]).may_use("o4").unwrap_err();
        assert_eq!(
            denied.to_string(),
            "the key may not use model `o4`; it may use: o3"
        );
        let denied = key(&[], &["embeddings"]).may_call("models").unwrap_err();
        assert_eq!(
            denied.to_string(),
            "the key may not call `models`; it may call: embeddings"
        );
        assert_eq!(key(&[], &[]).may_call("models"), Ok(()));
        assert_eq!(key(&[], &["models"]).may_call("models"), Ok(()));
    }

    #[test]
    fn revoked_goes_before_expired() {
        let at = Timestamp::UNIX_EPOCH;
        let both = VirtualKey {
            expires_at: Some(at),
            revoked_at: Some(at),
            ..key(&[], &[])
        };
        assert_eq!(both.check_live(at), Err(Denied::Revoked { at }));
    }
}
