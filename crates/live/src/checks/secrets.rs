//! What must be nowhere: the upstream's key, virtual keys and prompts.
//!
//! Invariants: looks at everything that keyward answered and wrote in this run, so it runs last.
//! Does not know: how it is kept out.

use crate::check::{Check, Checked, ONLY_KEYWARD, ensure, fail};
use crate::world::World;

/// The beginning of a prompt of this run.
const PROMPT: &str = "How do I reset my password";

pub(super) const CHECKS: &[Check] = &[
    Check {
        id: "secrets.answers",
        shows: "the upstream's key is in no answer and no header",
        doors: ONLY_KEYWARD,
        calls: &[],
        run: |world, _| Box::pin(answers(world)),
    },
    Check {
        id: "secrets.logs",
        shows: "neither the upstream's key nor a virtual key nor a prompt is in a log",
        doors: ONLY_KEYWARD,
        calls: &[],
        run: |world, _| Box::pin(logs(world)),
    },
];

async fn answers(world: &World) -> Checked {
    let book = world.book();
    ensure(book.leaks.is_empty(), || {
        format!("the key stands in answers of {:?}", book.leaks)
    })?;
    let searched = book
        .noted
        .iter()
        .filter(|noted| noted.door == crate::check::Door::Keyward)
        .count();
    Ok(vec![("answers", searched as f64)])
}

async fn logs(world: &World) -> Checked {
    let mut logs = world.book().logs.clone();
    logs.push(world.keyward.written());
    let bytes: usize = logs.iter().map(String::len).sum();
    ensure(bytes > 0, || "keyward wrote no log".to_owned())?;
    for log in &logs {
        let found = [
            ("the upstream's key", world.setup.secret.stands_in(log)),
            ("a virtual key", log.contains(&world.keyward.key)),
            ("a prompt", log.contains(PROMPT)),
        ];
        if let Some((what, _)) = found.iter().find(|(_, stands)| *stands) {
            return Err(fail(format!("{what} stands in a log")));
        }
    }
    Ok(vec![("log_bytes", bytes as f64)])
}
