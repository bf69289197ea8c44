//! The pages that are made from the table of settings, and the table itself.
//!
//! Invariants: what stands in the tree is what the program would write.
//! Does not know: single settings.

use std::path::Path;

use crate::world::World;

const REWRITE: &str = "run: cargo run -p config --example write_reference";

fn in_tree(path: &str) -> String {
    std::fs::read_to_string(
        Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("../..")
            .join(path),
    )
    .unwrap()
}

#[test]
fn the_reference_page_is_up_to_date() {
    assert!(
        in_tree("docs/reference/settings.md") == config::settings_page(),
        "docs/reference/settings.md differs from the settings; {REWRITE}"
    );
}

#[test]
fn the_example_file_is_up_to_date() {
    assert!(
        in_tree(".env.example") == config::env_example(),
        ".env.example differs from the settings; {REWRITE}"
    );
}

/// Whoever uncomments everything is told of the two placeholders and of nothing else: all other lines are right.
#[test]
fn the_example_file_works_but_for_its_placeholders() {
    assert!(
        World::new()
            .file(".env", config::env_example())
            .load()
            .is_ok(),
        "as it comes, it changes nothing"
    );
    let is_setting = |line: &&str| {
        line.strip_prefix("# ").is_some_and(|rest| {
            rest.split_once('=')
                .is_some_and(|(name, _)| !name.contains(' '))
        })
    };
    let example = config::env_example();
    let uncommented: Vec<&str> = example
        .lines()
        .filter(is_setting)
        .map(|line| &line[2..])
        .collect();
    let problems = World::new().file(".env", uncommented.join("\n")).problems();
    let fields: Vec<&str> = problems.iter().map(|(field, _)| field.as_str()).collect();
    assert_eq!(fields, ["upstream.api_key", "secret_key"]);
    let rows = config::settings_page()
        .lines()
        .filter(|line| line.starts_with("| `"))
        .count();
    assert_eq!(uncommented.len(), rows, "every variable is explained");
}

/// The settings files of the tree, read as settings: they are right and change nothing but what they say.
#[test]
fn the_settings_files_of_the_tree_are_right() {
    let files = [
        "default.toml",
        "development.toml",
        "production.toml",
        "prices.toml",
    ];
    let with_files = |world: World| {
        files.iter().fold(world, |world, name| {
            world.file(
                &format!("config/{name}"),
                in_tree(&format!("config/{name}")),
            )
        })
    };
    for world in [World::new, World::production] {
        let values = |world: &World| {
            world
                .load()
                .unwrap()
                .shown
                .into_iter()
                .map(|shown| shown.value.replace(world.path().to_str().unwrap(), ""))
                .collect::<Vec<_>>()
        };
        assert_eq!(values(&with_files(world())), values(&world()));
    }
}

#[test]
fn every_setting_is_shown_once_in_the_order_of_the_page() {
    let page = config::settings_page();
    let rows: Vec<&str> = page
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split('`').next())
        .collect();
    let shown = World::new().load().unwrap().shown;
    assert_eq!(
        shown
            .iter()
            .map(|shown| shown.field.as_str())
            .collect::<Vec<_>>(),
        rows
    );
}
