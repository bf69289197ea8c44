//! Holds the upstream key: as the header that carries it, and as the needle to scrub it from what comes back.
//!
//! Invariants: the key is in no `Debug`, `Display` or error; this is the only file of the crate that exposes it.
//! Does not know: where the key came from, or which upstream takes it.

use std::fmt;

use bytes::Bytes;
use http::HeaderValue;
use secrecy::{ExposeSecret, SecretString};

/// What stands where the key stood.
const SCRUBBED: &str = "[redacted:upstream-key]";

/// An upstream key and its `authorization` header, made once.
#[derive(Clone)]
pub(crate) struct UpstreamKey {
    secret: SecretString,
    header: HeaderValue,
}

/// The key is empty or has bytes that no header may carry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the key is empty, or has characters such as line ends that a header cannot carry")]
pub(crate) struct InvalidKey;

impl UpstreamKey {
    /// Prepares `secret` for sending.
    pub(crate) fn new(secret: SecretString) -> Result<Self, InvalidKey> {
        let text = secret.expose_secret();
        if text.is_empty() || text.trim() != text {
            return Err(InvalidKey);
        }
        let line = Bytes::from([b"Bearer ", text.as_bytes()].concat());
        let mut header = HeaderValue::from_maybe_shared(line).map_err(|_| InvalidKey)?;
        // Keeps it out of `Debug` of requests and out of HTTP/2's shared header tables.
        header.set_sensitive(true);
        Ok(Self { secret, header })
    }

    /// The value of `authorization`; a clone shares the bytes.
    pub(crate) fn header(&self) -> HeaderValue {
        self.header.clone()
    }

    /// Whether the key stands in `bytes`, as it is.
    pub(crate) fn stands_in(&self, bytes: &[u8]) -> bool {
        memchr::memmem::find(bytes, self.secret.expose_secret().as_bytes()).is_some()
    }

    /// `text` without the key, for what an upstream echoes.
    pub(crate) fn scrub(&self, text: String) -> String {
        let secret = self.secret.expose_secret();
        if text.contains(secret) {
            text.replace(secret, SCRUBBED)
        } else {
            text
        }
    }
}

impl fmt::Debug for UpstreamKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("UpstreamKey([redacted])")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(text: &str) -> Result<UpstreamKey, InvalidKey> {
        UpstreamKey::new(SecretString::from(text.to_owned()))
    }

    #[test]
    fn the_header_is_sensitive_and_the_echo_is_scrubbed() {
        let secret = ["sk", "-made-up-", "0123456789"].concat();
        let key = key(&secret).unwrap();
        assert_eq!(
            key.header().as_bytes(),
            format!("Bearer {secret}").as_bytes()
        );
        assert!(!format!("{key:?} {:?}", key.header()).contains("0123456789"));
        let echo = key.scrub(format!("wrong key {secret}, {secret}"));
        assert_eq!(echo, format!("wrong key {SCRUBBED}, {SCRUBBED}"));
        assert_eq!(key.scrub("nothing here".to_owned()), "nothing here");
        assert!(key.stands_in(format!("x{secret}y").as_bytes()) && !key.stands_in(b"sk"));
    }

    #[test]
    fn a_key_that_no_header_can_carry_is_refused() {
        for text in ["", " ", "abc\n", "\tabc", "ab\ncd", "ab\u{0}cd"] {
            assert_eq!(key(text).err(), Some(InvalidKey), "{text:?}");
        }
    }
}
