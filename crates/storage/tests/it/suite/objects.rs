//! Objects keep their owners.
//!
//! Invariants: none of the suite's own.
//! Does not know: who may do what.

use storage::{OBJECTS_MAX, ObjectRow, StoreErrorKind};

use super::Fresh;

fn row(id: &str, key_id: &str) -> ObjectRow {
    ObjectRow {
        id: id.to_owned(),
        kind: "response".to_owned(),
        key_id: key_id.to_owned(),
        project: format!("{key_id}'s"),
        made_at_ms: 1_700_000_000_000,
    }
}

pub(crate) async fn an_object_keeps_its_first_owner(fresh: &Fresh) {
    let store = &fresh.store;
    let first = row("resp_1", "ann");
    let rows = vec![first.clone(), row("file-2", "ann")];
    store.keep_objects(rows).await.unwrap();
    store
        .keep_objects(vec![row("resp_1", "bob"), row("file-3", "bob")])
        .await
        .unwrap();
    let found = |id: &str| store.object(id.to_owned());
    assert_eq!(found("resp_1").await.unwrap(), Some(first));
    assert_eq!(found("file-3").await.unwrap().unwrap().key_id, "bob");
    assert_eq!(found("resp_2").await.unwrap(), None);
    assert!(store.forget_object("resp_1".to_owned()).await.unwrap());
    assert!(!store.forget_object("resp_1".to_owned()).await.unwrap());
    assert_eq!(found("resp_1").await.unwrap(), None);
    store.keep_objects(Vec::new()).await.unwrap();
}

pub(crate) async fn too_many_or_too_long_objects_are_refused(fresh: &Fresh) {
    let store = &fresh.store;
    let many = vec![row("many", "ann"); OBJECTS_MAX + 1];
    let long = vec![row("good", "ann"), row(&"x".repeat(5_000), "ann")];
    for rows in [many, long] {
        let error = store.keep_objects(rows).await.unwrap_err();
        assert!(
            matches!(error.kind, StoreErrorKind::Invalid { .. }),
            "{error}"
        );
    }
    assert_eq!(store.object("good".to_owned()).await.unwrap(), None);
}
