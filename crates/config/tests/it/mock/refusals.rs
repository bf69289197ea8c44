//! What is refused, and that it is named by field and place, all at once.
//!
//! Invariants: no refusal repeats a value.
//! Does not know: production, trust.

use crate::world::{World, api_key, virtual_key};

/// One TOML text in `config/default.toml`, refused in one line that begins as told.
#[track_caller]
fn check(toml: &str, beginning: &str) {
    let problem = World::new().file("config/default.toml", toml).problem();
    assert!(problem.starts_with(beginning), "{problem}");
}

#[test]
fn an_unknown_name_is_refused_with_the_nearest_one() {
    check(
        "[server]\nlisten = \"127.0.0.1:1\"\nlitsen = \"127.0.0.1:2\"\n",
        "server.litsen (config/default.toml:3) is no setting; did you mean server.listen?",
    );
    check(
        "[serve]\nlisten = \"127.0.0.1:1\"\n",
        "serve (config/default.toml:1) is no setting",
    );
    check(
        "wholly_other = 1\n",
        "wholly_other (config/default.toml:1) is no setting; remove it; docs/reference/settings.md",
    );
    check(
        "[[server]]\n",
        "server (config/default.toml:1) is one value where a table belongs",
    );
    check(
        "server = 1\n",
        "server (config/default.toml:1) is one value where a table belongs",
    );
    check(
        "[log.level]\na = 1\n",
        "log.level (config/default.toml:1) is a table where one value belongs",
    );
}

#[test]
fn a_wrong_type_is_told_with_what_would_be_right() {
    check(
        "debug = \"yes\"\n",
        "debug (config/default.toml:1) is text where `true` or `false` belongs; write true or false, without quotes",
    );
    check(
        "[server]\nlisten = 8080\n",
        "server.listen (config/default.toml:2) is a whole number where an address with a port belongs",
    );
    check(
        "[server]\ndrain = 5\n",
        "server.drain (config/default.toml:2) is a whole number where a length of time from 0ms to 1h belongs",
    );
    check(
        "[server]\ndrain = \"5 s\"\n",
        "server.drain (config/default.toml:2) is not a length of time from 0ms to 1h; write",
    );
    check(
        "[server]\ndrain = \"2h\"\n",
        "server.drain (config/default.toml:2) is not a length of time from 0ms to 1h; write",
    );
    check(
        "[server]\nconnections_max = 0\n",
        "server.connections_max (config/default.toml:2) is not a whole number from 1 to 1000000",
    );
    check(
        "[server]\nconnections_max = -1\n",
        "server.connections_max (config/default.toml:2) is not a whole number from 1",
    );
    check(
        "[server]\nconnections_max = 1.5\n",
        "server.connections_max (config/default.toml:2) is a number with a point where",
    );
    check(
        "[server]\ntrusted_proxies = \"10.0.0.0/8\"\n",
        "server.trusted_proxies (config/default.toml:2) is text where a list of addresses",
    );
    check(
        "[server]\ntrusted_proxies = [\"10.0.0.0/8\", 7]\n",
        "server.trusted_proxies (config/default.toml:2) is a list where",
    );
    check(
        "[server]\ntrusted_proxies = [\"a proxy\"]\n",
        "server.trusted_proxies (config/default.toml:2) is not a list of addresses or ranges",
    );
    check(
        "[breaker]\nfailure_rate_percent = 101\n",
        "breaker.failure_rate_percent (config/default.toml:2) is not a whole number from 1 to 100",
    );
    check(
        "[log]\nformat = \"xml\"\n",
        "log.format (config/default.toml:2) is not `auto` or `json` or `text`",
    );
    check(
        "[log]\nlevel = \"loud\"\n",
        "log.level (config/default.toml:2) is not a log level; write off, error",
    );
    check(
        "[upstream]\nname = \"Open AI\"\n",
        "upstream.name (config/default.toml:2) is not a name of at most 32 lower-case letters",
    );
    check(
        "database_url = \"\"\n",
        "database_url (config/default.toml:1) is not the URL of a database",
    );
}

#[test]
fn a_file_that_is_not_toml_is_named_with_its_line() {
    check(
        "debug = false\n\n[server\n",
        "config/default.toml (config/default.toml:3) is not valid TOML there",
    );
    check(
        "debug = false\ndebug = true\n",
        "config/default.toml (config/default.toml:2) is not valid TOML there",
    );
    let world = World::new().file("config/default.toml", b"debug = false\n# \xff\n");
    assert!(
        world
            .problem()
            .starts_with("config/default.toml (config/default.toml) is not UTF-8 on line 2"),
        "{}",
        world.problem()
    );
    let world = World::new().file("config/default.toml", "#".repeat(1024 * 1024 + 1));
    assert!(
        world.problem().contains("is larger than 1048576 bytes"),
        "{}",
        world.problem()
    );
}

#[test]
fn a_key_in_any_toml_file_is_refused_by_file_and_line() {
    let pem = ["-----BEGIN", "PRIVATE", "KEY-----"].join(" ");
    let amazon = ["AK", "IA", "ABCDEFGHIJ234567"].concat();
    for key in [api_key(), virtual_key(), pem, amazon] {
        let texts = [
            format!("# a\n[upstream] # {key}\n"),
            format!("# a\ndatabase_url = \"sqlite:///{key}\"\n"),
            format!("# a\n\"{key}\" = 1\n"),
            format!("# a\nnot toml {key}\n"),
        ];
        for name in [
            "default",
            "development",
            "production",
            "prices",
            "prices.local",
            "other",
        ] {
            for text in &texts {
                let world = World::new().file(&format!("config/{name}.toml"), text);
                let place = format!("config/{name}.toml:2");
                let errors = world.load().map(|_| ()).unwrap_err();
                assert!(
                    errors
                        .problems()
                        .iter()
                        .any(|problem| problem.source == place
                            && problem.problem.starts_with("holds ")),
                    "{name}: {errors}"
                );
                assert!(!format!("{errors} {errors:?}").contains(&key), "{errors}");
            }
        }
    }
}

#[test]
fn a_key_behind_escapes_and_one_without_a_shape_are_found_too() {
    let hidden = api_key().replace("sk-", "\\u0073k-");
    let world = World::new().file(
        "config/prices.toml",
        format!("\nnote = [\"a\", \"{hidden}\"]\n"),
    );
    assert_eq!(
        world.problems(),
        [(
            "config/prices.toml".to_owned(),
            "config/prices.toml:2".to_owned()
        )]
    );
    let random = ["9f86d081884c7d65", "9a2feaa0c55ad015"].concat();
    for line in [
        format!("vault_token = \"{random}\""),
        format!("[a]\napiKey = \"{random}\""),
        format!("x = {{ client_secret = \"{random}\" }}"),
    ] {
        let world = World::new().file("config/prices.toml", &line);
        assert!(
            world.problem().contains("holds what looks like a secret"),
            "{}",
            world.problem()
        );
    }
    assert!(
        World::new()
            .file("config/prices.toml", format!("digest = \"{random}\""))
            .load()
            .is_ok(),
        "only names of secrets are looked at so closely"
    );
}

#[test]
fn secrets_stay_out_of_files_and_command_lines() {
    check(
        "secret_key = \"short\"\n",
        "secret_key (config/default.toml:1) is a secret, and secrets stay out of files; take it out and set SECRET_KEY",
    );
    check(
        "[upstream]\napi_key = \"short\"\n",
        "upstream.api_key (config/default.toml:2) is a secret, and secrets stay out of files; take it out and set OPENAI_API_KEY",
    );
    let problem = World::new().option("upstream.api_key", "short").problem();
    assert!(
        problem.starts_with("upstream.api_key (command line) is a secret; set OPENAI_API_KEY"),
        "{problem}"
    );
}

#[test]
fn unknown_variables_of_ours_are_refused_and_others_are_not() {
    let check = |name: &str, remedy: &str| {
        let problem = World::new().variable(name, "1").problem();
        assert_eq!(
            problem,
            format!("{name} (environment {name}) is no setting; {remedy}")
        );
        let problem = World::new().file(".env", format!("{name}=1\n")).problem();
        assert_eq!(problem, format!("{name} (.env:1) is no setting; {remedy}"));
    };
    check(
        "KEYWARD_SERVER_LISTEN",
        "did you mean KEYWARD_SERVER__LISTEN?",
    );
    check("keyward_server__listen", "write KEYWARD_SERVER__LISTEN");
    check("KEYWARD_UPSTREAM__API_KEY", "write OPENAI_API_KEY");
    check(
        "KEYWARD_QUITE_ANOTHER_THING",
        "remove it; docs/reference/settings.md lists all settings",
    );
    let others = World::new()
        .variable("PATH", "/bin")
        .variable("KEYWARDEN", "1")
        .file(".env", "POSTGRES_USER=app\n");
    assert!(others.load().is_ok());
    let problem = World::new().option("server.lisen", "127.0.0.1:1").problem();
    assert_eq!(
        problem,
        "server.lisen (command line) is no setting; did you mean server.listen?"
    );
}

#[test]
fn every_problem_of_every_source_is_told_at_once() {
    let world = World::new()
        .file("config/default.toml", "nope = 1\n[server]\nlisten = 1\n")
        .file("config/development.toml", "[log]\nlevel = 2\n")
        .file(".env", "bad line\nKEYWARD_SERVER__DRAIN=soon\n")
        .variable("KEYWARD_SERVER__DRAIN", "5s")
        .variable("DEBUG", "perhaps")
        .variable("DATABASE_URL", "mysql://u@h/d")
        .variable("OPENAI_BASE_URL", "http://api.openai.com/v1")
        .option("server.admin_listen", "nowhere");
    let problems = world.problems();
    let expected = [
        ("nope", "config/default.toml:1"),
        ("server.listen", "config/default.toml:3"),
        ("log.level", "config/development.toml:2"),
        (".env", ".env:1"),
        ("server.drain", ".env:2"),
        ("debug", "environment DEBUG"),
        ("server.admin_listen", "command line"),
        ("database_url", "environment DATABASE_URL"),
        ("upstream.base_url", "environment OPENAI_BASE_URL"),
        ("upstream.api_key", "not set"),
    ];
    assert_eq!(
        problems,
        expected.map(|(field, source)| (field.to_owned(), source.to_owned()))
    );
    let display = world.load().map(|_| ()).unwrap_err().to_string();
    assert_eq!(display.lines().count(), 11);
    assert!(
        display.starts_with(
            "read the settings: 10 to mend\n  nope (config/default.toml:1) is no setting; "
        ),
        "{display}"
    );
}

#[test]
fn a_database_server_is_named_whole_and_without_its_password_in_a_file() {
    let problem = World::new()
        .variable("DATABASE_URL", "postgresql://app:word@db")
        .problem();
    let told = "database_url (environment DATABASE_URL) names no database; write postgresql://";
    assert!(problem.starts_with(told), "{problem}");
    let problem = World::new()
        .file(
            "config/default.toml",
            "database_url = \"postgresql://app:word@db/keyward\"\n",
        )
        .problem();
    let told = "database_url (config/default.toml:1) holds a password, and secrets stay out of files; write it without";
    assert!(problem.starts_with(told), "{problem}");
}

#[test]
fn amounts_shares_and_webhooks_are_checked() {
    let check = |name: &str, value: &str, told: &str| {
        let problem = World::new().variable(name, value).problem();
        assert!(problem.contains(told), "{name}={value}: {problem}");
    };
    check(
        "KEYWARD_BUDGETS__DAILY_USD",
        "1e3",
        "is not an amount in USD with at most 12 decimals, or `none`",
    );
    check("KEYWARD_ALERTS__PERCENTS", "50,120", "from 1 to 100");
    check(
        "KEYWARD_ALERTS__WEBHOOK_URL",
        "http://hooks.example.com/x",
        "is http to another machine",
    );
    check(
        "KEYWARD_ALERTS__WEBHOOK_SECRET",
        "short",
        "is shorter than 16",
    );
}

#[test]
fn an_environment_that_is_not_known_is_refused() {
    let problem = World::new().variable("ENVIRONMENT", "staging").problem();
    assert_eq!(
        problem,
        "environment (environment ENVIRONMENT) is not `development` or `production`; write `development` or `production`"
    );
}

#[test]
fn two_listeners_need_two_addresses() {
    let world = World::new()
        .option("server.listen", "127.0.0.1:9000")
        .option("server.admin_listen", "127.0.0.1:9000");
    assert!(
        world
            .problem()
            .starts_with("server.admin_listen (command line) is the same address"),
        "{}",
        world.problem()
    );
    assert!(
        World::new()
            .option("server.listen", "127.0.0.1:0")
            .option("server.admin_listen", "127.0.0.1:0")
            .load()
            .is_ok()
    );
}

#[test]
fn keys_that_cannot_be_keys_are_refused() {
    let check = |key: &str, told: &str| {
        let problem = World::new().variable("OPENAI_API_KEY", key).problem();
        assert!(
            problem.starts_with("upstream.api_key (environment OPENAI_API_KEY) ")
                && problem.contains(told),
            "{problem}"
        );
    };
    check(&["sk", "-admin-", "x1y2z3"].concat(), "is an admin key");
    check("two words", "holds a space");
    check("schlüssel", "not ASCII");
    check("ends-in-a-line-break\n", "control characters");
    check("bytes-\u{fffd}", "not UTF-8");
    check("replace-with-your-openai-key", "is still the placeholder");
    let problem = World::new()
        .variable("SECRET_KEY", "replace-with-at-least-50-random-characters")
        .problem();
    assert!(problem.contains("is still the placeholder"), "{problem}");
}

#[test]
fn a_directory_with_too_many_files_is_not_ours() {
    let world = (0..65).fold(World::new(), |world, number| {
        world.file(&format!("config/{number}.toml"), "")
    });
    assert!(
        world
            .problem()
            .starts_with("--config-dir (config) holds more than 64 TOML files"),
        "{}",
        world.problem()
    );
}
