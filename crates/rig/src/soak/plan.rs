//! Keys and budgets: who may spend how much.
//!
//! Invariants: some budgets are sure to run out, others are not.
//! Does not know: calls.

use std::io;

use super::server::Place;
use super::simulator::EMBEDDING_MODEL;

/// Keys, spread over two projects; every third carries a tag.
const KEYS: usize = 8;
const PROJECTS: [&str; 2] = ["alpha", "beta"];
const TAG: &str = "batch";
/// End users that many calls share; all other calls have one of their own.
pub(crate) const SHARED_USERS: [&str; 4] = ["team-0", "team-1", "team-2", "team-3"];

/// What is set up before the first call.
pub(crate) struct Plan {
    pub(crate) keys: Vec<Key>,
}

/// A virtual key.
pub(crate) struct Key {
    pub(crate) id: String,
    pub(crate) secret: String,
}

impl Plan {
    /// Makes keys and, where asked for, budgets.
    ///
    /// Errors: a command failed.
    pub(crate) async fn set_up(place: &Place, budgets: bool) -> io::Result<Self> {
        let mut keys = Vec::new();
        for number in 0..KEYS {
            let name = format!("soak-{number}");
            let project = PROJECTS
                .get(number % PROJECTS.len())
                .copied()
                .unwrap_or_default();
            let mut words = vec!["keys", "create", "--name", &name, "--project", project];
            if number % 3 == 0 {
                words.extend(["--tag", TAG]);
            }
            words.extend(["--format", "json"]);
            let made = place.json(&words).await?;
            let text = |field: &str| made[field].as_str().unwrap_or_default().to_owned();
            keys.push(Key {
                id: text("id"),
                secret: text("key"),
            });
        }
        if budgets {
            for (scope, window, limit) in limits(&keys) {
                let words = [
                    "budget",
                    "set",
                    "--scope",
                    &scope,
                    "--window",
                    window,
                    "--limit-usd",
                    limit,
                ];
                place.json(&words).await?;
            }
        }
        Ok(Self { keys })
    }
}

/// Scope, window and limit in USD.
fn limits(keys: &[Key]) -> Vec<(String, &'static str, &'static str)> {
    let key = |number: usize| format!("key:{}", keys.get(number).map_or("", |key| &key.id));
    vec![
        ("global".to_owned(), "day", "200"),
        ("global".to_owned(), "month", "1000"),
        (key(0), "day", "0.01"),
        (key(1), "total", "0.4"),
        (key(2), "month", "100"),
        ("key:*".to_owned(), "month", "200"),
        (format!("project:{}", PROJECTS[1]), "day", "3"),
        (format!("user:{}", SHARED_USERS[0]), "day", "0.005"),
        (format!("user:{}", SHARED_USERS[1]), "total", "50"),
        (format!("tag:{TAG}"), "day", "1"),
        (format!("model:{EMBEDDING_MODEL}"), "day", "0.003"),
    ]
}
