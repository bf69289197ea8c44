//! Who may say where the key goes.
//!
//! Invariants: a file in the directory one stands in never leads a key away that it did not bring itself.
//! Does not know: what a URL may look like.

use config::Upstream;

use crate::world::{World, api_key};

const LOCAL: &str = "http://127.0.0.1:18082/v1";

#[track_caller]
fn refused(world: &World, place: &str) {
    let problem = world.problem();
    assert!(
        problem.starts_with(&format!(
            "upstream.base_url ({place}) would send the key of environment OPENAI_API_KEY"
        )),
        "{problem}"
    );
}

#[track_caller]
fn goes_to(world: &World, url: &str) {
    let Upstream::OpenAi { base_url, .. } = world.settings().upstream else {
        panic!("no upstream")
    };
    assert_eq!(base_url.as_str(), url);
}

fn with_key() -> World {
    World::new().variable("OPENAI_API_KEY", &api_key())
}

#[test]
fn a_file_in_the_working_directory_may_not_lead_the_key_of_the_environment_away() {
    for url in [LOCAL, "https://elsewhere.example/v1"] {
        refused(
            &with_key().file(".env", format!("OPENAI_BASE_URL={url}\n")),
            ".env:1",
        );
        let text = format!("[upstream]\nbase_url = \"{url}\"\n");
        refused(
            &with_key().file("config/default.toml", &text),
            "config/default.toml:2",
        );
        refused(
            &with_key().file("config/development.toml", &text),
            "config/development.toml:2",
        );
        refused(
            &with_key()
                .file("here/default.toml", &text)
                .config_dir("here"),
            "here/default.toml:2",
        );
        refused(
            &with_key()
                .file("here/default.toml", &text)
                .variable("KEYWARD_CONFIG_DIR", "./here"),
            "./here/default.toml:2",
        );
    }
}

#[test]
fn it_holds_in_production_too() {
    let world = World::production().file(
        "config/production.toml",
        "[upstream]\nbase_url = \"https://elsewhere.example/v1\"\n",
    );
    refused(&world, "config/production.toml:2");
}

#[test]
fn whoever_brings_the_key_may_say_where_it_goes() {
    let bring_both = World::new().file(
        ".env",
        format!("OPENAI_API_KEY={}\nOPENAI_BASE_URL={LOCAL}\n", api_key()),
    );
    goes_to(&bring_both, LOCAL);
    goes_to(&with_key().variable("OPENAI_BASE_URL", LOCAL), LOCAL);
    goes_to(&with_key().option("upstream.base_url", LOCAL), LOCAL);
    let key_of_directory = World::new().file(".env", format!("OPENAI_API_KEY={}\n", api_key()));
    goes_to(&key_of_directory.variable("OPENAI_BASE_URL", LOCAL), LOCAL);
}

#[test]
fn a_directory_named_by_an_absolute_path_is_the_operators() {
    let elsewhere = tempfile::tempdir().unwrap();
    std::fs::write(
        elsewhere.path().join("default.toml"),
        format!("[upstream]\nbase_url = \"{LOCAL}\"\n"),
    )
    .unwrap();
    goes_to(&with_key().config_dir(elsewhere.path()), LOCAL);
}

#[test]
fn anybody_may_name_openai_itself() {
    let world = with_key().file(
        "config/default.toml",
        "[upstream]\nbase_url = \"https://api.openai.com/v1/\"\n",
    );
    goes_to(&world, "https://api.openai.com/v1");
}

#[test]
fn the_operator_overrides_what_the_directory_says() {
    let world = with_key()
        .file(".env", "OPENAI_BASE_URL=https://elsewhere.example/v1\n")
        .variable("OPENAI_BASE_URL", LOCAL);
    goes_to(&world, LOCAL);
}

#[test]
fn a_file_in_the_working_directory_may_not_name_the_server_that_holds_the_virtual_keys() {
    let url = "postgresql://app@db.example/keyward";
    for (path, text) in [
        (".env", format!("DATABASE_URL={url}\n")),
        ("config/default.toml", format!("database_url = \"{url}\"\n")),
    ] {
        let problem = with_key().file(path, &text).problem();
        assert!(
            problem.starts_with(&format!("database_url ({path}:1) would let a server")),
            "{problem}"
        );
    }
    let settings = with_key().variable("DATABASE_URL", url).settings();
    assert!(matches!(settings.database, config::Database::Postgres(_)));
}
