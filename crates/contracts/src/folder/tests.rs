//! Finding the contract for an exchange, and widening contracts.
//!
//! Invariants: none of its own.
//! Does not know: the contracts of this workspace.

use proptest::prelude::{Strategy, prop, prop_oneof, proptest};
use serde_json::{Value, json};

use super::{Contracts, Learned};
use crate::contract::Contract;
use crate::events::{Event, EventData};
use crate::exchange::{Exchange, Payload};
use crate::shape::tests::values;

const ANSWER: &str = r#"# What is answered.
origin = "documented"
when = "2026-01-01"

[call]
method = "POST"
route = "/x"
status = "200"
part = "json"

# Who answered.
[headers]
"x-request-id" = "text" # whatever it is

[shape]
# The words are a closed set.
"kind" = "'a' | 'b'"
"parts" = "array"
"parts[]" = "object"
"parts[].size" = "integer" # of bytes
"last" = "string"
"#;

const STREAM: &str = r#"
origin = "documented"
when = "2026-01-01"
[call]
route = "/x"
part = "events"
[headers]
"x-request-id" = "optional text"
[order]
rules = [
    "[DONE] comes once",
    "nothing comes after [DONE]",
]
[shape]
"a" = "integer"
"#;

fn error(status: &str, kind: &str) -> String {
    format!(
        "origin = \"documented\"\nwhen = \"\"\n[call]\nstatus = \"{status}\"\n[headers]\n\"x-request-id\" = \"optional text\"\n[shape]\n\"error\" = \"object\"\n\"error.type\" = \"{kind}\"\n"
    )
}

fn contracts() -> Contracts {
    let request = "origin = \"documented\"\nwhen = \"\"\n[call]\nroute = \"/x\"\npart = \"request\"\n[shape]\n\"model\" = \"string\"\n";
    let files = [
        ("answer", ANSWER.to_owned()),
        ("answer.request", request.to_owned()),
        ("error", error("400-599", "string")),
        ("error.quota", error("429", "'quota'")),
        ("error.throttled", error("429", "'tokens' | 'requests'")),
        ("stream", STREAM.to_owned()),
    ];
    Contracts::read(files.map(|(stem, text)| (stem.to_owned(), text))).unwrap()
}

fn exchange(status: u16, answer: Payload) -> Exchange {
    let headers = vec![("x-request-id".to_owned(), "one".to_owned())];
    Exchange {
        method: "POST".to_owned(),
        route: "/x".to_owned(),
        status,
        headers,
        request: None,
        answer,
    }
}

fn honest() -> Value {
    json!({"kind": "a", "parts": [{"size": 1}], "last": "z"})
}

fn learned() -> Learned {
    Learned {
        when: "2026-11-22".to_owned(),
        model: Some("m".to_owned()),
        upstream: "u".to_owned(),
    }
}

fn check(exchange: Exchange, expected: &[&str]) {
    let found = contracts().check(&[exchange]);
    let found: Vec<String> = found.iter().map(ToString::to_string).collect();
    assert_eq!(found, expected);
}

#[test]
fn an_exchange_finds_its_contract() {
    check(exchange(200, Payload::Json(honest())), &[]);
    check(
        exchange(201, Payload::Json(honest())),
        &["breaking: answer, status: the status is 200 in the contract and 201 in the answer"],
    );
    check(
        exchange(
            200,
            Payload::Other {
                content_type: "text/html; x".to_owned(),
                bytes: 4,
            },
        ),
        &[
            "breaking: answer: the answer is JSON in the contract and a body of type 'text/html' in the answer",
        ],
    );
    let mut elsewhere = exchange(200, Payload::Empty);
    elsewhere.route = "/y".to_owned();
    check(
        elsewhere,
        &["breaking: POST /y, 200: `POST /y, 200` has no contract"],
    );
}

#[test]
fn of_two_refusals_with_one_status_the_nearer_is_taken() {
    let refused = |kind: Value| exchange(429, Payload::Json(json!({"error": {"type": kind}})));
    for kind in ["quota", "tokens", "requests"] {
        let found = contracts().check(&[refused(json!(kind))]);
        assert!(found.is_empty(), "{found:?}");
    }
    check(
        refused(json!(7)),
        &[
            "breaking: error.quota: `error.type` is 'quota' in the contract and integer in the answer",
        ],
    );
    check(
        exchange(418, Payload::Json(json!({"error": {"type": "teapot"}}))),
        &[],
    );
}

#[test]
fn requests_are_checked_unless_they_were_refused() {
    let mut asked = exchange(200, Payload::Json(honest()));
    asked.request = Some(json!({"modle": "m"}));
    check(
        asked.clone(),
        &["breaking: answer.request, request: `model` of the contract is `modle` in the request"],
    );
    asked.status = 400;
    asked.answer = Payload::Json(json!({"error": {"type": "bad"}}));
    check(asked, &[]);
}

#[test]
fn an_error_in_a_stream_has_the_contract_of_errors() {
    let event = |data| Event {
        name: None,
        data: EventData::Json(data),
    };
    let events = |error: Value| vec![event(json!({"a": 1})), event(error)];
    let stream = |error| exchange(200, Payload::Events(events(error)));
    check(stream(json!({"error": {"type": "t"}})), &[]);
    check(
        stream(json!({"error": {"code": 7}})),
        &[
            "breaking: error: `error.type` of the contract is missing in the answer",
            "additive: error: `error.code` of the answer is not in the contract",
        ],
    );
}

#[test]
fn a_file_that_makes_no_sense_is_named() {
    let files = [("broken".to_owned(), "origin = 1".to_owned())];
    let error = Contracts::read(files).unwrap_err().to_string();
    assert!(error.contains("`broken`"), "{error}");
}

#[test]
fn accepting_changes_a_file_little_and_keeps_its_comments() {
    let answer = json!({"kind": "c", "parts": [{"size": 1.5, "name": "n"}], "new": {"deep": null}});
    let mut observed = exchange(200, Payload::Json(answer));
    observed.headers = vec![("openai-processing-ms".to_owned(), "12".to_owned())];
    let mut contracts = contracts();
    let files = contracts.accept(&[observed.clone()], &learned());
    assert_eq!(contracts.check(&[observed]), []);
    let expected = r#"# What is answered.
origin = "observed"
when = "2026-11-22"
model = "m"
upstream = "u"

[call]
method = "POST"
route = "/x"
status = "200"
part = "json"

# Who answered.
[headers]
"x-request-id" = "optional text" # whatever it is
"openai-processing-ms" = "optional integer"

[shape]
# The words are a closed set.
"kind" = "'a' | 'b' | 'c'"
"parts" = "array"
"parts[]" = "object"
"parts[].size" = "integer | number" # of bytes
"parts[].name" = "optional string"
"last" = "optional string"
"new" = "optional object"
"new.deep" = "null"
"#;
    assert_eq!(files, [("answer.toml".to_owned(), expected.to_owned())]);
}

#[test]
fn what_fits_changes_no_file_and_what_is_new_gets_one() {
    let mut contracts = contracts();
    let honest = exchange(200, Payload::Json(honest()));
    assert_eq!(contracts.accept(&[honest], &learned()), []);
    let mut elsewhere = exchange(200, Payload::Json(json!([{"a": 1}])));
    elsewhere.route = "/y/{id}".to_owned();
    let files = contracts.accept(std::slice::from_ref(&elsewhere), &learned());
    assert_eq!(files[0].0, "post_y_id.200.toml");
    assert!(Contract::read(&files[0].1).is_ok());
    assert_eq!(contracts.check(&[elsewhere]), []);
}

#[test]
fn a_rule_of_order_that_does_not_hold_goes() {
    let done = || Event {
        name: None,
        data: EventData::Text("[DONE]".to_owned()),
    };
    let stream = exchange(200, Payload::Events(vec![done(), done()]));
    let mut contracts = contracts();
    let one = exchange(200, Payload::Events(Vec::new()));
    let files = contracts.accept(&[one], &learned());
    assert!(!files[0].1.contains("comes once") && files[0].1.contains("nothing comes after"));
    contracts.accept(std::slice::from_ref(&stream), &learned());
    assert_eq!(contracts.check(&[stream]), []);
}

fn exchanges() -> impl Strategy<Value = Exchange> {
    let payload = prop_oneof![
        values().prop_map(Payload::Json),
        prop::collection::vec(values(), 0..3).prop_map(|values| {
            let event = |value| Event {
                name: None,
                data: EventData::Json(value),
            };
            Payload::Events(values.into_iter().map(event).collect())
        }),
    ];
    let status = prop_oneof![proptest::prelude::Just(200_u16), 400_u16..430];
    let header = prop::option::of("[a-z0-9]{1,3}");
    (payload, status, header).prop_map(|(payload, status, header)| {
        let header = header.map(|value| ("openai-x".to_owned(), value));
        Exchange {
            headers: header.into_iter().collect(),
            ..exchange(status, payload)
        }
    })
}

proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(128))]

    #[test]
    fn what_was_accepted_is_found_no_more_and_what_fitted_fits_still(all in prop::collection::vec(exchanges(), 1..4)) {
        let mut contracts = contracts();
        for (name, text) in contracts.accept(&all, &learned()) {
            let contract = contracts.get(name.trim_end_matches(".toml")).unwrap();
            assert_eq!(&Contract::read(&text).unwrap(), contract);
        }
        assert_eq!(contracts.check(&all), []);
        assert_eq!(contracts.accept(&all, &learned()), []);
        let honest = exchange(200, Payload::Json(honest()));
        assert_eq!(contracts.check(&[honest]), []);
    }
}
