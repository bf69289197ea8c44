//! The table of all settings: names, variables, kinds and one line of meaning each.
//!
//! Invariants: every field of `raw.rs` stands here and nothing else; the reference page and `.env.example` are made from it.
//! Does not know: values. Defaults are in `config/default.toml`, which is part of the program.

use std::time::Duration;

use crate::kind::Kind;

/// One setting.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Field {
    /// Dotted: section and name as they stand in a TOML file.
    pub(crate) name: &'static str,
    /// Its variable where that is not `KEYWARD_<SECTION>__<FIELD>`.
    own_variable: Option<&'static str>,
    /// What it may be.
    pub(crate) kind: Kind,
    /// What it means, one line.
    pub(crate) meaning: &'static str,
    /// What holds if nobody sets it; for fields that the built-in file leaves open.
    pub(crate) absent: Option<&'static str>,
    /// What stands in `.env.example` if that is not the default.
    pub(crate) example: Option<&'static str>,
}

impl Field {
    /// The variable that sets it.
    pub(crate) fn variable(&self) -> String {
        match self.own_variable {
            Some(variable) => variable.to_owned(),
            None => format!(
                "{VARIABLE_PREFIX}{}",
                self.name.to_ascii_uppercase().replace('.', "__")
            ),
        }
    }

    /// Whether a TOML file may set it. Secrets stay out of files, and the file to read depends on the environment.
    pub(crate) fn may_stand_in_file(&self) -> bool {
        self.kind != Kind::Secret && self.name != "environment"
    }

    const fn own(mut self, variable: &'static str) -> Self {
        self.own_variable = Some(variable);
        self
    }

    const fn absent(mut self, meaning: &'static str) -> Self {
        self.absent = Some(meaning);
        self
    }

    const fn example(mut self, text: &'static str) -> Self {
        self.example = Some(text);
        self
    }
}

/// What our own variables begin with.
pub(crate) const VARIABLE_PREFIX: &str = "KEYWARD_";
/// Names the directory of the settings files; read before there are settings, so it is no field.
pub(crate) const CONFIG_DIR_VARIABLE: &str = "KEYWARD_CONFIG_DIR";

/// What `.env.example` has in the place of secrets; refused as a value everywhere.
pub(crate) const API_KEY_PLACEHOLDER: &str = "replace-with-your-openai-key";
/// See [`API_KEY_PLACEHOLDER`].
pub(crate) const SECRET_KEY_PLACEHOLDER: &str = "replace-with-at-least-50-random-characters";

const BYTES_MAX: u64 = 1 << 40;
const COUNT: Kind = Kind::Count {
    min: 1,
    max: u32::MAX as u64,
};

const fn field(name: &'static str, kind: Kind, meaning: &'static str) -> Field {
    Field {
        name,
        own_variable: None,
        kind,
        meaning,
        absent: None,
        example: None,
    }
}

const fn milliseconds(min: u64, max: u64) -> Kind {
    Kind::Duration {
        min: Duration::from_millis(min),
        max: Duration::from_millis(max),
    }
}

const fn seconds(min: u64, max: u64) -> Kind {
    Kind::Duration {
        min: Duration::from_secs(min),
        max: Duration::from_secs(max),
    }
}

/// All settings, in the order of the reference page.
pub(crate) const FIELDS: &[Field] = &[
    field("environment", Kind::Choice(&["development", "production"]), "Which rules hold. Production refuses to start on what development forgives.")
        .own("ENVIRONMENT")
        .absent("development"),
    field("debug", Kind::Boolean, "Reserved for detail that helps a developer: today it only must be off in production.").own("DEBUG"),
    field("secret_key", Kind::Secret, "The root of the keys that keyward derives; in production at least 50 random characters.")
        .own("SECRET_KEY")
        .absent("in development made once, in the data directory")
        .example(SECRET_KEY_PLACEHOLDER),
    field("database_url", Kind::DatabaseUrl, "The database: SQLite with three slashes for a path in the working directory, four for an absolute one; or postgresql://user:password@host/database.").own("DATABASE_URL"),
    field("data_dir", Kind::Path, "Where keyward puts files that it makes itself.").absent("the directory of the database").example("data"),
    field("upstream.base_url", Kind::Url, "The API to call, with its path prefix; https unless it is on this machine.").own("OPENAI_BASE_URL"),
    field("upstream.api_key", Kind::Secret, "The key for the upstream; a project key, never an admin key.")
        .own("OPENAI_API_KEY")
        .absent("in development the simulator answers")
        .example(API_KEY_PLACEHOLDER),
    field("upstream.name", Kind::Name, "What the ledger and the metrics call the upstream."),
    field("server.listen", Kind::Address, "Where applications call."),
    field("server.admin_listen", Kind::Address, "Where people and monitoring look."),
    field("server.behind_tls_proxy", Kind::Boolean, "A proxy in front ends TLS; production asks for it where a listener is not on loopback."),
    field("server.trusted_proxies", Kind::Networks, "The proxies in front. Checked at the start; forwarding headers are not read yet.").example("10.0.0.0/8"),
    field("server.connections_max", Kind::Count { min: 1, max: 1_000_000 }, "Open connections at a time where applications call. The admin listener has 64."),
    field("server.header_timeout", milliseconds(100, 600_000), "From the first byte of a request to the end of its headers."),
    field("server.body_timeout", milliseconds(100, 3_600_000), "From the end of the headers to the end of the body."),
    field("server.keep_alive_timeout", milliseconds(100, 3_600_000), "How long an idle connection is kept."),
    field("server.body_bytes_max", Kind::Count { min: 1024, max: 1 << 30 }, "The longest request body, in bytes."),
    field("server.drain", seconds(0, 3600), "How long calls in flight may take after a stop was asked for."),
    field("timeouts.connect", milliseconds(10, 600_000), "Until the connection to the upstream stands, TLS included."),
    field("timeouts.first_byte", milliseconds(10, 3_600_000), "Until the headers of the upstream's answer are here."),
    field("timeouts.idle", milliseconds(10, 3_600_000), "Between two pieces of an answer."),
    field("timeouts.total", milliseconds(10, 86_400_000), "One attempt, from its start to the end of the answer."),
    field("breaker.consecutive_failures_max", COUNT, "The breaker opens at this many failures in a row."),
    field("breaker.window", seconds(1, 3600), "Over this long the failure rate is counted."),
    field("breaker.failure_rate_percent", Kind::Count { min: 1, max: 100 }, "The breaker opens at this share of failed attempts in the window."),
    field("breaker.calls_min", COUNT, "The rate counts from this many attempts in the window."),
    field("breaker.open_for", milliseconds(10, 3_600_000), "How long the breaker stays open before it probes."),
    field("breaker.half_open_probes", Kind::Count { min: 1, max: 1000 }, "Probes of a half-open breaker; all must succeed to close it."),
    field("limits.requests_per_minute", COUNT, "Requests a minute of a virtual key that has no own number."),
    field("cache.embeddings", Kind::Boolean, "Answer identical embedding calls of one key from memory, at no cost."),
    field("cache.embedding_bytes_max", Kind::Count { min: 0, max: BYTES_MAX }, "What the embedding cache may hold, in bytes."),
    field("stream.drain_tokens_max", Kind::Count { min: 0, max: u32::MAX as u64 }, "Tokens read on after a client has gone, so that usage is exact."),
    field("stream.drain", seconds(0, 3600), "How long a stream is read on after its client has gone."),
    field("requests.unknown_fields", Kind::Choice(&["pass", "refuse"]), "What becomes of a field of a request that keyward does not know: it is sent on and counted, or the request is refused."),
    field("requests.object_owner", Kind::Choice(&["project", "key"]), "Who may use what was made at the upstream through keyward, such as a stored response or a file: all keys of the maker's project, or the maker's key alone."),
    field("budgets.daily_usd", Kind::Usd, "The daily budget for everything that a new database begins with; later `keyward budget` changes it."),
    field("budgets.wait", milliseconds(0, 60_000), "How long a call waits for money that other calls hold, before it is refused."),
    field("budgets.output_tokens", Kind::Count { min: 1, max: 1_000_000 }, "The most tokens out of a call that names no maximum, unless 1 % of its tightest budget buys more."),
    field("budgets.end_user", Kind::Choice(&["body", "header", "none"]), "Where a call names its end user: `safety_identifier` or `user` in the body, the header `x-keyward-end-user`, or nowhere."),
    field("budgets.end_users_per_key_day_max", COUNT, "Distinct end users for which one key may begin budgets in a day."),
    field("budgets.lease_life", seconds(3, 600), "How long budget money lent to a server that is gone stays lent."),
    field("alerts.percents", Kind::Percents, "Shares of a budget at which it is told, in the log and to the webhook, once each."),
    field("alerts.webhook_url", Kind::Secret, "Where alerts are sent; https unless it is on this machine.").absent("the log alone").example(""),
    field("alerts.webhook_secret", Kind::Secret, "What the bodies sent to the webhook are signed with (HMAC-SHA-256, header `x-keyward-signature`).").absent("not signed").example(""),
    field("alerts.webhook_form", Kind::Choice(&["json", "slack"]), "The form of what the webhook is sent."),
    field("ledger.gather", milliseconds(0, 100), "How long the writer gathers entries before it commits them together."),
    field("ledger.on_write_failure", Kind::Choice(&["refuse", "continue"]), "While the ledger can't be written: refuse calls, or go on and maybe lose entries."),
    field("prices.unknown", Kind::Choice(&["refuse", "zero"]), "A model without a price: refuse it, or (development only) enter it at zero."),
    field("prices.regional_uplift", Kind::Boolean, "The upstream's project has its data processed in one region, which costs a tenth more with some models."),
    field("log.format", Kind::Choice(&["auto", "json", "text"]), "One JSON object a line, readable text, or text on a terminal only."),
    field("log.level", Kind::LogFilter, "What is logged: a level, or pairs such as `info,gateway=debug`."),
];

/// The field of a dotted name.
pub(crate) fn named(name: &str) -> Option<&'static Field> {
    FIELDS.iter().find(|field| field.name == name)
}

/// The field that a variable sets.
pub(crate) fn of_variable(variable: &str) -> Option<&'static Field> {
    FIELDS.iter().find(|field| field.variable() == variable)
}

/// Whether a TOML table of this name holds settings.
pub(crate) fn is_section(name: &str) -> bool {
    FIELDS.iter().any(|field| {
        field
            .name
            .split_once('.')
            .is_some_and(|(section, _)| section == name)
    })
}

/// The name nearest to a mistyped one, if one is near enough to be meant.
pub(crate) fn nearest(wrong: &str, names: impl Iterator<Item = String>) -> Option<String> {
    let near = names.map(|name| (distance(wrong, &name), name)).min()?;
    (near.0 <= wrong.len().max(near.1.len()) / 3).then_some(near.1)
}

/// Edits between two names: Levenshtein's distance over bytes, one row at a time.
fn distance(left: &str, right: &str) -> usize {
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (line, from) in left.bytes().enumerate() {
        let mut diagonal = line;
        row[0] = line + 1;
        for (column, to) in right.bytes().enumerate() {
            let replaced = diagonal + usize::from(from != to);
            diagonal = row[column + 1];
            row[column + 1] = replaced.min(diagonal + 1).min(row[column] + 1);
        }
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_are_spelled_after_their_fields() {
        assert_eq!(
            named("server.listen").unwrap().variable(),
            "KEYWARD_SERVER__LISTEN"
        );
        assert_eq!(named("data_dir").unwrap().variable(), "KEYWARD_DATA_DIR");
        assert_eq!(
            of_variable("OPENAI_BASE_URL").unwrap().name,
            "upstream.base_url"
        );
    }

    #[test]
    fn distance_counts_edits() {
        for (left, right, edits) in [
            ("", "", 0),
            ("", "abc", 3),
            ("abc", "", 3),
            ("listen", "listne", 2),
            ("listen", "lisen", 1),
            ("a", "b", 1),
        ] {
            assert_eq!(distance(left, right), edits, "{left} {right}");
        }
    }

    #[test]
    fn only_a_near_name_is_suggested() {
        let names = || FIELDS.iter().map(Field::variable);
        assert_eq!(
            nearest("KEYWARD_SERVER_LISTEN", names()).as_deref(),
            Some("KEYWARD_SERVER__LISTEN")
        );
        assert_eq!(nearest("zzzzzzzz", names()), None);
    }

    #[test]
    fn names_and_variables_stand_once() {
        for (index, field) in FIELDS.iter().enumerate() {
            for other in &FIELDS[index + 1..] {
                assert_ne!(field.name, other.name);
                assert_ne!(field.variable(), other.variable());
            }
        }
    }
}
