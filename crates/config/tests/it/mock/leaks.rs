//! A secret pasted anywhere comes out nowhere.
//!
//! Invariants: every field is tried through every source, with a marked secret in the shape of a key.
//! Does not know: which of them are refused; most are.

use proptest::prelude::*;

use crate::world::World;

/// Field and variable of every setting, as the reference page lists them.
fn settings() -> Vec<(String, String)> {
    let page = config::settings_page();
    let rows = page.lines().filter_map(|line| line.strip_prefix("| `"));
    rows.map(|row| {
        let mut cells = row.split('`').step_by(2);
        (
            cells.next().unwrap().to_owned(),
            row.split('`').nth(2).unwrap().to_owned(),
        )
    })
    .collect()
}

/// Everything that loading can put before a person's eyes.
fn output(world: &World) -> String {
    let sources = format!("{:?} {:#?}", world.sources(), world.sources());
    match world.load() {
        Ok(loaded) => format!(
            "{sources} {:?} {:#?} {:?}",
            loaded.settings, loaded.settings, loaded.shown
        ),
        Err(errors) => format!("{sources} {errors} {errors:?} {:?}", errors.problems()),
    }
}

#[track_caller]
fn check(world: &World, secret: &str, mark: &str, how: &str) {
    let output = output(world);
    assert!(
        !output.contains(secret) && !output.contains(mark),
        "{how}: {output}"
    );
}

fn marked(mark: &str) -> Vec<String> {
    vec![
        ["sk", "-proj-", mark, "0123456789abcdef"].concat(),
        ["sk", "-admin-", mark, "0123456789abcdef"].concat(),
        ["kw", "-", mark, "-0123456789abcdef"].concat(),
        ["AK", "IA", &mark.to_uppercase(), "0123456789ABCDEF"].concat(),
    ]
}

#[test]
fn every_field_through_every_source() {
    let mark = "zqxmark7jv";
    let settings = settings();
    let listen = (
        "server.listen".to_owned(),
        "KEYWARD_SERVER__LISTEN".to_owned(),
    );
    assert!(settings.len() > 30 && settings.contains(&listen));
    // One shape through every source: which source it is does not depend on the shape.
    let secret = &marked(mark)[0];
    for (field, variable) in &settings {
        check(
            &World::production().variable(variable, secret),
            secret,
            mark,
            variable,
        );
        check(&World::new().option(field, secret), secret, mark, field);
        check(
            &World::new().file(".env", format!("{variable}={secret}\n")),
            secret,
            mark,
            variable,
        );
        for toml in [
            format!("{field} = \"{secret}\""),
            format!("{field} = [\"{secret}\"]"),
            format!("{field}.\"{secret}\" = 1"),
            format!("{field} = {secret}"),
        ] {
            check(
                &World::new().file("config/default.toml", &toml),
                secret,
                mark,
                &toml,
            );
        }
    }
}

#[test]
fn every_shape_through_every_field() {
    for secret in marked("zqxmark7jv") {
        let mark = if secret.contains("zqx") {
            "zqxmark7jv"
        } else {
            "ZQXMARK7JV"
        };
        for (_, variable) in &settings() {
            check(
                &World::new().variable(variable, &secret),
                &secret,
                mark,
                variable,
            );
        }
    }
}

#[test]
fn names_urls_and_broken_lines() {
    let mark = "zqxmark7jv";
    for secret in &marked(mark)[..3] {
        for variable in [
            format!("KEYWARD_{secret}"),
            format!("keyward_server__{secret}"),
            format!("KEYWARD_SERVER__{}", secret.replace('-', "_")),
        ] {
            check(
                &World::new().variable(&variable, "1"),
                secret,
                mark,
                &variable,
            );
        }
        for line in [
            secret.clone(),
            format!("{secret}=1"),
            format!("A='{secret}"),
            format!("A={secret} b"),
            format!("A={secret}\nA={secret}"),
            format!("KEYWARD_{secret}=1"),
        ] {
            check(&World::new().file(".env", &line), secret, mark, &line);
        }
        for url in [
            "https://user:{}@api.example/v1",
            "https://{}@api.example/v1",
            "https://api.example/{}",
            "https://api.example/v1?key={}",
            "http://{}.example/",
            "{}://x",
        ] {
            let url = url.replace("{}", secret);
            check(
                &World::new()
                    .variable("OPENAI_BASE_URL", &url)
                    .variable("OPENAI_API_KEY", "word"),
                secret,
                mark,
                &url,
            );
        }
        for url in [
            "postgresql://app:{}@db/keyward",
            "sqlite:///{}",
            "sqlite://user:{}@host/x.db",
            "mysql://{}",
        ] {
            let url = url.replace("{}", secret);
            check(
                &World::new().variable("DATABASE_URL", &url),
                secret,
                mark,
                &url,
            );
        }
        check(&World::new().option(secret, "1"), secret, mark, "option");
        check(
            &World::new().file(
                "config/default.toml",
                format!("[\"{secret}\"]\n[\"{secret}\"]\n"),
            ),
            secret,
            mark,
            "twice",
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 64, ..ProptestConfig::default() })]

    /// Secrets of any shape in the two places made for them, accepted or not.
    #[test]
    fn secrets_in_their_own_places(secret in "[!-~]{12,80}") {
        let worlds = [
            World::new().variable("OPENAI_API_KEY", &secret).variable("SECRET_KEY", &secret),
            World::production().variable("OPENAI_API_KEY", &secret),
            World::production().variable("SECRET_KEY", &secret),
            World::new().file(".env", format!("SECRET_KEY='{}'\n", secret.replace('\'', ""))),
        ];
        for world in worlds {
            prop_assert!(!output(&world).contains(&secret));
        }
    }
}
