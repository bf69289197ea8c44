//! Who may use what was made at the upstream.
//!
//! Invariants: two keys of one project, one of another.
//! Does not know: HTTP.

use access::{NewKey, Objects, Sharing, VirtualKey};

use crate::world::{World, at};

async fn key(world: &World, project: &str) -> VirtualKey {
    let new = NewKey {
        name: "made".to_owned(),
        project: project.to_owned(),
        ..NewKey::default()
    };
    world.keyring.create(new, at(0)).await.unwrap().key
}

#[tokio::test]
async fn an_object_is_its_makers_or_its_projects_and_nobody_elses() {
    let world = World::new().await;
    let (ann, bob, eve) = (
        key(&world, "web").await,
        key(&world, "web").await,
        key(&world, "other").await,
    );
    for (sharing, bob_may) in [(Sharing::Project, true), (Sharing::Key, false)] {
        let objects = Objects::new(world.store.clone(), sharing);
        let kept = objects.keep("response", &["resp_1", "no id"], &ann, at(0));
        kept.await.unwrap();
        assert!(objects.may_use(&ann, "resp_1").await.unwrap());
        assert_eq!(objects.may_use(&bob, "resp_1").await.unwrap(), bob_may);
        assert!(!objects.may_use(&eve, "resp_1").await.unwrap());
        assert!(!objects.may_use(&ann, "no id").await.unwrap());
        assert!(!objects.may_use(&ann, "resp_2").await.unwrap());
        // Who names another's object does not become its owner.
        objects
            .keep("response", &["resp_1"], &eve, at(0))
            .await
            .unwrap();
        assert!(!objects.may_use(&eve, "resp_1").await.unwrap());
        objects.forget("resp_1").await.unwrap();
        assert!(!objects.may_use(&ann, "resp_1").await.unwrap());
    }
}
