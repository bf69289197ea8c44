//! Keeps answers to embedding calls in memory, apart for each caller.
//!
//! Invariants: a key of the cache is a keyed digest of the caller's identity and the whole canonical request, so one caller can never be
//! answered with another's entry, nor learn from timing what another asked; bytes held never exceed the limit by more than one entry;
//! what is kept are the upstream's own bytes.
//! Does not know: prices, HTTP. A hit costs nothing; that is for the ledger to say.

use std::sync::Arc;

use bytes::Bytes;
use hmac::{Hmac, KeyInit, Mac};
use quick_cache::{Weighter, sync};
use sha2::Sha256;

use crate::object::Object;

/// What one entry weighs beside its bytes: key, counters and allocation.
const ENTRY_OVERHEAD_BYTES: u64 = 256;
/// What the cache expects an entry to weigh, for sizing its table: one embedding of 1536 floats in base64.
const ENTRY_TYPICAL_BYTES: u64 = 8 * 1024;

/// The keyed digest by which an answer is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct CacheKey([u8; 32]);

/// An answer as the upstream gave it.
#[derive(Debug)]
pub(crate) struct Kept {
    /// The body, to the byte.
    pub(crate) body: Bytes,
    /// The model that answered.
    pub(crate) model_served: Option<String>,
}

#[derive(Clone)]
struct ByBytes;

impl Weighter<CacheKey, Arc<Kept>> for ByBytes {
    fn weight(&self, _: &CacheKey, kept: &Arc<Kept>) -> u64 {
        kept.body.len() as u64 + ENTRY_OVERHEAD_BYTES
    }
}

/// The cache of one process.
pub(crate) struct AnswerCache {
    secret: [u8; 32],
    entries: Option<sync::Cache<CacheKey, Arc<Kept>, ByBytes>>,
}

impl AnswerCache {
    /// A cache of `bytes_max` bytes; 0 switches it off.
    pub(crate) fn new(bytes_max: usize, secret: [u8; 32]) -> Self {
        let bytes_max = bytes_max as u64;
        let entries = (bytes_max > 0).then(|| {
            let count = usize::try_from(bytes_max / ENTRY_TYPICAL_BYTES)
                .unwrap_or(usize::MAX)
                .clamp(16, 1 << 20);
            sync::Cache::with_weighter(count, bytes_max, ByBytes)
        });
        Self { secret, entries }
    }

    /// True where answers are kept at all.
    pub(crate) fn is_on(&self) -> bool {
        self.entries.is_some()
    }

    /// The key of a request: the caller's identity, the endpoint with the header and the query that reach the upstream, and every
    /// member, whatever their order and white space.
    pub(crate) fn key(
        &self,
        identity: &str,
        target: [&[u8]; 3],
        request: &Object<'_>,
    ) -> Option<CacheKey> {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.secret).ok()?;
        let mut part = |bytes: &[u8]| {
            mac.update(&(bytes.len() as u64).to_le_bytes());
            mac.update(bytes);
        };
        part(identity.as_bytes());
        target.into_iter().for_each(&mut part);
        let mut members: Vec<_> = request.members().collect();
        members.sort_unstable_by_key(|(name, _)| *name);
        for (name, value) in members {
            part(name.as_bytes());
            part(&without_white_space(value.get()));
        }
        Some(CacheKey(mac.finalize().into_bytes().into()))
    }

    /// The answer kept under `key`.
    pub(crate) fn get(&self, key: &CacheKey) -> Option<Arc<Kept>> {
        self.entries.as_ref()?.get(key)
    }

    /// Keeps an answer; one that is larger than the whole cache is not kept.
    pub(crate) fn keep(&self, key: CacheKey, kept: Kept) {
        if let Some(entries) = &self.entries {
            entries.insert(key, Arc::new(kept));
        }
    }
}

/// JSON without the white space between its tokens. Strings stay as they are.
fn without_white_space(json: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(json.len());
    let (mut in_string, mut escaped) = (false, false);
    for byte in json.bytes() {
        if in_string {
            in_string = escaped || byte != b'"';
            escaped = !escaped && byte == b'\\';
        } else if byte.is_ascii_whitespace() {
            continue;
        } else {
            in_string = byte == b'"';
        }
        out.push(byte);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(cache: &AnswerCache, identity: &str, json: &str) -> CacheKey {
        cache
            .key(
                identity,
                [&b"embeddings"[..], &b""[..], &b""[..]],
                &Object::read(json.as_bytes()).unwrap(),
            )
            .unwrap()
    }

    #[test]
    fn a_key_depends_on_who_asks_and_on_what_but_not_on_order_or_spaces() {
        let cache = AnswerCache::new(1 << 20, [1; 32]);
        let first = key(&cache, "key_a", r#"{"model":"m","input":"a  b"}"#);
        assert_eq!(
            first,
            key(&cache, "key_a", r#"{ "input" : "a  b" ,"model":"m"}"#)
        );
        assert_ne!(
            first,
            key(&cache, "key_b", r#"{"model":"m","input":"a  b"}"#)
        );
        assert_ne!(
            first,
            key(&cache, "key_a", r#"{"model":"m","input":"a b"}"#)
        );
        assert_ne!(
            first,
            key(&cache, "key_a", r#"{"model":"m","input":["a  b"]}"#)
        );
        assert_ne!(
            first,
            key(
                &cache,
                "key_a",
                r#"{"model":"m","input":"a  b","dimensions":8}"#
            )
        );
        assert_ne!(
            first,
            key(
                &AnswerCache::new(1 << 20, [2; 32]),
                "key_a",
                r#"{"model":"m","input":"a  b"}"#
            )
        );
        let escaped = key(&cache, "key_a", r#"{"model":"m","input":"a \" b"}"#);
        assert_ne!(
            escaped,
            key(&cache, "key_a", r#"{"model":"m","input":"a \"b"}"#)
        );
    }

    #[test]
    fn bytes_held_stay_below_the_limit() {
        let limit = 100_000;
        let cache = AnswerCache::new(limit, [1; 32]);
        for number in 0..1000 {
            let key = key(&cache, "key_a", &format!("{{\"input\":{number}}}"));
            cache.keep(
                key,
                Kept {
                    body: Bytes::from(vec![0; 1000]),
                    model_served: None,
                },
            );
        }
        let entries = cache.entries.as_ref().unwrap();
        assert!(
            entries.weight() <= limit as u64,
            "{} bytes",
            entries.weight()
        );
        assert!(entries.len() > 10, "the cache keeps something");
    }

    #[test]
    fn a_cache_of_no_bytes_keeps_nothing() {
        let cache = AnswerCache::new(0, [1; 32]);
        let key = key(&cache, "key_a", "{}");
        cache.keep(
            key,
            Kept {
                body: Bytes::from_static(b"x"),
                model_served: None,
            },
        );
        assert!(!cache.is_on() && cache.get(&key).is_none());
    }
}
