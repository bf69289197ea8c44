//! What production does not forgive.
//!
//! Invariants: each rule is broken alone, from a world in which production starts.
//! Does not know: development.

use config::{Environment, Upstream};
use proptest::prelude::*;

use crate::world::{World, api_key, strong_secret};

#[track_caller]
fn check(world: &World, beginning: &str) {
    let problem = world.problem();
    assert!(problem.starts_with(beginning), "{problem}");
}

#[test]
fn a_good_production_starts() {
    let settings = World::production().settings();
    assert_eq!(settings.environment, Environment::Production);
    assert!(matches!(settings.upstream, Upstream::OpenAi { .. }));
}

#[test]
fn each_rule_is_told_by_its_field() {
    let world = World::production;
    check(
        &world().variable("DEBUG", "true"),
        "debug (environment DEBUG) is on in production; set DEBUG=false",
    );
    check(
        &world().without("SECRET_KEY"),
        "secret_key (not set) is missing; set SECRET_KEY in the environment of the process",
    );
    check(
        &world().without("OPENAI_API_KEY"),
        "upstream.api_key (not set) is missing, and production has no simulator",
    );
    check(
        &world().variable("KEYWARD_PRICES__UNKNOWN", "zero"),
        "prices.unknown (environment KEYWARD_PRICES__UNKNOWN) is zero in production",
    );
    check(
        &world().option("server.listen", "0.0.0.0:8080"),
        "server.listen (command line) is open to other machines without TLS",
    );
    check(
        &world().option("server.admin_listen", "[::]:8081"),
        "server.admin_listen (command line) is open to other machines",
    );
    let behind = world()
        .option("server.listen", "0.0.0.0:8080")
        .variable("KEYWARD_SERVER__BEHIND_TLS_PROXY", "true");
    check(
        &behind,
        "server.trusted_proxies (built-in) is empty, though a proxy is in front",
    );
    assert!(
        behind
            .variable("KEYWARD_SERVER__TRUSTED_PROXIES", "10.0.0.0/8")
            .load()
            .is_ok()
    );
}

#[test]
fn all_violations_are_told_at_once() {
    let world = World::new()
        .variable("ENVIRONMENT", "production")
        .variable("DEBUG", "1")
        .variable("SECRET_KEY", "short")
        .variable("KEYWARD_PRICES__UNKNOWN", "zero")
        .option("server.listen", "0.0.0.0:8080")
        .option("server.admin_listen", "0.0.0.0:8081");
    let fields: Vec<String> = world
        .problems()
        .into_iter()
        .map(|(field, _)| field)
        .collect();
    assert_eq!(
        fields,
        [
            "debug",
            "secret_key",
            "upstream.api_key",
            "prices.unknown",
            "server.listen",
            "server.admin_listen"
        ]
    );
}

#[test]
fn env_files_are_not_even_opened() {
    let world = World::production().file(".env", "not a line\nDEBUG=true\nKEYWARD_NO_SUCH=1\n");
    assert!(!world.settings().debug);
    let world = World::new().variable("ENVIRONMENT", "production").file(
        ".env",
        format!(
            "SECRET_KEY={}\nOPENAI_API_KEY={}\n",
            strong_secret(),
            api_key()
        ),
    );
    assert_eq!(world.problems().len(), 2);
}

#[test]
fn weak_secret_keys_are_refused() {
    let half = &strong_secret()[..32];
    for weak in [
        strong_secret()[..49].to_owned(),
        "0123456789abcdef".repeat(4),
        [half, half].concat(),
        "x".repeat(64),
        "deadbeef".repeat(8),
        [&strong_secret()[..42], "aaaaaaaa"].concat(),
        [&strong_secret()[..42], "abcdefgh"].concat(),
        [&strong_secret()[..42], "87654321"].concat(),
        ["django-", "insecure-", &strong_secret()].concat(),
        "please-change-me-before-you-go-to-production-1234567890".to_owned(),
    ] {
        check(
            &World::production().variable("SECRET_KEY", &weak),
            "secret_key (environment SECRET_KEY) is ",
        );
    }
}

#[test]
fn the_key_of_development_is_not_taken_to_production() {
    let development = World::new().making_keys();
    development.settings();
    let key = std::fs::read_to_string(development.path().join("data/secret_key")).unwrap();
    let world = World::production()
        .variable("SECRET_KEY", key.trim())
        .file("data/secret_key", &key);
    assert!(
        world.load().is_ok(),
        "a file that others may read is no development key of ours"
    );
    restrict(&world.path().join("data/secret_key"));
    check(
        &world,
        "secret_key (environment SECRET_KEY) is the development key of the data directory",
    );
}

fn restrict(path: &std::path::Path) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).unwrap();
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 64, ..ProptestConfig::default() })]
    #[test]
    fn random_keys_pass(bytes in any::<[u8; 32]>().prop_map(spread)) {
        let hexadecimal: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        prop_assert!(World::production().variable("SECRET_KEY", &hexadecimal).load().is_ok());
    }

    #[test]
    fn repeats_of_a_short_word_never_pass(word in "[a-z0-9]{1,12}") {
        let weak = word.repeat(70 / word.len() + 1);
        prop_assert!(World::production().variable("SECRET_KEY", &weak).load().is_err());
    }
}

/// proptest likes zeros and ones at the edges, which no random source does: hash them away.
fn spread(bytes: [u8; 32]) -> [u8; 32] {
    let text: String = bytes.iter().map(|byte| char::from(*byte)).collect();
    config::derive(&secrecy::SecretString::from(text), "test")
}

#[test]
fn a_distant_database_without_tls_is_refused() {
    let world = |url: &str| World::production().variable("DATABASE_URL", url);
    let problem = world("postgresql://app:word@db.example/keyward").problem();
    assert!(
        problem.starts_with("database_url (environment DATABASE_URL) names another machine"),
        "{problem}"
    );
    world("postgresql://app:word@db.example/keyward?sslmode=require").settings();
    let shown = world("postgresql://app:word@127.0.0.1/keyward").shown("database_url");
    assert_eq!(shown.0, "postgresql://app:[set]@127.0.0.1/keyward");
}
