//! Keeps secrets out of what is written: the log scrubber.
//!
//! Put every line through [`Scrubber::scrub`] (or [`Scrubber::scrub_line`] for bytes) just before it is written: logs,
//! panic messages, error chains, error bodies of an upstream. A line without secrets comes back as it was, borrowed.
//!
//! ```
//! use privacy::Scrubber;
//! use secrecy::SecretString;
//!
//! let scrubber = Scrubber::new();
//! let password = SecretString::from("correct horse battery");
//! scrubber.keep_out("database_password", &password)?;
//!
//! assert_eq!(scrubber.scrub("login as correct horse battery failed"), "login as [redacted:database_password] failed");
//! assert_eq!(scrubber.scrub("?pw=correct%20horse%20battery"), "?pw=[redacted:database_password]");
//! assert_eq!(scrubber.scrub("Y29ycmVjdCBob3JzZSBiYXR0ZXJ5"), "[redacted:database_password]");
//! assert_eq!(scrubber.scrub("postgres://app:hunter2@db/keys"), "postgres://app:[redacted:url_password]@db/keys");
//! assert_eq!(scrubber.scrub("call_8fk2 of chatcmpl-Bx91 took 3 ms"), "call_8fk2 of chatcmpl-Bx91 took 3 ms");
//!
//! // The key of one request, while it lasts.
//! let live = scrubber.keep_out_while("a key that a caller sent");
//! assert_eq!(scrubber.scrub("got a key that a caller sent"), "got [redacted:caller_key]");
//! drop(live);
//! # Ok::<(), privacy::NotKept>(())
//! ```
//!
//! # What is found
//! - **Known secrets**, for life or while a request lasts, as they are; in base64 and base64url at each alignment inside
//!   other text; in hex, lower or upper case; as a list of decimal bytes; reversed; and percent-encoded or
//!   backslash-escaped (JSON, Rust's `Debug`) in whole or in part, also twice, around any of the other forms.
//! - **Pieces of them**: a run of 16 bytes of the secret, or of what 16 bytes become in an encoding. So a truncated key
//!   is found too. What is left of a secret shorter than that is not.
//! - **Shapes** of secrets that nobody told us: see [`SHAPES`].
//!
//! # What is not found
//! A secret that is cut over two lines (scrub whole lines, or several at once), split by other characters, compressed,
//! encrypted, nested in two of base64 and hex, or paraphrased. Secrets shorter than 8 characters are refused by
//! [`Scrubber::keep_out`]: they would blank out ordinary words.
//!
//! Invariants: no I/O; what `scrub` returns is a text in which `scrub` finds nothing; memory is bounded by
//! `KEPT_SECRETS_MAX` and `LIVE_SECRETS_MAX`.
//! Does not know: logs, HTTP, events, other crates.

mod detect;
mod finding;
mod forms;
mod index;
mod live;
mod scrubber;
mod view;

pub use detect::SHAPES;
pub use live::{LIVE_BYTES_MAX, LIVE_SECRETS_MAX, LiveSecret};
pub use scrubber::{KEPT_SECRETS_MAX, NotKept, Scrubber};
