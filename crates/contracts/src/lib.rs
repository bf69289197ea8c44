//! Reads, writes and compares the shapes of an API's exchanges, so that a stand-in, a client and a gateway can be held
//! against the real thing.
//!
//! Invariants: a contract holds names, types, forms and small closed sets of words, never text, ids or keys; a finding
//! names both sides.
//! Does not know: any other crate of this workspace, HTTP, files: it gets values and texts. Only [`laws`] and the rules
//! of order know what the API is for.
//!
//! # A contract is a file
//!
//! `contracts/` has one for each kind of answer, request and refusal. [`Contract::check`] holds values against its shape:
//!
//! ```
//! use contracts::{Contract, Grade};
//! use serde_json::json;
//!
//! let contract = Contract::read(
//!     r#"
//!     origin = "documented"
//!     when = "2026-11-22"
//!
//!     [shape]
//!     "object" = "'list'"
//!     "data" = "array"
//!     "data[]" = "object"
//!     "data[].embedding" = "array"
//!     "data[].embedding[]" = "number"
//!     "model" = "string"
//!     "usage" = "optional object"
//!     "#,
//! )?;
//! let answers = [json!({"object": "list", "data": [{"vector": [0.5]}], "model": "any", "id": 7})];
//! let differences = contract.check(&answers);
//! assert_eq!(differences[0].to_string(), "breaking: `data[].embedding` of the contract is `data[].vector` in the answer");
//! assert_eq!(differences[1].grade, Grade::Additive);
//! # Ok::<(), contracts::ContractError>(())
//! ```
//!
//! # Exchanges against a folder
//!
//! [`Contracts`] finds the contract for each [`Exchange`] and looks at status, headers, body, events and their order.
//! What was observed can be accepted into the files, as a small change that keeps comments. [`laws`] looks at what is no
//! matter of shape: sums, counts, equal ids.
//!
//! ```
//! use contracts::{Contracts, Drifts, Exchange, Learned, Payload, laws};
//! use serde_json::json;
//!
//! let file = r#"
//! origin = "documented"
//! when = "2026-11-22"
//!
//! [call]
//! method = "POST"
//! route = "/embeddings"
//! status = "200"
//! part = "json"
//!
//! [headers]
//! "content-type" = "'application/json'"
//! "x-request-id" = "text"
//!
//! [shape]
//! "usage" = "object" # of all inputs together
//! "usage.prompt_tokens" = "integer"
//! "usage.total_tokens" = "integer"
//! "#;
//! let mut contracts = Contracts::read([("embeddings".to_owned(), file.to_owned())])?;
//! let observed = Exchange {
//!     method: "POST".to_owned(),
//!     route: "/embeddings".to_owned(),
//!     status: 200,
//!     headers: vec![("content-type".to_owned(), "application/json".to_owned())],
//!     request: Some(json!({"model": "m", "input": []})),
//!     answer: Payload::read("application/json", br#"{"usage": {"prompt_tokens": 3, "total_tokens": "4"}}"#),
//! };
//! let findings = contracts.check(std::slice::from_ref(&observed));
//! let sentences: Vec<String> = findings.iter().map(ToString::to_string).collect();
//! assert_eq!(sentences, [
//!     "breaking: embeddings: `usage.total_tokens` is integer in the contract and string in the answer",
//!     "breaking: embeddings, headers: `x-request-id` of the contract is missing in the answer",
//! ]);
//! assert!(laws(&observed).is_empty(), "a total that is no number is no wrong sum");
//!
//! let learned = Learned { when: "2026-11-23".to_owned(), model: Some("m".to_owned()), upstream: "some-server".to_owned() };
//! // A compatible server drifts: that goes into a list of its own …
//! let mut drifts = Drifts::default();
//! drifts.accept(&findings, &learned);
//! assert_eq!(drifts.split(findings).accepted.len(), 2);
//! // … while what the real API is seen to do widens the contract.
//! let files = contracts.accept(std::slice::from_ref(&observed), &learned);
//! assert!(files[0].1.contains("\"usage\" = \"object\" # of all inputs together\n"));
//! assert!(files[0].1.contains("\"usage.total_tokens\" = \"integer | string\"\n"));
//! assert!(contracts.check(&[observed]).is_empty());
//! # Ok::<(), contracts::ContractError>(())
//! ```
//!
//! # Two sides that should be one
//!
//! [`between`] compares what an upstream answers by itself with what it answers through keyward; [`Ours`], from
//! `contracts/keyward.toml`, is what keyward does by design. [`Contract::examples`] makes the answers that a client has
//! to read.

mod between;
mod call;
mod compare;
mod contract;
mod description;
mod difference;
mod drifts;
mod edit;
mod events;
mod examples;
mod exchange;
mod finding;
mod folder;
mod headers;
mod laws;
mod likes;
mod order;
mod ours;
mod path;
mod shape;
mod widen;

pub use between::between;
pub use call::{Call, Part};
pub use compare::compare;
pub use contract::{Contract, ContractError, EventShape, Origin};
pub use difference::{Difference, DifferenceKind, Grade};
pub use drifts::{Drift, Drifts, Split};
pub use events::{Event, EventData, events};
pub use examples::Example;
pub use exchange::{Exchange, Payload};
pub use finding::{Finding, Place, Sides};
pub use folder::{Contracts, Learned};
pub use headers::{Form, HeaderRule};
pub use laws::laws;
pub use likes::Like;
pub use order::Rule;
pub use ours::Ours;
pub use shape::{Field, Kind, Shape};
