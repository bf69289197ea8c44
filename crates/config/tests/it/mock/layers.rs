//! Which source wins, and how it is shown.
//!
//! Invariants: each source alone sets a field; each later one wins over all before it.
//! Does not know: what is refused.

use std::net::SocketAddr;
use std::time::Duration;

use config::{Database, Environment, LogFormat, OnWriteFailure, UnknownPrice, Upstream};

use crate::world::{World, api_key};

#[track_caller]
fn check(world: &World, field: &str, value: &str, source: &str) {
    assert_eq!(
        world.shown(field),
        (value.to_owned(), source.to_owned()),
        "{field}"
    );
}

#[test]
fn a_bare_start_is_development_on_loopback_with_the_simulator() {
    let world = World::new();
    let settings = world.settings();
    assert_eq!(settings.environment, Environment::Development);
    assert!(!settings.debug);
    assert!(matches!(settings.upstream, Upstream::Simulator));
    assert_eq!(
        settings.server.listen,
        SocketAddr::from(([127, 0, 0, 1], 8080))
    );
    assert_eq!(
        settings.server.admin_listen,
        SocketAddr::from(([127, 0, 0, 1], 8081))
    );
    assert!(
        matches!(settings.database, Database::Sqlite(path) if path == world.path().join("data/keyward.db"))
    );
    assert_eq!(settings.data_dir, world.path().join("data"));
    assert_eq!(settings.ledger.on_write_failure, OnWriteFailure::Refuse);
    assert_eq!(settings.ledger.gather, Duration::from_millis(5));
    assert_eq!(settings.prices.unknown, UnknownPrice::Refuse);
    assert_eq!(settings.log.format, LogFormat::Auto);
    assert_eq!(world.sources().working_dir, world.path());
    assert_eq!(
        std::fs::read_dir(world.path()).unwrap().count(),
        0,
        "loading wrote something"
    );
}

#[test]
fn each_later_source_wins() {
    let world = World::new();
    check(&world, "log.level", "info", "built-in");
    let world = world.file("config/default.toml", "# mine\n[log]\nlevel = \"warn\"\n");
    check(&world, "log.level", "warn", "config/default.toml:3");
    let world = world.file("config/development.toml", "[log]\nlevel = \"error\"\n");
    check(&world, "log.level", "error", "config/development.toml:2");
    let world = world.file(".env", "# first\nexport KEYWARD_LOG__LEVEL=debug # mine\n");
    check(&world, "log.level", "debug", ".env:2");
    let world = world.variable("KEYWARD_LOG__LEVEL", "trace");
    check(
        &world,
        "log.level",
        "trace",
        "environment KEYWARD_LOG__LEVEL",
    );
    let world = world.option("log.level", "off");
    check(&world, "log.level", "off", "command line");
    assert_eq!(world.settings().log.level, "off");
}

#[test]
fn layers_meet_field_by_field_and_lists_are_replaced() {
    let world = World::new()
        .file(
            "config/default.toml",
            "server = { drain = \"9s\", trusted_proxies = [\"10.0.0.0/8\", \"::1\"] }\n",
        )
        .file(
            "config/development.toml",
            "[server]\nbody_bytes_max = 2048\n",
        )
        .variable("KEYWARD_SERVER__TRUSTED_PROXIES", "192.0.2.7, 192.0.2.8/31");
    let server = world.settings().server;
    assert_eq!(
        (server.drain, server.body_bytes_max),
        (Duration::from_secs(9), 2048)
    );
    assert_eq!(server.trusted_proxies.len(), 2);
    assert!(server.trusted_proxies[1].contains("192.0.2.9".parse().unwrap()));
    check(&world, "server.drain", "9s", "config/default.toml:1");
    check(
        &world,
        "server.trusted_proxies",
        "192.0.2.7,192.0.2.8/31",
        "environment KEYWARD_SERVER__TRUSTED_PROXIES",
    );
}

#[test]
fn the_environment_chooses_the_file_and_is_told_from_a_variable_only() {
    let world = World::production()
        .file("config/development.toml", "[log]\nlevel = \"debug\"\n")
        .file("config/production.toml", "[log]\nlevel = \"warn\"\n");
    assert_eq!(world.settings().log.level, "warn");
    check(
        &world,
        "environment",
        "production",
        "environment ENVIRONMENT",
    );
    check(&World::new(), "environment", "development", "built-in");
    check(
        &World::new().file(".env", "ENVIRONMENT=development\n"),
        "environment",
        "development",
        ".env:1",
    );
    let refused = World::new()
        .file("config/default.toml", "environment = \"production\"\n")
        .problem();
    assert!(
        refused.starts_with("environment (config/default.toml:1) decides which files are read"),
        "{refused}"
    );
    let refused = World::new()
        .file(".env", "\nENVIRONMENT=production\n")
        .problem();
    assert!(
        refused.starts_with("environment (.env:2) asks for production"),
        "{refused}"
    );
}

#[test]
fn a_bare_binary_has_the_defaults_of_its_environment() {
    check(
        &World::production(),
        "log.format",
        "json",
        "built-in production",
    );
    check(&World::new(), "server.drain", "5s", "built-in development");
}

#[test]
fn an_empty_variable_counts_as_not_set() {
    let world = World::new()
        .variable("OPENAI_API_KEY", "")
        .variable("ENVIRONMENT", "")
        .variable("KEYWARD_LOG__LEVEL", "");
    assert!(matches!(world.settings().upstream, Upstream::Simulator));
    check(&world, "log.level", "info", "built-in");
}

#[test]
fn the_settings_directory_may_be_named() {
    let elsewhere = tempfile::tempdir().unwrap();
    std::fs::write(
        elsewhere.path().join("default.toml"),
        "[log]\nlevel = \"warn\"\n",
    )
    .unwrap();
    let place = format!("{}:2", elsewhere.path().join("default.toml").display());
    check(
        &World::new().config_dir(elsewhere.path()),
        "log.level",
        "warn",
        &place,
    );
    check(
        &World::new().variable("KEYWARD_CONFIG_DIR", elsewhere.path().to_str().unwrap()),
        "log.level",
        "warn",
        &place,
    );
    check(
        &World::new()
            .file("mine/default.toml", "[log]\nlevel = \"warn\"\n")
            .config_dir("mine"),
        "log.level",
        "warn",
        "mine/default.toml:2",
    );
    let not_there = World::new().config_dir("not-there").problem();
    assert!(
        not_there.starts_with("--config-dir (not-there) can't be read"),
        "{not_there}"
    );
    let from_file = World::new()
        .file(".env", "KEYWARD_CONFIG_DIR=/tmp\n")
        .problem();
    assert!(
        from_file.starts_with("KEYWARD_CONFIG_DIR (.env:1) can't be set by a file"),
        "{from_file}"
    );
}

#[test]
fn price_files_follow_the_built_in_prices() {
    let names = |world: &World| {
        world
            .load()
            .unwrap()
            .price_sources
            .into_iter()
            .map(|(name, _)| name)
            .collect::<Vec<_>>()
    };
    assert_eq!(names(&World::new()), ["built-in prices.toml"]);
    let world = World::new()
        .file("config/prices.local.toml", "# local\n")
        .file("config/prices.toml", "# shared\n");
    assert_eq!(
        names(&world),
        [
            "built-in prices.toml",
            "config/prices.toml",
            "config/prices.local.toml"
        ]
    );
    let texts = world.load().unwrap().price_sources;
    assert!(texts[0].1.contains("[[price]]"));
    assert_eq!(texts[2].1, "# local\n");
}

#[test]
fn a_key_and_a_url_make_an_upstream() {
    let world = World::new()
        .variable("OPENAI_API_KEY", &api_key())
        .variable("OPENAI_BASE_URL", "http://127.0.0.1:18082/openai/v1/");
    let Upstream::OpenAi { base_url, name, .. } = world.settings().upstream else {
        panic!("no upstream")
    };
    assert_eq!(
        (base_url.as_str(), name.as_str()),
        ("http://127.0.0.1:18082/openai/v1", "openai")
    );
    let missing = World::new()
        .variable("OPENAI_BASE_URL", "http://127.0.0.1:18082/v1")
        .problem();
    assert!(
        missing.starts_with(
            "upstream.api_key (not set) is missing, though OPENAI_BASE_URL names a server"
        ),
        "{missing}"
    );
}

#[test]
fn the_data_directory_is_beside_the_database_unless_it_is_set() {
    let world = World::new().variable("DATABASE_URL", "sqlite:////var/lib/keyward/keyward.db");
    assert_eq!(world.settings().data_dir.to_str(), Some("/var/lib/keyward"));
    let world = world.variable("KEYWARD_DATA_DIR", "own");
    assert_eq!(world.settings().data_dir, world.path().join("own"));
}
