//! What keyward may change and what it may not.
//!
//! Invariants: none of its own.
//! Does not know: keyward.

use serde_json::{Value, json};

use super::between;
use crate::events::{Event, EventData};
use crate::exchange::{Exchange, Payload};
use crate::ours::Ours;

fn ours() -> Ours {
    let text = r#"
        origin = "documented"
        when = ""
        mark = "x-keyward-route"
        kept_back = ["openai-project", "x-ratelimit-*"]
        words = ["object"]
        [headers]
        "x-request-id" = "text"
        "x-keyward-cache" = "optional 'hit' | 'miss'"
        [statuses]
        "401" = 502
        [codes]
        "circuit_open" = 503
        [shape]
        "keyward" = "optional object"
        "keyward.cost_usd" = "string""#;
    let ours = Ours::read(text).unwrap();
    assert_eq!(Ours::read(&ours.write()).unwrap(), ours);
    ours
}

fn exchange(status: u16, headers: &[(&str, &str)], answer: Payload) -> Exchange {
    let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    Exchange {
        method: "POST".to_owned(),
        route: "/x".to_owned(),
        status,
        headers: headers.iter().map(owned).collect(),
        request: Some(json!({"n": status})),
        answer,
    }
}

const DIRECT: [(&str, &str); 4] = [
    ("content-type", "application/json"),
    ("openai-processing-ms", "7"),
    ("openai-project", "p"),
    ("x-ratelimit-limit-requests", "9"),
];
const THROUGH: [(&str, &str); 5] = [
    ("content-type", "application/json; charset=utf-8"),
    ("openai-processing-ms", "12"),
    ("x-keyward-cache", "miss"),
    ("x-keyward-route", "main"),
    ("x-request-id", "req_1"),
];

fn answer() -> Value {
    json!({"object": "list", "data": [1, 2]})
}

fn check(direct: &[Exchange], through: &[Exchange], expected: &[&str]) {
    let mut ours = ours();
    ours.headers.insert(
        "x-keyward-route".to_owned(),
        ours.headers["x-request-id"].clone(),
    );
    ours.headers
        .values_mut()
        .for_each(|rule| rule.optional = true);
    let found = between(direct, through, &ours);
    let found: Vec<String> = found.iter().map(ToString::to_string).collect();
    assert_eq!(found, expected);
}

fn check_answer(status: u16, through: Value, expected: &[&str]) {
    let direct = exchange(200, &DIRECT, Payload::Json(answer()));
    let mut through = exchange(status, &THROUGH, Payload::Json(through));
    through.request.clone_from(&direct.request);
    check(&[direct], &[through], expected);
}

#[test]
fn what_keyward_adds_and_keeps_back_by_design_is_no_finding() {
    check_answer(200, answer(), &[]);
    let mut more = answer();
    more["keyward"] = json!({"cost_usd": "0.1"});
    check_answer(200, more, &[]);
}

#[test]
fn what_it_changes_otherwise_is_named_on_both_sides() {
    check_answer(
        200,
        json!({"object": "page", "list": [1], "more": 1}),
        &[
            "breaking: POST /x: `data` of the direct answer is `list` through keyward",
            "breaking: POST /x: `object` is 'list' in the direct answer and 'page' through keyward",
            "additive: POST /x: `more` of the answer through keyward is not in the direct answer",
        ],
    );
    check_answer(
        500,
        answer(),
        &[
            "breaking: POST /x, status: the status is 200 in the direct answer and 500 through keyward",
        ],
    );
}

#[test]
fn headers_pass_keep_their_form_or_stay_behind() {
    let direct = [exchange(200, &DIRECT, Payload::Json(answer()))];
    let through = |headers: &[(&str, &str)]| [exchange(200, headers, Payload::Json(answer()))];
    let lost = "breaking: POST /x, headers: `openai-processing-ms` of the direct answer is missing through keyward";
    check(&direct, &through(&[THROUGH[0]]), &[lost]);
    let kept = [THROUGH[0], THROUGH[1], ("openai-project", "p")];
    let leaked = "additive: POST /x, headers: `openai-project` of the answer through keyward is not in the direct answer";
    check(&direct, &through(&kept), &[leaked]);
    let form = "breaking: POST /x, headers: `openai-processing-ms` is integer in the direct answer and duration through keyward";
    check(
        &direct,
        &through(&[THROUGH[0], ("openai-processing-ms", "7ms")]),
        &[form],
    );
}

#[test]
fn refusals_of_its_own_are_its_own_and_those_of_the_upstream_are_compared() {
    let error = |code: &str| Payload::Json(json!({"error": {"code": code}}));
    let mut open = exchange(500, &DIRECT, error("server"));
    let own = exchange(
        503,
        &[("content-type", "application/json")],
        error("circuit_open"),
    );
    open.request.clone_from(&own.request);
    check(std::slice::from_ref(&open), std::slice::from_ref(&own), &[]);
    let passed = exchange(503, &THROUGH, error("circuit_open"));
    let status =
        "breaking: POST /x, status: the status is 500 in the direct answer and 503 through keyward";
    check(&[open], &[passed], &[status]);
    let mut served = exchange(200, &DIRECT, Payload::Json(answer()));
    served.request.clone_from(&own.request);
    let status =
        "breaking: POST /x, status: the status is 200 in the direct answer and 503 through keyward";
    check(&[served], &[own], &[status]);
    let key = exchange(401, &DIRECT, error("invalid_api_key"));
    let mut mapped = exchange(502, &THROUGH, error("upstream_credentials_rejected"));
    mapped.request.clone_from(&key.request);
    check(&[key], &[mapped], &[]);
}

#[test]
fn a_stream_stays_a_stream_and_pairs_are_made_by_request() {
    let chunk = |value| Event {
        name: None,
        data: EventData::Json(value),
    };
    let stream = || Payload::Events(vec![chunk(json!({"object": "chunk"}))]);
    let direct = exchange(200, &DIRECT, stream());
    let whole = exchange(200, &THROUGH, Payload::Json(json!({"object": "chunk"})));
    let form = "breaking: POST /x: the answer is a stream of events in the direct answer and JSON through keyward";
    check(
        std::slice::from_ref(&direct),
        std::slice::from_ref(&whole),
        &[form],
    );
    let mut other = whole;
    other.request = None;
    check(&[direct], &[other], &[]);
}

#[test]
fn a_field_that_comes_at_times_and_never_through_keyward_is_gone() {
    let of = |answers: [Value; 2]| {
        answers.map(|answer| exchange(200, &DIRECT[..1], Payload::Json(answer)))
    };
    let direct = of([
        json!({"data": [{"a": 1}]}),
        json!({"data": [{"a": 1, "b": 2}]}),
    ]);
    check(
        &direct,
        &of([
            json!({"data": [{"a": 1, "b": 2}]}),
            json!({"data": [{"a": 1}]}),
        ]),
        &[],
    );
    let gone = "breaking: POST /x: `data[].b` of the direct answer is missing through keyward";
    let without = || json!({"data": [{"a": 1}]});
    check(&direct, &of([without(), without()]), &[gone]);
}
