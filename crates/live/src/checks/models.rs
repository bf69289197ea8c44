//! The list of models, and one of them.
//!
//! Invariants: costs nothing.
//! Does not know: prices.

use crate::answer::list_at;
use crate::ask::Ask;
use crate::check::{BOTH, Check, Checked, Door, ensure};
use crate::world::World;

pub(super) const CHECKS: &[Check] = &[
    Check {
        id: "models.list",
        shows: "the list holds models with an id",
        doors: BOTH,
        calls: &[],
        run: |world, door| Box::pin(list(world, door)),
    },
    Check {
        id: "models.one",
        shows: "a listed model is found by its id",
        doors: BOTH,
        calls: &[],
        run: |world, door| Box::pin(one(world, door)),
    },
];

async fn list(world: &World, door: Door) -> Checked {
    let answer = world.call(door, Ask::models()).await?.good()?.json();
    let models = list_at(&answer, "/data")?;
    ensure(!models.is_empty(), || "the list is empty".to_owned())?;
    ensure(models.iter().all(|model| model["id"].is_string()), || {
        "a model has no id".to_owned()
    })?;
    Ok(vec![("models", models.len() as f64)])
}

async fn one(world: &World, door: Door) -> Checked {
    let answer = world
        .call(door, Ask::model(&world.setup.tariff.chat.model))
        .await?;
    if answer.status == 404 {
        return Err(crate::check::Stop::Skip(
            "the upstream does not answer for one model".to_owned(),
        ));
    }
    let model = answer.good()?.json();
    ensure(
        model["id"].is_string() && model["object"] == "model",
        || format!("no model: {model}"),
    )?;
    Ok(Vec::new())
}
