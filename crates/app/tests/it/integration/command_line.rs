//! The commands beside `serve`: what they write, what they refuse, and with which exit code.
//!
//! Invariants: JSON forms are fixed; every refusal says what to do.
//! Does not know: the server.

use serde_json::json;

use crate::support::{Place, send, text};

/// Runs `arguments`, which must fail with `code` and say each of `words`.
fn check_refused(place: &Place, arguments: &[&str], code: i32, words: &[&str]) {
    let output = place.run(arguments);
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {said}");
    for word in words {
        assert!(
            said.contains(word),
            "{arguments:?} does not say {word:?}: {said}"
        );
    }
}

#[test]
#[ignore = "integration tier"]
fn keys_are_made_listed_and_revoked() {
    let place = Place::new(&[]);
    let made = place.json(&[
        "keys",
        "create",
        "--name",
        "chatbot",
        "--project",
        "support",
        "--model",
        "gpt-4o*,text-embedding-ada-002",
        "--tag",
        "team-a",
        "--format",
        "json",
    ]);
    assert_eq!(
        made.as_object().unwrap().keys().collect::<Vec<_>>(),
        ["id", "key", "name", "project"]
    );
    assert_eq!(
        (&made["name"], &made["project"]),
        (&json!("chatbot"), &json!("support"))
    );
    let secret = made["key"].as_str().unwrap();
    assert!(secret.starts_with("kw-"));

    let listed = text(&place.run(&["keys", "list"]).stdout);
    assert!(
        listed.contains("chatbot")
            && listed.contains("active")
            && listed.contains("gpt-4o* text-embedding-ada-002"),
        "{listed}"
    );
    assert!(!listed.contains(secret));
    let id = made["id"].as_str().unwrap();
    assert!(place.run(&["keys", "revoke", id]).status.success());
    assert_eq!(
        place.json(&["keys", "list", "--format", "json"])["keys"][0]["state"],
        "revoked"
    );
    check_refused(
        &place,
        &["keys", "revoke", "key_unknown00000"],
        1,
        &["keys list"],
    );
}

#[tokio::test]
#[ignore = "integration tier"]
async fn an_imported_key_works_and_a_weak_one_is_refused() {
    let mut place = Place::new(&[]);
    let secret = format!(
        "team-{}",
        "9fK2xQ7Lw0"
            .chars()
            .rev()
            .chain("mZ4pT8vB1nC6sD3gH5jR".chars())
            .collect::<String>()
    );
    let imported = place.run_with_input(
        &["keys", "import", "--name", "old", "--format", "json"],
        &format!("{secret}\n"),
    );
    assert!(imported.status.success(), "{}", text(&imported.stderr));
    assert!(!text(&imported.stdout).contains(&secret));
    let weak = place.run_with_input(&["keys", "import", "--name", "weak"], "letmein");
    assert_eq!(weak.status.code(), Some(1));
    assert!(
        text(&weak.stderr).contains("128") && !text(&weak.stderr).contains("letmein"),
        "{}",
        text(&weak.stderr)
    );
    assert!(
        place
            .run_with_input(&["keys", "import", "--name", "weak", "--weak"], "letmein")
            .status
            .success()
    );
    let server = place.serve();
    for key in [secret.as_str(), "letmein"] {
        assert_eq!(
            send("GET", &format!("{}/models", server.base_url), key, None)
                .await
                .status,
            200
        );
    }
    drop(server);
    place.set("ENVIRONMENT", "production");
    place.set(
        "SECRET_KEY",
        "0aB1cD2eF3gH4iJ5kL6mN7oP8qR9sT0uV1wX2yZ3aB4cD5eF6gH7i",
    );
    place.set(
        "OPENAI_API_KEY",
        &["sk", "-", "made-up-for-this-test-only-0001"].concat(),
    );
    let weak = place.run_with_input(
        &["keys", "import", "--name", "weaker", "--weak"],
        "letmein2",
    );
    assert_eq!(weak.status.code(), Some(1));
    assert!(
        text(&weak.stderr).contains("development only"),
        "{}",
        text(&weak.stderr)
    );
}

#[test]
#[ignore = "integration tier"]
fn usage_of_an_empty_ledger_is_a_report_too() {
    let place = Place::new(&[]);
    let report = place.json(&["usage", "--by", "project", "--format", "json"]);
    assert_eq!(
        report,
        json!({"rows": [], "total": {"group": "total", "requests": 0, "input_tokens": 0, "output_tokens": 0, "cost_usd": "0"}})
    );
    assert_eq!(
        text(&place.run(&["usage", "--format", "csv"]).stdout),
        "group,requests,input_tokens,output_tokens,cost_usd\n"
    );
    assert!(text(&place.run(&["usage"]).stdout).contains("Nothing was used yet"));
}

#[test]
#[ignore = "integration tier"]
fn every_problem_of_the_settings_is_listed_at_once_without_a_value() {
    let place = Place::new(&[
        ("ENVIRONMENT", "production"),
        ("DEBUG", "true"),
        ("SECRET_KEY", "hunter2hunter2"),
        ("KEYWARD_SERVER__LISTN", "127.0.0.1:1"),
    ]);
    check_refused(
        &place,
        &["config", "check"],
        2,
        &["DEBUG", "SECRET_KEY", "OPENAI_API_KEY", "LISTN"],
    );
    check_refused(
        &place,
        &["serve"],
        2,
        &["DEBUG", "SECRET_KEY", "OPENAI_API_KEY"],
    );
    assert!(!text(&place.run(&["config", "check"]).stderr).contains("hunter2"));
    assert!(!place.data().exists(), "a check writes nothing");
}

#[test]
#[ignore = "integration tier"]
fn a_key_in_a_toml_file_stops_the_start_by_file_and_line_but_is_not_shown() {
    let place = Place::new(&[]);
    let directory = place.directory.path().join("config");
    std::fs::create_dir(&directory).unwrap();
    let key = ["sk", "-proj-", "A1b2C3d4E5f6G7h8I9j0K1l2M3n4"].concat();
    std::fs::write(
        directory.join("default.toml"),
        format!("[upstream]\nname = \"{key}\"\n"),
    )
    .unwrap();
    check_refused(&place, &["config", "check"], 2, &["default.toml", "2"]);
    assert!(!text(&place.run(&["config", "check"]).stderr).contains(&key));
}

#[test]
#[ignore = "integration tier"]
fn a_check_lists_every_problem_of_the_price_files_too() {
    let place = Place::new(&[]);
    let directory = place.directory.path().join("config");
    std::fs::create_dir(&directory).unwrap();
    let price = |model: &str, input: &str| {
        format!(
            "[[price]]\nmodel = \"{model}\"\nkind = \"chat\"\neffective_from = 2026-01-01\ninput_tokens_max = 8192\noutput_tokens_max = 8192\n\
             [price.usd_per_million_tokens]\ninput = \"{input}\"\noutput = \"1\"\n"
        )
    };
    let file = directory.join("prices.local.toml");
    std::fs::write(&file, [price("one", "-1"), price("two", "dear")].concat()).unwrap();
    let words = ["price[1]", "price[2]", "prices.local.toml:8", "2 to mend"];
    check_refused(&place, &["config", "check"], 2, &words);
    std::fs::write(&file, price("one", "1")).unwrap();
    let output = place.run(&["config", "check"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert!(!place.data().exists(), "a check writes no file");
}

#[test]
#[ignore = "integration tier"]
fn config_show_gives_value_and_source_and_hides_secrets() {
    let key = ["sk", "-", "made-up-for-this-test-only-0002"].concat();
    let place = Place::new(&[
        ("OPENAI_API_KEY", &key),
        ("KEYWARD_LIMITS__REQUESTS_PER_MINUTE", "77"),
    ]);
    let shown = place.json(&["config", "show", "--format", "json"]);
    let settings = shown["settings"].as_array().unwrap();
    let one = |field: &str| {
        settings
            .iter()
            .find(|setting| setting["field"].as_str().unwrap().ends_with(field))
            .unwrap_or_else(|| panic!("{field} in {shown}"))
    };
    assert_eq!(one("requests_per_minute")["value"], "77");
    assert!(
        one("requests_per_minute")["source"]
            .as_str()
            .unwrap()
            .contains("KEYWARD_LIMITS__REQUESTS_PER_MINUTE")
    );
    assert!(!shown.to_string().contains(&key));
    assert!(shown.to_string().contains("fingerprint"));
}

#[test]
#[ignore = "integration tier"]
fn wrong_words_are_refused_with_2_and_a_hint() {
    let place = Place::new(&[]);
    check_refused(&place, &["kyes", "list"], 2, &["keys"]);
    check_refused(&place, &["usage", "--by", "weather"], 2, &["day", "model"]);
    check_refused(&place, &["keys", "create"], 2, &["--name"]);
    let help = place.run(&["--help"]);
    assert_eq!(help.status.code(), Some(0));
    assert!(text(&help.stdout).contains("serve"));
}

#[test]
#[ignore = "integration tier"]
fn a_database_that_is_not_named_whole_is_refused_with_what_to_write() {
    for (url, word) in [
        ("postgresql://db.example/keyward", "names no user"),
        ("mysql://db.example/keyward", "sqlite:///"),
    ] {
        let place = Place::new(&[("DATABASE_URL", url)]);
        check_refused(&place, &["config", "check"], 2, &["DATABASE_URL", word]);
    }
}
