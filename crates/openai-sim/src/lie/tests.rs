//! Tests of lies in single values and of their JSON.
//!
//! Invariants: none of its own.
//! Does not know: how answers are made.

use super::{Lie, Twist};
use http::{HeaderMap, HeaderValue, StatusCode};
use serde_json::{Value, json};

fn check(lie: &Lie, honest: &Value, expected: &Value) {
    let mut told = honest.clone();
    lie.apply(&mut told, StatusCode::BAD_REQUEST, 2);
    assert_eq!(told, *expected);
}

#[test]
fn names_change_at_any_depth_and_values_stay() {
    check(
        &Lie::new()
            .rename("embedding", "vector")
            .leave_out("prompt_tokens"),
        &json!({"data": [{"object": "embedding", "embedding": [1]}], "usage": {"prompt_tokens": 2}}),
        &json!({"data": [{"object": "embedding", "vector": [1]}], "usage": {}}),
    );
}

#[test]
fn values_change_where_there_is_one() {
    let honest = json!({"a": 1, "b": "5", "c": {"d": 2}, "e": [3], "f": null, "g": "word"});
    check(
        &Lie::new()
            .as_text("a")
            .as_number("b")
            .as_array("c")
            .as_object("e")
            .say("f", 9)
            .say("g", "other")
            .null("nowhere"),
        &honest,
        &json!({"a": "1", "b": 5, "c": [{"d": 2}], "e": {"value": [3]}, "f": null, "g": "other"}),
    );
    check(
        &Lie::new()
            .add("h", 1)
            .add("c.i", 2)
            .add("nowhere.j", 3)
            .null("g"),
        &honest,
        &json!({"a": 1, "b": "5", "c": {"d": 2, "i": 2}, "e": [3], "f": null, "g": null, "h": 1}),
    );
}

#[test]
fn the_other_changes_find_a_field_that_is_also_renamed() {
    let lie = Lie::new().rename("usage", "counts").as_array("usage");
    check(&lie, &json!({"usage": {}}), &json!({"counts": [{}]}));
}

#[test]
fn twists_change_sums_orders_and_errors() {
    let usage = json!({"usage": {"prompt_tokens": 2, "total_tokens": 2, "prompt_tokens_details": {"cached_tokens": 0}}});
    for (twist, expected) in [
        (
            Twist::UsageZero,
            json!({"prompt_tokens": 0, "total_tokens": 0, "prompt_tokens_details": {"cached_tokens": 0}}),
        ),
        (
            Twist::UsageNegative,
            json!({"prompt_tokens": -3, "total_tokens": -3, "prompt_tokens_details": {"cached_tokens": -1}}),
        ),
        (
            Twist::UsageTotalWrong,
            json!({"prompt_tokens": 2, "total_tokens": 9, "prompt_tokens_details": {"cached_tokens": 0}}),
        ),
        (
            Twist::UsageCachedAbovePrompt,
            json!({"prompt_tokens": 2, "total_tokens": 2, "prompt_tokens_details": {"cached_tokens": 9}}),
        ),
    ] {
        check(
            &Lie::new().twist(twist),
            &usage,
            &json!({"usage": expected}),
        );
    }
    let chunk = json!({"id": "a", "created": 5, "choices": [{"index": 0}]});
    check(
        &Lie::new()
            .twist(Twist::IdsDiffer)
            .twist(Twist::CreatedDiffers)
            .twist(Twist::IndexFromOne),
        &chunk,
        &json!({"id": "a2", "created": 7, "choices": [{"index": 1}]}),
    );
    let error = json!({"error": {"message": "m", "type": "t", "code": null}});
    for (twist, expected) in [
        (Twist::ErrorText, json!({"error": "m"})),
        (Twist::ErrorDetail, json!({"detail": "m"})),
        (
            Twist::ErrorCodeNumber,
            json!({"error": {"message": "m", "type": "t", "code": 400}}),
        ),
        (
            Twist::ErrorTypeMissing,
            json!({"error": {"message": "m", "code": null}}),
        ),
    ] {
        check(&Lie::new().twist(twist), &error, &expected);
    }
    check(
        &Lie::new().twist(Twist::VectorShort),
        &json!({"data": [{"embedding": [1, 2]}, {"embedding": "AAAAAAAAAAA="}]}),
        &json!({"data": [{"embedding": [1]}, {"embedding": "AAAAAA=="}]}),
    );
}

#[test]
fn heads_change_where_they_are_due() {
    let lie = Lie::new()
        .status(404, 200)
        .set_header("X-One", "b")
        .drop_header("x-two")
        .set_header("x-three", "c");
    let mut headers = HeaderMap::new();
    headers.insert("x-one", HeaderValue::from_static("a"));
    headers.insert("x-two", HeaderValue::from_static("a"));
    let mut status = StatusCode::NOT_FOUND;
    lie.head(&mut status, &mut headers);
    assert_eq!(
        (status, headers.len(), headers["x-one"].as_bytes()),
        (StatusCode::OK, 1, &b"b"[..])
    );
    let mut status = StatusCode::BAD_REQUEST;
    lie.head(&mut status, &mut headers);
    assert_eq!(status, StatusCode::BAD_REQUEST);
}

#[test]
fn json_lies_are_read_whole_or_refused() {
    let read = Lie::from_json(
        &json!({"path": "/embeddings", "rename": {"embedding": "vector"}, "leave_out": ["index"]}),
    );
    let built = Lie::new()
        .on("/embeddings")
        .rename("embedding", "vector")
        .leave_out("index");
    assert_eq!(read, Ok(built));
    for wrong in [
        json!({"renames": {}}),
        json!([]),
        json!({"null": [1]}),
        json!({"twists": ["dizzy"]}),
        json!({"status": {"4o4": 200}}),
        json!({"say": []}),
    ] {
        assert!(Lie::from_json(&wrong).is_err(), "{wrong}");
    }
    assert!(Lie::read("{").unwrap_err().starts_with("no JSON"));
}

#[test]
fn every_lie_of_the_catalogue_has_a_name_of_its_own_and_survives_being_written() {
    let catalogue = Lie::catalogue();
    assert!(catalogue.len() >= 30, "{}", catalogue.len());
    for (name, lie, stands_for) in &catalogue {
        assert_eq!(Lie::from_json(&lie.to_json()).as_ref(), Ok(lie), "{name}");
        assert!(!stands_for.is_empty());
        assert_eq!(
            catalogue.iter().filter(|(other, ..)| other == name).count(),
            1,
            "{name}"
        );
    }
}
