//! Settings from files and environment, checked once, secrets never shown.
//!
//! The program collects its [`Sources`] (this crate reads no environment and no command line) and calls [`load`]. What it
//! gets is either every problem at once, as [`SettingsErrors`], or [`Loaded`]: the checked [`Settings`], what a person may see
//! of them, and the texts of the price files.
//!
//! Two steps make the meaning: each source is read into a layer in which every value fits its field; `figment` merges the
//! layers into plain structs; these are resolved into `Settings` by rules between fields. The table of all fields is
//! `fields.rs`; the reference page and `.env.example` are made from it.
//!
//! ```
//! use config::{SecretKeyPolicy, Sources, Upstream, load};
//!
//! let directory = tempfile::tempdir()?;
//! let mut sources = Sources {
//!     config_dir: None,
//!     environment: vec![("KEYWARD_SERVER__DRAIN".into(), "2s".into())],
//!     working_dir: directory.path().to_path_buf(),
//!     cli: vec![("server.listen".into(), "127.0.0.1:9000".into())],
//! };
//! let loaded = load(&sources, SecretKeyPolicy::DoNotMake)?;
//! assert_eq!(loaded.settings.server.drain.as_secs(), 2);
//! assert!(matches!(loaded.settings.upstream, Upstream::Simulator)); // development without a key
//!
//! sources.environment.push(("ENVIRONMENT".into(), "production".into()));
//! let errors = load(&sources, SecretKeyPolicy::DoNotMake).unwrap_err();
//! let fields: Vec<_> = errors.problems().iter().map(|problem| problem.field.as_str()).collect();
//! assert_eq!(fields, ["secret_key", "upstream.api_key"]); // all that production misses, at once
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Invariants: a [`Settings`] has passed every check; no error and no shown value holds a secret; loading writes nothing but
//! the development secret key, and that only if asked to and if all else is right.
//! Does not know: HTTP, the database, any other crate of keyward.

mod database_url;
mod directory;
mod duration;
mod env_file;
mod error;
mod fields;
mod key_shape;
mod kind;
mod layer;
mod layers;
mod load;
mod network;
mod page;
mod production;
mod raw;
mod resolve;
mod secret_key;
mod settings;
mod shown;
mod sources;
mod toml_file;
mod upstream;
mod usd;
mod webhook;

pub use error::{SettingsError, SettingsErrors};
pub use load::{Loaded, load};
pub use network::{Network, NetworkError};
pub use page::{env_example, settings_page};
pub use secret_key::derive;
pub use settings::{
    Alerts, Breaker, Budgets, Cache, Database, EndUserFrom, Environment, LedgerSettings, Limits,
    Log, LogFormat, ObjectOwner, OnWriteFailure, Prices, Requests, Server, Settings,
    StreamSettings, Timeouts, UnknownFields, UnknownPrice, Upstream, WebhookForm,
};
pub use shown::Shown;
pub use sources::{SecretKeyPolicy, Sources};
