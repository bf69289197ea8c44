//! Virtual keys: made, imported, verified on every request, revoked.
//!
//! A [`Keyring`] holds all keys in memory over a [`storage::Store`]. Applications are given secrets of the form
//! `kw-<id>-<256 random bits><check>`; the store keeps a digest, and the secret is shown once.
//!
//! - **Verifying** costs one SHA-256 and one lookup, and touches no disk. A mistyped key is told from an unknown one by
//!   the check at its end.
//! - **Editing** by this or any other process raises the store's epoch; [`Keyring::refresh`] sees that and swaps in the
//!   new state as a whole.
//! - **Limits** of a key are plain lists: endpoints by name ([`ENDPOINTS`]), models by name or by beginning (`gpt-4o*`);
//!   an empty list allows everything.
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use access::{Denied, Keyring, NewKey};
//! use jiff::Timestamp;
//! use secrecy::ExposeSecret;
//! # use storage::{OpenOptions, Role, Store};
//! # let directory = tempfile::tempdir()?;
//! # let path = directory.path().join("keys.db");
//! # let gather = std::time::Duration::from_millis(2);
//! # let store = Store::open(OpenOptions { path, role: Role::Server, gather }).await?;
//!
//! let now: Timestamp = "2026-01-01T00:00:00Z".parse()?;
//! let keyring = Keyring::open(store).await?;
//! let minted = keyring
//!     .create(
//!         NewKey {
//!             name: "search".to_owned(),
//!             project: "web".to_owned(),
//!             models: vec!["text-embedding-*".to_owned()],
//!             ..NewKey::default()
//!         },
//!         now,
//!     )
//!     .await?;
//!
//! let key = keyring.verify(minted.secret.expose_secret(), now)?;
//! assert_eq!(key.name, "search");
//! assert!(key.may_use("text-embedding-3-small").is_ok());
//! assert!(matches!(key.may_use("gpt-4o"), Err(Denied::ModelNotAllowed { .. })));
//!
//! keyring.revoke(&key.id, now).await?;
//! assert_eq!(keyring.verify(minted.secret.expose_secret(), now), Err(Denied::Revoked { at: now }));
//! # Ok(())
//! # }
//! ```
//!
//! Invariants: no secret is stored, logged or part of an error; a revoked key never verifies after `refresh`.
//! Does not know: HTTP, budgets, request limits (it only carries the number), other crates but `storage`.

mod base32;
mod denied;
mod error;
mod fields;
mod key;
mod keyring;
mod objects;
mod rows;
mod secret;
mod strength;

pub use denied::Denied;
pub use error::{AccessError, AccessErrorKind, SECRET_BITS_MIN};
pub use key::{ENDPOINTS, NewKey, Origin, VirtualKey};
pub use keyring::{ImportStrength, Keyring, Minted};
pub use objects::{OBJECT_ID_BYTES_MAX, Objects, Sharing, is_object_id};
pub use secret::SECRET_BYTES_MAX;
