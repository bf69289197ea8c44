//! What a setting may be: reads one value from text or TOML and says what would be right.
//!
//! Invariants: a value that passes always fits its place in `raw.rs`; no message repeats the value.
//! Does not know: which setting has which kind, where the value came from.

use std::net::SocketAddr;
use std::time::Duration;

use figment::value::Value;

use crate::network::Network;
use crate::{database_url, duration, key_shape, usd};

const NAME_BYTES_MAX: usize = 32;
const TEXT_BYTES_MAX: usize = 4096;

/// What a setting may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// `true` or `false`.
    Boolean,
    /// A whole number, both bounds included.
    Count { min: u64, max: u64 },
    /// A length of time, both bounds included.
    Duration { min: Duration, max: Duration },
    /// One of some words.
    Choice(&'static [&'static str]),
    /// An address with a port.
    Address,
    /// A list of addresses and ranges.
    Networks,
    /// A short name for labels.
    Name,
    /// What to log.
    LogFilter,
    /// A path in the file system.
    Path,
    /// A URL; what it may be is decided by the rules of its field.
    Url,
    /// The URL of a database. Shown without its password, which may not stand in a TOML file.
    DatabaseUrl,
    /// An amount of money in USD, exact, as text; or `none`.
    Usd,
    /// A list of shares in percent.
    Percents,
    /// Never shown, never in a TOML file.
    Secret,
}

/// What is wrong with a value; no value stands in it.
pub(crate) type Wrong = String;

impl Kind {
    /// Reads text: from a variable, `.env` or the command line.
    pub(crate) fn read_text(self, text: &str) -> Result<Value, Wrong> {
        if text.contains('\u{fffd}') || text.chars().any(char::is_control) {
            return Err("holds control characters or is not UTF-8".to_owned());
        }
        if text.len() > TEXT_BYTES_MAX {
            return Err(format!("is longer than {TEXT_BYTES_MAX} bytes"));
        }
        if let (false, Some(shape)) = (self == Self::Secret, key_shape::find(text)) {
            return Err(format!("holds {shape}, and this is no place for a secret"));
        }
        if self.accepts(text) {
            Ok(self.value(text))
        } else {
            Err(format!("is not {}", self.noun()))
        }
    }

    /// Reads a TOML value.
    pub(crate) fn read_toml(self, value: &toml_edit::Value) -> Result<Value, Wrong> {
        use toml_edit::Value as Toml;
        let wrong_type = || {
            format!(
                "is {} where {} belongs",
                value.type_name_with_article(),
                self.noun()
            )
        };
        match (self, value) {
            (Self::Boolean, Toml::Boolean(flag)) => Ok(Value::from(*flag.value())),
            (Self::Count { .. }, Toml::Integer(number)) => {
                self.read_text(&number.value().to_string())
            }
            (Self::Networks, Toml::Array(array)) => {
                let texts: Option<Vec<&str>> = array.iter().map(toml_edit::Value::as_str).collect();
                self.read_text(&texts.ok_or_else(wrong_type)?.join(","))
            }
            (Self::Percents, Toml::Array(array)) => {
                let numbers: Option<Vec<String>> = array
                    .iter()
                    .map(|value| value.as_integer().map(|number| number.to_string()))
                    .collect();
                self.read_text(&numbers.ok_or_else(wrong_type)?.join(","))
            }
            (Self::DatabaseUrl, Toml::String(text)) if database_url::has_password(text.value()) => {
                Err("holds a password, and secrets stay out of files".to_owned())
            }
            (Self::Boolean | Self::Count { .. } | Self::Networks | Self::Percents, _) => {
                Err(wrong_type())
            }
            (_, Toml::String(text)) => self.read_text(text.value()),
            _ => Err(wrong_type()),
        }
    }

    fn accepts(self, text: &str) -> bool {
        match self {
            Self::Boolean => boolean(text).is_some(),
            Self::Count { min, max } => {
                count(text).is_some_and(|number| (min..=max).contains(&number))
            }
            Self::Duration { min, max } => {
                duration::parse(text).is_some_and(|length| (min..=max).contains(&length))
            }
            Self::Choice(words) => words.contains(&text),
            Self::Address => text.parse::<SocketAddr>().is_ok(),
            Self::Networks => list(text).all(|network| network.parse::<Network>().is_ok()),
            Self::Name => is_name(text),
            Self::LogFilter => text.split(',').all(is_log_directive),
            Self::Path | Self::Secret => !text.is_empty(),
            Self::Url | Self::DatabaseUrl => {
                !text.is_empty() && !text.contains(char::is_whitespace)
            }
            Self::Usd => usd::is_amount(text),
            Self::Percents => list(text).all(is_percent),
        }
    }

    fn value(self, text: &str) -> Value {
        match self {
            Self::Boolean => Value::from(boolean(text) == Some(true)),
            Self::Count { .. } => Value::from(count(text).unwrap_or_default()),
            Self::Networks => Value::from(list(text).collect::<Vec<_>>()),
            Self::Percents => Value::from(list(text).filter_map(count).collect::<Vec<_>>()),
            _ => Value::from(text),
        }
    }

    /// What it is, with its article: for messages and the reference page.
    pub(crate) fn noun(self) -> String {
        match self {
            Self::Boolean => "`true` or `false`".to_owned(),
            Self::Count { min, max } if max == u64::from(u32::MAX) || max == u64::MAX => {
                format!("a whole number from {min}")
            }
            Self::Count { min, max } => format!("a whole number from {min} to {max}"),
            Self::Duration { min, max } => format!(
                "a length of time from {} to {}",
                duration::write(min),
                duration::write(max)
            ),
            Self::Choice(words) => words
                .iter()
                .map(|word| format!("`{word}`"))
                .collect::<Vec<_>>()
                .join(" or "),
            Self::Address => "an address with a port".to_owned(),
            Self::Networks => "a list of addresses or ranges".to_owned(),
            Self::Name => {
                format!("a name of at most {NAME_BYTES_MAX} lower-case letters, digits and `-`")
            }
            Self::LogFilter => "a log level".to_owned(),
            Self::Path => "a path".to_owned(),
            Self::Url => "a URL".to_owned(),
            Self::DatabaseUrl => "the URL of a database".to_owned(),
            Self::Usd => "an amount in USD with at most 12 decimals, or `none`".to_owned(),
            Self::Percents => "a list of whole numbers from 1 to 100".to_owned(),
            Self::Secret => "a secret".to_owned(),
        }
    }

    /// How to write it, for the remedy of an error.
    pub(crate) fn remedy(self) -> String {
        match self {
            Self::Boolean => "write true or false, without quotes".to_owned(),
            Self::Count { .. } => format!("write {}, digits only and without quotes", self.noun()),
            Self::Duration { .. } => {
                format!("write {}, as text: \"250ms\", \"30s\", \"5m\"", self.noun())
            }
            Self::Choice(_) => format!("write {}", self.noun()),
            Self::Address => "write it as \"127.0.0.1:8080\" or \"[::1]:8080\"".to_owned(),
            Self::Networks => {
                "write [\"10.0.0.0/8\", \"192.0.2.7\"], in a variable 10.0.0.0/8,192.0.2.7"
                    .to_owned()
            }
            Self::LogFilter => {
                "write off, error, warn, info, debug or trace, or pairs such as info,gateway=debug"
                    .to_owned()
            }
            Self::Usd => "write it as text, without a sign or an exponent: \"100.0\", \"0.01\", \"none\"".to_owned(),
            Self::Percents => "write [50, 80, 100], in a variable 50,80,100".to_owned(),
            Self::DatabaseUrl => "write it without the password and set DATABASE_URL in the environment, or use sqlite:///…".to_owned(),
            Self::Name | Self::Path | Self::Url | Self::Secret => format!("write {}", self.noun()),
        }
    }
}

/// The type of a TOML value, in words.
trait TypeName {
    fn type_name_with_article(&self) -> &'static str;
}

impl TypeName for toml_edit::Value {
    fn type_name_with_article(&self) -> &'static str {
        match self {
            Self::String(_) => "text",
            Self::Integer(_) => "a whole number",
            Self::Float(_) => "a number with a point",
            Self::Boolean(_) => "true or false",
            Self::Datetime(_) => "a date",
            Self::Array(_) => "a list",
            Self::InlineTable(_) => "a table",
        }
    }
}

fn boolean(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "1" | "on" | "yes" => Some(true),
        "false" | "0" | "off" | "no" => Some(false),
        _ => None,
    }
}

fn count(text: &str) -> Option<u64> {
    text.bytes()
        .all(|byte| byte.is_ascii_digit())
        .then(|| text.parse().ok())
        .flatten()
}

fn list(text: &str) -> impl Iterator<Item = &str> {
    text.split(',')
        .map(str::trim)
        .filter(|part| !part.is_empty())
}

/// From 1 to 100.
fn is_percent(text: &str) -> bool {
    count(text).is_some_and(|percent| (1..=100).contains(&percent))
}

fn is_name(text: &str) -> bool {
    let letters = text
        .bytes()
        .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
    letters && !text.is_empty() && text.len() <= NAME_BYTES_MAX
}

fn is_log_directive(directive: &str) -> bool {
    let (target, level) = directive.rsplit_once('=').unwrap_or(("all", directive));
    let is_target = target
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b':' | b'-'));
    is_target
        && !target.is_empty()
        && ["off", "error", "warn", "info", "debug", "trace"].contains(&level)
}
